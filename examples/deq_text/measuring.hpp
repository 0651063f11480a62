#pragma once

// What deq_text measures: the loss on text that it was not trained on, at the equilibrium and before it, and the memory
// that a step of training takes.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

#include "../support/process.hpp"
#include "basin/io/json.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"
#include "trainer.hpp"

namespace deq_text {

/// The windows that are measured: end to end, so that each character of the text is said once.
inline Windows test_windows(const Settings& settings, const Text& text) {
  return windows_in_order(text.validation, settings.context, settings.context,
                          settings.windows > 0 ? settings.windows : std::ssize(text.validation));
}

/// Losses of some windows, in nats, and how their solves ended.
struct Measured {
  std::vector<double> losses;  ///< of each window, the mean over its characters
  double late = 0;             ///< the mean over the second halves of the windows, whose characters know the first
  std::vector<basin::SampleOutcome> samples;
  basin::Report report;

  [[nodiscard]] double loss() const {
    return std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
  }
  [[nodiscard]] double nonconverged_fraction() const { return report.forward.nonconverged_fraction(); }
  [[nodiscard]] double evaluations_mean() const { return report.forward.mean_evaluations(); }
  /// The loss of some of them.
  [[nodiscard]] double loss_of(const std::vector<std::size_t>& some) const {
    double sum = 0;
    for (const std::size_t n : some) sum += losses[n];
    return sum / static_cast<double>(some.size());
  }
};

/// The cross-entropy of one character.
inline double loss_of(const float* logits, int label) {
  const Eigen::Map<const Eigen::Array<float, alphabet, 1>> all(logits);
  const Eigen::Array<double, alphabet, 1> y = all.cast<double>();
  const double most = y.maxCoeff();
  return most + std::log((y - most).exp().sum()) - y[label];
}

inline Measured measure(const basin::Prediction<float>& prediction, const Windows& windows) {
  Measured measured{{}, 0, prediction.samples, prediction.report};
  const Index context = windows.context();
  for (Index n = 0; n < windows.count(); ++n) {
    double first = 0, second = 0;
    for (Index i = 0; i < context; ++i) {
      const Index cell = n * context + i;
      (2 * i < context ? first : second) +=
          loss_of(prediction.output.values.data() + cell * alphabet, windows.labels[static_cast<std::size_t>(cell)]);
    }
    measured.losses.push_back((first + second) / static_cast<double>(context));
    measured.late += second / static_cast<double>(context / 2 * windows.count());
  }
  return measured;
}

/// Logits at the equilibrium, or after so many evaluations at most; with noise where solves begin.
inline basin::Prediction<float> read_settled(const Settings& settings, const Theta& theta, const Windows& windows,
                                             int max_evaluations, double start_noise = 0) {
  State<float> start = start_of(theta.span(), windows.tokens.view());
  start.values += basin::examples::random_start(start.shape, start_noise, {settings.seed, test_start_stream}).values;
  return basin::predict(settled_model(settings.tolerance, max_evaluations, start.view()), theta, windows.tokens.view());
}

/// Logits of an explicit network: of Settled the tied layers.
template <class M>
basin::Prediction<float> read_plainly(const basin::Parameters<M, float>& theta, const Windows& windows) {
  const State<float> start = start_of(theta.span(), windows.tokens.view());
  if constexpr (std::is_same_v<M, Untied>) {
    return basin::predict(untied_model<Untied>(start.view()), theta, windows.tokens.view());
  } else {
    return basin::predict(unrolled_model({}, start.view()), theta.template as<Unrolled>(), windows.tokens.view());
  }
}

/// Losses by the number of evaluations that a solve may take, of all windows, and of the quarters of them that took
/// the fewest and the most by themselves.
struct Thinking {
  std::vector<int> allowed{};
  std::vector<double> all{}, soonest{}, latest{};
};

inline Thinking think(const Settings& settings, const Theta& theta, const Windows& windows, const Measured& settled) {
  std::vector<std::size_t> order(static_cast<std::size_t>(windows.count()));
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return settled.samples[a].forward.front().evaluations < settled.samples[b].forward.front().evaluations;
  });
  const auto quarter = static_cast<std::ptrdiff_t>((order.size() + 3) / 4);
  const std::vector<std::size_t> soonest(order.begin(), order.begin() + quarter),
      latest(order.end() - quarter, order.end());
  Thinking thinking;
  for (const int allowed : {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32}) {
    const Measured some = measure(read_settled(settings, theta, windows, allowed), windows);
    thinking.allowed.push_back(allowed);
    thinking.all.push_back(some.loss());
    thinking.soonest.push_back(some.loss_of(soonest));
    thinking.latest.push_back(some.loss_of(latest));
  }
  return thinking;
}

/// The largest memory of a process that makes one step of training, with 8, 16 and 32 evaluations of the cell, no more
/// and no fewer. To be asked before anything else: what the process had and gave back would be taken again unseen.
inline basin::OrderedJson step_memory(const Settings& settings, const Text& text) {
  basin::OrderedJson memory = basin::OrderedJson::array();
  for (const std::string& adjoint : std::vector<std::string>{"unrolled", "implicit", "phantom"}) {
    basin::OrderedJson counts = basin::OrderedJson::array(), bytes = basin::OrderedJson::array();
    for (const int evaluations : {8, 16, 32}) {
      counts.push_back(evaluations);
      bytes.push_back(basin::examples::peak_rss_of([&] {
        const Trainer<Settled> trainer(settings, text.training);
        const Windows window = windows_in_order(text.training, settings.context, settings.context, 1);
        (void)(adjoint == "unrolled" ? trainer.gradient_through({.count = evaluations - 1}, window)
                                     : trainer.gradient_at_equilibrium(adjoint, window, evaluations));
      }));
    }
    memory.push_back({{"adjoint", adjoint}, {"evaluations", counts}, {"peak_rss_bytes", bytes}});
  }
  return memory;
}

}  // namespace deq_text
