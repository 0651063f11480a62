#pragma once

// A rollout: an automaton run for a number of steps, as a layer z_0 -> z_T,
//
//   z_{t+1} = f_t(z_t),   t = 0 ... T - 1,
//
// where f_t differs from step to step only by its random mask. Its gradient runs the steps backward. What is kept for
// that is chosen by the type Tape; the gradients are equal to rounding:
//
//   Kept           every step's state and the rule's inner values       fastest backward, most memory
//   Recomputed     every step's state; inner values are computed anew, block by block, while they are in cache
//   Checkpointed   every k-th state; the steps between two are made again first     k + T / k states at a time
//                                                     (A. Griewank, A. Walther 2000; k = sqrt(T) after Chen et al.
//                                                     2016)
//
// A loss that looks at more than z_T has pullback_along, which takes its gradients on the way.

#include <algorithm>
#include <cmath>
#include <concepts>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/nca/automaton.hpp"

namespace basin {

struct Kept {};
struct Recomputed {};
struct Checkpointed {
  Index every = 0;  ///< steps from one kept state to the next; 0 for about the root of their number
};

template <class A, class Tape = Recomputed>
struct Rollout {
  static_assert(A::input_features == 0, "Rollout: the automaton must not take an injection");
  static constexpr int in_features = A::state_features;
  static constexpr int out_features = A::state_features;
  static constexpr std::size_t param_count = A::param_count;

  A automaton{};
  Index steps = 64;
  Tape tape{};

  static void leaves(LeafList& list) {
    if constexpr (param_count > 0) A::leaves(list);
  }

  /// The same for samples that begin at another number of their batch, on which random masks depend.
  [[nodiscard]] Rollout of_samples(Index first) const {
    Rollout same = *this;
    same.automaton.moment.first_sample += first;
    return same;
  }

  [[nodiscard]] Shape out_shape(const Shape& z) const {
    check_features("Rollout", z.features, in_features);
    check_steps();
    automaton.perception.check_shape(z);
    return z;
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> start, View<S> end) const {
    return apply<S>(theta, start, end, [](Index, View<const S>) {});
  }

  /// The same; observe(t, z_t) sees every state, z_0 and z_T too.
  template <class S, class Observer>
  Report apply(Theta<S, param_count> theta, In<S> start, View<S> end, Observer&& observe) const {
    check_steps();
    Scratch scratch;
    std::uint8_t* marks = scratch.take<std::uint8_t>(start.shape().cells());
    const View<S> other = scratch.state<S>(start.shape());
    observe(Index{0}, start);
    if (steps == 0) end.vector() = start.vector();
    Report report;
    View<const S> z = start;
    for (Index t = 0; t < steps; ++t) {
      const View<S> next = (steps - t) % 2 == 1 ? end : other;  // the last is `end`
      report += at(t).template step<S>(theta, z, next, marks);
      observe(t + 1, View<const S>(next));
      z = next;
    }
    return report;
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> start, View<S> end) const {
    return Linearization<S>(*this, theta, start, end);
  }

 private:
  void check_steps() const { check(steps >= 0, "Rollout: steps", steps, "0 or more"); }

  /// The automaton as it is at step t.
  [[nodiscard]] A at(Index t) const { return automaton.at({automaton.moment.step + t, automaton.moment.first_sample}); }
};

/// Refers to theta and the first state; owns its tape.
template <class A, class Tape>
template <class S>
class Rollout<A, Tape>::Linearization {
  static constexpr bool checkpointed = std::same_as<Tape, Checkpointed>;
  static constexpr bool kept = std::same_as<Tape, Kept>;

 public:
  Linearization(const Rollout& rollout, std::span<const S, param_count> theta, View<const S> start, View<S> end)
      : rollout_(rollout), theta_(theta), start_(start), prepared_(rollout.automaton.prepare(theta)) {
    rollout.check_steps();
    const Index count = rollout.steps;
    if constexpr (checkpointed) {
      every_ = rollout.tape.every > 0 ? rollout.tape.every
                                      : std::max<Index>(1, std::llround(std::sqrt(static_cast<double>(rollout.steps))));
      report_ += rollout_.template apply<S>(theta, start, end, [&](Index t, View<const S> z) {
        if (t > 0 && t < count && t % every_ == 0) checkpoints_.emplace_back(z.vector());
      });
    } else {
      record(start, 0, count);
      end.vector() = count == 0 ? start.vector() : View<const S>(states_.back().data(), start.shape()).vector();
    }
  }

  /// What the solves of the forward pass did, if the rule solves anything.
  [[nodiscard]] Report report() const { return report_; }

