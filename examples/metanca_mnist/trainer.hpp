#pragma once

// Training of metanca_mnist, and its checkpoints, in two stages: one update from random networks, with architectures of
// random widths; then several updates from a pool of networks, fresh ones, kept ones and damaged ones. Everything
// random is a function of the seed and the iteration, so a run resumes bit for bit.

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "../support/digits.hpp"
#include "../support/process.hpp"
#include "basin/core/parallel.hpp"
#include "basin/io/checkpoint.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/muon.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace metanca_mnist {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t {
  width_stream = 1,
  choice_stream,
  image_stream,
  start_stream,
  fire_stream,
  pool_stream,
  damage_stream,
  show_stream
};

/// Images with mean 0 and deviation 1, as MNIST's training images have them, and labels.
struct Digits {
  State<float> images;
  std::vector<int> labels;

  explicit Digits(const basin::LabelledImages& from)
      : images(from.images), labels(from.labels.begin(), from.labels.end()) {
    images.values = (images.values.array() - 0.1307f) / 0.3081f;
  }
};

inline basin::NetworkLoss<float> loss_of(const Architecture& architecture, View<const float> images,
                                         std::span<const int> labels) {
  return {architecture.network, images, labels, architecture.scales, architecture.scales, 0.01};
}

/// The automaton of an architecture, with a part `rate` of the way that the rule points to at each update.
inline Updates updates_of(const Architecture& architecture, Index updates, double rate, std::uint64_t fire_seed,
                          bool neighbours) {
  Updates model;
  model.automaton.perception = {architecture.network, architecture.codes, neighbours};
  model.automaton.fire = {.rate = 0.8, .seed = fire_seed};
  model.automaton.update.rate = rate;
  model.steps = updates;
  return model;
}

inline constexpr double pool_step = 0.5;  // of the way, in training from the pool and afterwards

class Trainer {
 public:
  Trainer(const Settings& settings, const Digits& train)
      : settings_(settings), train_(train), theta_(initial_theta(settings.seed)), moments_(muon(1).init(theta_)) {
    basin::check(settings.images <= train.images.shape.samples, "--images", settings.images,
                 "at most " + std::to_string(train.images.shape.samples));
    draw_architectures();
  }

  [[nodiscard]] const Theta& parameters() const { return theta_; }
  [[nodiscard]] const std::vector<Architecture>& architectures() const { return architectures_; }
  [[nodiscard]] const std::vector<double>& losses() const { return losses_; }
  [[nodiscard]] double train_seconds() const { return train_seconds_; }
  [[nodiscard]] bool neighbours() const { return settings_.without != "neighbours"; }
  [[nodiscard]] bool coded() const { return settings_.without != "codes"; }

  /// Trains to the last iteration, or until Ctrl-C. True if it came to the end.
  bool run() {
    basin::examples::Stopwatch watch;
    basin::examples::Progress progress;
    const double before = train_seconds_;
    const int total = settings_.iterations + settings_.pool_iterations;
    bool stopped = false;
    while (iteration_ < total && !stopped) {
      iterate();
      train_seconds_ = before + watch.seconds();
      stopped = basin::examples::interrupted != 0;
      if (progress.due(iteration_ == total)) {
        const std::size_t recent = std::min<std::size_t>(losses_.size(), 100);
        const double mean = std::accumulate(losses_.end() - static_cast<std::ptrdiff_t>(recent), losses_.end(), 0.0) /
                            static_cast<double>(recent);
        std::array<char, 160> line{};
        std::snprintf(line.data(), line.size(), "iteration %d/%d  loss %.4f  %.1f iterations/s  %.0f s",
                      static_cast<int>(iteration_), total, mean, static_cast<double>(iteration_) / train_seconds_,
                      train_seconds_);
        progress.show(line.data());
      }
    }
    progress.end();
    return !stopped;
  }

