#pragma once

// Which samples a training looks at when: whole batches in an order that is new in every epoch, and samples that are
// held back. Both are functions of a Random alone, so a training that is resumed goes on as it would have.
//
//   const SampleSplit split = hold_back(images.samples(), 1000, Random{seed, 1});
//   Batches batches({.samples = split.train.size(), .batch = 128, .random = {seed, 2}});
//   for (Index i = 0; i < epochs * batches.an_epoch(); ++i) {
//     const std::span<const Index> of = batches.of(i);                                 // into split.train
//     const State<float> x = samples_at(images.view(), of);

#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/random.hpp"
#include "basin/core/state.hpp"

namespace basin {

/// The numbers 0 ... count - 1 in random order (Fisher and Yates 1938).
[[nodiscard]] inline std::vector<Index> shuffled(Index count, const Random& random) {
  check(count >= 0, "numbers to shuffle", count, "0 or more");
  std::vector<Index> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), Index{0});
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(i, i))]);
  }
  return order;
}

/// Which batches there are, and in which order.
struct BatchOptions {
  Index samples = 0;    ///< at least `batch`
  Index batch = 1;      ///< samples of one batch, at least 1
  Random random{};      ///< epoch e takes the stream random.stream + e
  bool shuffle = true;  ///< otherwise the samples stay in their order
};

/// Batches of the same size. In an epoch no sample comes twice; those left over when `samples` is no multiple of
/// `batch`, others in every epoch, wait for the next.
class Batches {
 public:
  /// Throws std::invalid_argument for options out of their range.
  explicit Batches(const BatchOptions& options) : options_(options) {
    check(options.batch >= 1, "samples of a batch", options.batch, "at least 1");
    check(options.batch <= options.samples, "samples of a batch", options.batch,
          "at most the number of samples, " + std::to_string(options.samples));
  }

  /// Batches in an epoch.
  [[nodiscard]] Index an_epoch() const { return options_.samples / options_.batch; }

  /// The numbers of the samples of batch `number`, counted through all epochs; valid until the next call.
  [[nodiscard]] std::span<const Index> of(Index number) {
    check(number >= 0, "number of a batch", number, "0 or more");
    const Index epoch = number / an_epoch();
    if (epoch != epoch_) {
      const Random of_epoch{options_.random.seed, options_.random.stream + static_cast<std::uint64_t>(epoch)};
      if (options_.shuffle) {
        order_ = shuffled(options_.samples, of_epoch);
      } else {
        order_.resize(static_cast<std::size_t>(options_.samples));
        std::iota(order_.begin(), order_.end(), Index{0});
      }
      epoch_ = epoch;
    }
    const auto first = static_cast<std::size_t>(number % an_epoch() * options_.batch);
    return std::span<const Index>(order_).subspan(first, static_cast<std::size_t>(options_.batch));
  }

 private:
  BatchOptions options_;
  Index epoch_ = -1;  // whose order is there
  std::vector<Index> order_;
};

/// Numbers of samples, each in one of the two, ascending.
struct SampleSplit {
  std::vector<Index> train{}, held_back{};  ///< to train on; to measure with
};

/// Holds back `count` of the samples 0 ... samples - 1, at random. Throws std::invalid_argument unless there are more.
[[nodiscard]] inline SampleSplit hold_back(Index samples, Index count, const Random& random) {
  check(count >= 0 && count < samples, "samples to hold back", count,
        "0 to less than the number of samples, " + std::to_string(samples));
  std::vector<Index> order = shuffled(samples, random);
  SampleSplit split;
  split.held_back.assign(order.begin(), order.begin() + count);
  split.train.assign(order.begin() + count, order.end());
  std::sort(split.held_back.begin(), split.held_back.end());
  std::sort(split.train.begin(), split.train.end());
  return split;
}

/// The samples of these numbers, one after another. Throws std::invalid_argument for a number that x does not have.
template <class S>
[[nodiscard]] State<std::remove_const_t<S>> samples_at(View<S> x, std::span<const Index> numbers) {
  State<std::remove_const_t<S>> out(x.shape().with_samples(static_cast<Index>(numbers.size())));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    check(numbers[i] >= 0 && numbers[i] < x.samples(), "number of a sample", numbers[i],
          "0 to " + std::to_string(x.samples() - 1));
    out.view().sample(static_cast<Index>(i)).vector() = x.sample(numbers[i]).vector();
  }
  return out;
}

}  // namespace basin
