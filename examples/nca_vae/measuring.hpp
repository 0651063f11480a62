#pragma once

// What nca_vae measures of images that were not trained on: how many nats they take, and what becomes of grown images
// that live on, or are damaged.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "basin/core/normals.hpp"
#include "basin/io/json.hpp"
#include "basin/layers/upsample.hpp"
#include "trainer.hpp"

namespace nca_vae {

/// Images that grow from codes, step by step.
class Life {
 public:
  /// codes: (16, 1, 1, 1, N).
  Life(const Trainer& trainer, State<float> codes)
      : steps_(trainer.steps()),
        codes_(std::move(codes)),
        z_(Shape{features, {coarsest, coarsest, 1}, codes_.shape.samples}) {
    for (std::size_t level = 0; level < steps_.size(); ++level) {
      rules_.push_back(rule_of(trainer.parameters(), level));
    }
  }

  /// One step; before it, if all steps of a grid are made, each cell divides.
  void step() {
    while (level_ + 1 < steps_.size() && here_ >= steps_[level_]) divide();
    State<float> next(z_.shape);
    (void)one_.apply(rules_[level_].span(), z_.view(), codes_.view(), next.view());
    std::swap(z_, next);
    ++here_;
  }
  void run(Index steps) {
    for (Index t = 0; t < steps; ++t) step();
  }
  /// All steps that an image grows in.
  void grow() {
    while (level_ + 1 < steps_.size() || here_ < steps_.back()) step();
  }
  /// What cells are told from now on.
  void tell(State<float> codes) { codes_ = std::move(codes); }

  [[nodiscard]] View<const float> view() const { return z_.view(); }
  [[nodiscard]] View<float> view() { return z_.view(); }
  /// How many pixels along a side of a cell.
  [[nodiscard]] Index block() const { return side / z_.shape.space[0]; }

 private:
  void divide() {
    const basin::UpsampleNearest<2> up;
    State<float> finer(up.out_shape(z_.shape));
    up.apply({}, View<const float>(z_.view()), finer.view());
    z_ = std::move(finer);
    ++level_;
    here_ = 0;
  }

