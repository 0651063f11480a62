#pragma once

// An equilibrium that is trained with a penalty on the size of its cell's Jacobian, which keeps the cell contracting:
// S. Bai, V. Koltun, J. Z. Kolter, "Stabilizing equilibrium models by Jacobian regularization", ICML 2021 (arXiv
// 2106.14342). What the penalty is, and how its exact gradient is found, is in deq/hutchinson.hpp.

#include <cmath>
#include <utility>
#include <vector>

#include "basin/deq/equilibrium.hpp"
#include "basin/deq/hutchinson.hpp"

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
  class Linearization {
    using Inner = typename E::template Linearization<S>;

   public:
    Linearization(const JacobianPenalty& model, std::span<const S, param_count> theta, View<const S> u, View<S> z,
                  const Context& context, Inner inner)
        : model_(model),
          theta_(theta),
          u_(u),
          z_(z),
          context_(with_own_samples(context, z.samples(), numbers_)),
          inner_(std::move(inner)) {}

    /// Moves, but does not copy: it refers to what it owns.
    Linearization(Linearization&&) = default;
    Linearization& operator=(Linearization&&) = default;

    [[nodiscard]] Report report() const { return inner_.report(); }
    Report jvp(View<const S> t, View<S> out) const { return inner_.jvp(t, out); }
    Report vjp(View<const S> w, View<S> du) const { return inner_.vjp(w, du); }

    Report pullback(View<const S> w, View<S> du, ThetaGradient<S, param_count> dtheta) const {
      if (model_.weight == 0) return inner_.pullback(w, du, dtheta);
      check_vjp<S>("JacobianPenalty", u_.shape(), z_.shape(), w, du);
      Scratch scratch;
      const View<S> both = scratch.state<S>(z_.shape()), of_penalty = scratch.state<S>(u_.shape());
      std::vector<double> of_samples(static_cast<std::size_t>(z_.samples()));
      both.vector() = w.vector();
      of_penalty.vector().setZero();
      jacobian_penalty<C, S>(model_.equilibrium.cell, theta_, z_, u_, of_samples, model_.weight, both, of_penalty,
                             dtheta, context_, model_.seed);
      const Report report = inner_.pullback(View<const S>(both), du, dtheta);
      if (du) du.vector() += of_penalty.vector();
      for (Index n = 0; model_.values && n < z_.samples(); ++n) {
        const View<S> taken = model_.values.template at<S>(context_, n, Shape{1}, "JacobianPenalty: values");
        taken.data()[0] = static_cast<S>(of_samples[static_cast<std::size_t>(n)]);
      }
      return report;
    }

   private:
    JacobianPenalty model_;
    std::span<const S, param_count> theta_;
    View<const S> u_, z_;
    std::vector<Index> numbers_;  // what context_.samples points at, if at anything
    Context context_;
    Inner inner_;
  };

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
  void check_weight() const {
    check(weight >= 0 && std::isfinite(weight), "JacobianPenalty: weight", weight, "a finite number, 0 or more");
  }
};

}  // namespace basin
