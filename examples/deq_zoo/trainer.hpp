#pragma once

// Training and evaluation of a published network, and its checkpoints. Everything random is a function of the seed, the
// iteration and the image, so that a run resumes bit for bit (basin/io/training.hpp).

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "../support/digits.hpp"
#include "../support/distort.hpp"
#include "../support/training_parts.hpp"
#include "basin/core/random.hpp"
#include "basin/io/training.hpp"
#include "basin/train/average.hpp"
#include "basin/train/batches.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/schedule.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "published.hpp"
#include "settings.hpp"

namespace deq_zoo {

using basin::LabelledImages;
using basin::State;

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t { order_stream = 1ull << 32, distort_stream = 2ull << 32 };

/// Mean 0 and deviation 1 over MNIST, as published.
inline constexpr float mean_ink = 0.1307f, deviation_of_ink = 0.3081f;

inline void normalize(State<float>& images) {
  images.values.array() = (images.values.array() - mean_ink) / deviation_of_ink;
}

/// The model's own settings where the user asked for none.
inline void fill_up(Settings& settings, const Recipe& recipe) {
  if (settings.epochs == 0) settings.epochs = recipe.epochs;
  if (settings.batch == 0) settings.batch = recipe.batch;
  if (settings.rate == 0) settings.rate = recipe.rate;
  if (settings.schedule.empty()) settings.schedule = "one_cycle";
  if (settings.tolerance == 0) settings.tolerance = recipe.tolerance;
  if (settings.adjoint_tolerance == 0) settings.adjoint_tolerance = recipe.adjoint_tolerance;
  if (settings.adjoint.empty()) settings.adjoint = recipe.adjoint;
  if (settings.distort < 0) settings.distort = recipe.distort;
}

/// Those of the comparison.
inline void fill_up(Settings& settings) {
  if (settings.images == 0) settings.images = 2000;
  if (settings.epochs == 0) settings.epochs = 1;
  if (settings.batch == 0) settings.batch = 50;
  if (settings.rate == 0) settings.rate = 3e-3;
  if (settings.tolerance == 0) settings.tolerance = 1e-3;
  if (settings.adjoint_tolerance == 0) settings.adjoint_tolerance = 1e-2;
}

template <class Network>
class Trainer {
 public:
  using Model = typename Network::Model;

  /// `train` and `test` are normalized.
  Trainer(const Settings& settings, const LabelledImages& train, const LabelledImages& test)
      : settings_(settings),
        train_(train),
        test_(test),
        theta_(Network::start(settings.seed)),
        average_(theta_),
        moments_(optimizer().init(theta_)),
        batches_(
            {.samples = train.images.shape.samples, .batch = settings.batch, .random = {settings.seed, order_stream}}) {
  }

  /// Batches in all.
  [[nodiscard]] std::int64_t iterations() const { return batches_.an_epoch() * settings_.epochs; }

  void resume(basin::Training& training, const std::string& path) {
    training.resume(path, [this](auto& file) { visit(file, *this); });
  }

  [[nodiscard]] basin::TrainingEnd run(basin::Training& training) {
    const Model model = settled(true);
    return training.run([this](auto& file) { visit(file, *this); },
                        [&](std::int64_t i) {
                          const double loss = train_batch(model, i);
                          if ((i + 1) % batches_.an_epoch() == 0) end_epoch(training);
                          return loss;
                        });
  }

  /// The share that the running average of the parameters reads rightly, and how those solves ended.
  [[nodiscard]] double test_accuracy(basin::Report& solves) const {
    const auto read =
        basin::predict(settled(false), average_.parameters(), test_.images, {.samples_per_part = samples_per_part});
    solves += read.report;
    return basin::accuracy(read.output.view(), std::vector<int>(test_.labels.begin(), test_.labels.end()));
  }

