#pragma once

// How layers join: the features that one gives and the next takes, and those of layers side by side, known at compile
// time. Instantiating a container checks all of its joins, so that one that does not fit compiles nowhere.

#include <array>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <utility>

#include "basin/core/layer.hpp"

namespace basin::detail {

template <int Given, int Taken>
inline constexpr bool joins = Given == any_features || Taken == any_features || Given == Taken;

/// Instantiated for each join of two layers, so that the compiler's message shows both numbers. `fits` is true for
/// those that do not fit too, and stands before the assertion: so that is the one error there is. Where an assertion
/// fails in a container itself, or in a function that it evaluates, clang drops what follows there, and tells of
/// everything that then is missing (97 lines for one wrong join).
template <int Given, int Taken>
struct Join {
  static constexpr bool fits = true;
  static_assert(joins<Given, Taken>,
                "a layer takes another number of features than the layer before it gives: Join<given, taken>");
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

/// Features before each of some layers, and after the last, when Given features enter the first.
template <int Given, class... Layers>
inline constexpr std::array<int, sizeof...(Layers) + 1> features_between = [] {
  std::array<int, sizeof...(Layers) + 1> features{Given};
  std::size_t i = 0;
  ((features[i + 1] = Layers::out_features == any_features ? features[i] : Layers::out_features, ++i), ...);
  return features;
}();

/// Instantiates all joins of layers one after another when Given features enter the first.
template <int Given, class Indices, class... Layers>
struct Joins;
template <int Given, std::size_t... I, class... Layers>
struct Joins<Given, std::index_sequence<I...>, Layers...> {
  static constexpr bool fit = true;
  static_assert((Join<features_between<Given, Layers...>[I], Layers::in_features>::fits && ...));
};

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

/// Instantiated for each layer of a Concat or a Sum, so that the compiler's message shows both numbers.
template <int Taken, int Expected>
struct Beside {
  static constexpr bool fits = true;
  static_assert(joins<Expected, Taken>,
                "layers side by side take different numbers of features: Beside<taken, expected>");
};
template <int Given, int Expected>
struct Summand {
  static constexpr bool fits = true;
  static_assert(joins<Expected, Given>,
                "the layers of a Sum give different numbers of features: Summand<given, expected>");
};

/// The first of some numbers of features that is one; any_features if there is none.
constexpr int first_of_features(std::initializer_list<int> features) {
  for (const int count : features) {
    if (count != any_features) return count;
  }
  return any_features;
}

/// theta of the i-th of some layers, out of the numbers of all, one layer after another.
template <std::size_t i, class... Layers, class S, std::size_t N>
[[nodiscard]] auto part_of(std::span<S, N> theta) {
  constexpr std::array<std::size_t, sizeof...(Layers)> counts{Layers::param_count...};
  constexpr std::size_t offset = [&] {
    std::size_t sum = 0;
    for (std::size_t k = 0; k < i; ++k) sum += counts[k];
    return sum;
  }();
  return theta.template subspan<offset, counts[i]>();
}

}  // namespace basin::detail
