#pragma once

// An equilibrium as a layer: z(u) is where the cell settles, z = f(z, u), found by a fixed-point method from z = 0 or
// from a start of the caller's, and differentiated by an adjoint method (adjoint/adjoint_method.hpp).
//
//   S. Bai, J. Z. Kolter, V. Koltun, "Deep equilibrium models", NeurIPS 2019.
//
// Each sample is its own solve with its own status. A batch is cut into tiles of samples, small enough that a tile
// stays in cache for its whole solve; nothing couples tiles. The linearization keeps u, z and what the cell prepared
// only: each jvp, vjp and pullback linearizes the cell anew, tile by tile, so that the memory of a training step does
// not depend on the number of iterations. (Unrolled keeps what its tape says of the steps, Shine the solver's vectors.)
//
// Where f(z0, u) is not finite there is nothing to iterate, and z becomes NaN: a NaN in u, in theta or in the start
// reaches the loss. A solve that fails later returns the best finite state that it found. The status says which.

#include <algorithm>
#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/unrolled.hpp"
#include "basin/core/layer.hpp"
#include "basin/core/parallel.hpp"
#include "basin/deq/batch_states.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/inverse_estimate.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"

namespace basin {

template <class C, class Solver = Anderson<>, class Adjoint = Implicit<>>
struct Equilibrium {
  static_assert(Cell<C>, "Equilibrium: the first argument must be a cell f(z, u), such as Injected<...>");
  /// Whether the derivative is that of the steps which the solver took, not that of the equilibrium.
  static constexpr bool unrolled = std::is_same_v<Adjoint, Unrolled>;
  static_assert(
      unrolled || !basin::changes_with_step<C>,
      "Equilibrium: the cell is another map at each step, so it has no fixed point; take its mean field, or a "
      "random mask that stays the same, or go through steps of it by Unrolled");
  static_assert(FixedPointMethod<Solver>, "Equilibrium: the second argument must be a fixed-point method");
  static_assert(unrolled || AdjointMethod<Adjoint>, "Equilibrium: the third argument must be an adjoint method");
  static_assert(!unrolled || std::is_same_v<Solver, Picard>,
                "Unrolled differentiates Picard iteration: write Equilibrium<Cell, Picard, Unrolled>");
  /// Whether a linearization keeps the solver's estimate of (I - df/dz)^-1 of each sample, as Shine wants it.
  static constexpr bool keeps_inverses = detail::uses_inverse_of_solve<Adjoint>;
  static_assert(
      !keeps_inverses || HandsOutInverse<Solver>,
      "Equilibrium: Shine needs a solver that estimates the inverse: write Equilibrium<Cell, Broyden<>, Shine>");

  static constexpr int in_features = C::input_features;
  static constexpr int out_features = C::state_features;
  static constexpr std::size_t param_count = C::param_count;
  static constexpr bool changes_with_step = basin::changes_with_step<C>;

  C cell{};         ///< f, with its options
  Solver solver{};  ///< the fixed-point method that finds z (fixed_point/method.hpp)
  /// Solves begin at 0, so that by the defaults all u with |f(0, u)| up to 1e-6 give z = 0, as converged: where they
  /// are to be told apart, set absolute_tolerance. Under Unrolled there are no retries, as with max_retries = 0: a step
  /// made shorter is none that it differentiates; and with both tolerances 0 it makes all max_evaluations, whatever the
  /// residual does, returns the last state, and reports `approximated`; step k is context.step + k for a cell that is
  /// another map at each step, of noise or random masks, and such cells take nothing else. What is not finite ends it.
  Stop stop{};
  Adjoint adjoint{};  ///< how jvp, vjp and pullback solve for the derivative (adjoint/adjoint_method.hpp)
  /// States of the whole batch where apply and linearize begin, by number of sample; nothing: all begin at zero. A
  /// start decides how long a solve takes, and which equilibrium it finds where there are several; no gradient passes
  /// through it, under any adjoint.
  Starts start{};
  /// Takes the equilibria that apply and linearize find, but those of solves that end as non_finite. The same memory as
  /// `start`: a warm start, each solve from what the sample's last one found. Context::overwritten takes what was
  /// there. Not in an automaton, in its rule or its messages.
  Ends keep{};

  static void leaves(LeafList& list) { list.nested<C>("cell"); }

  [[nodiscard]] Shape out_shape(const Shape& u) const { return cell.state_shape(u); }

