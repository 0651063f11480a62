#pragma once

// Training of deq_segment. Every image, and all else that is random, is a function of the seed and the iteration, so a
// run resumes bit for bit (basin/io/training.hpp).

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../support/resumable_trainer.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/train/average.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/muon.hpp"
#include "basin/train/plane_losses.hpp"
#include "basin/train/schedule.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "measuring.hpp"
#include "model.hpp"
#include "scenes.hpp"
#include "settings.hpp"

namespace deq_segment {

using BothLosses = basin::PlaneLosses<Answers, basin::CrossEntropy, basin::CrossEntropy>;

/// A model with the tolerances of the settings.
template <class Network>
Model<Network> model_of(const Settings& settings) {
  Model<Network> model;
  auto& settle = model.template layer<equilibrium>();
  settle.stop = {.tolerance = settings.tolerance, .max_evaluations = settings.max_evaluations};
  settle.adjoint = {.tolerance = settings.adjoint_tolerance};
  return model;
}

/// The scenes that are evaluated, the same for all runs: numbers that no training comes to.
inline Scenes test_scenes(const Settings& settings, const Source& source) {
  constexpr std::uint64_t beyond_training = 1ull << 52;
  return source.make(0, beyond_training, settings.test_images, true);
}

template <class Network>
class Trainer : public basin::examples::ResumableTrainer<Trainer<Network>> {
 public:
  using Theta = basin::Parameters<Model<Network>, float>;

  Trainer(const Settings& settings, const Source& source)
      : settings_(settings),
        source_(source),
        theta_(initial_theta(settings.seed)),
        average_(theta_, 0.98),
        moments_(optimizer().init(theta_)) {}

  [[nodiscard]] std::int64_t iterations() const { return settings_.iterations; }

  /// Averaged over the last steps.
  [[nodiscard]] const Theta& parameters() const { return average_.parameters(); }
  /// What the solves of the training did.
  [[nodiscard]] const basin::Report& solves() const { return solves_; }

 private:
  friend basin::examples::ResumableTrainer<Trainer>;  // calls visit() and iterate()

  /// What scales say to one another begins at a fraction of what is injected, so that the cell settles from the start.
  static Theta initial_theta(std::uint64_t seed) {
    Theta theta = basin::initial_parameters<float>(Model<Network>{}, seed, basin::He{});
    for (const basin::Leaf& leaf : basin::leaves_of<Model<Network>>()) {
      if (leaf.kind != basin::LeafKind::scale || !leaf.name.starts_with(cell)) continue;
      for (float& number : theta.leaf(leaf.name)) number = 0.3f;
    }
    return theta;
  }

  [[nodiscard]] basin::Muon optimizer() const { return {.rate = settings_.rate}; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.average_.each(file.under("average"));
    self.moments_.each(file.under("optimizer"));
    self.solves_.forward.each(file.under("solves.forward"));
    self.solves_.adjoint.each(file.under("solves.adjoint"));
  }

  [[nodiscard]] double iterate(std::int64_t i, basin::Training& training) {
    Scenes scenes = source_.make(settings_.seed, static_cast<std::uint64_t>(i * settings_.batch), settings_.batch);
    BothLosses loss{{basin::CrossEntropy{std::move(scenes.pixels)}, basin::CrossEntropy{std::move(scenes.kinds)}}};
    loss.weights = {1.0, settings_.kind_weight};
    auto result = basin::value_and_gradient(model_of<Network>(settings_), theta_, scenes.images, loss);
    basin::examples::check_gradient(basin::clip_by_global_norm(result.gradient, 1.0), i);
    const basin::OneCycle schedule{.total = iterations(), .warm_fraction = 0.1};
    optimizer().step(theta_, result.gradient, moments_, schedule(i));
    keep_settling();
    average_.take(theta_);
    solves_ += result.report;
    recent_ = result.report;
    training.detail(detail());
    return result.value;
  }

  /// After a step: a scale answers to itself, and to the others, by no more than the settings say.
  void keep_settling() {
    for (const basin::Leaf& leaf : leaves_) {
      if (leaf.kind == basin::LeafKind::weight && leaf.name.starts_with(scales)) {
        basin::limit_output_norms(theta_, leaf.name, settings_.cell_norm);
      }
      if (leaf.kind == basin::LeafKind::scale && leaf.name.starts_with(cell)) {
        const float most = static_cast<float>(settings_.link_scale);
        for (float& number : theta_.leaf(leaf.name)) number = std::clamp(number, -most, most);
      }
    }
  }

  /// For the line of progress.
  [[nodiscard]] std::string detail() const {
    std::array<char, 100> text{};
    std::snprintf(text.data(), text.size(), "evaluations %.1f, adjoint %.1f, not converged %.2f%%",
                  recent_.forward.mean_evaluations(), recent_.adjoint.mean_evaluations(),
                  100 * solves_.forward.nonconverged_fraction());
    return text.data();
  }

  static constexpr std::string_view cell = "1.cell.", scales = "1.cell.0.";  // names of leaves begin so

  Settings settings_;
  const Source& source_;
  Theta theta_;
  basin::WeightAverage<Model<Network>, float> average_;
  basin::MuonState<Model<Network>, float> moments_;
  std::vector<basin::Leaf> leaves_ = basin::leaves_of<Model<Network>>();
  basin::Report solves_, recent_;
};

}  // namespace deq_segment
