#pragma once

// An equilibrium that is trained with a penalty on the size of its cell's Jacobian, which keeps the cell contracting:
// S. Bai, V. Koltun, J. Z. Kolter, "Stabilizing equilibrium models by Jacobian regularization", ICML 2021 (arXiv
// 2106.14342). What the penalty is, and how its exact gradient is found, is in deq/hutchinson.hpp.

#include <cmath>
#include <span>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/hutchinson.hpp"
#include "basin/deq/penalized.hpp"

namespace basin {

/// An equilibrium whose gradient is that of the loss and of weight P together. It stands where the equilibrium does,
/// with the same theta:
///
///   Sequential<Conv<1, 16, 3>, JacobianPenalty<Equilibrium<Cell>>, ...>
///
/// apply, jvp and vjp are the equilibrium's own; pullback, which training calls, adds the penalty's part in u and
/// theta. The loss that value_and_gradient returns does not contain it: `values` takes P of each sample.
template <class E>
struct JacobianPenalty {
  using C = decltype(E::cell);
  static constexpr int in_features = E::in_features, out_features = E::out_features;
  static constexpr std::size_t param_count = E::param_count;
  static constexpr bool changes_with_step = E::changes_with_step;

  E equilibrium{};
  /// Of P, summed over samples. Beside a loss that is a mean over a batch, a weight for that batch's size: 1 / batch is
  /// a penalty of the mean P. 0: nothing is computed.
  double weight = 0;
  std::uint64_t seed = 0;
  /// Takes P of each sample, a state of one number, by number of sample in the batch, whenever pullback makes it.
  Ends values{};

  static void leaves(LeafList& list) { E::leaves(list); }
  [[nodiscard]] Shape out_shape(const Shape& u) const { return equilibrium.out_shape(u); }

  template <class S>
  using Prepared = typename E::template Prepared<S>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return equilibrium.template prepare<S>(theta);
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context = {}) const {
    return equilibrium.template apply<S>(theta, u, z, context);
  }
  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context,
               const Prepared<S>& prepared) const {
    return equilibrium.template apply<S>(theta, u, z, context, prepared);
  }

  template <class S>
  using Linearization = detail::PenalizedLinearization<JacobianPenalty, S>;

  /// Throws std::invalid_argument if weight is negative or not finite, and as the equilibrium does.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context = {}) const {
    check_weight();
    return Linearization<S>(*this, theta, u, z, context, equilibrium.template linearize<S>(theta, u, z, context));
  }

  /// Refers to what was prepared.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context,
                             const Prepared<S>& prepared) const {
    check_weight();
    return Linearization<S>(*this, theta, u, z, context,
                            equilibrium.template linearize<S>(theta, u, z, context, prepared));
  }

 private:
  friend class detail::PenalizedLinearization<JacobianPenalty, float>;
  friend class detail::PenalizedLinearization<JacobianPenalty, double>;
  static constexpr const char* name = "JacobianPenalty";

  void check_weight() const {
    check(weight >= 0 && std::isfinite(weight), "JacobianPenalty: weight", weight, "a finite number, 0 or more");
  }

  /// Adds the penalty's gradient to dz, du and dtheta, and sets P of each sample.
  template <class S>
  void add_penalty(std::span<const S, param_count> theta, View<const S> u, View<const S> z, const Context& context,
                   std::span<double> of_samples, View<S> dz, View<S> du, std::span<S, param_count> dtheta) const {
    jacobian_penalty<C, S>(equilibrium.cell, theta, z, u, of_samples, weight, dz, du, dtheta, context, seed);
  }
};

}  // namespace basin
