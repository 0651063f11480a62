#pragma once

// An equilibrium as a layer: z(u) is where the cell settles, z = f(z, u), found by a fixed-point method from z = 0 and
// differentiated by an adjoint method (adjoint/adjoint_method.hpp).
//
//   S. Bai, J. Z. Kolter, V. Koltun, "Deep equilibrium models", NeurIPS 2019.
//
// Each sample is its own solve with its own status. A batch is cut into tiles of samples, small enough that a tile
// stays in cache for its whole solve; nothing couples tiles. The linearization keeps u, z and what the cell prepared
// only: each jvp, vjp and pullback linearizes the cell anew, tile by tile, so that the memory of a training step does
// not depend on the number of iterations.

#include <algorithm>
#include <type_traits>
#include <vector>

#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/unrolled.hpp"
#include "basin/core/layer.hpp"
#include "basin/core/parallel.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"

namespace basin {

template <class C, class Solver = Anderson<>, class Adjoint = Implicit<>>
struct Equilibrium {
  static_assert(Cell<C>, "Equilibrium: the first argument must be a cell f(z, u), such as Injected<...>");
  static_assert(FixedPointMethod<Solver>, "Equilibrium: the second argument must be a fixed-point method");
  static constexpr bool unrolled = std::is_same_v<Adjoint, Unrolled>;
  static_assert(unrolled || AdjointMethod<Adjoint>, "Equilibrium: the third argument must be an adjoint method");
  static_assert(!unrolled || std::is_same_v<Solver, Picard>,
                "Unrolled differentiates Picard iteration: write Equilibrium<Cell, Picard, Unrolled>");

  static constexpr int in_features = C::input_features;
  static constexpr int out_features = C::state_features;
  static constexpr std::size_t param_count = C::param_count;

  C cell{};
  Solver solver{};
  Stop stop{};
  Adjoint adjoint{};

  static void leaves(LeafList& list) { list.nested<C>("cell"); }

  [[nodiscard]] Shape out_shape(const Shape& u) const { return cell.state_shape(u); }

  /// z = the equilibrium for u, on as many threads as parallel_for gives.
  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> u, View<S> z) const {
    return settle<S>(theta, u, z, detail::prepared_of<C, S>(cell, theta));
  }

  /// The equilibria from a start of the caller's, and what each sample did; observers see every iterate
  /// (fixed_point/observers.hpp). z0 must have the shape out_shape(u.shape()).
  template <class S, class... Observers>
  Solution<S> solve(Theta<S, param_count> theta, View<const S> u, In<S> z0, Observers&&... observers) const {
    check(z0.shape() == out_shape(u.shape()), "Equilibrium: shape of the start", z0.shape(), out_shape(u.shape()));
    const auto prepared = detail::prepared_of<C, S>(cell, theta);
    return basin::solve(Map<S>{cell, theta, &prepared, u, nullptr}, z0, solver, stop, observers...);
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> u, View<S> z) const {
    return Linearization<S>(*this, theta, u, z);
  }

 private:
  /// apply with the cell prepared.
  template <class S>
  Report settle(std::span<const S, param_count> theta, View<const S> u, View<S> z,
                const detail::PreparedOf<C, S>& prepared) const {
    z.vector().setZero();
    const Index tile = detail::samples_per_tile<S>(z.shape()), tiles = (z.samples() + tile - 1) / tile;
    std::vector<Report> reports(static_cast<std::size_t>(tiles));
    parallel_for(tiles, [&](Index i) {
      const Index first = i * tile, count = std::min(tile, z.samples() - first);
      Report& report = reports[static_cast<std::size_t>(i)];
      std::vector<SampleResult> results(static_cast<std::size_t>(count));
      solve_tile(Map<S>{cell, theta, &prepared, u.samples(first, count), &report}, z.samples(first, count), solver,
                 stop, results);
      for (const SampleResult& result : results) report.forward.add(result);
    });
    Report sum;
    for (const Report& report : reports) sum += report;
    return sum;
  }