  /// Everything that the run goes on from.
  void save(const std::string& path) const {
    basin::CheckpointWriter file;
    visit(file, *this);
    file.metadata("settings", {{"iterations", settings_.iterations},
                               {"pool-iterations", settings_.pool_iterations},
                               {"architectures", settings_.architectures},
                               {"images", settings_.images},
                               {"networks", settings_.networks},
                               {"rate", settings_.rate},
                               {"pool-rate", settings_.pool_rate},
                               {"without", settings_.without},
                               {"seed", settings_.seed}});
    file.write(path);
  }

  /// Takes up what save() wrote. Throws basin::FileError if the file does not fit.
  void load(const std::string& path) {
    basin::CheckpointReader file(path);
    visit(file, *this);
    file.finish();
  }

 private:
  using Model = Updates;

  [[nodiscard]] basin::Muon muon(double rate) const { return {.rate = rate, .vectors = {.rate = rate / 10}}; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }
  [[nodiscard]] bool pooled() const { return settings_.without != "pool"; }

  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    file("iteration", self.iteration_);
    file("losses", self.losses_);
    for (std::size_t a = 0; a < self.pool_.size(); ++a) {
      for (std::size_t n = 0; n < self.pool_[a].size(); ++n) {
        file("pool." + std::to_string(a) + "." + std::to_string(n), self.pool_[a][n]);
      }
    }
  }

  /// Random widths from 10 to 100, uniform in their logarithm, since a narrow layer is hardest and its neighbours in
  /// width differ most; one in four without the first hidden layer. The pool has networks of the first few.
  void draw_architectures() {
    const basin::Random widths = random(width_stream);
    const auto width = [&](std::uint64_t i) { return std::llround(std::pow(10.0, widths.uniform(i, 1.0, 2.0))); };
    for (int a = 0; a < settings_.architectures; ++a) {
      const auto number = 2 * static_cast<std::uint64_t>(a);
      architectures_.push_back(architecture_of(widths_of(a % 4 == 3 ? 0 : width(number), width(number + 1)), coded()));
    }
    if (!pooled() || settings_.pool_iterations == 0) return;
    pool_.resize(std::min<std::size_t>(pooled_architectures, architectures_.size()));
    for (std::size_t a = 0; a < pool_.size(); ++a) {
      for (std::size_t n = 0; n < networks_in_pool; ++n) {
        const State<float> fresh =
            random_networks(architectures_[a].network, 1, settings_.seed + 1, a * networks_in_pool + n);
        pool_[a].emplace_back(fresh.values.begin(), fresh.values.end());
      }
    }
  }

  void iterate() {
    const auto iteration = static_cast<std::uint64_t>(iteration_);
    const bool first_stage = iteration_ < settings_.iterations;
    const bool from_pool = !first_stage && pooled();
    const std::size_t count = from_pool ? pool_.size() : architectures_.size();
    const auto a = static_cast<std::size_t>(random(choice_stream).below(iteration, count));
    const Architecture& architecture = architectures_[a];
    State<float> start =
        random_networks(architecture.network, settings_.networks, settings_.seed, (iteration + 1) << 20);
    std::vector<std::size_t> drawn;
    if (from_pool) drawn = take_from_pool(a, iteration, start);

    Index updates = 1;
    if (!first_stage) {
      // One more every tenth of the stage, up to the last of --updates that training ever sees, and two less at random.
      const Index most = std::min<Index>(training_updates, 1 + (iteration_ - settings_.iterations) * training_updates /
                                                                   std::max<Index>(1, settings_.pool_iterations / 2));
      updates = std::max<Index>(1, most - static_cast<Index>(random(choice_stream).below((1ull << 40) + iteration, 3)));
    }
    const Model model = updates_of(architecture, updates, first_stage ? 1.0 : pool_step,
                                   random(fire_stream).bits(iteration), neighbours());
    const auto [images, labels] = batch(iteration);
    const auto loss = loss_of(architecture, images.view(), labels);
    auto result = basin::value_and_gradient(model, theta_, start.view(), loss, 1);
    losses_.push_back(result.value);
    if (!std::isfinite(basin::clip_by_global_norm(result.gradient, 1.0))) {
      throw std::runtime_error("the gradient is not finite in iteration " + std::to_string(iteration_ + 1) +
                               ": try a lower --rate");
    }
    muon(first_stage ? settings_.rate : settings_.pool_rate).step(theta_, result.gradient, moments_, rate_scale());
    for (std::size_t n = 0; n < drawn.size(); ++n) {
      const View<float> one = result.output.view().sample(static_cast<Index>(n));
      pool_[a][drawn[n]].assign(one.data(), one.data() + one.size());
    }
    ++iteration_;
  }

  /// A warm-up, a third at the full rate, then a line to a hundredth, in each stage.
  [[nodiscard]] double rate_scale() const {
    const bool first = iteration_ < settings_.iterations;
    const double total = first ? settings_.iterations : settings_.pool_iterations;
    const double at = static_cast<double>(first ? iteration_ : iteration_ - settings_.iterations);
    const double warm = std::min(1.0, (at + 1) / 50);
    return warm * std::min(1.0, 0.01 + 0.99 * (1 - at / total) / 0.7);
  }

  /// Of the networks, in turn: fresh, damaged, as they are. Returns their numbers in the pool.
  std::vector<std::size_t> take_from_pool(std::size_t a, std::uint64_t iteration, State<float>& start) const {
    const Network& network = architectures_[a].network;
    std::vector<std::size_t> drawn;
    for (Index n = 0; n < start.shape.samples; ++n) {
      const std::uint64_t number = iteration * 64 + static_cast<std::uint64_t>(n);
      const auto slot = static_cast<std::size_t>(random(pool_stream).below(2 * number, networks_in_pool));
      drawn.push_back(slot);
      const double kind = random(pool_stream).uniform(2 * number + 1);
      if (kind < 0.35) continue;  // stays fresh
      const View<float> one = start.view().sample(n);
      std::copy(pool_[a][slot].begin(), pool_[a][slot].end(), one.data());
      if (kind < 0.7 && settings_.without != "zero-out") {
        const basin::Random damage{random(damage_stream).bits(number), 0};
        const auto layer = static_cast<std::size_t>(damage.below(1ull << 40, network.layers().size()));
        zero_out(one, network, layer, damage.uniform(1ull << 41) < 0.5, damage);
      }
    }
    return drawn;
  }

  [[nodiscard]] std::pair<State<float>, std::vector<int>> batch(std::uint64_t iteration) const {
    const auto all = static_cast<std::uint64_t>(train_.images.shape.samples);
    State<float> images(train_.images.shape.with_samples(settings_.images));
    std::vector<int> labels(static_cast<std::size_t>(settings_.images));
    for (Index i = 0; i < settings_.images; ++i) {
      const auto from =
          static_cast<Index>(random(image_stream).below((iteration << 20) + static_cast<std::uint64_t>(i), all));
      images.view().sample(i).vector() = train_.images.view().sample(from).vector();
      labels[static_cast<std::size_t>(i)] = train_.labels[static_cast<std::size_t>(from)];
    }
    return {std::move(images), std::move(labels)};
  }

  static constexpr std::size_t pooled_architectures = 24, networks_in_pool = 4;
  static constexpr Index training_updates = 6;

  Settings settings_;
  const Digits& train_;
  Theta theta_;
  basin::MuonState<Model, float> moments_;
  std::vector<Architecture> architectures_;
  std::vector<std::vector<std::vector<float>>> pool_;  // a list of networks for each of the first architectures
  std::int64_t iteration_ = 0;
  std::vector<double> losses_;
  double train_seconds_ = 0;
};

}  // namespace metanca_mnist
