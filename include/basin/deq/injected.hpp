#pragma once

// A cell f(z, u) from layers: the injection u is added to what the first layer makes of the state z,
//
//   f(z, u) = rest(first(z) + u).
//
// With first = W z and rest = sigma it is the classical equilibrium layer sigma(W z + u) (Bai, Kolter and Koltun 2019,
// "Deep equilibrium models", section 3). Injected<Sequential<First, Rest...>> splits the Sequential; of any other layer
// F it is f(z, u) = F(z) + u.

#include "basin/core/layer.hpp"
#include "basin/layers/sequential.hpp"

namespace basin {

template <class F>
struct Injected : Injected<Sequential<F>> {};

template <class First, class... Rest>
struct Injected<Sequential<First, Rest...>> {
  using Layers = Sequential<First, Rest...>;  ///< the cell without its injection
  using Chain = typename Layers::Chain;       ///< what applies them and linearizes them
  static_assert(detail::joins<Layers::out_features, Layers::in_features>,
                "Injected: the state that comes out must have the features of the state that goes in");

  static constexpr int state_features = Layers::in_features;
  static constexpr int input_features = detail::features_after<First, Layers::in_features>;
  static constexpr std::size_t param_count = Layers::param_count;
  static constexpr bool changes_with_step = Layers::changes_with_step;

  Layers layers;  ///< with their options: layers.layer<0>() is First, layers.layer<1>() the first of Rest

  static void leaves(LeafList& list) { Layers::leaves(list); }

  /// The state z for an injection u: the same space and samples. Throws std::invalid_argument if the layers do not keep
  /// the space.
  [[nodiscard]] Shape state_shape(const Shape& u) const {
    check_features("Injected: injection", u.features, input_features);
    const Shape z = state_features == any_features ? u : u.with_features(state_features);
    const Shape injected = layers.template layer<0>().out_shape(z);
    check(injected == u, "Injected: shape of what the first layer gives", injected, u);
    const Shape out = layers.out_shape(z);
    check(out == z, "Injected: shape of the state that comes out", out, z);
    return z;
  }

  /// What apply and linearizations at the same theta have in common (core/layer.hpp).
  template <class S>
  using Prepared = typename Chain::template Prepared<S>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return layers.prepare(theta);
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
               IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(z.shape(), u.shape(), out.shape());
    const S* add = u.data();
    const auto inject = [add](S* block, Index offset, Index count) {
      using Numbers = Eigen::Array<S, Eigen::Dynamic, 1>;
      Eigen::Map<Numbers>(block, count) += Eigen::Map<const Numbers>(add + offset, count);
    };
    return Chain::template apply<0>(layers.layers, theta, z, out, context, inject, prepared.get());
  }

  template <class S>
  class Linearization {
   public:
    Linearization(const Injected& cell, std::span<const S, param_count> theta, View<const S> z, View<const S> u,
                  View<S> out, const Context& context, const Prepared<S>* prepared)
        : chain_(cell.layers.layers, theta, z, out, context, u, prepared) {}

    [[nodiscard]] Report report() const { return chain_.report(); }
    Report jvp(View<const S> t, View<S> out) const { return chain_.jvp(t, out); }
    Report jvp_input(View<const S> t, View<S> out) const { return chain_.jvp_shift(t, out); }
    Report vjp(View<const S> w, View<S> dz) const { return chain_.vjp(w, dz); }
    Report vjp_input(View<const S> w, View<S> du) const { return chain_.vjp_shift(w, du); }
    Report pullback(View<const S> w, View<S> dz, View<S> du, ThetaGradient<S, param_count> dtheta) const {
      return chain_.pullback(w, dz, du, dtheta);
    }

   private:
    typename Chain::template Linearization<S, 0> chain_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> z, In<S> u, View<S> out, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_shapes(z.shape(), u.shape(), out.shape());
    return Linearization<S>(*this, theta, z, u, out, context, prepared.get());
  }

 private:
  void check_shapes(const Shape& z, const Shape& u, const Shape& out) const {
    const Shape state = state_shape(u);
    check_shape("Injected", "z", z, state);
    check_shape("Injected", "out", out, state);
  }
};

}  // namespace basin