  /// What the cell was told when it was last evaluated, at the state that was returned.
  [[nodiscard]] Context at_end(Context context) const {
    if (changes_with_step) context.step += stop.max_evaluations - 1;
    return context;
  }

  /// What the cell prepares (core/layer.hpp).
  template <class S>
  using Prepared = detail::PreparedOf<C, S>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return detail::prepared_of<C, S>(cell, theta);
  }

  /// z = the equilibrium for u, on as many threads as parallel_for gives.
  /// Throws std::invalid_argument for shapes that do not fit, and options that make no sense.
  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context = {},
               IfPrepared<Prepared<S>> prepared = {}) const {
    if (!prepared) {
      const Prepared<S> made = prepare<S>(theta);
      return apply<S>(theta, u, z, context, made);
    }
    check_output<Equilibrium, S>("Equilibrium", *this, u, z);
    begin(z, context);
    return settle<S>(theta, u, z, *prepared, context);
  }

  /// The equilibria from z0, of the shape out_shape(u.shape()), and what each sample did; observers see every iterate
  /// (fixed_point/observers.hpp). `start`, `keep` and context.log have no part in it.
  template <class S, class... Observers>
  Solution<S> solve(const Parameters<Equilibrium, S>& theta, In<S> u, In<S> z0, Observers&&... observers) const {
    return solve<S>(theta.span(), u, z0, Context{}, observers...);
  }

  template <class S, class... Observers>
  requires(std::invocable<Observers&, const Iterate<S>&>&&...) Solution<S> solve(Theta<S, param_count> theta,
                                                                                 View<const S> u, In<S> z0,
                                                                                 Observers&&... observers)
  const { return solve<S>(theta, u, z0, Context{}, observers...); }

  template <class S, class... Observers>
  Solution<S> solve(Theta<S, param_count> theta, View<const S> u, In<S> z0, const Context& context,
                    Observers&&... observers) const {
    check_shape("Equilibrium", "the start", z0.shape(), out_shape(u.shape()));
    expect_same_options(u.samples());
    const Prepared<S> prepared = prepare<S>(theta);
    Solution<S> solution =
        basin::solve(Map<S>(*this, theta, prepared, u, context), z0, solver, stop_here(), observers...);
    tell_steps(solution.samples);
    mark_failures(solution.value.view(), std::span<const SampleResult>(solution.samples));
    return solution;
  }

  template <class S>
  class Linearization;

  /// Writes the equilibrium as apply does, and returns the derivative there. That refers to theta, u, z and
  /// context.log, and has its own copy of context.samples.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_output<Equilibrium, S>("Equilibrium", *this, u, z);
    return Linearization<S>(*this, theta, u, z, context, prepared.get());
  }

 private:
  template <class S>
  void begin(View<S> z, const Context& context) const {
    check(!keep || context.keeps, "Equilibrium: keep", "given",
          "none in an automaton, whose cells are computed more than once");
    expect_same_options(z.samples());
    z.vector().setZero();
    if (!start) return;
    for (Index n = 0; n < z.samples(); ++n) {
      z.sample(n).vector() = start.at<S>(context, n, z.shape().with_samples(1), "Equilibrium: start").vector();
    }
  }

  /// z from its start to the equilibrium. `inverses` takes what the solver knows of (I - J)^-1, a sample each, if it is
  /// not empty.
  template <class S>
  Report settle(std::span<const S, param_count> theta, View<const S> u, View<S> z, const Prepared<S>& prepared,
                const Context& context, [[maybe_unused]] std::span<InverseEstimate<S>> inverses = {}) const {
    const Index tile = samples_per_tile<S>(z.shape()), tiles = (z.samples() + tile - 1) / tile;
    std::vector<Inside> inside(static_cast<std::size_t>(tiles));
    std::vector<SampleResult> results(static_cast<std::size_t>(z.samples()));
    const auto settle_tile = [&](Index i) {
      const Index first = i * tile, count = std::min(tile, z.samples() - first);
      const Map<S> map(*this, theta, prepared, u.samples(first, count), context.from_sample(first),
                       &inside[static_cast<std::size_t>(i)]);
      const auto part = [&](auto all) {
        return all.subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
      };
      const auto solve_part = [&] {
        solve_tile(map, z.samples(first, count), solver, stop_here(), part(std::span(results)));
      };
      if constexpr (keeps_inverses) {
        if (inverses.empty()) {
          solve_part();
        } else {
          detail::solve_keeping_inverses(map, z.samples(first, count), solver, stop_here(), part(std::span(results)),
                                         part(inverses));
        }
      } else {
        solve_part();
      }
      map.log_solves_at(z.samples(first, count));
    };
    detail::for_tiles<detail::is_split<C>>(tiles, settle_tile);
    Inside sum;
    for (const Inside& one : inside) sum += one;
    tell_steps(results);
    finish<S>(z, results, context, sum);
    return sum.report;
  }

  /// One where samples are split, for parts may differ in size. Where what a cell prepares is too large for a cache,
  /// more samples read it together: `C::samples_together`, if the cell has that, or more.
  template <class S>
  [[nodiscard]] static Index samples_per_tile(const Shape& shape) {
    const Index tile = detail::is_split<C> ? 1 : detail::samples_per_tile<S>(shape);
    if constexpr (requires { C::samples_together; }) return std::max<Index>(tile, C::samples_together);
    return tile;
  }

  /// Processes that share samples take the same steps only with the same options.
  void expect_same_options([[maybe_unused]] Index samples) const {
    if constexpr (detail::is_split<C>) cell.expect_same_options(stop, samples);
  }

  /// One rule for apply, solve and linearize: all of them go through the same states.
  [[nodiscard]] Stop stop_here() const {
    if constexpr (changes_with_step) {
      check(takes_all_steps(), "Equilibrium: tolerance of Stop", std::max(stop.tolerance, stop.absolute()),
            "0, absolute_tolerance too: the cell is another map at each step, so that there is nothing to converge to");
    }
    Stop here = stop;
    if (unrolled) here.max_retries = 0;
    if (takes_all_steps()) here.returns_last = true;
    return here;
  }

  /// Who unrolls with both tolerances 0 asks for a number of steps, and where they lead, not for an equilibrium.
  [[nodiscard]] bool takes_all_steps() const { return unrolled && stop.tolerance == 0 && stop.absolute() == 0; }

  /// Then it is no failure that there is none.
  void tell_steps(std::span<SampleResult> results) const {
    if (!takes_all_steps()) return;
    for (SampleResult& result : results) {
      if (result.status == Status::max_iterations) result.status = Status::approximated;
    }
  }

  /// What solves inside the cell did: all of them, and those whose result is used one by one.
  struct Inside {
    Report report{};
    std::vector<SolveRecord> records{};

    Inside& operator+=(const Inside& other) {
      report += other.report;
      records.insert(records.end(), other.records.begin(), other.records.end());
      return *this;
    }
    void take(SolveLog& log) {
      records.insert(records.end(), log.records().begin(), log.records().end());
      log.clear();
    }
  };

  /// What follows a solve.
  template <class S>
  void finish(View<S> z, std::span<const SampleResult> results, const Context& context, Inside& inside) const {
    mark_failures(z, results);
    record(results, Pass::forward, context, inside);
    if (!keep) return;
    for (Index n = 0; n < z.samples(); ++n) {
      if (results[static_cast<std::size_t>(n)].status == Status::non_finite) continue;
      const View<S> kept = keep.at<S>(context, n, z.shape().with_samples(1), "Equilibrium: keep");
      if (context.overwritten != nullptr) context.overwritten->add(context.sample(n), kept);
      kept.vector() = z.sample(n).vector();
    }
  }

  /// NaN where f(z0) was not finite: nothing was measured.
  template <class S>
  static void mark_failures(View<S> z, std::span<const SampleResult> results) {
    for (Index n = 0; n < z.samples(); ++n) {
      const SampleResult& result = results[static_cast<std::size_t>(n)];
      if (result.status == Status::non_finite && !std::isfinite(result.residual)) {
        z.sample(n).vector().setConstant(std::numeric_limits<S>::quiet_NaN());
      }
    }
  }

  /// Adds this equilibrium's results to the report of what is inside, and logs them, and then what is inside.
  static void record(std::span<const SampleResult> results, Pass pass, const Context& context, Inside& inside) {
    SolveCounts& counts = pass == Pass::forward ? inside.report.forward : inside.report.adjoint;
    for (const SampleResult& result : results) counts.add(result);
    if (context.log == nullptr) return;
    std::vector<SolveRecord> records;
    for (const SampleResult& result : results) {
      records.push_back({context.sample(static_cast<Index>(records.size())), pass, result});
    }
    for (SolveRecord one : inside.records) {
      ++one.depth;
      records.push_back(one);
    }
    context.log->append(records);
  }

  template <class S>
  class Map;
};

}  // namespace basin

#include "basin/deq/equilibrium_linearization.hpp"
#include "basin/deq/equilibrium_map.hpp"