  /// The cell as a map of z for the injections u, on whichever samples are still there.
  template <class S>
  struct Map {
    const C& cell;
    std::span<const S, param_count> theta;
    const detail::PreparedOf<C, S>* prepared;
    View<const S> u;
    Report* inside;  // takes what solves inside the cell report; null where nobody asks

    void operator()(View<const S> z, View<S> out, std::span<const Index> samples) const {
      Scratch scratch;
      const Report report = detail::apply_with<C, S>(cell, theta, prepared, z, injection(samples, scratch), out);
      if (inside) *inside += report;
    }

    /// u of some samples.
    View<const S> injection(std::span<const Index> samples, Scratch& scratch) const {
      const Index count = static_cast<Index>(samples.size());
      Index run = 1;  // samples that follow one another lie together in u
      while (run < count && samples[static_cast<std::size_t>(run)] == samples[0] + run) ++run;
      if (run == count) return u.samples(samples[0], run);
      const View<S> here = scratch.state<S>(u.shape().with_samples(count));
      for (Index i = 0; i < count; ++i) {
        here.sample(i).vector() = u.sample(samples[static_cast<std::size_t>(i)]).vector();
      }
      return here;
    }

    /// df/dz at z, for methods that ask for it (fixed_point/sample_map.hpp). Stays where it was made.
    class Derivative {
     public:
      Derivative(const Map& map, View<const S> z, std::span<const Index> samples)
          : value_(scratch_.state<S>(z.shape())),
            linear_(detail::linearize_with<C, S>(map.cell, map.theta, z, map.injection(samples, scratch_), value_,
                                                 map.prepared)),
            inside_(map.inside) {}

      void jvp(View<const S> t, View<S> out) const {
        note(detail::report_of([&] { return linear_.jvp(t, out); }));
      }
      void vjp(View<const S> w, View<S> out) const {
        note(detail::report_of([&] { return linear_.vjp(w, out); }));
      }

     private:
      void note(const Report& report) const {
        if (inside_) *inside_ += report;
      }

      Scratch scratch_{};
      View<S> value_;
      decltype(detail::linearize_with<C, S>(std::declval<const C&>(), std::declval<std::span<const S, param_count>>(),
                                            View<const S>{}, View<const S>{}, View<S>{},
                                            static_cast<const detail::PreparedOf<C, S>*>(nullptr))) linear_;
      Report* inside_;
    };
    Derivative linearize(View<const S> z, std::span<const Index> samples) const { return {*this, z, samples}; }
  };
};

/// dz/du and dz/dtheta at the equilibrium. Refers to theta, u and z; owns what the cell prepared. What an adjoint
/// method reached is in the Report of each call; what the forward solves did is in report().
template <class C, class Solver, class Adjoint>
template <class S>
class Equilibrium<C, Solver, Adjoint>::Linearization {
  using Model = Equilibrium;

 public:
  Linearization(const Model& model, std::span<const S, param_count> theta, View<const S> u, View<S> z)
      : model_(model), theta_(theta), u_(u), z_(z), prepared_(detail::prepared_of<C, S>(model.cell, theta)) {
    if constexpr (unrolled) {
      z.vector().setZero();
      record(z);
    } else {
      report_ = model.template settle<S>(theta, u, z, prepared_);
    }
  }

  [[nodiscard]] Report report() const { return report_; }

  Report jvp(View<const S> t, View<S> out) const {
    Report report;
    if constexpr (unrolled) {
      for (Index n = 0; n < z_.samples(); ++n) {
        report += detail::push_forward_steps<S>(model_.cell, theta_, prepared_,
                                                trajectories_[static_cast<std::size_t>(n)], z_.shape().with_samples(1),
                                                model_.solver.damping, u_.sample(n), t.sample(n), out.sample(n));
      }
    } else {
      each_tile([&](const auto& linear, Index first, Index count) {
        Scratch scratch;
        const View<S> from_u = scratch.state<S>(z_.shape().with_samples(count));
        report += detail::report_of([&] { return linear.jvp_input(t.samples(first, count), from_u); });
        solve_adjoint(
            [&](View<const S> v, View<S> a_v) { report += detail::report_of([&] { return linear.jvp(v, a_v); }); },
            from_u, out.samples(first, count), report);
      });
    }
    return report;
  }

