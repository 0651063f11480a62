#pragma once

// Training of nca_vae. The loss of an image is what its pixels take, given a code that is drawn for it, and what the
// code takes: the negative evidence lower bound, in nats. In an iteration some images grow from nothing, and some that
// grew before, in a pool, live on, of which some have lost a circle of cells. Pixels are drawn anew each time, by grey
// values (static binarization, which the literature measures by, does so once for each image). Everything random is a
// function of the seed and the iteration, so a run resumes bit for bit (basin/io/training.hpp).

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "../support/held_back.hpp"
#include "../support/resumable_trainer.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/nca/damage.hpp"
#include "basin/nca/pool.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/state_loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace nca_vae {

using basin::examples::ImageSets;

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t {
  image_stream = std::uint64_t{1} << 32,  // before it, those of the initial parameters
  pixel_stream,
  code_stream,
  draw_stream,
  damage_stream,
  show_stream,
  test_pixel_stream
};

class Trainer : public basin::examples::ResumableTrainer<Trainer> {
 public:
  Trainer(const Settings& settings, const State<float>& images)
      : settings_(settings),
        steps_(steps_of(settings.steps)),
        images_(images),
        theta_(initial_theta(settings.seed)),
        moments_(adam().init(theta_)) {
    // What grows before anything is learned.
    for (int i = 0; i < settings.pool; ++i) numbers_.push_back(any_image(static_cast<std::uint64_t>(i)));
    const State<float> pixels = drawn(numbers_, 0);
    const auto first = basin::predict(growing(steps_), theta_, pixels.view());
    pool_ = basin::Pool<float>(settings.pool, first.output.view().sample(0));
    for (Index i = 0; i < settings.pool; ++i) pool_.put(std::array{i}, first.output.view().sample(i));
  }

  [[nodiscard]] const Steps& steps() const { return steps_; }
  [[nodiscard]] const Theta& parameters() const { return theta_; }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate}; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }
  [[nodiscard]] std::int32_t any_image(std::uint64_t index) const {
    return static_cast<std::int32_t>(
        random(image_stream).below(index, static_cast<std::uint64_t>(images_.shape.samples)));
  }
  /// Those images with pixels drawn anew; `index` counts how often the run draws.
  [[nodiscard]] State<float> drawn(const std::vector<std::int32_t>& numbers, std::uint64_t index) const {
    State<float> pixels(images_.shape.with_samples(static_cast<Index>(numbers.size())));
    for (std::size_t n = 0; n < numbers.size(); ++n) {
      draw_pixels(images_.view().sample(numbers[n]), random(pixel_stream), index + n,
                  pixels.view().sample(static_cast<Index>(n)));
    }
    return pixels;
  }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    file("images", self.numbers_, basin::Length{self.settings_.pool},
         basin::Within{0, static_cast<std::int32_t>(self.images_.shape.samples - 1)});
    self.pool_.each(file.under("pool"));
  }

  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& training) {
    const auto iteration = static_cast<std::uint64_t>(i);
    const Index grow = settings_.batch, live = settings_.living, all = grow + live;
    const std::uint64_t first =
        static_cast<std::uint64_t>(settings_.pool) + iteration * static_cast<std::uint64_t>(all);
    const std::vector<Index> places = pool_.draw(random(draw_stream), iteration << 20, live);
    std::vector<std::int32_t> numbers;
    for (Index n = 0; n < grow; ++n) numbers.push_back(any_image(first + static_cast<std::uint64_t>(n)));
    for (const Index place : places) numbers.push_back(numbers_[static_cast<std::size_t>(place)]);
    const State<float> pixels = drawn(numbers, first);

    basin::Parameters<Model, float> gradient;
    double loss = 0;
    const auto add = [&](const auto& result, Index samples) {
      const double part = static_cast<double>(samples) / static_cast<double>(all);
      loss += part * result.value;
      // Of the encoder, and of what follows it, which is the last of the decoder or all.
      const auto& of_result = result.gradient.vector();
      const auto encoder = static_cast<Index>(Encoder::param_count), rest = of_result.size() - encoder;
      gradient.vector().head(encoder) += static_cast<float>(part) * of_result.head(encoder);
      gradient.vector().tail(rest) += static_cast<float>(part) * of_result.tail(rest);
    };
    const auto grown = fit(growing(steps_), theta_, pixels.view().samples(0, grow), 2 * iteration);
    add(grown, grow);
    if (live > 0) {
      State<float> states = pool_.take(places);
      const auto damaged = static_cast<Index>(std::lround(settings_.damage * static_cast<double>(live)));
      for (Index n = live - damaged; n < live; ++n) {
        basin::erase(states.view().sample(n),
                     basin::random_circle(random(damage_stream), first + static_cast<std::uint64_t>(n)));
      }
      const auto lived = fit(living(settings_.living_steps, std::move(states)), living_of(theta_),
                             pixels.view().samples(grow, live), 2 * iteration + 1);
      add(lived, live);
      pool_.put(places, lived.output.view());
      // The worst makes room for one that has just grown.
      State<float> wanted(images_.shape.with_samples(live));
      wanted.view().vector() = pixels.view().samples(grow, live).vector();
      const std::vector<double> losses = basin::losses_of_samples(PixelLoss{{std::move(wanted)}}, lived.output.view());
      const auto worst = static_cast<std::size_t>(std::max_element(losses.begin(), losses.end()) - losses.begin());
      pool_.put(std::array{places[worst]}, grown.output.view().sample(0));
      numbers_[static_cast<std::size_t>(places[worst])] = numbers[0];
    }
    const double weight = settings_.warm_up > 0 ? std::min(1.0, training.share() / settings_.warm_up) : 1;
    add(basin::value_and_gradient(Encoder{}, encoder_of(theta_), pixels.view(),
                                  basin::GaussianDivergence{.weight = weight}),
        all);
    basin::examples::check_gradient(basin::clip_by_global_norm(gradient, settings_.most_gradient), i);
    adam().step(theta_, gradient, moments_,
                basin::examples::rate_scale(training.share(), settings_.rate, settings_.final_rate));
    return loss;
  }

  /// How well a model's states fit the pixels, with codes of this draw.
  template <class OfModel>
  [[nodiscard]] basin::ValueAndGradient<OfModel, float> fit(OfModel model,
                                                            const basin::Parameters<OfModel, float>& theta,
                                                            View<const float> pixels, std::uint64_t draw) const {
    model.template layer<1>().seed = random(code_stream).bits(0);
    State<float> wanted(pixels.shape());
    wanted.view().vector() = pixels.vector();
    return basin::value_and_gradient(model, theta, pixels, PixelLoss{{std::move(wanted)}},
                                     {.samples_per_part = 2, .context = {.draw = draw}});
  }

  Settings settings_;
  Steps steps_;
  const State<float>& images_;
  Theta theta_;
  basin::AdamState<Model, float> moments_;
  basin::Pool<float> pool_;
  std::vector<std::int32_t> numbers_;  // of the images of the states in the pool
};

}  // namespace nca_vae
