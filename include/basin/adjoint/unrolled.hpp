#pragma once

// The gradient through the iteration itself: z_{k+1} = z_k + beta (f(z_k, u) - z_k), differentiated step by step back
// to the start, which is a constant,
//
//   w_k = (1 - beta) w_{k+1} + beta J_k^T w_{k+1},    du += beta (df/du)_k^T w_{k+1},    dtheta likewise.
//
// It is the exact gradient of what Picard iteration computed, and the reference that the implicit gradient is compared
// with. Differentiates Picard only, because the steps of accelerated methods depend on all that came before. What is
// kept of T steps is chosen (core/tape.hpp), and the gradients are equal to rounding:
//
//                  memory                            evaluations and linearizations for the way back
//   Recomputed     T states                          T: each step is linearized again
//   Kept           2 T states and inner values       none
//   Checkpointed   about 2 sqrt(T) to 3 sqrt(T)      2 T: and is evaluated again before
//
// How many steps a solve takes is not known before, so that its checkpoints are thinned as it goes: where there are
// more of them than two times the steps from one to the next, every other is dropped (as P. Stumm, A. Walther 2010,
// SIAM J. Sci. Comput. 32(2), do, by simpler rule). After a solve that failed, where the state returned is not the last
// one, the steps up to it are made once more, but by Recomputed.
//
// last_steps = k cuts the way back off: w goes through the last k steps only (R. J. Williams, J. Peng 1990, Neural
// Computation 2(4)), and k + 1 states are kept (Checkpointed: as before). That is no exact gradient, but of the steps
// that it went through: approximated, with the residual below.
//
// What reaches the start, w_0, is dropped with it. After a solve that has converged that must be little, |w_0| <=
// tolerance |w_T| with the tolerance of the solve, or the gradient is not that of the equilibrium: a start that is the
// equilibrium already takes no step at all, and a good one few. Then the iteration is taken to have been there before:
// the same steps go on at the equilibrium z_T, with its Jacobian, until w_0 is as small as that, or as many steps as
// the solve may make evaluations have been gone through. A solve that did not converge is differentiated as it is,
// through one step at least. So no gradient is zero because the iteration was short. The reports count each sample,
// with the residual |w_0| / |w_T|: it is that of (I - J^T) w = w_T where J does not change on the way. diverged: |w_0|
// exceeded a thousand times |w_T| at the equilibrium.

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <variant>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/tape.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

struct Unrolled {
  std::variant<Recomputed, Kept, Checkpointed> tape{};  ///< what is kept of the steps (core/tape.hpp)
  int last_steps = 0;                                   ///< 0: all
};

namespace detail {

/// Where the states z_begin ... z_T of one sample stand in a list.
struct KeptStates {
  std::size_t first = 0;    ///< in the list
  std::size_t begin = 0;    ///< number of the first state that is there
  std::size_t last = 0;     ///< T
  std::size_t spacing = 1;  ///< every so many states
  std::size_t ring = 0;     ///< places of a ring; 0: the states stand in their order
  bool settled = false;     ///< the solve has converged

  [[nodiscard]] std::size_t place(std::size_t k) const { return first + (ring > 0 ? k % ring : k / spacing); }
};

template <class S, Cell<S> C>
using CellLinearization =
    decltype(linearize_with<C, S>(std::declval<const C&>(), std::declval<std::span<const S, C::param_count>>(), nullptr,
                                  std::declval<const Context&>(), View<const S>{}, View<const S>{}, View<S>{}));

/// The steps of one sample.
template <class S, Cell<S> C>
struct Steps {
  const C& cell;
  std::span<const S, C::param_count> theta;
  const PreparedOf<C, S>& prepared;
  View<const S> u;
  Context context;
  const KeptStates& kept;
  const ArrayList<S>& states;
  const std::deque<CellLinearization<S, C>>* linears;  // of the steps from kept.begin on; null: none are kept
  const Picard& solver;
  double tolerance;  // of the solve
  int most;          // steps
  bool truncated;    // to so many

  static constexpr double most_growth = 1e3;

  /// The first of the steps that are gone through.
  [[nodiscard]] std::size_t first() const {
    const std::size_t all = truncated ? static_cast<std::size_t>(most) : kept.last;
    return std::max(kept.begin, kept.last - std::min(kept.last, all));
  }
  [[nodiscard]] std::size_t recorded() const { return kept.last - first(); }

  /// States from one that was kept on, in scratch memory.
  class Segment {
   public:
    Segment(const Steps& steps, const Shape& shape, Scratch& scratch) : steps_(steps), shape_(shape) {
      if (steps.kept.spacing == 1) return;
      made_ = scratch.take<S>(static_cast<Index>(steps.kept.spacing) * shape.size());
      value_ = scratch.state<S>(shape);
    }

    /// z_k
    [[nodiscard]] View<const S> state(std::size_t k) {
      const std::size_t spacing = steps_.kept.spacing;
      if (spacing == 1) return {steps_.states[steps_.kept.place(k)], shape_};
      if (k / spacing != number_ || k % spacing >= count_) make(k / spacing, k % spacing + 1);
      return at(k % spacing);
    }

