#pragma once

// The training of a rule by which the weights of networks arrange themselves, in two stages: one update from random
// networks; then several updates from a pool of networks, fresh ones, kept ones and damaged ones. Everything random is
// a function of the seed and the iteration, so a run resumes bit for bit.

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/io/checkpoint.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/muon.hpp"
#include "basin/train/roll_back.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "metanca.hpp"
#include "process.hpp"

namespace basin::examples {

/// A step of Muon along a gradient clipped to norm 1, unless the last of `losses` exploded: then the parameters of the
/// last copy are back, and false is returned. Throws std::runtime_error if that has happened more than ten times since
/// a copy was made. The gradient is changed.
template <class Model>
bool step_or_go_back(const Muon& muon, double rate_scale, const std::vector<double>& losses,
                     Parameters<Model, float>& gradient, Parameters<Model, float>& theta,
                     MuonState<Model, float>& moments, RollBack<Model, float, MuonState<Model, float>>& roll_back) {
  const double norm = clip_by_global_norm(gradient, 1.0);
  if (roll_back.accepts(losses.back(), norm, theta, moments)) {
    muon.step(theta, gradient, moments, rate_scale);
    return true;
  }
  if (roll_back.without_copy() > 10) {
    throw std::runtime_error("the loss exploded again and again, last in iteration " + std::to_string(losses.size()) +
                             ": try a lower rate");
  }
  return false;
}

struct MetaTraining {
  int iterations = 0;       ///< of the first stage
  int pool_iterations = 0;  ///< of the second
  int networks = 2;         ///< an iteration, the architecture of each drawn by itself
  double rate = 6e-3;       ///< highest of Muon in the first stage
  double pool_rate = 2.5e-3;
  double weight_decay = 0;                  ///< of Muon
  double pool_step = 0.5;                   ///< of the way, an update in the second stage
  int least_updates = 1, most_updates = 6;  ///< in the second stage
  std::size_t pooled_architectures = 24;    ///< the first ones; networks of the others always begin at random
  std::size_t networks_in_pool = 4;         ///< of each of those architectures
  bool neighbours = true;                   ///< whether cells see the means of their neighbours
  bool pool = true;                         ///< false: every network begins at random
  bool damage = true;                       ///< of a third of the networks from the pool
  bool hold_to_end = false;                 ///< what Rule::hold holds in the first stage, in the second too
  double explosion = 10;                    ///< a loss of so many times the running mean makes the training go back
  std::uint64_t seed = 1;
};

/// Trains Rule, a PlacedRule; after each step of the first stage Rule::hold(theta), if there is such a thing, puts back
/// what is not to be trained there. Its random numbers are streams 1 to 99 of the seed, those from 2^32 on, and those
/// of the seed + 1; the first are also what the rule's parameters begin with.
template <class Rule>
class MetaTrainer {
 public:
  using Updates = typename Rule::Updates;
  using Theta = typename Rule::Theta;

  MetaTrainer(const MetaTraining& options, std::vector<Architecture> architectures)
      : options_(options),
        architectures_(std::move(architectures)),
        theta_(Rule::initial(options.seed)),
        moments_(muon(options.rate).init(theta_)),
        roll_back_(theta_, moments_, {.factor = options.explosion}) {
    check(options.least_updates <= options.most_updates, "least updates of a training", options.least_updates,
          "at most " + std::to_string(options.most_updates));
    if (options.pool && options.pool_iterations > 0) fill_pool();
  }

  [[nodiscard]] const Theta& parameters() const { return theta_; }
  [[nodiscard]] const std::vector<Architecture>& architectures() const { return architectures_; }
  [[nodiscard]] const std::vector<double>& losses() const { return losses_; }
  [[nodiscard]] double train_seconds() const { return train_seconds_; }
  /// Iterations whose loss exploded, so that the training went back (train/roll_back.hpp).
  [[nodiscard]] std::int64_t roll_backs() const { return roll_back_.count(); }