  Steps steps_;
  std::vector<basin::Parameters<Cells, float>> rules_;  // of each grid
  State<float> codes_, z_;
  Cells one_ = cells(1);
  std::size_t level_ = 0;
  Index here_ = 0;  // steps on this grid
};

/// Codes number first, first + 1, ... of the prior: standard normal.
inline State<float> prior_codes(std::uint64_t seed, Index first, Index count) {
  State<float> codes(Shape{code, {1, 1, 1}, count});
  basin::fill_normal({seed, show_stream}, static_cast<std::uint64_t>(first * code),
                     {codes.values.data(), static_cast<std::size_t>(codes.values.size())});
  return codes;
}

/// Test images with pixels that are drawn by their grey values, once for each image and the same for every seed.
inline State<float> test_pixels(View<const float> images) {
  State<float> pixels(images.shape());
  for (Index n = 0; n < images.samples(); ++n) {
    draw_pixels(images.sample(n), {0, test_pixel_stream}, static_cast<std::uint64_t>(n), pixels.view().sample(n));
  }
  return pixels;
}

/// What the encoder says of images: means and log-variances.
inline State<float> encoded(const Trainer& trainer, View<const float> pixels) {
  return std::move(basin::predict(Encoder{}, encoder_of(trainer.parameters()), pixels).output);
}

/// A code of each of those distributions; deviation 0: its mean.
inline State<float> codes_of(const State<float>& encoding, double deviation, std::uint64_t draw) {
  const basin::GaussianSample<code> sample{.deviation = deviation, .seed = show_stream};
  State<float> codes(encoding.shape.with_features(code));
  sample.apply({}, View<const float>(encoding.view()), codes.view(), {.draw = draw});
  return codes;
}

inline double mean_of(const std::vector<double>& numbers) {
  double sum = 0;
  for (const double number : numbers) sum += number;
  return sum / static_cast<double>(numbers.size());
}

/// What an image takes by the importance-weighted bound, -log of the mean over `count` codes z of p(x|z) p(z) / q(z|x)
/// (Y. Burda, R. Grosse, R. Salakhutdinov, "Importance Weighted Autoencoders", 2016), of each image.
inline std::vector<double> weighted_bounds(const Trainer& trainer, const State<float>& pixels,
                                           const State<float>& encoding, Index count) {
  std::vector<double> all;
  for (Index n = 0; n < pixels.shape.samples; ++n) {
    State<float> same(pixels.shape.with_samples(count)), of_image(encoding.shape.with_samples(count));
    same.view().columns().colwise() = pixels.view().sample(n).vector();
    of_image.view().columns().colwise() = encoding.view().sample(n).vector();
    const State<float> codes = codes_of(of_image, 1, static_cast<std::uint64_t>(n) + 1);
    Life life(trainer, codes);
    life.grow();
    std::vector<double> logs = basin::losses_of_samples(PixelLoss{{std::move(same)}}, std::as_const(life).view());
    const float* mean = encoding.view().sample(n).data();
    for (Index k = 0; k < count; ++k) {
      double& log = logs[static_cast<std::size_t>(k)];
      log = -log;
      for (Index c = 0; c < code; ++c) {
        const double z = static_cast<double>(codes.view().sample(k).data()[c]),
                     variance_log = static_cast<double>(mean[code + c]);
        const double away = z - static_cast<double>(mean[c]);
        log += 0.5 * (away * away * std::exp(-variance_log) + variance_log - z * z);
      }
    }
    const double largest = *std::max_element(logs.begin(), logs.end());
    for (double& log : logs) log = std::exp(log - largest);
    all.push_back(-largest - std::log(mean_of(logs)));
  }
  return all;
}

/// In nats, means over images.
struct Measured {
  double fit = 0, divergence = 0;  ///< what the pixels take, given a code, and what the code does
  double weighted = 0;             ///< the importance-weighted bound
  int numbers_used = 0;            ///< of a code, that take more than a tenth of a nat
  double kept = 0;                 ///< what the pixels take after ten times the steps that images live on in training
  double erased = 0, healed = 0, healed_later = 0;  ///< a circle erased; after these steps; four times them
  double alike = 0;  ///< what pixels take that have the mean of the training images for their probability
};

inline constexpr Index longest = 10, later = 4;  ///< times the steps that images live on

inline Measured measure(const Settings& settings, const Trainer& trainer, View<const float> images,
                        const State<float>& train) {
  Measured m;
  const State<float> pixels = test_pixels(images), encoding = encoded(trainer, pixels.view());
  const Index count = images.samples(), steps = settings.living_steps;
  const PixelLoss loss{{pixels}};
  const auto nats = [&](const Life& life) { return loss.value_and_gradient(life.view(), 0, count, View<float>{}); };
  Life life(trainer, codes_of(encoding, 1, 0));
  life.grow();
  m.fit = nats(life);
  for (Index c = 0; c < code; ++c) {
    State<float> one(Shape{2, {1, 1, 1}, count});
    one.view().matrix().row(0) = encoding.view().matrix().row(c);
    one.view().matrix().row(1) = encoding.view().matrix().row(code + c);
    const double taken =
        basin::GaussianDivergence{}.value_and_gradient(View<const float>(one.view()), 0, count, View<float>{});
    m.divergence += taken;
    m.numbers_used += taken > 0.1 ? 1 : 0;
  }
  m.weighted = mean_of(weighted_bounds(trainer, pixels, encoding, settings.weighted));
  Life damaged = life;
  life.run(longest * steps);
  m.kept = nats(life);
  for (Index n = 0; n < count; ++n) {
    basin::erase(damaged.view().sample(n), basin::random_circle({0, show_stream}, static_cast<std::uint64_t>(n)));
  }
  m.erased = nats(damaged);
  damaged.run(steps);
  m.healed = nats(damaged);
  damaged.run((later - 1) * steps);
  m.healed_later = nats(damaged);
  const Eigen::VectorXd mean = train.view().columns().cast<double>().rowwise().mean().cwiseMax(1e-3).cwiseMin(1 - 1e-3);
  for (Index n = 0; n < count; ++n) {
    const auto of_image = pixels.view().sample(n).vector().cast<double>().array();
    m.alike -=
        (of_image * mean.array().log() + (1 - of_image) * (1 - mean.array()).log()).sum() / static_cast<double>(count);
  }
  return m;
}

inline basin::OrderedJson as_json(const Measured& m) {
  return {{"bound", m.fit + m.divergence},
          {"reconstruction", m.fit},
          {"divergence", m.divergence},
          {"weighted_bound", m.weighted},
          {"numbers_used", m.numbers_used},
          {"reconstruction_kept", m.kept},
          {"reconstruction_erased", m.erased},
          {"reconstruction_healed", m.healed},
          {"reconstruction_healed_later", m.healed_later},
          {"pixels_alike", m.alike}};
}

}  // namespace nca_vae
