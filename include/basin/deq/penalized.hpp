#pragma once

// The derivative of an equilibrium that is trained with a penalty: that of the equilibrium, whose pullback adds the
// penalty's gradient (deq/jacobian_penalty.hpp, deq/residual_penalty.hpp).

#include <span>
#include <utility>
#include <vector>

#include "basin/core/layer.hpp"

namespace basin::detail {

/// Model has the `equilibrium`, the `weight` of the penalty, `values`, which take it, and add_penalty, which adds its
/// gradient.
template <class Model, class S>
class PenalizedLinearization {
  static constexpr std::size_t param_count = Model::param_count;
  using Inner = decltype(std::declval<const Model&>().equilibrium.template linearize<S>(
      std::declval<std::span<const S, param_count>>(), View<const S>{}, View<S>{}, std::declval<const Context&>()));

 public:
  PenalizedLinearization(const Model& model, std::span<const S, param_count> theta, View<const S> u, View<S> z,
                         const Context& context, Inner inner)
      : model_(model),
        theta_(theta),
        u_(u),
        z_(z),
        context_(with_own_samples(context, z.samples(), numbers_)),
        inner_(std::move(inner)) {}

  /// Moves, but does not copy: it refers to what it owns.
  PenalizedLinearization(PenalizedLinearization&&) = default;
  PenalizedLinearization& operator=(PenalizedLinearization&&) = default;

  [[nodiscard]] Report report() const { return inner_.report(); }
  Report jvp(View<const S> t, View<S> out) const { return inner_.jvp(t, out); }
  Report vjp(View<const S> w, View<S> du) const { return inner_.vjp(w, du); }

  Report pullback(View<const S> w, View<S> du, ThetaGradient<S, param_count> dtheta) const {
    if (model_.weight == 0) return inner_.pullback(w, du, dtheta);
    check_vjp<S>(Model::name, u_.shape(), z_.shape(), w, du);
    Scratch scratch;
    const View<S> both = scratch.state<S>(z_.shape()), of_penalty = scratch.state<S>(u_.shape());
    std::vector<double> of_samples(static_cast<std::size_t>(z_.samples()));
    both.vector() = w.vector();
    of_penalty.vector().setZero();
    model_.template add_penalty<S>(theta_, u_, z_, model_.equilibrium.at_end(context_), of_samples, both, of_penalty,
                                   dtheta);
    const Report report = inner_.pullback(View<const S>(both), du, dtheta);
    if (du) du.vector() += of_penalty.vector();
    for (Index n = 0; model_.values && n < z_.samples(); ++n) {
      const View<S> taken = model_.values.template at<S>(context_, n, Shape{1}, std::string(Model::name) + ": values");
      taken.data()[0] = static_cast<S>(of_samples[static_cast<std::size_t>(n)]);
    }
    return report;
  }

 private:
  Model model_;
  std::span<const S, param_count> theta_;
  View<const S> u_, z_;
  std::vector<Index> numbers_;  // what context_.samples points at, if at anything
  Context context_;
  Inner inner_;
};

}  // namespace basin::detail
