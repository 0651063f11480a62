#pragma once

// A state on the way to an equilibrium, as a layer: what the solver has reached after so many evaluations of the cell,
// whatever its residual, differentiated through k damped steps of the cell there (adjoint/phantom.hpp). It is no
// gradient of any function, but a direction that costs little: with one step it is what Jacobian-free backpropagation
// makes of that state. train/fixed_point_correction.hpp trains with it.

#include <utility>

#include "basin/adjoint/cell_operators.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/deq/equilibrium.hpp"

namespace basin {

/// Stands where the equilibrium E does, with the same theta. Solves that end earlier, at their tolerance, stay there.
template <class E>
struct OnTheWay {
  using C = decltype(E::cell);  ///< the cell f(z, u)
  static_assert(!detail::is_split<C>, "OnTheWay: the samples of a cell over processes are split");
  static_assert(
      !E::changes_with_step,
      "OnTheWay: the cell is another map at each step, so that no state of it is on the way to an equilibrium");
  static constexpr int in_features = E::in_features, out_features = E::out_features;
  static constexpr std::size_t param_count = E::param_count;

  E equilibrium{};       ///< of its options adjoint, keep and stop.max_evaluations do not count
  int evaluations = 5;   ///< of the cell, at least 2: after one there is the start alone
  Phantom back{.k = 1};  ///< the steps that are differentiated, all at the state that was reached

  static void leaves(LeafList& list) { E::leaves(list); }
  [[nodiscard]] Shape out_shape(const Shape& u) const { return equilibrium.out_shape(u); }

  /// z of each sample. What it reports is nothing: no solve is asked for, and so none fails. A state that is not finite
  /// is none: a sample has the last one that f was finite at, or its start.
  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context = {}) const {
    check_output<OnTheWay, S>("OnTheWay", *this, u, z);
    check(evaluations >= 2, "OnTheWay: evaluations", evaluations, "at least 2");
    E stopped = equilibrium;
    stopped.stop.max_evaluations = evaluations;
    State<S> start(z.shape());
    for (Index n = 0; stopped.start && n < z.samples(); ++n) {
      start.view().sample(n).vector() =
          stopped.start.template at<S>(context, n, z.shape().with_samples(1), "OnTheWay: start").vector();
    }
    z.vector() = start.values;
    (void)stopped.template solve<S>(theta, u, start.view(), context.with_log(nullptr), [&](const Iterate<S>& iterate) {
      z.sample(iterate.sample).vector() = iterate.z.vector();
    });
    return {};
  }

  /// Refers to theta, u and z; owns the linearization of the cell there.
  template <class S>
  class Linearization {
    using Inner = decltype(std::declval<const C&>().linearize(
        std::declval<std::span<const S, param_count>>(), std::declval<View<const S>>(), std::declval<View<const S>>(),
        std::declval<View<S>>(), std::declval<const Context&>()));

   public:
    Linearization(const OnTheWay& layer, std::span<const S, param_count> theta, View<const S> u, View<S> z,
                  const Context& context)
        : back_(layer.back),
          u_(u),
          z_(z),
          value_(z.size()),
          inner_(layer.equilibrium.cell.linearize(theta, View<const S>(z), u, View<S>(value_.data(), z.shape()),
                                                  context.with_log(nullptr))) {}

    // Moves alone: what is inside refers to value_.
    Linearization(Linearization&&) = default;
    Linearization& operator=(Linearization&&) = default;

    Report jvp(View<const S> t, View<S> out) const {
      check_jvp("OnTheWay", u_.shape(), z_.shape(), t, out);
      Scratch scratch;
      const View<S> from_u = scratch.state<S>(z_.shape());
      (void)detail::report_of([&] { return inner_.jvp_input(t, from_u); });
      return solve([&](View<const S> v, View<S> to) { (void)detail::report_of([&] { return inner_.jvp(v, to); }); },
                   View<const S>(from_u), out);
    }
    Report vjp(View<const S> w, View<S> du) const {
      check_vjp("OnTheWay", u_.shape(), z_.shape(), w, du);
      return through(w, du, [&](View<const S> solved) { return inner_.vjp_input(solved, du); });
    }
    Report pullback(View<const S> w, View<S> du, ThetaGradient<S, param_count> dtheta) const {
      return through(w, du, [&](View<const S> solved) { return inner_.pullback(solved, View<S>{}, du, dtheta); });
    }

   private:
    template <class Apply>
    Report solve(const Apply& apply_a, View<const S> g, View<S> w) const {
      std::vector<SampleResult> results(static_cast<std::size_t>(z_.samples()));
      back_.template solve_tile<S>(apply_a, g, w, results);
      Report report;
      for (const SampleResult& result : results) report.adjoint.add(result);
      return report;
    }
    template <class Then>
    Report through(View<const S> w, View<S> du, const Then& then) const {
      check_pullback("OnTheWay", u_.shape(), z_.shape(), w, du);
      Scratch scratch;
      const View<S> solved = scratch.state<S>(z_.shape());
      const Report report = solve(
          [&](View<const S> v, View<S> to) { (void)detail::report_of([&] { return inner_.vjp(v, to); }); }, w, solved);
      (void)detail::report_of([&] { return then(View<const S>(solved)); });
      return report;
    }

    Phantom back_;
    View<const S> u_, z_;
    Buffer<S> value_;
    Inner inner_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context = {}) const {
    (void)apply<S>(theta, u, z, context);
    return Linearization<S>(*this, theta, u, z, context);
  }
};

}  // namespace basin
