#pragma once

// Training and evaluation of deq_digits, and its checkpoints.
//
// Everything random (order, shifts, cuts, initial parameters) is a function of the seed, the epoch and the image, so a
// run is known by its settings and the number of its batch, and resumes bit for bit.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <numbers>
#include <numeric>
#include <string>
#include <vector>

#include "../support/digits.hpp"
#include "../support/process.hpp"
#include "basin/core/parallel.hpp"
#include "basin/core/random.hpp"
#include "basin/io/checkpoint.hpp"
#include "basin/io/mnist.hpp"
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

/// Of the training images the first `images`, or all if that is 0.
inline Data load_data(const std::string& folder, Index images) {
  Data data = basin::examples::load_digits(folder);
  if (images > 0) {
    LabelledImages& train = data.train;
    basin::check(images <= train.images.shape.samples, "--images", images,
                 "at most " + std::to_string(train.images.shape.samples));
    train.images = State<float>(train.images.view().samples(0, images));
    train.labels.resize(static_cast<std::size_t>(images));
  }
  return data;
}

inline int default_epochs(const Data& data) { return data.name == "mnist" ? 10 : 4; }

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t { order_stream = 1ull << 32, change_stream = 2ull << 32 };

/// Images `order[first] ... order[first + count - 1]` as training shows them in `epoch`: moved by up to settings.shift
/// pixels, and a share of them cut from below.
inline State<float> training_batch(const LabelledImages& data, const std::vector<Index>& order, Index first,
                                   Index count, int epoch, const Settings& settings) {
  const Shape shape = data.images.shape.with_samples(count);
  const Index width = shape.space[0], height = shape.space[1];
  State<float> batch(shape);
  const basin::Random random{settings.seed, change_stream + static_cast<std::uint64_t>(epoch)};
  const Index shift = static_cast<Index>(settings.shift);
  for (Index n = 0; n < count; ++n) {
    const Index image = order[static_cast<std::size_t>(first + n)];
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
  Trainer(const Settings& settings, const Data& data)
      : settings_(settings),
        data_(data),
        theta_(initial_theta(settings.seed)),
        average_(theta_),
        moments_(optimizer().init(theta_)) {}

  /// Trains to the last epoch, or until Ctrl-C. True if it came to the end.
  bool run() {
    return settings_.adjoint == "unrolled" ? run(unrolled_model(settings_)) : run(settled_model(settings_));
  }

  /// The share of the test images that the averaged parameters read rightly.
  double test_accuracy(double fraction_of_rows = 1.0) {
    const State<float> images =
        fraction_of_rows < 1 ? truncated(data_.test.images, fraction_of_rows) : data_.test.images;
    const auto prediction = basin::predict(settled_model(settings_), average_, images);
    if (fraction_of_rows == 1) solves_ += prediction.report;
    return basin::accuracy(prediction.output.view(), as_labels(data_.test.labels));
  }

  /// Everything that the run goes on from.
  void save(const std::string& path) const {
    basin::CheckpointWriter file;
    visit(file, *this);
    file.metadata("dataset", data_.name);
    file.metadata("settings", {{"seed", settings_.seed},
                               {"images", settings_.images},
                               {"epochs", settings_.epochs},
                               {"batch", settings_.batch},
                               {"rate", settings_.rate},
                               {"weight-decay", settings_.weight_decay},
                               {"shift", settings_.shift},
                               {"truncate", settings_.truncate},
                               {"cell-norm", settings_.cell_norm},
                               {"solver", settings_.solver},
                               {"adjoint", settings_.adjoint},
                               {"tolerance", settings_.tolerance},
                               {"max-evaluations", settings_.max_evaluations},
                               {"adjoint-tolerance", settings_.adjoint_tolerance},
                               {"phantom-steps", settings_.phantom_steps},
                               {"phantom-damping", settings_.phantom_damping}});
    basin::Json history = basin::Json::array();
    for (const Epoch& epoch : history_) {
      history.push_back({epoch.loss, epoch.accuracy, epoch.test_accuracy});
    }
    file.metadata("history", history);
    file.write(path);
  }

  /// Takes up what save() wrote, to evaluate it, or to go on with the same data. Throws basin::FileError if the file
  /// does not fit this model.
  void load(const std::string& path, bool go_on) {
    basin::CheckpointReader file(path);
    const basin::Json dataset = file.metadata("dataset");
    if (go_on) basin::check_file(dataset == data_.name, path, "data set", dataset.dump(), "\"" + data_.name + "\"");
    visit(file, *this);
    file.finish();
    const basin::Json history = file.metadata("history");
    basin::check_file(history.is_array(), path, "history", history.type_name(), "an array");
    for (const basin::Json& row : history) {
      const bool numbers = row.is_array() && row.size() == 3 &&
                           std::all_of(row.begin(), row.end(), [](const auto& value) { return value.is_number(); });
      basin::check_file(numbers, path, "row of the history", row.dump(), "three numbers");
      history_.push_back({row[0], row[1], row[2]});
    }
  }

  [[nodiscard]] const Theta& parameters() const { return average_; }
  [[nodiscard]] const std::vector<Epoch>& history() const { return history_; }
  [[nodiscard]] const basin::Report& solves() const { return solves_; }
  /// Gradients that were made shorter, or left out, because a solve of their image failed.
  [[nodiscard]] Index bounded() const { return bounded_; }
  [[nodiscard]] Index left_out() const { return left_out_; }
  [[nodiscard]] double train_seconds() const { return train_seconds_; }

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] basin::AdamW optimizer() const {
    return {.rate = settings_.rate, .beta2 = 0.99, .weight_decay = settings_.weight_decay};
  }

  [[nodiscard]] Index batches() const { return data_.train.images.shape.samples / settings_.batch; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    file("average", self.average_);
    self.moments_.each(file.under("optimizer"));
    file("epoch", self.epoch_);
    file("batch", self.batch_);
    file("epoch_loss", self.epoch_loss_);
    file("epoch_correct", self.epoch_correct_);
  }

  template <class Trained>
  bool run(const Trained& model) {
    const basin::OneCycle schedule{.total = batches() * settings_.epochs, .warm_fraction = 0.05};
    for (; epoch_ < settings_.epochs; ++epoch_) {
      const std::vector<Index> order = shuffled(static_cast<int>(epoch_));
      const auto start = Clock::now();
      const Index first_batch = batch_;
      for (; batch_ < batches(); ++batch_) {
        train_batch(model, order, schedule(epoch_ * batches() + batch_));
        show_progress(static_cast<double>(batch_ + 1 - first_batch) * settings_.batch / seconds_since(start));
        if (basin::examples::interrupted != 0) {
          ++batch_;
          train_seconds_ += seconds_since(start);
          return false;
        }
      }
      train_seconds_ += seconds_since(start);
      const double images = static_cast<double>(batches() * settings_.batch);
      history_.push_back({epoch_loss_ / static_cast<double>(batches()), static_cast<double>(epoch_correct_) / images,
                          test_accuracy()});
      show_epoch(seconds_since(start));
      batch_ = epoch_correct_ = 0;
      epoch_loss_ = 0;
    }
    return true;
  }

  template <class Trained>
  void train_batch(const Trained& model, const std::vector<Index>& order, double rate_scale) {
    const Index first = batch_ * settings_.batch;
    const State<float> images =
        training_batch(data_.train, order, first, settings_.batch, static_cast<int>(epoch_), settings_);
    basin::CrossEntropy loss;
    for (Index n = first; n < first + settings_.batch; ++n) {
      loss.labels.push_back(data_.train.labels[static_cast<std::size_t>(order[static_cast<std::size_t>(n)])]);
    }
    auto result = basin::value_and_gradient(model, theta_.as<Trained>(), images, loss);
    auto gradient = result.gradient.template as<Settled>();
    // A step on a gradient that is not finite would spoil the parameters; the run ends with what it has.
    const double norm = basin::clip_by_global_norm(gradient, 1.0);
    if (!std::isfinite(norm)) {
      throw std::runtime_error("the gradient is not finite in epoch " + std::to_string(epoch_ + 1) + ", batch " +
                               std::to_string(batch_ + 1) + ": try a lower --rate");
    }
    optimizer().step(theta_, gradient, moments_, rate_scale);
    basin::limit_output_norms(theta_, "2.cell.0.weight", settings_.cell_norm);
    // The average forgets slowly, but not the start: at first it is the mean of all steps so far.
    const double steps = static_cast<double>(moments_.steps);
    const float kept = static_cast<float>(std::min(0.999, steps / (steps + 9)));
    average_.vector() = kept * average_.vector() + (1 - kept) * theta_.vector();
    epoch_loss_ += result.value;
    epoch_correct_ += basin::count_correct(result.output.view(), loss.labels);
    solves_ += result.report;
    recent_ = result.report;
    bounded_ += result.bounded;
    left_out_ += result.left_out;
  }

  /// The order of the training images in an epoch (Fisher and Yates 1938).
  [[nodiscard]] std::vector<Index> shuffled(int epoch) const {
    std::vector<Index> order(static_cast<std::size_t>(data_.train.images.shape.samples));
    std::iota(order.begin(), order.end(), Index{0});
    const basin::Random random{settings_.seed, order_stream + static_cast<std::uint64_t>(epoch)};
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i, i)]);
    return order;
  }

  static double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  /// One line that rewrites itself on a terminal; elsewhere a line every twenty seconds.
  void show_progress(double images_a_second) {
    static const bool terminal = isatty(STDOUT_FILENO) == 1;
    const auto now = Clock::now();
    const bool last = batch_ + 1 == batches();
    if (std::chrono::duration<double>(now - shown_).count() < (terminal ? 0.2 : 20.0) && !(terminal && last)) return;
    shown_ = now;
    const double done = static_cast<double>(batch_ + 1);
    const double left =
        (static_cast<double>(batches() * (settings_.epochs - epoch_)) - done) * settings_.batch / images_a_second;
    std::printf(
        "%sepoch %d/%d  batch %d/%d  loss %.4f  accuracy %.2f%%  iterations %.1f  adjoint %.1f  %.0f images/s  %d:%02d "
        "left%s",
        terminal ? "\r" : "", static_cast<int>(epoch_ + 1), settings_.epochs, static_cast<int>(batch_ + 1),
        static_cast<int>(batches()), epoch_loss_ / done,
        100.0 * static_cast<double>(epoch_correct_) / (done * settings_.batch), recent_.forward.mean_evaluations(),
        recent_.adjoint.mean_evaluations(), images_a_second, static_cast<int>(left) / 60, static_cast<int>(left) % 60,
        terminal ? "\x1b[K" : "\n");
    std::fflush(stdout);
  }

  void show_epoch(double seconds) const {
    const Epoch& epoch = history_.back();
    std::printf("%sepoch %d/%d  loss %.4f  accuracy %.2f%%  test accuracy %.2f%%  not converged %.3f%%  %.1f s\n",
                isatty(STDOUT_FILENO) == 1 ? "\r\x1b[K" : "", static_cast<int>(epoch_ + 1), settings_.epochs,
                epoch.loss, 100 * epoch.accuracy, 100 * epoch.test_accuracy,
                100 * solves_.forward.nonconverged_fraction(), seconds);
    std::fflush(stdout);
  }

  Settings settings_;
  const Data& data_;
  Theta theta_;
  Theta average_;  // of theta over the last steps (Polyak & Juditsky 1992); what is evaluated
  basin::AdamState<Settled, float> moments_;
  std::int64_t epoch_ = 0, batch_ = 0, epoch_correct_ = 0;
  double epoch_loss_ = 0, train_seconds_ = 0;
  Index bounded_ = 0, left_out_ = 0;  // gradients of images for which a solve failed (train/value_and_gradient.hpp)
  std::vector<Epoch> history_;
  basin::Report solves_, recent_;
  Clock::time_point shown_{};
};

}  // namespace deq_digits
