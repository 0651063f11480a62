#pragma once

// How layers join: the features that one gives and the next takes, known at compile time. Instantiating a container
// checks all of its joins, so that one that does not fit compiles nowhere.

#include "basin/core/layer.hpp"

namespace basin::detail {

template <int Given, int Taken>
inline constexpr bool joins = Given == any_features || Taken == any_features || Given == Taken;

/// Instantiated for each join of two layers, so that the compiler's message shows both numbers.
template <int Given, int Taken>
struct Join {
  static_assert(joins<Given, Taken>,
                "a layer takes another number of features than the layer before it gives: Join<given, taken>");
  static constexpr bool fits = true;
};

/// Has what a chain calls. Cheaper to compile than Layer, which also looks into what linearize gives.
template <class L, class S>
concept Callable = requires(const L& layer, std::span<const S, L::param_count> theta, View<const S> x, View<S> y,
                            const Context& context) {
  layer.apply(theta, x, y, context);
  typename LinearizationOf<L, S>;
};

/// Instantiated for each argument, so that the compiler's message shows which one it is.
template <class L>
struct Argument {
  static_assert(Callable<L, float> || Callable<L, double>,
                "Sequential: every argument must be a layer, with apply and linearize (core/layer.hpp)");
  static constexpr bool fits = true;
};

/// Features after a layer, given the features before it.
template <class L, int Given>
inline constexpr int features_after = L::out_features == any_features ? Given : L::out_features;

/// Features that come out of layers one after another when Given enter the first.
template <int Given>
constexpr int features_through() {
  return Given;
}
template <int Given, class First, class... Rest>
constexpr int features_through() {
  static_assert(Join<Given, First::in_features>::fits);
  return features_through<features_after<First, Given>, Rest...>();
}

/// Features that the first of these layers takes, or one after it, unless a layer before that takes any number and
/// gives a fixed one (as Flatten does).
template <class... Layers>
constexpr int features_taken() {
  int first = any_features;
  bool decided = false;
  ((first = decided ? first : Layers::in_features,
    decided = decided || Layers::in_features != any_features || Layers::out_features != any_features),
   ...);
  return first;
}

}  // namespace basin::detail