  Report jvp(View<const S> t, View<S> out) const {
    Report report;
    Vector<S> now = t.vector(), next(now.size());
    const Shape& shape = start_.shape();
    each_segment_forward([&](Index step, const auto& linear) {
      (void)step;
      report += linear.jvp(View<const S>(now.data(), shape), View<S>(next.data(), shape));
      now.swap(next);
    });
    out.vector() = now;
    return report;
  }

  Report vjp(View<const S> w, View<S> dstart) const {
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
  using Step = typename A::template Linearization<S>;

  /// Makes steps first ... last - 1 from z and keeps their states and marks, or their linearizations.
  void record(View<const S> z, Index first, Index last) const {
    const Shape& shape = start_.shape();
    const std::size_t count = static_cast<std::size_t>(last - first);
    states_.resize(count);
    if constexpr (!kept) marks_.resize(count);
    for (Index t = first; t < last; ++t) {
      const std::size_t i = static_cast<std::size_t>(t - first);
      states_[i].resize(shape.size());
      const View<S> next(states_[i].data(), shape);
      if constexpr (kept) {
        steps_.push_back(rollout_.at(t).template linearize<S>(theta_, z, View<const S>{}, next, prepared_));
        report_ += steps_.back().report();
      } else {
        marks_[i].resize(static_cast<std::size_t>(shape.cells()));
        const Report report = rollout_.at(t).template step<S>(theta_, z, next, marks_[i].data());
        if constexpr (!checkpointed) report_ += report;  // else it has been reported when the step was made first
      }
      z = next;
    }
  }

  /// The state before step t, of those recorded from step `first` on, which began at z.
  [[nodiscard]] View<const S> before(Index t, Index first, View<const S> z) const {
    return t == first ? z : View<const S>(states_[static_cast<std::size_t>(t - first - 1)].data(), z.shape());
  }

  [[nodiscard]] View<const S> checkpoint(Index i) const {
    return i == 0 ? start_ : View<const S>(checkpoints_[static_cast<std::size_t>(i - 1)].data(), start_.shape());
  }

  /// Calls body(t, linearization of step t) for the recorded steps.
  template <class Body>
  void with_step(Index t, Index first, View<const S> z, const Body& body) const {
    const std::size_t i = static_cast<std::size_t>(t - first);
    if constexpr (kept) {
      body(t, steps_[i]);
    } else {
      body(t, rollout_.at(t).template linearize_again<S>(theta_, before(t, first, z), marks_[i].data(), prepared_));
    }
  }

  template <class Body>
  void each_segment_forward(const Body& body) const {
    const Index count = rollout_.steps, segment = checkpointed ? every_ : std::max<Index>(1, count);
    for (Index first = 0; first < count; first += segment) {
      const Index last = std::min(count, first + segment);
      const View<const S> z = checkpointed ? checkpoint(first / segment) : start_;
      if constexpr (checkpointed) record(z, first, last);
      for (Index t = first; t < last; ++t) with_step(t, first, z, body);
    }
  }

  template <class Add>
  Report backward(View<const S> w, View<S> dstart, S* dtheta, const Add& add) const {
    const Shape& shape = start_.shape();
    const Index count = rollout_.steps, segment = checkpointed ? every_ : std::max<Index>(1, count);
    Report report;
    Scratch scratch;
    View<S> now = scratch.state<S>(shape), next = scratch.state<S>(shape);
    now.vector() = w.vector();
    for (Index first = (std::max<Index>(count, 1) - 1) / segment * segment; count > 0 && first >= 0; first -= segment) {
      const Index last = std::min(count, first + segment);
      const View<const S> z = checkpointed ? checkpoint(first / segment) : start_;
      if constexpr (checkpointed) record(z, first, last);
      for (Index t = last - 1; t >= first; --t) {
        with_step(t, first, z, [&](Index, const auto& linear) {
          report += dtheta == nullptr ? linear.vjp(View<const S>(now), next)
                                      : linear.pullback(View<const S>(now), next, View<S>{},
                                                        std::span<S, param_count>(dtheta, param_count));
        });
        add(t, before(t, first, z), next);
        std::swap(now, next);
      }
    }
    if (dstart) dstart.vector() = now.vector();
    return report;
  }

  Rollout rollout_;
  std::span<const S, param_count> theta_;
  View<const S> start_;
  typename A::template Prepared<S> prepared_;
  Index every_ = 0;
  std::vector<Vector<S>> checkpoints_;  // states every_, 2 every_, ...
  // What is recorded: of all steps, or of one segment at a time.
  mutable std::vector<Vector<S>> states_;
  mutable std::vector<std::vector<std::uint8_t>> marks_;
  mutable std::vector<Step> steps_;
  mutable Report report_;
};

}  // namespace basin
