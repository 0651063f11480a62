#pragma once

// An equilibrium that is trained with a penalty on what is left of its residual,
//
//   P = |f(z, u) - z|^2 / size(z)
//
// for each sample, where z is what the solver has reached. A gradient through a number of steps (adjoint/unrolled.hpp)
// asks that what is read is right after so many of them, and is content with a state that goes on turning in a circle
// where nobody reads it; this asks that it has settled. Where a solve has converged P is its tolerance's square, and
// nothing is left to ask for.

#include <cmath>
#include <span>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/penalized.hpp"

namespace basin {

/// An equilibrium whose gradient is that of the loss and of weight P together. It stands where the equilibrium does,
/// with the same theta:
///
///   Sequential<Dense<3, 16>, ResidualPenalty<Equilibrium<Cell, Picard, Unrolled>>, ...>
///
/// apply, jvp and vjp are the equilibrium's own; pullback, which training calls, adds the penalty's part in u and
/// theta, both by way of z and at it. The loss that value_and_gradient returns does not contain it: `values` takes P of
/// each sample.
template <class E>
struct ResidualPenalty {
  using C = decltype(E::cell);
  static constexpr int in_features = E::in_features, out_features = E::out_features;
  static constexpr std::size_t param_count = E::param_count;
  static constexpr bool changes_with_step = E::changes_with_step;

  E equilibrium{};
  /// Of P, summed over samples. Beside a loss that is a mean over a batch, a weight for that batch's size: 1 / batch is
  /// a penalty of the mean P. 0: nothing is computed.
  double weight = 0;
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
  using Linearization = detail::PenalizedLinearization<ResidualPenalty, S>;

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
  friend class detail::PenalizedLinearization<ResidualPenalty, float>;
  friend class detail::PenalizedLinearization<ResidualPenalty, double>;
  static constexpr const char* name = "ResidualPenalty";

  void check_weight() const {
    check(weight >= 0 && std::isfinite(weight), "ResidualPenalty: weight", weight, "a finite number, 0 or more");
  }

  /// Adds the penalty's gradient to dz, du and dtheta, and sets P of each sample:
  ///   dP = 2 / size <r, (J - I) dz + (df/du) du + (df/dtheta) dtheta>,    r = f(z, u) - z.
  template <class S>
  void add_penalty(std::span<const S, param_count> theta, View<const S> u, View<const S> z, const Context& context,
                   std::span<double> of_samples, View<S> dz, View<S> du, std::span<S, param_count> dtheta) const {
    Scratch scratch;
    const View<S> value = scratch.state<S>(z.shape()), left = scratch.state<S>(z.shape());
    const View<S> back = scratch.state<S>(z.shape()), of_u = scratch.state<S>(u.shape());
    const auto at_z = equilibrium.cell.linearize(theta, z, u, value, context.with_log(nullptr));
    left.vector() = value.vector() - z.vector();
    const auto size = static_cast<double>(z.shape().sample_size());
    for (Index n = 0; n < z.samples(); ++n) {
      of_samples[static_cast<std::size_t>(n)] = left.sample(n).vector().template cast<double>().squaredNorm() / size;
    }
    left.vector() *= static_cast<S>(2 * weight / size);
    static_cast<void>(report_of([&] { return at_z.pullback(View<const S>(left), back, of_u, dtheta); }));
    dz.vector() += back.vector() - left.vector();
    du.vector() += of_u.vector();
  }
};

}  // namespace basin
