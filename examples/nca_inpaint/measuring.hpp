#pragma once

// What nca_inpaint measures of images that were not trained on: the error of their hidden pixels, along the steps, when
// other pixels are hidden, and when what the cells have made is erased.

#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "baselines.hpp"
#include "basin/io/json.hpp"
#include "trainer.hpp"

namespace nca_inpaint {

/// Squared errors of pixels.
struct Errors {
  double sum = 0;
  std::int64_t hidden = 0, pixels = 0;

  /// Of the hidden pixels.
  [[nodiscard]] double mean() const { return hidden > 0 ? sum / static_cast<double>(hidden) : 0; }
  /// The peak signal-to-noise ratio of whole images, whose shown pixels have no error, in dB: 10 log10(1 / error).
  [[nodiscard]] double psnr() const { return -10 * std::log10(sum / static_cast<double>(pixels)); }
};

/// The errors of hidden pixels, of which pixel_of(sample, cell) is what is to be compared with the images.
template <class PixelOf>
Errors errors_of(View<const float> states, View<const float> images, const PixelOf& pixel_of) {
  Errors errors;
  const Index cells = states.shape().cells_per_sample();
  errors.pixels = states.samples() * cells;
  for (Index n = 0; n < states.samples(); ++n) {
    for (Index cell = 0; cell < cells; ++cell) {
      const Index at = n * cells + cell;
      if (states.data()[at * features + shown] > 0) continue;
      const double difference = static_cast<double>(pixel_of(n, cell)) - static_cast<double>(images.data()[at]);
      errors.sum += difference * difference;
      ++errors.hidden;
    }
  }
  return errors;
}

/// States that restore images of which some pixels are hidden.
template <class Kind>
class Restoration {
 public:
  /// `images`: (1, X, Y, 1, N). What is hidden follows from the seed, and is the same for all kinds.
  Restoration(const Settings& settings, const typename Trainer<Kind>::Theta& theta, View<const float> images, int side)
      : settings_(settings),
        theta_(theta),
        images_(images),
        side_(side),
        z_(images.shape().with_features(features)),
        next_(z_.shape) {
    model_.steps = 1;
    model_.automaton.fire.seed = random(show_stream).bits(std::uint64_t{1} << 62);
    hide();
  }

  /// Hides other pixels; what the cells have made stays.
  void hide() {
    for (Index n = 0; n < z_.shape.samples; ++n) {
      give(z_.view().sample(n), images_.sample(n), {side_, settings_.hidden}, random(show_stream),
           (static_cast<std::uint64_t>(turn_) << 44) + static_cast<std::uint64_t>(n) * numbers_of_an_image);
    }
    ++turn_;
  }

  void step() {
    (void)model_.apply(theta_.span(), z_.view(), next_.view(), {.step = step_++});
    std::swap(z_, next_);
  }

  [[nodiscard]] Errors errors() const {
    return errors_of(view(), images_,
                     [&](Index n, Index cell) { return pixel(z_.view().sample(n).data() + cell * features); });
  }

  [[nodiscard]] View<const float> view() const { return z_.view(); }
  [[nodiscard]] View<float> view() { return z_.view(); }

 private:
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }

  const Settings& settings_;
  const typename Trainer<Kind>::Theta& theta_;
  View<const float> images_;
  int side_;
  State<float> z_, next_;
  typename Kind::Model model_;
  Index step_ = 0, turn_ = 0;
};

/// Of images with hidden squares of one size.
struct Measured {
  int side = 0;
  std::vector<Errors> along{};               ///< after step 0, 1, ... ten times the steps
  Errors changed{}, erased{}, healed{};      ///< other pixels hidden; a circle erased, and restored
  Errors blank{}, mean_image{}, smoothed{};  ///< what they are compared with
};

inline constexpr Index longest = 10;  ///< times the steps

template <class Kind>
Measured measure(const Settings& settings, const typename Trainer<Kind>::Theta& theta, View<const float> images,
                 const State<float>& mean, int side) {
  Measured all{.side = side};
  Restoration<Kind> run(settings, theta, images, side);
  all.blank = errors_of(std::as_const(run).view(), images, [](Index, Index) { return 0.0f; });
  all.mean_image = errors_of(std::as_const(run).view(), images, [&](Index, Index cell) { return mean.values[cell]; });
  State<float> smooth(images.shape());
  for (Index n = 0; n < images.samples(); ++n) {
    smooth.view().sample(n).vector() = nca_inpaint::smoothed(std::as_const(run).view().sample(n)).values;
  }
  all.smoothed = errors_of(std::as_const(run).view(), images,
                           [&](Index n, Index cell) { return smooth.view().sample(n).data()[cell]; });
  all.along.push_back(run.errors());
  for (Index t = 0; t < longest * settings.steps; ++t) {
    run.step();
    all.along.push_back(run.errors());
  }
  const auto steps = [&] {
    for (Index t = 0; t < settings.steps; ++t) run.step();
  };
  run.hide();
  steps();
  all.changed = run.errors();
  for (Index n = 0; n < images.samples(); ++n) forget(run.view().sample(n), basin::Circle{0, 0, 0.5});
  all.erased = run.errors();
  steps();
  all.healed = run.errors();
  return all;
}

inline basin::OrderedJson as_json(const Measured& m, const Settings& settings) {
  const auto at = [&](Index times) { return m.along[static_cast<std::size_t>(times * settings.steps)]; };
  return {{"error", at(1).mean()},
          {"error_in_twice_the_steps", at(2).mean()},
          {"error_in_ten_times_the_steps", at(longest).mean()},
          {"error_after_a_change", m.changed.mean()},
          {"error_erased", m.erased.mean()},
          {"error_healed", m.healed.mean()},
          {"psnr", at(1).psnr()},
          {"error_of_smoothing", m.smoothed.mean()},
          {"psnr_of_smoothing", m.smoothed.psnr()},
          {"error_of_the_mean_image", m.mean_image.mean()},
          {"error_of_blank_pixels", m.blank.mean()}};
}

}  // namespace nca_inpaint
