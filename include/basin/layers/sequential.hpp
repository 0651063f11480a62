#pragma once

// Layers one after another: y = L_n(... L_2(L_1(x))).
//
// A join of features that do not match does not compile (layers/join.hpp). Pointwise layers that follow a Fusible one
// are applied to each block of its output while the block is in cache. The linearization owns the states between the
// layers.

#include <tuple>

#include "basin/core/layer.hpp"
#include "basin/layers/chain.hpp"

namespace basin {

template <class... Layers>
struct Sequential {
  using Chain = detail::Chain<Layers...>;  ///< what applies them and linearizes them; Injected takes it from here

  static constexpr int in_features = Chain::in_features;
  static constexpr int out_features = Chain::out_features;
  static constexpr std::size_t param_count = Chain::param_count;
  static constexpr bool changes_with_step = (basin::changes_with_step<Layers> || ...);

  std::tuple<Layers...> layers;  ///< options of the layers; see layer<i>()

  /// The i-th layer, to read or set its options.
  template <std::size_t i>
  [[nodiscard]] auto& layer() {
    return std::get<i>(layers);
  }
  template <std::size_t i>
  [[nodiscard]] const auto& layer() const {
    return std::get<i>(layers);
  }

  static void leaves(LeafList& list) { Chain::leaves(list); }

  /// theta of the i-th layer, out of theta of them all.
  template <std::size_t i, class S>
  [[nodiscard]] static auto part(std::span<S, param_count> theta) {
    return Chain::template part<i, 0>(theta);
  }

  [[nodiscard]] Shape out_shape(const Shape& x) const { return Chain::template out_shape<0>(layers, x); }

  /// What apply and linearizations at the same theta have in common (core/layer.hpp).
  template <class S>
  using Prepared = typename Chain::template Prepared<S>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return Chain::template prepare<S>(layers, theta);
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
               IfPrepared<Prepared<S>> prepared = {}) const {
    return Chain::template apply<0>(layers, theta, x, y, context, detail::NoThen{}, prepared.get());
  }

  template <class S>
  using Linearization = typename Chain::template Linearization<S, 0>;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    return Linearization<S>(layers, theta, x, y, context, View<const S>{}, prepared.get());
  }
};

}  // namespace basin
