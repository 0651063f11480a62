#pragma once

// The task of metanca_mnist, and its training (support/meta_trainer.hpp).

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "../support/digits.hpp"
#include "../support/distort.hpp"
#include "../support/meta_trainer.hpp"
#include "../support/process.hpp"
#include "basin/train/network_loss.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace metanca_mnist {

/// Streams of random numbers beside those of the training.
enum Stream : std::uint64_t { width_stream = 100, image_stream, show_stream, distortion_stream };

/// The colour of a pixel of 0 to 1, as networks read it.
inline constexpr float normalized(float pixel) { return (pixel - 0.1307f) / 0.3081f; }

/// Images with mean 0 and deviation 1, as MNIST's training images have them, and labels.
struct Digits {
  State<float> images;
  std::vector<int> labels;

  explicit Digits(const basin::LabelledImages& from) : Digits(from, 0, from.images.shape.samples) {}
  /// `count` of them, from number `first` on.
  Digits(const basin::LabelledImages& from, Index first, Index count)
      : images(from.images.shape.with_samples(count)),
        labels(from.labels.begin() + first, from.labels.begin() + first + count) {
    images.view().vector() = from.images.view().samples(first, count).vector().unaryExpr(&normalized);
  }
};

/// `count` of the digits at random: batch `number` of a seed. With `distortion` above 0 each is distorted by itself
/// (support/distort.hpp).
inline std::pair<State<float>, std::vector<int>> batch_of(const Digits& digits, Index count, std::uint64_t seed,
                                                          std::uint64_t number, double distortion = 0) {
  const basin::Random random{seed, image_stream};
  const auto all = static_cast<std::uint64_t>(digits.images.shape.samples);
  State<float> images(digits.images.shape.with_samples(count));
  std::vector<int> labels(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) {
    const std::uint64_t draw = (number << 20) + static_cast<std::uint64_t>(i);
    const auto from = static_cast<Index>(random.below(draw, all));
    const float* image = digits.images.view().sample(from).data();
    float* to = images.view().sample(i).data();
    if (distortion > 0) {
      const basin::Random form{basin::Random{seed, distortion_stream}.bits(draw), 0};
      basin::examples::distort<28>(image, normalized(0), {}, distortion, form, to);
    } else {
      std::copy_n(image, pixels, to);
    }
    labels[static_cast<std::size_t>(i)] = digits.labels[static_cast<std::size_t>(from)];
  }
  return {std::move(images), std::move(labels)};
}

inline basin::NetworkLoss<float> loss_of(const Architecture& architecture, View<const float> images,
                                         std::span<const int> labels) {
  return {architecture.network, images, labels, architecture.scales, architecture.scales, 0.01};
}

inline constexpr double pool_step = 0.5;  // of the way, in training from the pool and afterwards

/// Random widths from 10 to 100, half of them below 18, since narrow layers are hardest, and neighbours in width differ
/// most there; one in four without the first hidden layer.
inline std::vector<Architecture> drawn_architectures(const Settings& settings) {
  const basin::Random widths{settings.seed, width_stream};
  const auto width = [&](std::uint64_t i) {
    const double u = widths.uniform(i);
    return std::llround(std::pow(10.0, 1 + u * u));
  };
  std::vector<Architecture> architectures;
  for (int a = 0; a < settings.architectures; ++a) {
    const auto number = 2 * static_cast<std::uint64_t>(a);
    architectures.push_back(
        architecture_of(widths_of(a % 4 == 3 ? 0 : width(number), width(number + 1)), settings.without != "codes"));
  }
  return architectures;
}

/// Throws UsageError if the codes of so many architectures, and the images of an iteration's networks, do not fit into
/// memory.
inline void check_training_memory(int architectures, int networks, int images) {
  constexpr double codes = 880 * row_codes;  // of the rows of an architecture, 880 on the average
  basin::examples::check_memory("--architectures " + std::to_string(architectures) + ", --networks " +
                                    std::to_string(networks) + " and --images " + std::to_string(images),
                                sizeof(float) * (codes * architectures + 2.0 * networks * images * pixels));
}

class Trainer : public basin::examples::MetaTrainer<Rule> {
 public:
  Trainer(const Settings& settings, const Digits& train)
      : MetaTrainer({.iterations = settings.iterations,
                     .pool_iterations = settings.pool_iterations,
                     .networks = settings.networks,
                     .rate = settings.rate,
                     .pool_rate = settings.pool_rate,
                     .weight_decay = settings.weight_decay,
                     .pool_step = pool_step,
                     .neighbours = settings.without != "neighbours",
                     .pool = settings.without != "pool",
                     .damage = settings.without != "zero-out",
                     .seed = settings.seed},
                    drawn_architectures(settings)),
        settings_(settings),
        train_(train) {
    basin::examples::check_option(settings.images <= train.images.shape.samples, "--images", settings.images,
                                  "at most " + std::to_string(train.images.shape.samples));
  }

  [[nodiscard]] basin::TrainingEnd run(basin::Training& training) {
    return MetaTrainer::run(training, [&](std::uint64_t number, const Architecture& of, const auto& body) {
      const auto [images, labels] = batch_of(train_, settings_.images, settings_.seed, number, settings_.distortion);
      body(loss_of(of, images.view(), labels));
    });
  }

 private:
  Settings settings_;
  const Digits& train_;
};

}  // namespace metanca_mnist
