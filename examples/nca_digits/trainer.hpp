#pragma once

// Training of nca_digits, and its checkpoints. Everything random is a function of the seed and the iteration, so a run
// resumes bit for bit.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "../support/digits.hpp"
#include "../support/process.hpp"
#include "basin/core/parallel.hpp"
#include "basin/io/checkpoint.hpp"
#include "basin/nca/pool.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/schedule.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace nca_digits {

using basin::LabelledImages;

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t { draw_stream = 1, image_stream, fire_stream, noise_stream, show_stream };

class Trainer {
 public:
  Trainer(const Settings& settings, const basin::examples::DigitSets& data)
      : settings_(settings),
        data_(data),
        theta_(initial_theta(settings.seed)),
        moments_(adam().init(theta_)),
        pool_(empty_pool(settings, data)),
        labels_(static_cast<std::size_t>(settings.pool), 0) {
    basin::check(settings.batch <= settings.pool, "--batch", settings.batch,
                 "at most --pool, " + std::to_string(settings.pool));
    for (Index i = 0; i < settings.pool; ++i) {
      State<float> fresh(pool_.shape());
      labels_[static_cast<std::size_t>(i)] = show_image(fresh.view(), i);
      pool_.put(std::array{i}, fresh.view());
    }
  }

  [[nodiscard]] const Theta& parameters() const { return theta_; }
  [[nodiscard]] const std::vector<double>& losses() const { return losses_; }
  [[nodiscard]] double train_seconds() const { return train_seconds_; }

  /// Trains to the last iteration, or until Ctrl-C. True if it came to the end.
  bool run() {
    basin::examples::Stopwatch watch;
    basin::examples::Progress progress;
    const double before = train_seconds_;
    const basin::Cosine schedule{.total = settings_.iterations, .final = settings_.final_rate / settings_.rate};
    bool stopped = false;
    while (iteration_ < settings_.iterations && !stopped) {
      iterate(schedule(iteration_));
      train_seconds_ = before + watch.seconds();
      stopped = basin::examples::interrupted != 0;
      progress.show_training(settings_.iterations, losses_, train_seconds_);
    }
    progress.end();
    return !stopped;
  }

  /// Everything that the run goes on from.
  void save(const std::string& path) const {
    basin::CheckpointWriter file;
    visit(file, *this);
    pool_.save(file.under("pool"));
    file.metadata("dataset", data_.name);
    file.metadata("settings", {{"iterations", settings_.iterations},
                               {"steps", settings_.steps},
                               {"batch", settings_.batch},
                               {"pool", settings_.pool},
                               {"rate", settings_.rate},
                               {"final-rate", settings_.final_rate},
                               {"noise", settings_.noise},
                               {"seed", settings_.seed}});
    file.write(path);
  }

  /// Takes up what save() wrote. Throws basin::FileError if the file does not fit.
  void load(const std::string& path) {
    basin::CheckpointReader file(path);
    const basin::Json dataset = file.metadata("dataset");
    basin::check_file(dataset == data_.name, path, "data set", dataset.dump(), "\"" + data_.name + "\"");
    visit(file, *this);
    pool_.load(file.under("pool"));
    file.finish();
  }

 private:
  static basin::Pool<float> empty_pool(const Settings& settings, const basin::examples::DigitSets& data) {
    const State<float> empty(data.train.images.shape.with_features(features).with_samples(1));
    return basin::Pool<float>(settings.pool, empty.view());
  }

  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate}; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }

  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    file("iteration", self.iteration_);
    file("losses", self.losses_);
    file("labels", self.labels_);
  }

  /// Draws a training image, the `number`-th that the run takes, under a state; returns its label.
  std::int32_t show_image(View<float> state, Index number) const {
    const auto images = static_cast<std::uint64_t>(data_.train.images.shape.samples);
    const Index image = static_cast<Index>(random(image_stream).below(static_cast<std::uint64_t>(number), images));
    draw(state, data_.train.images.view().sample(image));
    return data_.train.labels[static_cast<std::size_t>(image)];
  }

  void iterate(double rate_scale) {
    const auto iteration = static_cast<std::uint64_t>(iteration_);
    const std::vector<Index> drawn = pool_.draw(random(draw_stream), iteration << 20, settings_.batch);
    State<float> batch = pool_.take(drawn);
    VoteError loss;
    for (const Index i : drawn) loss.labels.push_back(labels_[static_cast<std::size_t>(i)]);
    const Index quarter = settings_.batch / 4;
    for (Index i = 0; i < 2 * quarter; ++i) {
      const Index n = i < quarter ? i : settings_.batch - 1 - (i - quarter);
      if (i < quarter) batch.view().sample(n).vector().setZero();  // fresh; the others keep what they think
      loss.labels[static_cast<std::size_t>(n)] =
          show_image(batch.view().sample(n), settings_.pool + iteration_ * 2 * quarter + i);
    }
    Model model;
    model.steps = settings_.steps;
    model.automaton.fire.seed = random(fire_stream).bits(iteration);
    model.automaton.update = {.noise = settings_.noise, .seed = random(noise_stream).bits(iteration)};
    const auto result =
        basin::value_and_gradient(model, theta_.as<Model>(), batch.view(), loss, {.samples_per_part = 1});
    auto gradient = result.gradient.as<Rule>();
    // A step on a gradient that is not finite would spoil the parameters; the run ends with what it has.
    if (!std::isfinite(basin::normalize_leaves(gradient))) {
      throw std::runtime_error("the gradient is not finite in iteration " + std::to_string(iteration_ + 1) +
                               ": try a lower --rate");
    }
    adam().step(theta_, gradient, moments_, rate_scale);
    pool_.put(drawn, result.output.view());
    for (std::size_t i = 0; i < drawn.size(); ++i) labels_[static_cast<std::size_t>(drawn[i])] = loss.labels[i];
    losses_.push_back(result.value);
    ++iteration_;
  }

  Settings settings_;
  const basin::examples::DigitSets& data_;
  Theta theta_;
  basin::AdamState<Rule, float> moments_;
  basin::Pool<float> pool_;
  std::vector<std::int32_t> labels_;  // of the states in the pool
  std::int64_t iteration_ = 0;
  std::vector<double> losses_;
  double train_seconds_ = 0;
};

}  // namespace nca_digits
