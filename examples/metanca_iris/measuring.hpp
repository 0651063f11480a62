#pragma once

// What metanca_iris measures of a rule.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/process.hpp"
#include "basin/train/network_loss.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace metanca_iris {

inline constexpr double pool_step = 0.3;  // of the way, in the second stage and afterwards

inline basin::NetworkLoss<float> loss_of(const Architecture& of, const basin::examples::IrisSet& set) {
  return {of.network, set.features.view(), set.labels, of.scales, of.scales, 0.01};
}

/// The training irises with noise on their features, other for each number: a rule cannot learn them by heart.
inline basin::examples::IrisSet noisy(const basin::examples::IrisSet& train, double sigma, std::uint64_t seed,
                                      std::uint64_t number) {
  basin::examples::IrisSet set = train;
  const basin::Random random{seed, 101};
  const auto count = static_cast<std::uint64_t>(set.features.values.size());
  for (std::uint64_t i = 0; i < count; ++i) {
    set.features.values[static_cast<Index>(i)] += static_cast<float>(sigma * random.normal(number * count + i));
  }
  return set;
}

/// Accuracies are taken on the way. Throws std::invalid_argument if the way ends before, and UsageError if the losses
/// of all networks on it do not fit into memory.
inline void check_horizon(const Settings& settings) {
  basin::examples::check_option(settings.updates <= settings.horizon, "--updates", settings.updates,
                                "at most --horizon, " + std::to_string(settings.horizon));
  basin::examples::check_memory(
      "--samples " + std::to_string(settings.samples) + " and --horizon " + std::to_string(settings.horizon),
      1.0 * settings.samples * settings.horizon * sizeof(double));
}

/// One network's way.
struct Way {
  double accuracy = 0;         ///< on the test irises, after --updates updates
  Index least_at = 0;          ///< updates to the least training loss of the first hundred
  double least = 0;            ///< that loss
  double later = 0;            ///< the least of all the way, as a share of it
  Index within = 0;            ///< further updates in a row with a loss of at most 1.1 times the least
  std::vector<double> losses;  ///< training loss after 0, 1, 2, ... updates
};

/// Updates of `step` of the way. The rule is of PlacedRule's kind; `neighbours` false: with all means set to zero.
template <class AnyRule>
std::vector<Way> ways(const Settings& settings, const typename AnyRule::Theta& theta, const Architecture& of,
                      const basin::examples::IrisSplit& split, std::uint64_t seed, double step,
                      bool neighbours = true) {
  const auto train = loss_of(of, split.train), test = loss_of(of, split.test);
  State<float> z = AnyRule::random_networks(of.network, settings.samples, seed, std::uint64_t{1} << 50), next(z.shape);
  std::vector<Way> all(static_cast<std::size_t>(settings.samples));
  auto model = AnyRule::updates(of, 1, step, basin::Random{seed, 100}.bits(0), neighbours);
  for (int t = 0; t <= settings.horizon; ++t) {
    const std::vector<double> losses = train.losses(z.view());
    for (std::size_t n = 0; n < all.size(); ++n) all[n].losses.push_back(losses[n]);
    if (t == settings.updates) {
      const std::vector<double> accuracies = test.accuracies(z.view());
      for (std::size_t n = 0; n < all.size(); ++n) all[n].accuracy = accuracies[n];
    }
    (void)model.apply(theta.span(), z.view(), next.view(), {.step = t});
    std::swap(z, next);
  }
  for (Way& way : all) {
    const auto end = way.losses.begin() + std::min<std::ptrdiff_t>(101, std::ssize(way.losses));
    const auto least = std::min_element(way.losses.begin(), end);
    way.least = *least;
    way.least_at = least - way.losses.begin();
    way.later = *std::min_element(way.losses.begin(), way.losses.end()) / way.least;
    const auto left = std::find_if(least, way.losses.end(), [&](double loss) { return !(loss <= 1.1 * way.least); });
    way.within = left - least - 1;
  }
  return all;
}

/// The value at a share of the sorted numbers.
template <class Number>
Number quantile(std::vector<Number> numbers, double share) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[static_cast<std::size_t>(share * static_cast<double>(numbers.size() - 1))];
}

}  // namespace metanca_iris
