#pragma once

// A rollout: an automaton run for a number of steps, as a layer z_0 -> z_T,
//
//   z_{t+1} = f_t(z_t),   t = 0 ... T - 1,
//
// where f_t differs from step to step only by its random mask and noise: it is the automaton at step context.step + t
// (core/context.hpp). So a rollout is one map wherever it stands, in the cell of an equilibrium too. Its gradient runs
// the steps backward. What is kept for that is chosen by the type Tape, one of core/tape.hpp: the inner values are
// those of the rule, and are computed anew block by block, while they are in cache.
//
// A loss that looks at more than z_T has pullback_along, which takes its gradients on the way.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <memory>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/tape.hpp"
#include "basin/nca/automaton.hpp"

namespace basin {

template <class A, class Tape = Recomputed>
struct Rollout {
  static_assert(A::input_features == 0, "Rollout: the automaton must not take an injection");
  static constexpr int in_features = A::state_features;
  static constexpr int out_features = A::state_features;
  static constexpr std::size_t param_count = A::param_count;

  A automaton{};     ///< whose steps they are
  Index steps = 64;  ///< T, 0 or more; with 0, z_T = z_0
  Tape tape{};       ///< what is kept for the way back (core/tape.hpp)

  static void leaves(LeafList& list) {
    if constexpr (param_count > 0) A::leaves(list);
  }

  [[nodiscard]] Shape out_shape(const Shape& z) const {
    check_features("Rollout", z.features, in_features);
    check_steps();
    return automaton.state_shape(z.with_features(0));
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> start, View<S> end, const Context& context = {}) const {
    return run<S>(
        theta, start, end, [](Index, View<const S>) {}, context);
  }

  /// The same; observe(t, z_t) sees every state, z_0 and z_T too.
  template <class S, class Observer>
  Report run(Theta<S, param_count> theta, In<S> start, View<S> end, Observer&& observe,
             const Context& context = {}) const {
    check_output<Rollout, S>("Rollout", *this, start, end);
    Scratch scratch;
    std::uint8_t* marks = scratch.take<std::uint8_t>(start.shape().cells());
    const View<S> other = scratch.state<S>(start.shape());
    observe(Index{0}, start);
    if (steps == 0) end.vector() = start.vector();
    Report report;
    detail::LogOfSteps log(context.log);
    View<const S> z = start;
    for (Index t = 0; t < steps; ++t) {
      const View<S> next = (steps - t) % 2 == 1 ? end : other;  // the last is `end`
      report +=
          automaton.template step<S>(theta, z, next, marks, context.at_step(context.step + t).with_log(log.of_step()));
      log.next();
      observe(t + 1, View<const S>(next));
      z = next;
    }
    log.finish();
    return report;
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> start, View<S> end, const Context& context = {}) const {
    check_output<Rollout, S>("Rollout", *this, start, end);
    return Linearization<S>(*this, theta, start, end, context);
  }

 private:
  void check_steps() const { check(steps >= 0, "Rollout: steps", steps, "0 or more"); }
};

/// Refers to theta and the first state; owns its tape, where it does not move.
template <class A, class Tape>
template <class S>
class Rollout<A, Tape>::Linearization {
  static constexpr bool checkpointed = std::same_as<Tape, Checkpointed>;
  static constexpr bool kept = std::same_as<Tape, Kept>;

 public:
  Linearization(const Rollout& rollout, std::span<const S, param_count> theta, View<const S> start, View<S> end,
                const Context& context)
      : rollout_(rollout),
        theta_(theta),
        start_(start),
        context_(with_own_samples(context, start.samples(), numbers_)),
        prepared_(std::make_unique<const Prepared>(rollout.automaton.prepare(theta))),
        tape_(start.shape()),
        checkpoints_(start.size()) {
    const Index count = rollout.steps;
    if constexpr (checkpointed) {
      const double root = std::sqrt(static_cast<double>(count));
      segment_ = rollout.tape.every > 0 ? rollout.tape.every : std::max<Index>(1, std::llround(root));
      checkpoints_.reserve(static_cast<std::size_t>(std::max<Index>(0, count - 1) / segment_));
      const auto keep = [&](Index t, View<const S> z) {
        if (t > 0 && t < count && t % segment_ == 0) std::copy_n(z.data(), z.size(), checkpoints_.append());
      };
      report_ = rollout_.template run<S>(theta, start, end, keep, context_);
    } else {
      segment_ = std::max<Index>(1, count);
      detail::LogOfSteps log(context.log);
      report_ = record(start, 0, count, tape_, log);
      log.finish();
      end.vector() = tape_.before(count).vector();
    }
  }

