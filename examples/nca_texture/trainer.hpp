#pragma once

// Training of nca_texture. Everything random is a function of the seed and the iteration, so a run resumes bit for bit
// (basin/io/training.hpp).

#include <algorithm>
#include <string>
#include <vector>

#include "../support/process.hpp"
#include "../support/resumable_trainer.hpp"
#include "../support/training_parts.hpp"
#include "basin/core/parallel.hpp"
#include "basin/io/target_image.hpp"
#include "basin/io/training.hpp"
#include "basin/nca/pool.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/patch_transport.hpp"
#include "basin/train/state_loss.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "pattern.hpp"
#include "settings.hpp"

namespace nca_texture {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t { draw_stream = 1, steps_stream, fire_stream, start_stream, patch_stream, show_stream };

/// What is wanted: colours as an automaton has them, that is less one half.
struct Target {
  State<float> colour{};
  bool tile = false;  ///< goes round
};

/// The middle square of a picture.
inline basin::Image middle_square(const basin::Image& image) {
  const Index side = std::min(image.width, image.height);
  const Index left = (image.width - side) / 2, top = (image.height - side) / 2;
  basin::Image square{side, side, image.channels, {}};
  for (Index y = 0; y < side; ++y) {
    const std::uint8_t* row = image.at(left, top + y);
    square.pixels.insert(square.pixels.end(), row, row + side * image.channels);
  }
  return square;
}

inline Target load_texture(const Settings& settings) {
  Target target{{}, settings.texture.empty()};
  const basin::Image image = target.tile ? drawn_texture(64, 16) : middle_square(basin::read_png(settings.texture));
  const Index side = std::min<Index>(settings.texture_size, image.width);
  const State<float> cells = basin::target_state<float>(image, {.size = side, .padding = 0});
  target.colour = State<float>(cells.shape.with_features(colours));
  for (Index i = 0; i < cells.shape.cells(); ++i) {
    const auto cell = cells.view().matrix().col(i);  // over white
    target.colour.view().matrix().col(i) = cell.head<3>().array() + (1 - cell[3]) - 0.5f;
  }
  return target;
}

template <class Kind>
class Trainer : public basin::examples::ResumableTrainer<Trainer<Kind>> {
 public:
  using Theta = basin::Parameters<typename Kind::Rule, float>;

  /// Without a target (no colours) the automaton can be run, but not trained.
  Trainer(const Settings& settings, Target target)
      : settings_(settings),
        target_(std::move(target)),
        grid_{features, {settings.size, settings.size, 1}, 1},
        theta_(Kind::initial_theta(settings.seed)),
        moments_(adam().init(theta_)) {
    basin::examples::check_steps(settings.min_steps, settings.max_steps);
    basin::examples::check_batch(settings.batch, settings.pool);
    if (!has_target()) return;
    const Index side = target_.colour.shape.space[0];
    basin::check(side >= patch, "side of the texture", side, "at least " + std::to_string(patch));
    const State<float> first = start(0);
    pool_ = basin::Pool<float>(settings.pool, first.view());
    if (first.values != start(1).values) {  // each its own noise
      for (Index i = 0; i < settings.pool; ++i) {
        const State<float> own = start(static_cast<std::uint64_t>(i));
        pool_.put(std::vector<Index>{i}, own.view());
      }
    }
  }

  [[nodiscard]] bool has_target() const { return target_.colour.shape.features > 0; }
  [[nodiscard]] const Target& target() const { return target_; }
  [[nodiscard]] const Theta& parameters() const { return theta_; }
  [[nodiscard]] double cell_steps() const { return cell_steps_; }

  /// The distance of pictures of a shape from the texture.
  [[nodiscard]] basin::PatchTransport<float> distance(const Shape& shape, const basin::Random& random,
                                                      std::uint64_t index, Index directions) const {
    return {target_.colour.view(),
            shape,
            random,
            index,
            {.patch = patch,
             .levels = basin::levels_that_fit(settings_.levels, patch, target_.colour.shape, shape),
             .directions = directions,
             .mean_weight = settings_.mean_weight,
             .wrap = target_.tile}};
  }