  [[nodiscard]] const std::vector<double>& test_accuracies() const { return test_accuracies_; }  ///< after each epoch
  [[nodiscard]] const basin::Report& solves() const { return solves_; }                          ///< of the training

 private:
  static constexpr Index samples_per_part = 64;  // a resolvent is prepared for each part

  [[nodiscard]] basin::AdamW optimizer() const {
    return {.rate = settings_.rate, .beta2 = 0.99, .weight_decay = Network::recipe.weight_decay};
  }

  [[nodiscard]] Model settled(bool trains) const {
    Model model = Network::model(trains);
    auto& layer = model.template layer<Network::equilibrium>();
    layer.stop = {.tolerance = settings_.tolerance, .max_evaluations = 100};
    if (settings_.adjoint == "implicit") {
      layer.adjoint = basin::Implicit<basin::Picard>{.tolerance = settings_.adjoint_tolerance};
    } else {
      layer.adjoint = basin::JacobianFree{};
    }
    return model;
  }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.average_.each(file.under("average"));
    self.moments_.each(file.under("optimizer"));
    file("history.test_accuracy", self.test_accuracies_);
    self.solves_.forward.each(file.under("solves.forward"));
    self.solves_.adjoint.each(file.under("solves.adjoint"));
  }

  [[nodiscard]] double rate_scale(std::int64_t i) const {
    if (settings_.schedule == "step") return basin::StepDecay{.period = 10 * batches_.an_epoch()}(i);
    return basin::OneCycle{.total = iterations(), .warm_fraction = 0.1}(i);
  }

  [[nodiscard]] State<float> images_of(std::span<const Index> of, std::int64_t i) const {
    State<float> x = basin::samples_at(train_.images.view(), of);
    if (settings_.distort == 0) return x;
    const State<float> plain = x;
    for (Index n = 0; n < plain.shape.samples; ++n) {
      const std::uint64_t stream = distort_stream + static_cast<std::uint64_t>(i * settings_.batch + n);
      basin::examples::distort<28>(plain.view().sample(n).data(), -mean_ink / deviation_of_ink, {}, settings_.distort,
                                   {settings_.seed, stream}, x.view().sample(n).data());
    }
    return x;
  }

  [[nodiscard]] double train_batch(const Model& model, std::int64_t i) {
    const auto of = batches_.of(i);
    basin::CrossEntropy loss;
    for (const Index n : of) loss.labels.push_back(train_.labels[static_cast<std::size_t>(n)]);
    const State<float> images = images_of(of, i);
    const auto step = basin::value_and_gradient(
        model, theta_, images, loss,
        {.samples_per_part = samples_per_part, .context = {.draw = static_cast<std::uint64_t>(i)}});
    const double norm = step.gradient.vector().template cast<double>().norm();
    basin::examples::check_gradient(norm, i);
    optimizer().step(theta_, step.gradient, moments_, rate_scale(i));
    Network::after_step(theta_);
    average_.take(theta_);
    solves_ += step.report;
    return step.value;
  }

  void end_epoch(basin::Training& training) {
    basin::Report of_test;
    test_accuracies_.push_back(test_accuracy(of_test));
    std::array<char, 160> line{};
    std::snprintf(
        line.data(), line.size(), "epoch %zu/%d  accuracy %.2f%%  evaluations %.1f, adjoint %.1f  not converged %.3f%%",
        test_accuracies_.size(), settings_.epochs, 100 * test_accuracies_.back(), solves_.forward.mean_evaluations(),
        solves_.adjoint.mean_evaluations(), 100 * solves_.forward.nonconverged_fraction());
    training.say(line.data());
  }

  Settings settings_;
  const LabelledImages &train_, &test_;
  Parameters<Model, float> theta_;
  basin::WeightAverage<Model, float> average_;
  basin::AdamState<Model, float> moments_;
  basin::Batches batches_;
  std::vector<double> test_accuracies_;
  basin::Report solves_;
};

}  // namespace deq_zoo
