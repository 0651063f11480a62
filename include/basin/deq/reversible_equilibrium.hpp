#pragma once

// A number of steps towards an equilibrium that can be undone, as a layer: two relaxed states take turns,
//
//   y_{n+1} = (1 - beta) y_n + beta f(z_n, u),     z_{n+1} = (1 - beta) z_n + beta f(y_{n+1}, u),     y_0 = z_0 = 0,
//
// both of which settle at z = f(z, u); the layer's value is z_T. Each step is undone by algebra,
//
//   z_n = (z_{n+1} - beta f(y_{n+1}, u)) / (1 - beta),     y_n = (y_{n+1} - beta f(z_n, u)) / (1 - beta),
//
// so that the way back finds the states again, last first, and keeps none of them: the gradient is the exact one of the
// T steps, and its memory that of the two states, whatever T. With a and b the gradients in y_{n+1} and z_{n+1},
//
//   a <- a + beta J(y_{n+1})^T b,   b <- (1 - beta) b;      b <- b + beta J(z_n)^T a,   a <- (1 - beta) a
//
// and du, dtheta likewise, at the points that undo the step: each is linearized once, and its value serves both.
//
// S. McCallum, K. Arora, J. Foster, "Reversible deep equilibrium models", 2025, arXiv:2509.12917; the coupling of two
// states: S. McCallum, J. Foster, "Efficient, accurate and stable gradients for neural ODEs", 2024, arXiv:2410.11648.
//
// Rounding. To undo a step multiplies errors by 1 / |1 - beta| or more, so that beta near 1, or many steps, lose the
// states (docs/adjoints.md has figures). Therefore
//   - y and z are double for float cells too, whose f then sees the same float again,
//   - linearize computes its states by linearizations of the cell, as the way back does: apply may round otherwise,
//   - `anchors` pairs of states, evenly spread, may be kept, however many steps there are: there the way back begins
//     anew,
//   - and it measures, at each of them and at 0, how far off it came. That is the residual of its report: the largest
//     |(y, z) - anchor| / |(y_T, z_T)| or 1, if that is less, times what was left of the gradient, |(a, b)| / |w|, at
//     the anchor before. Above `max_drift` the way back is diverged. A sample whose states are a thousand times as long
//     as (y_T, z_T) goes no farther: its gradient is that of the steps until then.
//
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/parallel.hpp"
#include "basin/core/scratch.hpp"
#include "basin/fixed_point/solve.hpp"

namespace basin {

template <class C>
struct ReversibleEquilibrium {
  static_assert(Cell<C>, "ReversibleEquilibrium: the argument must be a cell f(z, u), such as Injected<...>");
  static_assert(!detail::is_split<C>, "ReversibleEquilibrium: the samples of a cell over processes are split");
  static_assert(!changes_with_step<C>,
                "ReversibleEquilibrium: the cell is another map at each step, so it has no fixed point");
  static constexpr int in_features = C::input_features;
  static constexpr int out_features = C::state_features;
  static constexpr std::size_t param_count = C::param_count;

  C cell{};           ///< f, with its options
  int steps = 12;     ///< T, at least 1; two evaluations of the cell each
  double beta = 0.5;  ///< between 0 and 2, but not 1; see above
  double tolerance =
      1e-3;  ///< a sample with |f(z) - z| <= tolerance |f(z)| is reported as converged, else approximated
  double max_drift = 1e-3;  ///< of the states that were found again; see above
  int anchors = 0;          ///< pairs of states that are kept; see above

  static void leaves(LeafList& list) { list.nested<C>("cell"); }

  [[nodiscard]] Shape out_shape(const Shape& u) const {
    check(steps >= 1, "ReversibleEquilibrium: steps", steps, "1 or more");
    check(beta > 0 && beta < 2 && beta != 1, "ReversibleEquilibrium: beta", beta,
          "a number between 0 and 2, but not 1");
    check(anchors >= 0, "ReversibleEquilibrium: anchors", anchors, "0 or more");
    return cell.state_shape(u);
  }

  /// z = z_T for u, on as many threads as parallel_for gives, by 2 T + 1 evaluations: the last measures |f(z) - z|. No
  /// status is a failure but non_finite, where z is NaN. Throws std::invalid_argument for shapes that do not fit, and
  /// options that make no sense.
  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context = {}) const {
    check_output<ReversibleEquilibrium, S>("ReversibleEquilibrium", *this, u, z);
    const auto prepared = detail::prepared_of<C, S>(cell, std::span<const S, param_count>(theta));
    return forward<S>(
        u, z, context,
        [&](const Context& here, View<const S> at, View<const S> u_tile, View<S> f) {
          return detail::apply_with<C, S>(cell, theta, &prepared, here, at, u_tile, f);
        },
        [](int, Index, View<double>, View<double>) {});
  }

  template <class S>
  class Linearization;