  void take(const Theta& theta) { theta_ = theta; }

  /// Of a training that keeps its checkpoint in the output folder; of one that is only run, none is kept.
  [[nodiscard]] basin::TrainingOptions options(const basin::examples::CommandLine& command_line) const {
    return {.iterations = settings_.iterations,
            .minutes = settings_.minutes,
            .checkpoint = has_target() ? settings_.out + "/checkpoint.safetensors" : "",
            .checkpoint_minutes = settings_.checkpoint_minutes,
            .label = {.program = command_line.program(),
                      .settings = command_line.settings(),
                      .data = basin::examples::fingerprint("texture", target_.colour)}};
  }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  static constexpr Index patch = 5;

  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate}; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }
  [[nodiscard]] State<float> start(std::uint64_t which) const {
    return start_of<Kind>(settings_.start, grid_, random(start_stream), which);
  }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    file("cell_steps", self.cell_steps_, basin::Within{0.0, 1e300});
    self.pool_.each(file.under("pool"));
  }

  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& training) {
    const auto iteration = static_cast<std::uint64_t>(i);
    const auto loss = basin::SumOf(distance(grid_, random(patch_stream), iteration, settings_.directions),
                                   basin::Overflow{-1, 1, settings_.overflow});
    const std::vector<Index> drawn = pool_.draw(random(draw_stream), iteration << 20, settings_.batch);
    State<float> batch = pool_.take(drawn);
    // Now and then one begins anew, so that the texture is also learnt from its start.
    if (iteration % restart == 0) {
      batch.view().sample(0).vector() = start(fresh(iteration)).values;
    }
    Texture<Kind> model;
    model.steps = settings_.min_steps +
                  static_cast<Index>(
                      random(steps_stream)
                          .below(iteration, static_cast<std::uint64_t>(settings_.max_steps - settings_.min_steps)));
    model.automaton.fire = {settings_.fire, random(fire_stream).bits(iteration)};
    const auto result = basin::value_and_gradient(model, theta_.template as<Texture<Kind>>(), batch.view(), loss,
                                                  {.samples_per_part = 1});
    auto gradient = result.gradient.template as<typename Kind::Rule>();
    basin::examples::check_gradient(basin::normalize_leaves(gradient), i);
    adam().step(theta_, gradient, moments_,
                basin::examples::rate_scale(training.share(), settings_.rate, settings_.final_rate));
    // States that have run away are no use to go on from: their gradient would drown that of the others.
    State<float> next = result.output;
    for (Index n = 0; n < settings_.batch; ++n) {
      auto sample = next.view().sample(n).vector();
      if (!(sample.cwiseAbs().maxCoeff() <= run_away))
        sample = start(fresh(iteration) + 1 + static_cast<std::uint64_t>(n)).values;
    }
    pool_.put(drawn, next.view());
    cell_steps_ += static_cast<double>(model.steps * grid_.cells() * settings_.batch);
    return result.value;
  }

  /// The number of the first of the starts that an iteration may need, after those of the pool.
  [[nodiscard]] std::uint64_t fresh(std::uint64_t iteration) const {
    return static_cast<std::uint64_t>(settings_.pool) + iteration * static_cast<std::uint64_t>(settings_.batch + 1);
  }

  static constexpr std::uint64_t restart = 8;  // iterations from one fresh start to the next
  static constexpr float run_away = 4;         // the penalty begins at 1

  Settings settings_;
  Target target_;
  Shape grid_;
  Theta theta_;
  basin::AdamState<typename Kind::Rule, float> moments_;
  basin::Pool<float> pool_;
  double cell_steps_ = 0;
};

}  // namespace nca_texture