  Report vjp(View<const S> w, View<S> du) const {
    Scratch scratch;
    S* unwanted = scratch.take<S>(static_cast<Index>(param_count));
    std::fill_n(unwanted, param_count, S(0));
    return pullback(w, du, std::span<S, param_count>(unwanted, param_count));
  }

  Report pullback(View<const S> w, View<S> du, ThetaGradient<S, param_count> dtheta) const {
    Report report;
    if constexpr (unrolled) {
      if (du) du.vector().setZero();
      for (Index n = 0; n < z_.samples(); ++n) {
        report += detail::pull_back_steps<S>(model_.cell, theta_, prepared_, trajectories_[static_cast<std::size_t>(n)],
                                             z_.shape().with_samples(1), model_.solver.damping, u_.sample(n),
                                             w.sample(n), du ? du.sample(n) : du, dtheta);
      }
    } else {
      each_tile([&](const auto& linear, Index first, Index count) {
        Scratch scratch;
        const View<S> solved = scratch.state<S>(z_.shape().with_samples(count));
        solve_adjoint(
            [&](View<const S> v, View<S> a_v) { report += detail::report_of([&] { return linear.vjp(v, a_v); }); },
            w.samples(first, count), solved, report);
        report += detail::report_of([&] {
          return linear.pullback(View<const S>(solved), View<S>{}, du ? du.samples(first, count) : du, dtheta);
        });
      });
    }
    return report;
  }

 private:
  /// Calls body(linearization of the cell, first sample, count) for each tile, in order.
  template <class Body>
  void each_tile(const Body& body) const {
    const Index tile = detail::samples_per_tile<S>(z_.shape());
    for (Index first = 0; first < z_.samples(); first += tile) {
      const Index count = std::min(tile, z_.samples() - first);
      Scratch scratch;
      const View<S> value = scratch.state<S>(z_.shape().with_samples(count));
      const auto linear = detail::linearize_with<C, S>(model_.cell, theta_, z_.samples(first, count),
                                                       u_.samples(first, count), value, &prepared_);
      body(linear, first, count);
    }
  }

  template <class Operator>
  void solve_adjoint(const Operator& apply_a, View<const S> g, View<S> w, Report& report) const {
    std::vector<SampleResult> results(static_cast<std::size_t>(g.samples()));
    model_.adjoint.solve_tile(apply_a, g, w, std::span<SampleResult>(results));
    for (const SampleResult& result : results) report.adjoint.add(result);
  }

  /// Solves sample by sample and keeps the states up to the one that is returned.
  void record(View<S> z) {
    trajectories_.resize(static_cast<std::size_t>(z.samples()));
    for (Index n = 0; n < z.samples(); ++n) {
      detail::States<S>& states = trajectories_[static_cast<std::size_t>(n)];
      std::size_t best = 0;
      double best_residual = 0;
      const auto keep = [&](const Iterate<S>& iterate) {
        if (states.empty() || iterate.residual < best_residual) {
          best = states.size();
          best_residual = iterate.residual;
        }
        states.emplace_back(iterate.z.vector());
      };
      SampleResult result;
      solve_tile(Map<S>{model_.cell, theta_, &prepared_, u_.sample(n), &report_}, z.sample(n), model_.solver,
                 model_.stop, std::span<SampleResult>(&result, 1), nullptr, keep);
      report_.forward.add(result);
      states.resize(best + 1);
    }
  }

  Model model_;
  std::span<const S, param_count> theta_;
  View<const S> u_, z_;
  detail::PreparedOf<C, S> prepared_;
  Report report_;
  std::vector<detail::States<S>> trajectories_;  // only if unrolled
};

}  // namespace basin
