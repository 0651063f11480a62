#pragma once

// The gradient of a rollout (nca/rollout.hpp), which runs its steps backward. What is kept for that is chosen by the
// type Tape, one of core/tape.hpp: the inner values are those of the rule, and are computed anew block by block, while
// they are in cache.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/tape.hpp"
#include "basin/nca/rollout_steps.hpp"

namespace basin::detail {

/// Refers to theta, the first state and u, which is without memory where cells are told nothing; owns its tape, where
/// it does not move.
template <class A, class Tape, class S>
class RolloutLinearization {
  static constexpr std::size_t param_count = A::param_count;
  static constexpr bool told = A::input_features > 0;
  static constexpr bool checkpointed = std::same_as<Tape, Checkpointed>;
  static constexpr bool kept = std::same_as<Tape, Kept>;

 public:
  RolloutLinearization(const A& automaton, Index steps, const Tape& tape, std::span<const S, param_count> theta,
                       View<const S> start, View<const S> u, View<S> end, const Context& context)
      : automaton_(automaton),
        steps_(steps),
        theta_(theta),
        start_(start),
        u_(u),
        context_(with_own_samples(context, start.samples(), numbers_)),
        prepared_(std::make_unique<const Prepared>(automaton.prepare(theta))),
        tape_(start.shape()),
        checkpoints_(start.size()) {
    const Index count = steps;
    if constexpr (checkpointed) {
      const double root = std::sqrt(static_cast<double>(count));
      segment_ = tape.every > 0 ? tape.every : std::max<Index>(1, std::llround(root));
      checkpoints_.reserve(static_cast<std::size_t>(std::max<Index>(0, count - 1) / segment_));
      const auto keep = [&](Index t, View<const S> z) {
        if (t > 0 && t < count && t % segment_ == 0) std::copy_n(z.data(), z.size(), checkpoints_.append());
      };
      report_ = run_steps<A, S>(automaton_, steps_, theta, start, u, end, keep, context_);
    } else {
      segment_ = std::max<Index>(1, count);
      LogOfSteps log(context.log);
      report_ = record(start, 0, count, tape_, log);
      log.finish();
      end.vector() = tape_.before(count).vector();
    }
  }

  /// What the solves of the forward pass did, if the rule solves anything.
  [[nodiscard]] Report report() const { return report_; }

  Report jvp(View<const S> t, View<S> out) const {
    check_jvp<S>("Rollout", start_.shape(), start_.shape(), t, out);
    return forward(t, View<const S>{}, out);
  }

  /// How the end changes along a change of what cells are told at all steps.
  Report jvp_input(View<const S> t, View<S> out) const requires told {
    check_shape("Rollout", "t of jvp_input", t.shape(), u_.shape());
    check_shape("Rollout", "out of jvp_input", out.shape(), start_.shape());
    return forward(View<const S>{}, t, out);
  }

  Report vjp(View<const S> w, View<S> dstart) const {
    check_vjp<S>("Rollout", start_.shape(), start_.shape(), w, dstart);
    return backward(w, dstart, {}, nullptr, nothing);
  }

  /// Both at once, of which either may be without memory: not wanted.
  Report vjp(View<const S> w, View<S> dstart, View<S> du) const requires told {
    return backward(w, dstart, du, nullptr, nothing);
  }

  Report vjp_input(View<const S> w, View<S> du) const requires told {
    check_shape("Rollout", "du of vjp_input", du.shape(), u_.shape());
    return backward(w, {}, du, nullptr, nothing);
  }

  Report pullback(View<const S> w, View<S> dstart, ThetaGradient<S, param_count> dtheta) const requires(!told) {
    return backward(w, dstart, {}, dtheta.data(), nothing);
  }
  Report pullback(View<const S> w, View<S> dstart, View<S> du,
                  ThetaGradient<S, param_count> dtheta) const requires told {
    return backward(w, dstart, du, dtheta.data(), nothing);
  }

  /// The same for a loss that looks at states on the way: add(t, z_t, w) is called for t = T - 1 ... 0 and adds to w
  /// the gradient of the loss in z_t. That of z_T is the argument w.
  template <class Add>
  Report pullback_along(View<const S> w, View<S> dstart, ThetaGradient<S, param_count> dtheta, const Add& add) const
      requires(!told) {
    return backward(w, dstart, {}, dtheta.data(), add);
  }
  template <class Add>
  Report pullback_along(View<const S> w, View<S> dstart, View<S> du, ThetaGradient<S, param_count> dtheta,
                        const Add& add) const requires told {
    return backward(w, dstart, du, dtheta.data(), add);
  }

 private:
  static constexpr auto nothing = [](Index, View<const S>, View<S>) {};

  using Prepared = typename A::template Prepared<S>;
  using Step = typename A::template Linearization<S>;

  /// Steps first, first + 1, ... from z.
  struct Segment {
    View<const S> start{};
    Index first = 0;
    ArrayList<S> states;            // after each of them
    ArrayList<std::uint8_t> marks;  // of each, or
    std::vector<Step> steps{};      // its linearization

    explicit Segment(const Shape& shape) : states(shape.size()), marks(shape.cells()) {}

    [[nodiscard]] View<const S> before(Index i) const {
      return i == 0 ? start : View<const S>(states[static_cast<std::size_t>(i - 1)], start.shape());
    }
  };

  [[nodiscard]] Context at_step(Index t) const { return context_.at_step(context_.step + t); }

