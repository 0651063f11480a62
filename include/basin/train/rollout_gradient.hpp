#pragma once

// The loss of a rollout at several of its steps and its gradient in theta:
//
//   L = sum over i of weight_i loss(z_{t_i}).
//
// Samples are shared out to the threads one by one, and each runs forward and back on its own, so that no more than one
// sample's tape a thread is in memory. Their gradients are added in order: the result does not depend on the threads.
// For a loss at the last step alone, value_and_gradient with samples_per_part = 1 does the same.

#include <algorithm>
#include <vector>

#include "basin/core/random.hpp"
#include "basin/train/value_and_gradient.hpp"

namespace basin {

/// A step (0 is the start, T the end) at which a loss looks, and how much that counts.
struct LossStep {
  Index step = 0;
  double weight = 1;
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

/// The rollout's last states are in the result's output. Throws std::invalid_argument for a step that the rollout does
/// not make.
template <class Rollout, class Other, class S, class Loss>
ValueAndGradient<Rollout, S> value_and_gradient_along(const Rollout& rollout, const Parameters<Other, S>& theta,
                                                      std::type_identity_t<View<const S>> start, const Loss& loss,
                                                      const std::vector<LossStep>& steps) {
  const auto parameters = theta_of<Rollout>(theta);
  for (const LossStep& one : steps) {
    check(one.step >= 0 && one.step <= rollout.steps, "step of a loss", one.step,
          "0 to the rollout's last, " + std::to_string(rollout.steps));
  }
  const Index batch = start.samples();
  ValueAndGradient<Rollout, S> sum;
  sum.output = State<S>(rollout.out_shape(start.shape()));
  struct Part {
    double value = 0;
    Parameters<Rollout, S> gradient;
    Report report;
  };
  std::vector<Part> parts(static_cast<std::size_t>(batch));
  parallel_for(batch, [&](Index n) {
    Part& mine = parts[static_cast<std::size_t>(n)];
    const View<S> end = sum.output.view().sample(n);
    const auto linear = rollout.linearize(parameters, start.sample(n), end, Context{.first_sample = n});
    mine.report += linear.report();
    Scratch scratch;
    const View<S> dz = scratch.state<S>(end.shape());
    // w += the gradient of the loss in z_t, as often as the loss looks there.
    const auto add = [&](Index t, View<const S> z, View<S> w) {
      for (const LossStep& one : steps) {
        if (one.step != t) continue;
        mine.value += one.weight * loss.value_and_gradient(z, n, batch, dz);
        w.vector() += static_cast<S>(one.weight) * dz.vector();
      }
    };
    const View<S> w = scratch.state<S>(end.shape());
    w.vector().setZero();
    add(rollout.steps, View<const S>(end), w);
    mine.report += linear.pullback_along(View<const S>(w), View<S>{}, mine.gradient.span(), add);
  });
  for (const Part& one : parts) {
    sum.value += one.value;
    sum.gradient.vector() += one.gradient.vector();
    sum.report += one.report;
  }
  return sum;
}

}  // namespace basin