  /// Also keeps context.log, and its own copy of context.samples.
  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> u, View<S> z, const Context& context = {}) const {
    check_output<ReversibleEquilibrium, S>("ReversibleEquilibrium", *this, u, z);
    return Linearization<S>(*this, theta, u, z, context);
  }

 private:
  /// Calls body(first sample, count) for each tile.
  template <class S, class Body>
  static void each_tile(const Shape& shape, const Body& body) {
    const Index tile = detail::samples_per_tile<S>(shape);
    parallel_for((shape.samples + tile - 1) / tile,
                 [&](Index i) { body(i * tile, std::min(tile, shape.samples - i * tile)); });
  }

  /// `to` <- (1 - beta) to + beta f.
  template <class S>
  void step(View<double> to, View<const S> f) const {
    to.vector() = (1 - beta) * to.vector() + beta * f.vector().template cast<double>();
  }
  /// What `to` was before.
  template <class S>
  void undo(View<double> to, View<const S> f) const {
    to.vector() = (to.vector() - beta * f.vector().template cast<double>()) / (1 - beta);
  }

  /// The step after which anchor k stands, k = 1 ... anchors; that of number anchors + 1 is the last.
  [[nodiscard]] int anchor_step(int k) const {
    return static_cast<int>(static_cast<std::int64_t>(k) * steps / (static_cast<std::int64_t>(anchors) + 1));
  }

  /// All steps of a tile from y = z = 0: to_y(z, f) and to_z(y, f) write f at the state that they are given, in S;
  /// then after(n) is called for n = 1 ... T.
  template <class S, class ToY, class ToZ, class After>
  void run(View<double> y, View<double> z, const ToY& to_y, const ToZ& to_z, const After& after) const {
    Scratch scratch;
    const View<S> at = scratch.state<S>(z.shape()), f = scratch.state<S>(z.shape());
    y.vector().setZero();
    z.vector().setZero();
    for (int n = 0; n < steps; ++n) {
      at.vector() = z.vector().template cast<S>();
      to_y(View<const S>(at), f);
      step<S>(y, f);
      at.vector() = y.vector().template cast<S>();
      to_z(View<const S>(at), f);
      step<S>(z, f);
      after(n + 1);
    }
  }

  /// z_T. keep(k, first sample, y, z) takes the states of a tile at anchor k. evaluate(context, z, u, f) -> Report.
  template <class S, class Evaluate, class Keep>
  Report forward(View<const S> u, View<S> z, const Context& context, const Evaluate& evaluate, const Keep& keep) const {
    std::vector<SampleResult> results(static_cast<std::size_t>(z.samples()));
    std::vector<Report> inside(results.size());  // of the tile that begins with a sample
    detail::WorstRecords worst;
    each_tile<S>(z.shape(), [&](Index first, Index count) {
      const Shape shape = z.shape().with_samples(count);
      Scratch scratch;
      const View<double> y_tile = scratch.state<double>(shape), z_tile = scratch.state<double>(shape);
      SolveLog log;
      const Context here = context.from_sample(first).with_log(context.log != nullptr ? &log : nullptr);
      const auto noted = [&](View<const S> at, View<S> f) {
        inside[static_cast<std::size_t>(first)] += evaluate(here, at, u.samples(first, count), f);
        worst.take(log);
      };
      run<S>(y_tile, z_tile, noted, noted, [&](int n) {
        for (int k = 1; k <= anchors + 1; ++k) {
          if (anchor_step(k) == n) keep(k, first, y_tile, z_tile);
        }
      });
      const View<S> value = z.samples(first, count), f = scratch.state<S>(shape);
      value.vector() = z_tile.vector().template cast<S>();
      noted(View<const S>(value), f);
      for (Index i = 0; i < count; ++i) {
        const ResidualNorms norms =
            detail::residual_norms<S>(value.sample(i).data(), f.sample(i).data(), shape.sample_size());
        SampleResult& result = results[static_cast<std::size_t>(first + i)];
        result = {.status = Status::approximated, .iterations = steps, .evaluations = 2 * steps + 1};
        result.residual = norms.residual == 0 ? 0 : norms.residual / norms.value;
        if (result.residual <= tolerance) result.status = Status::converged;
        if (norms.finite()) continue;
        result.status = Status::non_finite;
        result.residual = std::numeric_limits<double>::infinity();
        value.sample(i).vector().setConstant(std::numeric_limits<S>::quiet_NaN());
      }
    });
    Report report;
    for (const Report& one : inside) report += one;
    record(results, Pass::forward, context, worst, report);
    return report;
  }

  /// Adds what samples did to a report, and logs it, and then what is inside.
  static void record(std::span<const SampleResult> results, Pass pass, const Context& context,
                     const detail::WorstRecords& inside, Report& report) {
    std::vector<SolveRecord> records;
    for (const SampleResult& result : results) {
      (pass == Pass::forward ? report.forward : report.adjoint).add(result);
      records.push_back({context.sample(static_cast<Index>(records.size())), pass, result});
    }
    if (context.log == nullptr) return;
    context.log->append(records);
    inside.hand_on(context.log, 1);
  }
};

}  // namespace basin

#include "basin/deq/reversible_linearization.hpp"
