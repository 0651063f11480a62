#pragma once

// The loss of a model on a batch and its gradient in theta, on all threads.
//
// The batch is cut into parts of a few samples. Each part runs the whole model forward and back on one thread, while
// its states are in cache; the parts' gradients are added in a fixed tree (core/tree_sum.hpp). So the result does not
// depend on the number of threads, to the last bit, nor its memory on the size of the batch.
//
// A model may contain equilibria, and one solve that fails can give a gradient that is thousands of times as long as
// that of all other samples. So samples whose solves failed, forward or adjoint, are taken out of their part, which
// runs again without them; what becomes of them is a FailedSolve. Runs that are made again begin from what the first
// one began from, though equilibria may have left what they found where they start.

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "basin/core/layer.hpp"
#include "basin/core/tree_sum.hpp"
#include "basin/train/batch.hpp"

namespace basin {

/// What becomes of the gradient of a sample for which a solve failed: ended neither as converged nor as approximated.
/// The loss counts every sample under each of them, and a mean is over the whole batch: to leave a sample out does not
/// make the others count for more.
enum class FailedSolve {
  keep,       ///< it is added like all others
  leave_out,  ///< it is not added; if all fail, the gradient is zero
  /// It is made as long as |g| / sqrt(n) at most, with g the sum over the n samples without a failure: about what one
  /// of those is, as long as they point anywhere. One that is not finite is left out. If all fail there is nothing to
  /// measure by, and all that are finite are kept. Costs a second run, alone, of each sample that failed.
  bound,
};

/// How value_and_gradient cuts the batch, and what it does with samples whose solve failed.
struct GradientOptions {
  /// At least 1: few, to balance threads and stay in cache; more where a layer wants wide matrix products.
  Index samples_per_part = 8;
  FailedSolve failed = FailedSolve::bound;  ///< what becomes of the gradient of a sample for which a solve failed
  /// Of the whole batch: its step, its draw, the number of its first sample. Its log, if it has one, takes the records
  /// of the first run of each part, in their order; `samples` and `overwritten` must be null.
  Context context{};
};

/// How predict cuts the batch.
struct PredictOptions {
  Index samples_per_part = 8;  ///< as in GradientOptions
  Context context{};           ///< the same
};

/// The loss of a batch and its gradient, and how the solves ended that they needed.
template <class Model, class S>
struct [[nodiscard]] ValueAndGradient {
  double value = 0;                      ///< the loss
  Parameters<Model, S> gradient{};       ///< of the loss, in theta
  State<S> output{};                     ///< what the model gave
  Report report{};                       ///< how its solves ended, summed; second runs do not count
  std::vector<SampleOutcome> samples{};  ///< the same for each sample of the batch
  Index left_out = 0;                    ///< samples whose gradient was left out
  Index bounded = 0;                     ///< samples whose gradient was made shorter
};

/// What predict returns: the output of a batch, and how the solves ended that it needed.
template <class S>
struct [[nodiscard]] Prediction {
  State<S> output{};                     ///< what the model gave for the batch
  Report report{};                       ///< how its solves ended, summed
  std::vector<SampleOutcome> samples{};  ///< the same for each sample of the batch
};

namespace detail {

/// All of `sum` but its output's shape, which is there. run(first, count, y, context, into) runs `count` samples from
/// `first` on forward and back, fills y, adds their gradient to `into`, and returns a Run. It is called for samples
/// that this process has.
template <class Model, class S, class Processes, class RunSamples>
void run_batch(const Processes& processes, const GradientOptions& options, ValueAndGradient<Model, S>& sum,
               const RunSamples& run) {
  using Into = std::span<S, Model::param_count>;
  constexpr auto size = static_cast<Index>(Model::param_count);
  const Shape& shape = sum.output.shape;
  Batch batch(shape.samples, options.samples_per_part, options.context, !Processes::alone);
  sum.samples.resize(static_cast<std::size_t>(shape.samples));

  const auto share_of = [&](Index n) -> double& { return sum.samples[static_cast<std::size_t>(n)].share; };
  // Marks the samples, among `count` from `first` on, for which a record says that a solve failed. True if there are.
  const auto mark_failures = [&](const SolveLog& log, Index first, Index count) {
    bool some = false;
    for (const SolveRecord& record : log.records()) {
      if (!solve_failed(record.result.status)) continue;
      share_of(batch.sample_of(record, first, count)) = 0;
      some = true;
    }
    return some;
  };
  // Runs samples, then, if solves of some failed, those without a failure alone; from the beginning, as long as one
  // fails there that did not before: each time there is one sample less at least.
  const bool runs_again = options.failed != FailedSolve::keep;
  const auto run_without_failures = [&](Index first, Index count, View<S> y, Into into, SolveLog& log,
                                        Overwritten& before) {
    const Run all = run(first, count, y, batch.context(first, &log, runs_again ? &before : nullptr), into);
    bool failed = runs_again && mark_failures(log, first, count);
    while (failed) {
      failed = false;
      std::fill(into.begin(), into.end(), S(0));
      for (Index n = first, last = n; n < first + count; n = last + 1) {
        for (last = n; last < first + count && share_of(last) != 0;) ++last;
        if (last == n) continue;
        Scratch scratch;
        SolveLog of_these;
        batch.restore(n, last - n, before);
        (void)run(n, last - n, scratch.state<S>(shape.with_samples(last - n)), batch.context(n, &of_these), into);
        failed = mark_failures(of_these, n, last - n) || failed;
      }
    }
    return all;
  };

  const PartBounds bounds = processes.bounds(batch.parts());
  const TreeSum tree(batch.parts(), size, bounds[processes.rank()], bounds[processes.rank() + 1]);
  std::vector<Run> runs(static_cast<std::size_t>(batch.parts()));
  std::vector<std::unique_ptr<Overwritten>> overwritten(runs.size());  // of parts with failures
  {
    Buffer<S> memory(tree.memory());
    const auto task = [&](Index part, std::span<S> into) {
      const Index first = batch.first(part), count = batch.count(part);
      SolveLog log;
      auto before = std::make_unique<Overwritten>();
      const auto at = static_cast<std::size_t>(part);
      runs[at] = run_without_failures(first, count, sum.output.view().samples(first, count),
                                      into.template first<Model::param_count>(), log, *before);
      batch.file(part, log.records(), sum.samples);
      bool some = false;
      for (Index n = first; n < first + count; ++n) some = some || share_of(n) == 0;
      if (some) overwritten[at] = std::move(before);
    };
    tree.add(std::span<S>(sum.gradient.span()), memory.data(), task,
             [&](const auto& branches, S* spare) { return processes.template join<S>(branches, spare, bounds, size); });
  }
  if constexpr (!Processes::alone) processes.gather(batch, bounds, runs, sum.samples, sum.output.view());
  batch.hand_on();
  for (const Run& one : runs) {
    sum.value += one.value;
    sum.report += one.report;
  }

  std::vector<Index> failed;
  for (Index n = 0; n < shape.samples; ++n) {
    if (sum.samples[static_cast<std::size_t>(n)].share == 0) failed.push_back(n);
  }
  if (options.failed == FailedSolve::bound && !failed.empty()) {
    const auto others = static_cast<double>(shape.samples - static_cast<Index>(failed.size()));
    const double longest = sum.gradient.vector().template cast<double>().norm() / std::sqrt(others);
    // Each runs again where it has run, as its state may lie there.
    PartBounds of_failed;
    for (const Index part : bounds) {
      const auto from = std::lower_bound(failed.begin(), failed.end(), batch.first(part));
      of_failed.push_back(static_cast<Index>(from - failed.begin()));
    }
    const TreeSum alone(static_cast<Index>(failed.size()), size, of_failed[processes.rank()],
                        of_failed[processes.rank() + 1]);
    Buffer<S> memory(alone.memory());
    std::vector<double> shares(failed.size());
    const auto task = [&](Index i, std::span<S> into) {
      const Index n = failed[static_cast<std::size_t>(i)];
      Scratch scratch;
      batch.restore(n, 1, *overwritten[static_cast<std::size_t>(n / options.samples_per_part)]);
      (void)run(n, 1, scratch.state<S>(shape.with_samples(1)), batch.context(n, nullptr),
                into.template first<Model::param_count>());
      Eigen::Map<Vector<S>> gradient(into.data(), size);
      const double length = gradient.template cast<double>().norm();
      double share = std::isfinite(length) ? 1 : 0;
      if (others > 0 && length > longest && share == 1) share = longest / length;
      shares[static_cast<std::size_t>(i)] = share;
      if (share == 0) {
        gradient.setZero();
      } else {
        gradient *= static_cast<S>(share);
      }
    };
    alone.add(std::span<S>(sum.gradient.span()), memory.data(), task, [&](const auto& branches, S* spare) {
      return processes.template join<S>(branches, spare, of_failed, size);
    });
    processes.gather(shares, of_failed);
    for (std::size_t i = 0; i < failed.size(); ++i) share_of(failed[i]) = shares[i];
  }
  for (const SampleOutcome& one : sum.samples) {
    sum.left_out += one.share == 0 ? 1 : 0;
    sum.bounded += one.share > 0 && one.share < 1 ? 1 : 0;
  }
}

/// value_and_gradient, of a batch of which `x` are the samples that this process has.
template <class Processes, class Model, class Other, class S, class Loss>
ValueAndGradient<Model, S> value_and_gradient_of(const Processes& processes, const Model& model,
                                                 const Parameters<Other, S>& theta, View<const InputOf<Model, S>> x,
                                                 const Loss& loss, const GradientOptions& options) {
  static_assert(Layer<Model, S> || takes_tokens<Model>,
                "value_and_gradient: the model must be a layer, with apply and linearize");
  const auto parameters = theta_of<Model>(theta);
  const Index samples = processes.samples(x.samples(), options.samples_per_part);
  const Index begin = first_sample_of(processes, samples, options.samples_per_part);
  ValueAndGradient<Model, S> sum;
  sum.output = State<S>(model.out_shape(x.shape().with_samples(samples)));
  run_batch(processes, options, sum,
            [&](Index first, Index count, View<S> y, const Context& context, std::span<S, Model::param_count> into) {
              Run all;
              const auto linear = model.linearize(parameters, x.samples(first - begin, count), y, context);
              if constexpr (requires { linear.report(); }) all.report += linear.report();
              Scratch scratch;
              const View<S> dy = scratch.state<S>(y.shape());
              all.value = loss.value_and_gradient(View<const S>(y), first, samples, dy);
              all.report += report_of([&] {
                if constexpr (takes_tokens<Model>) {
                  return linear.pullback(View<const S>(dy), into);
                } else {
                  return linear.pullback(View<const S>(dy), View<S>{}, into);
                }
              });
              return all;
            });
  return sum;
}

/// predict, likewise.
template <class Processes, class Model, class Other, class S>
Prediction<S> predict_of(const Processes& processes, const Model& model, const Parameters<Other, S>& theta,
                         View<const InputOf<Model, S>> x, const PredictOptions& options) {
  const auto parameters = theta_of<Model>(theta);
  const Index samples = processes.samples(x.samples(), options.samples_per_part);
  const Index begin = first_sample_of(processes, samples, options.samples_per_part);
  Prediction<S> all;
  all.output = State<S>(model.out_shape(x.shape().with_samples(samples)));
  all.samples.resize(static_cast<std::size_t>(samples));
  Batch batch(samples, options.samples_per_part, options.context, !Processes::alone);
  const PartBounds bounds = processes.bounds(batch.parts());
  const Index first_part = bounds[processes.rank()];
  std::vector<Run> runs(static_cast<std::size_t>(batch.parts()));
  parallel_for(bounds[processes.rank() + 1] - first_part, [&](Index i) {
    const Index part = first_part + i, first = batch.first(part), count = batch.count(part);
    SolveLog log;
    runs[static_cast<std::size_t>(part)].report = report_of([&] {
      return model.apply(parameters, x.samples(first - begin, count), all.output.view().samples(first, count),
                         batch.context(first, &log));
    });
    batch.file(part, log.records(), all.samples);
  });
  if constexpr (!Processes::alone) processes.gather(batch, bounds, runs, all.samples, all.output.view());
  batch.hand_on();
  for (const Run& run : runs) all.report += run.report;
  return all;
}

}  // namespace detail

/// loss(model(theta, x)) and its gradient. The loss has
///   double value_and_gradient(View<const S> y, Index first_sample, Index batch, View<S> dy) const,
/// which returns the part of the loss that samples first_sample ... first_sample + y.samples() - 1 of a batch make and
/// writes its gradient, so that parts add up (train/loss.hpp).
/// x is a View of S, or of Token where the model takes tokens (layers/embedded.hpp).
/// Throws std::invalid_argument for an x that the model cannot take, and options out of range.
template <class Model, class Other, class S, class Loss>
ValueAndGradient<Model, S> value_and_gradient(const Model& model, const Parameters<Other, S>& theta,
                                              std::type_identity_t<View<const InputOf<Model, S>>> x, const Loss& loss,
                                              const GradientOptions& options = {}) {
  return detail::value_and_gradient_of(detail::OneProcess{}, model, theta, x, loss, options);
}

/// model(theta, x) for a whole batch, on all threads; x as above.
/// Throws std::invalid_argument for an x that the model cannot take, and options out of range.
template <class Model, class Other, class S>
Prediction<S> predict(const Model& model, const Parameters<Other, S>& theta,
                      std::type_identity_t<View<const InputOf<Model, S>>> x, const PredictOptions& options = {}) {
  return detail::predict_of(detail::OneProcess{}, model, theta, x, options);
}

}  // namespace basin