   private:
    [[nodiscard]] View<S> at(std::size_t i) const { return {made_ + static_cast<Index>(i) * shape_.size(), shape_}; }
    void make(std::size_t number, std::size_t count) {
      number_ = number;
      count_ = count;
      at(0).vector() = View<const S>(steps_.states[steps_.kept.first + number], shape_).vector();
      Picard::Memory<S> memory;
      for (std::size_t i = 1; i < count; ++i) {
        const Context here = steps_.context_of(number * steps_.kept.spacing + i - 1).with_log(nullptr);
        static_cast<void>(apply_with<C, S>(steps_.cell, steps_.theta, &steps_.prepared, here, View<const S>(at(i - 1)),
                                           steps_.u, value_));
        at(i).vector() = at(i - 1).vector();
        steps_.solver.step(memory, span_of(at(i)), span_of(View<const S>(value_)));
      }
    }

    const Steps& steps_;
    Shape shape_;
    S* made_ = nullptr;
    View<S> value_{};
    std::size_t number_ = 0, count_ = 0;
  };

  /// Calls body(linearization of the step from z_k); value is scratch memory.
  template <class Body>
  void at_step(std::size_t k, Segment& segment, View<S> value, const Body& body) const {
    if (linears != nullptr) return body((*linears)[k - kept.begin]);
    body(linearize_with<C, S>(cell, theta, &prepared, context_of(k), segment.state(k), u, value));
  }

  /// Of the step from z_k: only a cell that changes with the step asks which it is.
  [[nodiscard]] Context context_of(std::size_t k) const {
    Context here = context;
    if (changes_with_step<C>) here.step += static_cast<std::int64_t>(k);
    return here;
  }

  /// The w of each step, from the last to the first, beta w, goes to pull(linearization, beta w, dz, du of the step).
  template <class Pull>
  SampleResult back(View<const S> w, View<S> du, const Pull& pull) const {
    Scratch scratch;
    const Shape& shape = w.shape();
    const Extent size = extent_of(cell, shape);
    const S beta = static_cast<S>(solver.damping);
    Segment segment(*this, shape, scratch);
    const View<S> gradient = scratch.state<S>(shape), step = scratch.state<S>(shape), dz = scratch.state<S>(shape);
    const View<S> value = scratch.state<S>(shape), du_step = scratch.state<S>(u.shape());
    const double start = norm(w.data(), size);
    double left = start;
    SampleResult result;
    gradient.vector() = w.vector();
    if (du) du.vector().setZero();
    const auto one = [&](const auto& linear) {
      step.vector() = beta * gradient.vector();
      pull(linear, View<const S>(step), dz, du_step);
      if (du) du.vector() += du_step.vector();
      gradient.vector() += dz.vector() - step.vector();
      ++result.iterations;
    };
    const auto measure = [&] { left = norm(gradient.data(), size); };
    for (std::size_t k = kept.last; k-- > first();) at_step(k, segment, value, one);
    measure();
    const auto goes_on = [&] { return kept.settled && left > tolerance * start && result.iterations < most; };
    if (recorded() == 0 || goes_on()) {
      at_step(kept.last, segment, value, [&](const auto& linear) {
        do {
          one(linear);
          measure();
        } while (goes_on() && left <= most_growth * start);
      });
    }
    if (!std::isfinite(left) && du) du.vector().setConstant(std::numeric_limits<S>::quiet_NaN());
    return ended(result, left, start);
  }

  /// out = the tangent of z_T for a tangent t of u. Calls on steps are made by noted(call).
  template <class Noted>
  SampleResult forward(View<const S> t, View<S> out, const Noted& noted) const {
    Scratch scratch;
    const Shape& shape = out.shape();
    const Extent size = extent_of(cell, shape);
    const S beta = static_cast<S>(solver.damping);
    Segment segment(*this, shape, scratch);
    const View<S> value = scratch.state<S>(shape), through = scratch.state<S>(shape), from_u = scratch.state<S>(shape);
    double change = 0, first_change = 0;
    SampleResult result;
    const auto one = [&](const auto& linear) {
      noted([&] { return linear.jvp(View<const S>(out), through); });
      noted([&] { return linear.jvp_input(t, from_u); });
      through.vector() += from_u.vector() - out.vector();
      out.vector() += beta * through.vector();
      change = static_cast<double>(beta) * norm(through.data(), size);
      if (result.iterations++ == 0) first_change = change;
    };
    const auto through_all = [&] {
      for (std::size_t k = first(); k < kept.last; ++k) at_step(k, segment, value, one);
    };
    const auto goes_on = [&] {
      return kept.settled && change > tolerance * norm(out.data(), size) &&
             result.iterations + static_cast<int>(recorded()) < most;
    };
    out.vector().setZero();
    through_all();
    const bool falls_short = kept.settled && change > tolerance * norm(out.data(), size);
    if (recorded() == 0 || (falls_short && static_cast<int>(recorded()) < most)) {
      // The steps at the equilibrium come before the others, as they come after them on the way back.
      out.vector().setZero();
      result.iterations = 0;
      at_step(kept.last, segment, value, [&](const auto& linear) {
        do {
          one(linear);
        } while (goes_on() && change <= most_growth * first_change);
      });
      through_all();
    }
    return ended(result, change, norm(out.data(), size));
  }

 private:
  [[nodiscard]] SampleResult ended(SampleResult result, double left, double scale) const {
    result.evaluations = result.iterations;
    result.residual = left == 0 ? 0 : left / scale;
    result.status = !std::isfinite(result.residual)                 ? Status::non_finite
                    : result.residual <= tolerance                  ? Status::converged
                    : kept.settled && result.residual > most_growth ? Status::diverged
                    : tolerance == 0 || truncated ? Status::approximated  // so many steps were asked for
                                                  : Status::max_iterations;
    return result;
  }
};

}  // namespace detail

}  // namespace basin
