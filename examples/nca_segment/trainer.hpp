#pragma once

// Training of nca_segment. Every image is a function of the seed and its number, and is seen once, so a run resumes bit
// for bit (basin/io/training.hpp).

#include <cstdint>
#include <utility>
#include <vector>

#include "../support/resumable_trainer.hpp"
#include "../support/shape_scenes.hpp"
#include "../support/training_parts.hpp"
#include "basin/core/parallel.hpp"
#include "basin/io/training.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/rollout_gradient.hpp"
#include "basin/train/state_loss.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace nca_segment {

using basin::examples::ShapeScene;

/// Images, and the class of each of their pixels.
struct Scenes {
  State<float> images;  // (1, side, side, 1, N)
  std::vector<int> labels;
};

/// The images first, first + 1, ... of a seed.
inline Scenes draw_scenes(const ShapeScene& scene, std::uint64_t seed, std::uint64_t first, Index count) {
  Scenes scenes{State<float>(Shape{1, {scene.side, scene.side, 1}, count}),
                std::vector<int>(static_cast<std::size_t>(count * scene.pixels()))};
  basin::parallel_for(count, [&](Index n) {
    basin::examples::draw_shapes(scene, seed, first + static_cast<std::uint64_t>(n),
                                 scenes.images.view().sample(n).data(), scenes.labels.data() + n * scene.pixels());
  });
  return scenes;
}

/// Those of the training: shapes of 12 to 20 pixels from their middle to their edge.
inline constexpr ShapeScene trained_scene{.side = 64, .scale = 2};

class Trainer : public basin::examples::ResumableTrainer<Trainer> {
 public:
  explicit Trainer(const Settings& settings)
      : settings_(settings),
        model_(model_of(settings.steps)),
        theta_(initial_theta(settings.seed)),
        moments_(adam().init(theta_)) {}

  [[nodiscard]] const Model& model() const { return model_; }
  [[nodiscard]] const Theta& parameters() const { return theta_; }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  static constexpr int warm_up = 100;  // iterations over which the rate rises

  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate}; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
  }

  [[nodiscard]] double iterate(std::int64_t i, const basin::Training& training) {
    Scenes scenes =
        draw_scenes(trained_scene, settings_.seed, static_cast<std::uint64_t>(i * settings_.batch), settings_.batch);
    const State<float> start(model_.start_shape(scenes.images.shape));
    const basin::OfLeadingFeatures<classes, basin::CrossEntropy> loss{{std::move(scenes.labels)}};
    auto result = basin::value_and_gradient_along(model_, theta_, start.view(), scenes.images.view(), loss,
                                                  {{model_.levels.back().steps, 1}});
    basin::examples::check_gradient(basin::clip_by_global_norm(result.gradient, 1.0), i);
    adam().step(theta_, result.gradient, moments_,
                basin::examples::warm_rate_scale(i, warm_up, training.share(), settings_.rate, settings_.final_rate));
    return result.value;
  }

  Settings settings_;
  Model model_;
  Theta theta_;
  basin::AdamState<Model, float> moments_;
};

}  // namespace nca_segment
