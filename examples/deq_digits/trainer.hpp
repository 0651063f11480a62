#pragma once

// Training and evaluation of deq_digits, and its checkpoints.
//
// Everything random (order, shifts, cuts, initial parameters) is a function of the seed, the epoch and the image, so a
// run resumes bit for bit (basin/io/training.hpp).

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <numbers>
#include <string>
#include <vector>

#include "../support/digits.hpp"
#include "../support/processes.hpp"
#include "basin/core/parallel.hpp"
#include "basin/core/random.hpp"
#include "basin/io/mnist.hpp"
#include "basin/io/training.hpp"
#include "basin/train/average.hpp"
#include "basin/train/batches.hpp"
#include "basin/train/best.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/loss.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/schedule.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace deq_digits {

using basin::LabelledImages;
using basin::Parameters;
using basin::Shape;
using basin::State;
using Theta = Parameters<Settled, float>;

using Data = basin::examples::DigitSets;

/// Of the training images the first `images`, or all if that is 0; of the test images likewise, or as many as there
/// are.
inline Data load_data(const std::string& folder, Index images, Index test_images) {
  Data data = basin::examples::load_digits(folder);
  const auto keep = [](LabelledImages& all, Index count) {
    all.images = State<float>(all.images.view().samples(0, count));
    all.labels.resize(static_cast<std::size_t>(count));
  };
  if (images > 0) {
    basin::examples::check_option(images <= data.train.images.shape.samples, "--images", images,
                                  "at most " + std::to_string(data.train.images.shape.samples));
    keep(data.train, images);
  }
  if (test_images > 0) keep(data.test, std::min(test_images, data.test.images.shape.samples));
  return data;
}

inline int default_epochs(const Data& data) { return data.name == "mnist" ? 10 : 4; }

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t { order_stream = 1ull << 32, change_stream = 2ull << 32, split_stream = 3ull << 32 };

/// These images as training shows them in `epoch`: moved by up to settings.shift pixels, and a share of them cut from
/// below.
inline State<float> training_batch(const LabelledImages& data, const std::vector<Index>& images, int epoch,
                                   const Settings& settings) {
  const Index count = std::ssize(images);
  const Shape shape = data.images.shape.with_samples(count);
  const Index width = shape.space[0], height = shape.space[1];
  State<float> batch(shape);
  const basin::Random random{settings.seed, change_stream + static_cast<std::uint64_t>(epoch)};
  const Index shift = static_cast<Index>(settings.shift);
  for (Index n = 0; n < count; ++n) {
    const Index image = images[static_cast<std::size_t>(n)];
    const auto draw = [&](std::uint64_t what) { return 4 * static_cast<std::uint64_t>(image) + what; };
    const auto places = static_cast<std::uint64_t>(2 * shift + 1);
    const Index right = static_cast<Index>(random.below(draw(0), places)) - shift;
    const Index down = static_cast<Index>(random.below(draw(1), places)) - shift;
    const bool cut = random.uniform(draw(2)) < settings.truncate;
    const Index rows =
        cut ? static_cast<Index>(static_cast<double>(height) * random.uniform(draw(3), 0.35, 1.0)) : height;
    const float* from = data.images.view().sample(image).data();
    float* to = batch.view().sample(n).data();
    for (Index y = std::max<Index>(0, down); y < std::min(rows, height + down); ++y) {
      for (Index x = std::max<Index>(0, right); x < std::min(width, width + right); ++x) {
        to[y * width + x] = from[(y - down) * width + x - right];
      }
    }
  }
  return batch;
}

/// The images with only the top `fraction` of their rows; the rest is paper.
inline State<float> truncated(const State<float>& images, double fraction) {
  State<float> out = images;
  const Index width = images.shape.space[0], height = images.shape.space[1];
  const Index kept = static_cast<Index>(std::lround(fraction * static_cast<double>(height)));
  out.view().columns().bottomRows(width * (height - kept)).setZero();
  return out;
}

