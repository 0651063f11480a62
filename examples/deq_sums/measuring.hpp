#pragma once

// What deq_sums measures: strings that are right, and certified, when their states are left to settle.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "../support/settling.hpp"
#include "basin/core/parallel.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/io/progress.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "trainer.hpp"

namespace deq_sums {

inline Strings test_strings(const Settings& settings, Index length, Index count) {
  return random_strings(length, count, {settings.test_seed, test_stream});
}

/// `count` strings from `first` on.
inline View<const float> some_of(const Strings& strings, Index first, Index count) {
  return strings.bits.view().samples(first, count);
}

/// Of all strings, each from zero.
inline basin::examples::Solved measure(const Settings& settings, const Theta& theta, const Strings& strings) {
  const Settled model = settled_model(strings.length(), settings.max_evaluations);
  basin::Progress progress;
  basin::examples::Solved solved;
  const Index at_once = 4 * basin::threads();
  for (Index first = 0; first < strings.count(); first += at_once) {
    const Index count = std::min(at_once, strings.count() - first);
    const auto prediction = basin::predict(model, theta, some_of(strings, first, count), {.samples_per_part = 1});
    for (Index n = 0; n < count; ++n) {
      const Index right = right_cells(prediction.output.view().sample(n), strings.sums_of(first + n));
      solved.add(right == strings.length(), prediction.samples[static_cast<std::size_t>(n)].forward.front());
    }
    if (progress.due(first + count == strings.count())) {
      progress.show(std::to_string(strings.length()) + " bits: " + std::to_string(solved.solved) + " of " +
                    std::to_string(solved.problems) + " right");
    }
  }
  progress.end();
  return solved;
}

/// The equilibria of some strings from `start`; observers see every iterate.
template <class... Observers>
basin::Solution<float> settle(const Settled& model, const Theta& theta, View<const float> bits,
                              const State<float>& start, Observers&&... observers) {
  State<float> u(model.layer<0>().out_shape(bits.shape()));
  (void)model.layer<0>().apply<float>(Settled::part<0>(theta.span()), bits, u.view());
  return model.layer<equilibrium>().solve<float>(Settled::part<equilibrium>(theta.span()), u.view(), start.view(),
                                                 observers...);
}

inline State<float> zero_start(View<const float> bits) { return State<float>(bits.shape().with_features(features)); }

/// The two logits of each cell of a state.
inline State<float> read(const Settled& model, const Theta& theta, View<const float> z) {
  State<float> logits(z.shape().with_features(2));
  (void)model.layer<head>().apply<float>(Settled::part<head>(theta.span()), z, logits.view());
  return logits;
}

/// The share of strings that are right after k evaluations, k = 0, 1, ...
inline std::vector<double> solved_after(const Settings& settings, const Theta& theta, const Strings& strings) {
  const Settled model = settled_model(strings.length(), settings.max_evaluations);
  std::vector<std::vector<bool>> right(static_cast<std::size_t>(strings.count()));
  basin::parallel_for(strings.count(), [&](Index n) {
    const auto look = [&](const basin::Iterate<float>& iterate) {
      const State<float> logits = read(model, theta, iterate.z);
      right[static_cast<std::size_t>(n)].push_back(right_cells(logits.view(), strings.sums_of(n)) == strings.length());
    };
    const View<const float> bits = some_of(strings, n, 1);
    (void)settle(model, theta, bits, zero_start(bits), look);
  });
  return basin::examples::right_after(right);
}

/// Whether the equilibrium depends on where the solve begins (C. Anil et al., "Path independent equilibrium models can
/// better exploit test-time computation", 2022).
struct PathIndependence {
  basin::examples::Solved solved;  ///< from normal numbers of standard deviation 1, as large as states can be
  double same = 0;  ///< share of strings whose equilibria from there and from zero differ by at most 0.01
};

inline PathIndependence path_independence(const Settings& settings, const Theta& theta, const Strings& strings) {
  struct One {
    bool right = false, same = false;
    basin::SampleResult solve{};
  };
  const Settled model = settled_model(strings.length(), settings.max_evaluations);
  std::vector<One> all(static_cast<std::size_t>(strings.count()));
  basin::parallel_for(strings.count(), [&](Index n) {
    const View<const float> bits = some_of(strings, n, 1);
    const State<float> zero = zero_start(bits);
    const State<float> elsewhere = basin::examples::random_start(
        zero.shape, 1, {basin::fold_in(settings.test_seed, static_cast<std::uint64_t>(n)), test_start_stream});
    const auto from_zero = settle(model, theta, bits, zero);
    const auto from_elsewhere = settle(model, theta, bits, elsewhere);
    const State<float> logits = read(model, theta, from_elsewhere.value.view());
    const float apart = (from_zero.value.values - from_elsewhere.value.values).cwiseAbs().maxCoeff();
    all[static_cast<std::size_t>(n)] = {right_cells(logits.view(), strings.sums_of(n)) == strings.length(),
                                        apart <= 0.01f, from_elsewhere.samples.front()};
  });
  PathIndependence result;
  for (const One& one : all) result.solved.add(one.right, one.solve);
  const auto alike = std::count_if(all.begin(), all.end(), [](const One& one) { return one.same; });
  result.same = static_cast<double>(alike) / static_cast<double>(strings.count());
  return result;
}

/// Lengths that are tested: of training, four and sixteen times as long, and what the user asks for.
inline std::vector<Index> tested_lengths(const Settings& settings) {
  std::vector<Index> lengths;
  for (const Index times : {1, 4, 16}) {
    if (times * settings.bits < settings.test_bits) lengths.push_back(times * settings.bits);
  }
  lengths.push_back(settings.test_bits);
  return lengths;
}

}  // namespace deq_sums