  /// Trains to the last iteration, or until Ctrl-C. True if it came to the end. with_loss(number, architecture, body)
  /// calls body(loss) with the loss of the task for the network of that number; several threads call it at once.
  template <class WithLoss>
  bool run(const WithLoss& with_loss) {
    Stopwatch watch;
    Progress progress;
    const double seconds_before = train_seconds_;
    const auto done_before = iteration_;
    const int total = options_.iterations + options_.pool_iterations;
    bool stopped = false;
    while (iteration_ < total && !stopped) {
      iterate(with_loss);
      train_seconds_ = seconds_before + watch.seconds();
      stopped = interrupted != 0;
      progress.show_training(total, losses_, watch.seconds(), done_before);
    }
    progress.end();
    return !stopped;
  }

  /// Throws FileError if the pool that was read from `path` is of other architectures.
  void check_pool(const std::string& path) const {
    for (std::size_t a = 0; a < pool_.size(); ++a) {
      const auto size = static_cast<std::size_t>(architectures_[a].network.cells() * Rule::features);
      for (std::size_t n = 0; n < pool_[a].size(); ++n) {
        check_file(pool_[a][n].size() == size, path, "size of pool." + std::to_string(a) + "." + std::to_string(n),
                   pool_[a][n].size(), std::to_string(size) + ", for " + architectures_[a].network.to_string());
      }
    }
  }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    self.roll_back_.each(file.under("roll_back"));
    file("iteration", self.iteration_);
    file("losses", self.losses_);
    for (std::size_t a = 0; a < self.pool_.size(); ++a) {
      for (std::size_t n = 0; n < self.pool_[a].size(); ++n) {
        file("pool." + std::to_string(a) + "." + std::to_string(n), self.pool_[a][n]);
      }
    }
  }

 private:
  enum Stream : std::uint64_t { choice_stream = 1, fire_stream, pool_stream, damage_stream };

  [[nodiscard]] Muon muon(double rate) const {
    return {.rate = rate, .weight_decay = options_.weight_decay, .vectors = {.rate = rate / 10}};
  }
  [[nodiscard]] Random random(Stream stream) const { return {options_.seed, stream}; }

  /// What one network of an iteration gives.
  struct Job {
    std::size_t architecture = 0, slot = 0;  // in the pool
    bool from_pool = false;
    double value = 0;
    Theta gradient{};
    State<float> output{};
  };

  template <class WithLoss>
  void iterate(const WithLoss& with_loss) {
    const bool first_stage = iteration_ < options_.iterations;
    if (iteration_ == options_.iterations) roll_back_.forget();
    std::vector<Job> jobs(static_cast<std::size_t>(options_.networks));
    parallel_for(options_.networks, [&](Index n) {
      const auto number = static_cast<std::uint64_t>(iteration_ * options_.networks + n);
      jobs[static_cast<std::size_t>(n)] = job(number, first_stage, with_loss);
    });
    Theta gradient;
    double value = 0;
    const double share = 1.0 / static_cast<double>(jobs.size());
    for (const Job& one : jobs) {
      value += share * one.value;
      gradient.vector() += static_cast<float>(share) * one.gradient.vector();
    }
    losses_.push_back(value);
    if (step_or_go_back(muon(first_stage ? options_.rate : options_.pool_rate), rate_scale(), losses_, gradient, theta_,
                        moments_, roll_back_)) {
      if constexpr (requires { Rule::hold(theta_); }) {
        if (first_stage || options_.hold_to_end) Rule::hold(theta_);
      }
      for (const Job& one : jobs) {
        if (!one.from_pool) continue;
        pool_[one.architecture][one.slot].assign(one.output.values.begin(), one.output.values.end());
      }
    } else if (roll_back_.without_copy() % 3 == 0 && !pool_.empty()) {
      fill_pool();
    }
    ++iteration_;
  }