inline std::vector<int> as_labels(const std::vector<std::uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

/// A model with the solver, the adjoint and the tolerances of the settings.
inline Settled settled_model(const Settings& settings) {
  Settled model;
  auto& settle = model.layer<equilibrium>();
  settle.solver = ChosenSolver(settings.solver);
  settle.stop = {.tolerance = settings.tolerance, .max_evaluations = settings.max_evaluations};
  if (settings.adjoint == "phantom") {
    settle.adjoint = basin::Phantom{.k = settings.phantom_steps, .tau = settings.phantom_damping};
  } else if (settings.adjoint == "jacobian_free") {
    settle.adjoint = basin::JacobianFree{};
  } else {
    settle.adjoint = basin::Implicit<>{.tolerance = settings.adjoint_tolerance};
  }
  return model;
}

inline UnrolledModel unrolled_model(const Settings& settings) {
  UnrolledModel model;
  model.layer<equilibrium>().stop = {.tolerance = settings.tolerance, .max_evaluations = settings.max_evaluations};
  return model;
}

/// He's initial weights, but smaller ones in the cell and a larger injection: training then starts from a cell that
/// contracts, and stays where equilibria are found in a dozen evaluations.
inline Theta initial_theta(std::uint64_t seed) {
  Theta theta = basin::initial_parameters<float>(
      Settled{}, seed, [](const basin::Leaf& leaf, std::span<float> values, const basin::Random& random) {
        const bool of_cell = leaf.name.starts_with("2.cell.");
        basin::He{.gain = of_cell ? 0.7 : std::numbers::sqrt2}(leaf, values, random);
      });
  const std::span<float> injection = theta.leaf("1.scale");
  std::fill(injection.begin(), injection.end(), 2.0f);
  return theta;
}

struct Epoch {
  double loss = 0, accuracy = 0, test_accuracy = 0;
};

class Trainer {
 public:
  Trainer(const Settings& settings, const Data& data, basin::examples::Processes& processes)
      : settings_(settings),
        processes_(processes),
        data_(data),
        theta_(initial_theta(settings.seed)),
        average_(theta_),
        best_(theta_, basin::Better::higher),
        moments_(optimizer().init(theta_)),
        split_(basin::hold_back(data.train.images.shape.samples, settings.held_back, {settings.seed, split_stream})),
        batches_(
            {.samples = std::ssize(split_.train), .batch = settings.batch, .random = {settings.seed, order_stream}}) {}

  /// Batches in all.
  [[nodiscard]] std::int64_t iterations() const { return batches_.an_epoch() * settings_.epochs; }

  [[nodiscard]] basin::TrainingEnd run(basin::Training& training) {
    return settings_.adjoint == "unrolled" ? run(training, unrolled_model(settings_))
                                           : run(training, settled_model(settings_));
  }

  /// Takes up what a training kept.
  void resume(basin::Training& training, const std::string& path) {
    training.resume(path, [this](auto& file) { visit(file, *this); });
    for (const std::vector<double>* column : {&accuracies_, &test_accuracies_}) {
      basin::check_file(column->size() == epoch_losses_.size(), path, "epochs of its history", column->size(),
                        std::to_string(epoch_losses_.size()));
    }
  }

  /// The share of the test images that the parameters read rightly.
  double test_accuracy(double fraction_of_rows = 1.0) {
    return accuracy(fraction_of_rows < 1 ? truncated(data_.test.images, fraction_of_rows) : data_.test.images,
                    data_.test.labels, parameters(), fraction_of_rows == 1);
  }

  /// Averaged over the last steps; of the best epoch, where images are held back to say which.
  [[nodiscard]] const Theta& parameters() const {
    return settings_.held_back > 0 && !std::isnan(best_.value()) ? best_.parameters() : average_.parameters();
  }
  [[nodiscard]] std::vector<Epoch> history() const {
    std::vector<Epoch> epochs;
    for (std::size_t e = 0; e < epoch_losses_.size(); ++e) {
      epochs.push_back({epoch_losses_[e], accuracies_[e], test_accuracies_[e]});
    }
    return epochs;
  }
  [[nodiscard]] double best_held_back() const { return best_.value(); }
  [[nodiscard]] const basin::Report& solves() const { return solves_; }
  /// Gradients that were made shorter, or left out, because a solve of their image failed.
  [[nodiscard]] Index bounded() const { return bounded_; }
  [[nodiscard]] Index left_out() const { return left_out_; }

 private:
  [[nodiscard]] basin::AdamW optimizer() const {
    return {.rate = settings_.rate, .beta2 = 0.99, .weight_decay = settings_.weight_decay};
  }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.average_.each(file.under("average"));
    if (self.settings_.held_back > 0) self.best_.each(file.under("best"));
    self.moments_.each(file.under("optimizer"));
    file("epoch_loss", self.epoch_loss_);
    file("epoch_correct", self.epoch_correct_);
    file("history.loss", self.epoch_losses_);
    file("history.accuracy", self.accuracies_);
    file("history.test_accuracy", self.test_accuracies_);
    self.solves_.forward.each(file.under("solves.forward"));
    self.solves_.adjoint.each(file.under("solves.adjoint"));
    file("bounded", self.bounded_);
    file("left_out", self.left_out_);
  }

  template <class Trained>
  [[nodiscard]] basin::TrainingEnd run(basin::Training& training, const Trained& model) {
    const basin::OneCycle schedule{.total = iterations(), .warm_fraction = 0.05};
    return training.run([this](auto& file) { visit(file, *this); },
                        [&](std::int64_t i) {
                          const double loss = train_batch(model, i, schedule(i));
                          const Index batch = i % batches_.an_epoch() + 1;
                          if (batch == batches_.an_epoch()) {
                            end_epoch(training);
                          } else {
                            training.detail(detail(i / batches_.an_epoch(), batch));
                          }
                          return loss;
                        });
  }

  template <class Trained>
  [[nodiscard]] double train_batch(const Trained& model, std::int64_t i, double rate_scale) {
    std::vector<Index> images;
    basin::CrossEntropy loss;
    for (const Index n : batches_.of(i)) {
      images.push_back(split_.train[static_cast<std::size_t>(n)]);
      loss.labels.push_back(data_.train.labels[static_cast<std::size_t>(images.back())]);
    }
    const auto mine = processes_.samples_of(std::ssize(images));
    images = {images.begin() + mine.first, images.begin() + mine.first + mine.count};
    const State<float> batch =
        training_batch(data_.train, images, static_cast<int>(i / batches_.an_epoch()), settings_);
    auto result = processes_.value_and_gradient(model, theta_.as<Trained>(), batch, loss);
    auto gradient = result.gradient.template as<Settled>();
    // A step on a gradient that is not finite would spoil the parameters; the run ends with what it has.
    const double norm = basin::clip_by_global_norm(gradient, 1.0);
    if (!std::isfinite(norm)) {
      throw std::runtime_error("the gradient is not finite in epoch " + std::to_string(i / batches_.an_epoch() + 1) +
                               ", batch " + std::to_string(i % batches_.an_epoch() + 1) + ": try a lower --rate");
    }
    optimizer().step(theta_, gradient, moments_, rate_scale);
    basin::limit_output_norms(theta_, "2.cell.0.weight", settings_.cell_norm);
    average_.take(theta_);
    epoch_loss_ += result.value;
    epoch_correct_ += basin::count_correct(result.output.view(), loss.labels);
    solves_ += result.report;
    recent_ = result.report;
    bounded_ += result.bounded;
    left_out_ += result.left_out;
    return result.value;
  }

  void end_epoch(basin::Training& training) {
    const double batches = static_cast<double>(batches_.an_epoch());
    epoch_losses_.push_back(epoch_loss_ / batches);
    accuracies_.push_back(static_cast<double>(epoch_correct_) / (batches * settings_.batch));
    epoch_correct_ = 0;
    epoch_loss_ = 0;
    double held_back = 0;
    if (settings_.held_back > 0) {
      held_back = accuracy(basin::samples_at(data_.train.images.view(), split_.held_back), held_back_labels(),
                           average_.parameters(), false);
      if (best_.offer(held_back, average_.parameters())) training.save_after_this();
      if (settings_.patience > 0 && best_.since() >= settings_.patience) training.stop_after_this();
    }
    test_accuracies_.push_back(accuracy(data_.test.images, data_.test.labels, average_.parameters(), true));
    std::array<char, 60> of_held_back{};
    if (settings_.held_back > 0) {
      std::snprintf(of_held_back.data(), of_held_back.size(), "held-back accuracy %.2f%%  ", 100 * held_back);
    }
    std::array<char, 200> line{};
    std::snprintf(line.data(), line.size(),
                  "epoch %zu/%d  loss %.4f  accuracy %.2f%%  %stest accuracy %.2f%%  not converged %.3f%%",
                  epoch_losses_.size(), settings_.epochs, epoch_losses_.back(), 100 * accuracies_.back(),
                  of_held_back.data(), 100 * test_accuracies_.back(), 100 * solves_.forward.nonconverged_fraction());
    training.say(line.data());
  }

  /// For the line of progress, in an epoch that has `batches` behind it.
  [[nodiscard]] std::string detail(Index epoch, Index batches) const {
    std::array<char, 120> text{};
    std::snprintf(text.data(), text.size(), "epoch %td/%d  accuracy %.2f%%  evaluations %.1f, adjoint %.1f", epoch + 1,
                  settings_.epochs,
                  100.0 * static_cast<double>(epoch_correct_) / static_cast<double>(batches * settings_.batch),
                  recent_.forward.mean_evaluations(), recent_.adjoint.mean_evaluations());
    return text.data();
  }

  double accuracy(const State<float>& images, const std::vector<std::uint8_t>& labels, const Theta& theta,
                  bool counted) {
    const auto mine = processes_.samples_of(images.shape.samples);
    const auto prediction =
        processes_.predict(settled_model(settings_), theta, images.view().samples(mine.first, mine.count));
    if (counted) solves_ += prediction.report;
    return basin::accuracy(prediction.output.view(), as_labels(labels));
  }

  [[nodiscard]] std::vector<std::uint8_t> held_back_labels() const {
    std::vector<std::uint8_t> labels;
    for (const Index n : split_.held_back) labels.push_back(data_.train.labels[static_cast<std::size_t>(n)]);
    return labels;
  }

  Settings settings_;
  basin::examples::Processes& processes_;
  const Data& data_;
  Theta theta_;
  basin::WeightAverage<Settled, float> average_;
  basin::Best<Settled, float> best_;
  basin::AdamState<Settled, float> moments_;
  basin::SampleSplit split_;
  basin::Batches batches_;
  double epoch_loss_ = 0;  // of the epoch at hand, as epoch_correct_
  std::int64_t epoch_correct_ = 0;
  std::vector<double> epoch_losses_, accuracies_, test_accuracies_;
  Index bounded_ = 0, left_out_ = 0;  // gradients of images for which a solve failed (train/value_and_gradient.hpp)
  basin::Report solves_, recent_;
};

}  // namespace deq_digits