  /// Makes steps first ... last - 1 from z into a segment, whose memory may have held another.
  Report record(View<const S> z, Index first, Index last, Segment& segment, LogOfSteps& log) const {
    const Shape& shape = start_.shape();
    const std::size_t count = static_cast<std::size_t>(last - first);
    segment.start = z;
    segment.first = first;
    segment.states.clear();
    segment.states.reserve(count);
    segment.marks.clear();
    if constexpr (!kept) segment.marks.reserve(count);
    Report report;
    for (std::size_t i = 0; i < count; ++i) {
      const Context context = at_step(first + static_cast<Index>(i)).with_log(log.of_step());
      const View<S> next(segment.states.append(), shape);
      if constexpr (kept) {
        segment.steps.push_back(automaton_.template linearize<S>(theta_, z, u_, next, context, *prepared_));
        report += segment.steps.back().report();
        segment.steps.back().log_to(context_.log);
      } else {
        report += step_of<S>(automaton_, theta_, z, u_, next, segment.marks.append(), context);
      }
      log.next();
      z = next;
    }
    return report;
  }

  /// The segment of steps first ... last - 1: the tape, or made `again` from its checkpoint, in the caller's memory.
  /// Its solves have been reported when it was made first.
  const Segment& recorded(Index first, Index last, Segment& again) const {
    if constexpr (checkpointed) {
      const std::size_t i = static_cast<std::size_t>(first / segment_);
      const View<const S> z = i == 0 ? start_ : View<const S>(checkpoints_[i - 1], start_.shape());
      LogOfSteps none(nullptr);
      static_cast<void>(record(z, first, last, again, none));
      return again;
    } else {
      return tape_;
    }
  }

  /// Calls body(linearization of step i of a segment).
  template <class Body>
  void with_step(const Segment& segment, Index i, const Body& body) const {
    const std::size_t at = static_cast<std::size_t>(i);
    if constexpr (kept) {
      body(segment.steps[at]);
    } else if constexpr (told) {
      body(automaton_.template linearize_again<S>(theta_, segment.before(i), u_, segment.marks[at],
                                                  at_step(segment.first + i), *prepared_));
    } else {
      body(automaton_.template linearize_again<S>(theta_, segment.before(i), segment.marks[at],
                                                  at_step(segment.first + i), *prepared_));
    }
  }

  /// out = the derivative along t and tu, one of which may be without memory, and is then zero.
  Report forward(View<const S> t, View<const S> tu, View<S> out) const {
    Scratch scratch;
    View<S> now = scratch.state<S>(start_.shape()), next = scratch.state<S>(start_.shape());
    const View<S> of_u = tu ? scratch.state<S>(start_.shape()) : View<S>{};
    if (t) {
      now.vector() = t.vector();
    } else {
      now.vector().setZero();
    }
    Report report;
    LogOfSteps log(context_.log);
    Segment again(start_.shape());
    for (Index first = 0; first < steps_; first += segment_) {
      const Index last = std::min(steps_, first + segment_);
      const Segment& segment = recorded(first, last, again);
      for (Index step = first; step < last; ++step) {
        with_step(segment, step - first, [&](const auto& linear) {
          report += linear.jvp(View<const S>(now), next, log.of_step());
          if constexpr (told) {
            if (!tu) return;
            log.next();
            report += linear.jvp_input(tu, of_u, log.of_step());
            next.vector() += of_u.vector();
          }
        });
        log.next();
        std::swap(now, next);
      }
    }
    log.finish();
    out.vector() = now.vector();
    return report;
  }

  /// dstart and du are overwritten, if they have memory; dtheta is added to, unless it is null.
  template <class Add>
  Report backward(View<const S> w, View<S> dstart, View<S> du, S* dtheta, const Add& add) const {
    check_pullback<S>("Rollout", start_.shape(), start_.shape(), w, dstart);
    if (du) check_shape("Rollout", "du", du.shape(), u_.shape());
    Report report;
    LogOfSteps log(context_.log);
    Scratch scratch;
    View<S> now = scratch.state<S>(start_.shape()), next = scratch.state<S>(start_.shape());
    const View<S> of_step = du ? scratch.state<S>(du.shape()) : View<S>{};
    now.vector() = w.vector();
    if (du) du.vector().setZero();
    Segment again(start_.shape());
    for (Index last = steps_; last > 0;) {
      const Index first = (last - 1) / segment_ * segment_;
      const Segment& segment = recorded(first, last, again);
      for (Index t = last - 1; t >= first; --t) {
        with_step(segment, t - first, [&](const auto& linear) {
          const View<const S> of_next(now);
          if (dtheta != nullptr) {
            const std::span<S, param_count> into(dtheta, param_count);
            report += linear.pullback(of_next, next, of_step, into, log.of_step());
          } else if constexpr (told) {
            report += linear.vjp(of_next, next, of_step, log.of_step());
          } else {
            report += linear.vjp(of_next, next, log.of_step());
          }
        });
        log.next();
        if (du) du.vector() += of_step.vector();
        add(t, segment.before(t - first), next);
        std::swap(now, next);
      }
      last = first;
    }
    log.finish();
    if (dstart) dstart.vector() = now.vector();
    return report;
  }

  A automaton_;
  Index steps_;
  std::span<const S, param_count> theta_;
  View<const S> start_, u_;
  std::vector<Index> numbers_{};  // what context_.samples points at, if at anything
  Context context_;
  std::unique_ptr<const Prepared> prepared_;  // the steps' linearizations refer to it
  Index segment_ = 1;                         // steps from one checkpoint to the next; without, all
  Segment tape_;                              // all steps, or
  ArrayList<S> checkpoints_;                  // states segment_, 2 segment_, ...
  Report report_{};
};

}  // namespace basin::detail
