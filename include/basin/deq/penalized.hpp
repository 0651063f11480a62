#pragma once

// An equilibrium that is trained with a penalty P of each sample: Penalized<E, Of> stands where the equilibrium E does,
// with the same theta, and has the gradient of the loss and of weight P together. Of says what P is
// (deq/jacobian_penalty.hpp, deq/residual_penalty.hpp):
//
//   static constexpr const char* name;    // for messages
//   add(weight, cell, theta, u, z, context, per_sample, dz, du, dtheta) const;    // adds weight P's gradient, sets P
//
// apply, jvp and vjp are the equilibrium's own; pullback, which training calls, adds the penalty's part in u and theta,
// both by way of z and at it. The loss that value_and_gradient returns does not contain it: `values` takes P.

#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/deq/batch_states.hpp"
#include "basin/linear/extent.hpp"

namespace basin {

template <class E, class Of>
struct Penalized {
  using C = decltype(E::cell);  ///< the cell f(z, u)
  static_assert(!detail::is_split<C>, "a penalty sums over a sample, and those of a cell over processes are split");
  static constexpr int in_features = E::in_features, out_features = E::out_features;
  static constexpr std::size_t param_count = E::param_count;
  static constexpr bool changes_with_step = E::changes_with_step;

  E equilibrium{};  ///< with its options
  /// Of P, summed over samples. Beside a loss that is a mean over a batch, a weight for that batch's size: 1 / batch is
  /// a penalty of the mean P. 0: nothing is computed.
  double weight = 0;
  Of penalty{};  ///< what P is, with its options
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
  Report apply(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context = {},
               IfPrepared<Prepared<S>> prepared = {}) const {
    return equilibrium.template apply<S>(theta, u, z, context, prepared);
  }

  template <class S>
  class Linearization;

  /// Throws std::invalid_argument if weight is negative or not finite, and as the equilibrium does.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check(weight >= 0 && std::isfinite(weight), std::string(Of::name) + ": weight", weight,
          "a finite number, 0 or more");
    return Linearization<S>(*this, theta, u, z, context,
                            equilibrium.template linearize<S>(theta, u, z, context, prepared));
  }
};

/// Refers to theta, u, z and what was prepared; owns a copy of the model.
template <class E, class Of>
template <class S>
class Penalized<E, Of>::Linearization {
  using Inner = typename E::template Linearization<S>;

 public:
  Linearization(const Penalized& model, std::span<const S, param_count> theta, View<const S> u, View<S> z,
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
    check_pullback<S>(Of::name, u_.shape(), z_.shape(), w, du);
    Scratch scratch;
    const View<S> both = scratch.state<S>(z_.shape()), of_penalty = scratch.state<S>(u_.shape());
    std::vector<double> per_sample(static_cast<std::size_t>(z_.samples()));
    both.vector() = w.vector();
    of_penalty.vector().setZero();
    model_.penalty.template add<S>(model_.weight, model_.equilibrium.cell, theta_, u_, z_,
                                   model_.equilibrium.at_end(context_), std::span<double>(per_sample), both, of_penalty,
                                   dtheta);
    const Report report = inner_.pullback(View<const S>(both), du, dtheta);
    if (du) du.vector() += of_penalty.vector();
    for (Index n = 0; model_.values && n < z_.samples(); ++n) {
      const View<S> taken = model_.values.template at<S>(context_, n, Shape{1}, std::string(Of::name) + ": values");
      taken.data()[0] = static_cast<S>(per_sample[static_cast<std::size_t>(n)]);
    }
    return report;
  }

 private:
  Penalized model_;
  std::span<const S, param_count> theta_;
  View<const S> u_, z_;
  std::vector<Index> numbers_;  // what context_.samples points at, if at anything
  Context context_;
  Inner inner_;
};

}  // namespace basin