  /// What the solves of the forward pass did, if the rule solves anything.
  [[nodiscard]] Report report() const { return report_; }

  Report jvp(View<const S> t, View<S> out) const {
    check_jvp<S>("Rollout", start_.shape(), start_.shape(), t, out);
    Scratch scratch;
    View<S> now = scratch.state<S>(start_.shape()), next = scratch.state<S>(start_.shape());
    now.vector() = t.vector();
    Report report;
    detail::LogOfSteps log(context_.log);
    Segment again(start_.shape());
    for (Index first = 0; first < rollout_.steps; first += segment_) {
      const Index last = std::min(rollout_.steps, first + segment_);
      const Segment& segment = recorded(first, last, again);
      for (Index step = first; step < last; ++step) {
        with_step(segment, step - first,
                  [&](const auto& linear) { report += linear.jvp(View<const S>(now), next, log.of_step()); });
        log.next();
        std::swap(now, next);
      }
    }
    log.finish();
    out.vector() = now.vector();
    return report;
  }

  Report vjp(View<const S> w, View<S> dstart) const {
    check_vjp<S>("Rollout", start_.shape(), start_.shape(), w, dstart);
    return backward(w, dstart, nullptr, [](Index, View<const S>, View<S>) {});
  }

  Report pullback(View<const S> w, View<S> dstart, ThetaGradient<S, param_count> dtheta) const {
    return backward(w, dstart, dtheta.data(), [](Index, View<const S>, View<S>) {});
  }

  /// The same for a loss that looks at states on the way: add(t, z_t, w) is called for t = T - 1 ... 0 and adds to w
  /// the gradient of the loss in z_t. That of z_T is the argument w.
  template <class Add>
  Report pullback_along(View<const S> w, View<S> dstart, ThetaGradient<S, param_count> dtheta, const Add& add) const {
    return backward(w, dstart, dtheta.data(), add);
  }

 private:
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
  Report record(View<const S> z, Index first, Index last, Segment& segment, detail::LogOfSteps& log) const {
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
        segment.steps.push_back(
            rollout_.automaton.template linearize<S>(theta_, z, View<const S>{}, next, context, *prepared_));
        report += segment.steps.back().report();
        segment.steps.back().log_to(context_.log);
      } else {
        report += rollout_.automaton.template step<S>(theta_, z, next, segment.marks.append(), context);
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
      detail::LogOfSteps none(nullptr);
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
    } else {
      body(rollout_.automaton.template linearize_again<S>(theta_, segment.before(i), segment.marks[at],
                                                          at_step(segment.first + i), *prepared_));
    }
  }

  template <class Add>
  Report backward(View<const S> w, View<S> dstart, S* dtheta, const Add& add) const {
    check_pullback<S>("Rollout", start_.shape(), start_.shape(), w, dstart);
    Report report;
    detail::LogOfSteps log(context_.log);
    Scratch scratch;
    View<S> now = scratch.state<S>(start_.shape()), next = scratch.state<S>(start_.shape());
    now.vector() = w.vector();
    Segment again(start_.shape());
    for (Index last = rollout_.steps; last > 0;) {
      const Index first = (last - 1) / segment_ * segment_;
      const Segment& segment = recorded(first, last, again);
      for (Index t = last - 1; t >= first; --t) {
        with_step(segment, t - first, [&](const auto& linear) {
          report += dtheta == nullptr ? linear.vjp(View<const S>(now), next, log.of_step())
                                      : linear.pullback(View<const S>(now), next, View<S>{},
                                                        std::span<S, param_count>(dtheta, param_count), log.of_step());
        });
        log.next();
        add(t, segment.before(t - first), next);
        std::swap(now, next);
      }
      last = first;
    }
    log.finish();
    if (dstart) dstart.vector() = now.vector();
    return report;
  }

  Rollout rollout_;
  std::span<const S, param_count> theta_;
  View<const S> start_;
  std::vector<Index> numbers_{};  // what context_.samples points at, if at anything
  Context context_;
  std::unique_ptr<const Prepared> prepared_;  // the steps' linearizations refer to it
  Index segment_ = 1;                         // steps from one checkpoint to the next; without, all
  Segment tape_;                              // all steps, or
  ArrayList<S> checkpoints_;                  // states segment_, 2 segment_, ...
  Report report_{};
};

}  // namespace basin
