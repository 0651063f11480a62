#pragma once

// The loss of a rollout at several of its steps and its gradient in theta:
//
//   L = sum over i of weight_i loss(z_{t_i}).
//
// Of a pyramid (nca/pyramid.hpp) these are steps of its finest level.
//
// Unless options say otherwise, samples are shared out to the threads one by one, and each runs forward and back on its
// own, so that no more than one sample's tape a thread is in memory. Their gradients are added in a fixed tree, as
// those of parts are in train/value_and_gradient.hpp: the result does not depend on the threads. For a loss at the last
// step alone, value_and_gradient with samples_per_part = 1 does the same.

#include <algorithm>
#include <string>
#include <type_traits>
#include <vector>

#include "basin/core/random.hpp"
#include "basin/train/value_and_gradient.hpp"

namespace basin {

/// A step (0 is the start, T the end) at which a loss looks, and how much that counts.
struct LossStep {
  Index step = 0;     ///< t_i, 0 to the rollout's number of steps
  double weight = 1;  ///< factor of the loss there
};

/// Every step from `first` to `last`, with weights that add up to 1.
[[nodiscard]] inline std::vector<LossStep> loss_along(Index first, Index last) {
  check(first >= 0 && first <= last, "first step of a loss", first, "0 to " + std::to_string(last));
  std::vector<LossStep> steps;
  for (Index t = first; t <= last; ++t) steps.push_back({t, 1.0 / static_cast<double>(last - first + 1)});
  return steps;
}

/// `count` steps drawn from `first` to `last`, with weights that add up to 1; the numbers of `random` from `index` on.
[[nodiscard]] inline std::vector<LossStep> loss_at_random(const Random& random, std::uint64_t index, Index count,
                                                          Index first, Index last) {
  check(first >= 0 && first <= last, "first step of a loss", first, "0 to " + std::to_string(last));
  check(count > 0, "number of steps of a loss", count, "at least 1");
  std::vector<LossStep> steps;
  for (Index i = 0; i < count; ++i) {
    const auto among = static_cast<std::uint64_t>(last - first + 1);
    steps.push_back({first + static_cast<Index>(random.below(index + static_cast<std::uint64_t>(i), among)),
                     1.0 / static_cast<double>(count)});
  }
  return steps;
}

namespace detail {

/// In place of u, where none is given.
struct NoInjection {};

/// The last step at which a loss may look at a rollout, or at the finest level of a pyramid.
template <class Rollout>
[[nodiscard]] Index last_step(const Rollout& rollout) {
  if constexpr (requires { rollout.levels; }) {
    return rollout.levels.back().steps;
  } else {
    return rollout.steps;
  }
}

/// The shape of the last state, where cells are told something.
template <class Rollout>
[[nodiscard]] Shape last_shape(const Rollout& rollout, const Shape& start) {
  if constexpr (requires { rollout.end_shape(start); }) {
    return rollout.end_shape(start);
  } else {
    return start;
  }
}

/// value_and_gradient_along, of a batch of which `start`, and u if it is given, are the samples that this process has.
template <class Processes, class Rollout, class Other, class S, class U, class Loss>
ValueAndGradient<Rollout, S> value_and_gradient_along_of(const Processes& processes, const Rollout& rollout,
                                                         const Parameters<Other, S>& theta, View<const S> start,
                                                         const U& u, const Loss& loss,
                                                         const std::vector<LossStep>& steps,
                                                         const GradientOptions& options) {
  constexpr bool told = requires { Rollout::input_features; };
  static_assert(
      told == !std::is_same_v<U, NoInjection>,
      "value_and_gradient_along: u must be given if the cells of the rollout are told something (Conditioned), "
      "and only then");
  const auto parameters = theta_of<Rollout>(theta);
  for (const LossStep& one : steps) {
    check(one.step >= 0 && one.step <= last_step(rollout), "step of a loss", one.step,
          "0 to the rollout's last, " + std::to_string(last_step(rollout)));
  }
  const Index samples = processes.samples(start.samples(), options.samples_per_part);
  const Index begin = first_sample_of(processes, samples, options.samples_per_part);
  ValueAndGradient<Rollout, S> sum;
  if constexpr (told) {
    check(u.samples() == start.samples(), "samples of the injection of a rollout", u.samples(), start.samples());
    sum.output = State<S>(last_shape(rollout, start.shape()).with_samples(samples));
  } else {
    sum.output = State<S>(rollout.out_shape(start.shape().with_samples(samples)));
  }
  run_batch(
      processes, options, sum,
      [&](Index first, Index count, View<S> end, const Context& context, std::span<S, Rollout::param_count> into) {
        Run all;
        const auto linear = [&] {
          const View<const S> from = start.samples(first - begin, count);
          if constexpr (told) {
            return rollout.linearize(parameters, from, u.samples(first - begin, count), end, context);
          } else {
            return rollout.linearize(parameters, from, end, context);
          }
        }();
        all.report += linear.report();
        Scratch scratch;
        const View<S> dz = scratch.state<S>(end.shape());
        // w += the gradient of the loss in z_t, as often as the loss looks there.
        const auto add = [&](Index t, View<const S> z, View<S> w) {
          for (const LossStep& one : steps) {
            if (one.step != t) continue;
            all.value += one.weight * loss.value_and_gradient(z, first, samples, dz);
            w.vector() += static_cast<S>(one.weight) * dz.vector();
          }
        };
        const View<S> w = scratch.state<S>(end.shape());
        w.vector().setZero();
        add(last_step(rollout), View<const S>(end), w);
        if constexpr (told) {
          all.report += linear.pullback_along(View<const S>(w), View<S>{}, View<S>{}, into, add);
        } else {
          all.report += linear.pullback_along(View<const S>(w), View<S>{}, into, add);
        }
        return all;
      });
  return sum;
}

}  // namespace detail

/// The rollout's last states are in the result's output. Throws std::invalid_argument for a step that the rollout does
/// not make, a start that it cannot take, and options out of range.
template <class Rollout, class Other, class S, class Loss>
ValueAndGradient<Rollout, S> value_and_gradient_along(const Rollout& rollout, const Parameters<Other, S>& theta,
                                                      std::type_identity_t<View<const S>> start, const Loss& loss,
                                                      const std::vector<LossStep>& steps,
                                                      const GradientOptions& options = {.samples_per_part = 1}) {
  return detail::value_and_gradient_along_of(detail::OneProcess{}, rollout, theta, start, detail::NoInjection{}, loss,
                                             steps, options);
}

/// The same of an automaton whose cells are told u (nca/conditioned.hpp), of as many samples as `start`.
template <class Rollout, class Other, class S, class Loss>
ValueAndGradient<Rollout, S> value_and_gradient_along(const Rollout& rollout, const Parameters<Other, S>& theta,
                                                      std::type_identity_t<View<const S>> start,
                                                      std::type_identity_t<View<const S>> u, const Loss& loss,
                                                      const std::vector<LossStep>& steps,
                                                      const GradientOptions& options = {.samples_per_part = 1}) {
  return detail::value_and_gradient_along_of(detail::OneProcess{}, rollout, theta, start, u, loss, steps, options);
}

}  // namespace basin