  template <class WithLoss>
  [[nodiscard]] Job job(std::uint64_t number, bool first_stage, const WithLoss& with_loss) const {
    Job one;
    one.architecture = static_cast<std::size_t>(random(choice_stream).below(number, architectures_.size()));
    one.from_pool = !first_stage && one.architecture < pool_.size();
    const Architecture& of = architectures_[one.architecture];
    const std::uint64_t fresh = (std::uint64_t{1} << 32) + number;
    State<float> start = first_stage ? Rule::networks_of_first_stage(of.network, options_.seed, fresh)
                                     : Rule::random_networks(of.network, 1, options_.seed, fresh);
    if (one.from_pool) one.slot = take_from_pool(one.architecture, number, start);
    // A single update is of every cell: one in five that stays random would be noise that no rule can help.
    const Updates model =
        Rule::updates(of, first_stage ? 1 : updates_now(), first_stage ? 1.0 : options_.pool_step,
                      random(fire_stream).bits(number), options_.neighbours, first_stage ? 1.0 : Rule::fire_rate);
    with_loss(number, of, [&](const auto& loss) {
      auto result = value_and_gradient(model, theta_, start.view(), loss, {.samples_per_part = 1});
      one.value = result.value;
      one.gradient = std::move(result.gradient);
      one.output = std::move(result.output);
    });
    return one;
  }

  /// With the networks that the first pool had.
  void fill_pool() {
    pool_.assign(std::min(options_.pooled_architectures, architectures_.size()), {});
    for (std::size_t a = 0; a < pool_.size(); ++a) {
      for (std::size_t n = 0; n < options_.networks_in_pool; ++n) {
        const State<float> fresh =
            Rule::random_networks(architectures_[a].network, 1, options_.seed + 1, a * options_.networks_in_pool + n);
        pool_[a].emplace_back(fresh.values.begin(), fresh.values.end());
      }
    }
  }

  /// The most grow to most_updates over half of the second stage; up to two less are drawn, but at least least_updates.
  [[nodiscard]] Index updates_now() const {
    const Index most =
        std::min<Index>(options_.most_updates, 1 + (iteration_ - options_.iterations) * options_.most_updates /
                                                       std::max<Index>(1, options_.pool_iterations / 2));
    const auto less = static_cast<Index>(
        random(choice_stream).below((std::uint64_t{1} << 40) + static_cast<std::uint64_t>(iteration_), 3));
    return std::max<Index>(options_.least_updates, most - less);
  }

  /// A warm-up, three tenths at the full rate, then a line to a hundredth, in each stage.
  [[nodiscard]] double rate_scale() const {
    const bool first = iteration_ < options_.iterations;
    const double total = first ? options_.iterations : options_.pool_iterations;
    const double at = static_cast<double>(first ? iteration_ : iteration_ - options_.iterations);
    return std::min(1.0, (at + 1) / 50) * std::min(1.0, 0.01 + 0.99 * (1 - at / total) / 0.7);
  }

  /// At random: a fresh network stays, or one of the pool takes its place, damaged or as it is. Returns the place in
  /// the pool that it goes back to.
  std::size_t take_from_pool(std::size_t a, std::uint64_t number, State<float>& start) const {
    const Network& network = architectures_[a].network;
    const auto slot = static_cast<std::size_t>(random(pool_stream).below(2 * number, options_.networks_in_pool));
    const double kind = random(pool_stream).uniform(2 * number + 1);
    if (kind < 0.35) return slot;
    std::copy(pool_[a][slot].begin(), pool_[a][slot].end(), start.values.begin());
    if (kind < 0.7 && options_.damage) {
      const Random damage{random(damage_stream).bits(number), 0};
      const auto layer = static_cast<std::size_t>(damage.below(std::uint64_t{1} << 40, network.layers().size()));
      zero_out(start.view(), network, layer, damage.uniform(std::uint64_t{1} << 41) < 0.5, damage);
    }
    return slot;
  }

  MetaTraining options_;
  std::vector<Architecture> architectures_;
  Theta theta_;
  MuonState<Updates, float> moments_;
  RollBack<Updates, float, MuonState<Updates, float>> roll_back_;
  std::vector<std::vector<std::vector<float>>> pool_;  // a list of networks for each of the first architectures; the
                                                       // others always begin at random
  std::int64_t iteration_ = 0;
  std::vector<double> losses_;
  double train_seconds_ = 0;
};

}  // namespace basin::examples
