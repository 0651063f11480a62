#pragma once

// The training of a rule by which the weights of networks arrange themselves, in two stages: one update from random
// networks; then several updates from a pool of networks, fresh ones, kept ones and damaged ones. Everything random is
// a function of the seed and the iteration, so a run resumes bit for bit (basin/io/training.hpp).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/io/training.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/muon.hpp"
#include "basin/train/roll_back.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "metanca.hpp"

namespace basin::examples {

/// Parameters that Muon trains, and that go back when a loss explodes.
template <class Model>
class GuardedMuon {
 public:
  /// Explosions are losses of `explosion` times their running mean (train/roll_back.hpp).
  GuardedMuon(const Parameters<Model, float>& theta, const Muon& muon, double explosion = RollBackOptions{}.factor)
      : theta_(theta), moments_(muon.init(theta)), roll_back_(theta_, moments_, {.factor = explosion}) {}

  [[nodiscard]] const Parameters<Model, float>& parameters() const { return theta_; }
  /// For what a training does to its parameters beside the steps.
  [[nodiscard]] Parameters<Model, float>& parameters() { return theta_; }
  [[nodiscard]] const RollBack<Model, float, MuonState<Model, float>>& roll_back() const { return roll_back_; }

  /// The losses to come are of another stage.
  void forget() { roll_back_.forget(); }

  /// A step along a gradient clipped to norm 1, unless the loss exploded: then the parameters of the last copy are
  /// back, and false is returned. Throws std::runtime_error if that has happened more than ten times since a copy was
  /// made. The gradient is changed.
  bool step(const Muon& muon, double rate_scale, std::int64_t iteration, double loss,
            Parameters<Model, float>& gradient) {
    const double norm = clip_by_global_norm(gradient, 1.0);
    if (roll_back_.accepts(loss, norm, theta_, moments_)) {
      muon.step(theta_, gradient, moments_, rate_scale);
      return true;
    }
    if (roll_back_.without_copy() > 10) {
      throw std::runtime_error("the loss exploded again and again, last in iteration " + std::to_string(iteration + 1) +
                               ": try a lower rate");
    }
    return false;
  }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    visit_checked(file, "optimizer", self.moments_);
    visit_checked(file, "roll_back", self.roll_back_);
  }

 private:
  /// Counts have to be 0 or more, all else finite.
  template <class File, class Part>
  static void visit_checked(File& file, const char* group, Part& part) {
    const auto under = file.under(group);
    part.each([&](std::string_view name, auto& value) {
      if constexpr (std::is_integral_v<std::remove_reference_t<decltype(value)>>) {
        under(name, value, Within{std::int64_t{0}, std::int64_t{1} << 53});
      } else {
        under(name, value, Finite{});
      }
    });
  }

  Parameters<Model, float> theta_;
  MuonState<Model, float> moments_;
  RollBack<Model, float, MuonState<Model, float>> roll_back_;
};

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
        rule_(Rule::initial(options.seed), muon(options.rate), options.explosion) {
    check(options.least_updates <= options.most_updates, "least updates of a training", options.least_updates,
          "at most " + std::to_string(options.most_updates));
    if (options.pool && options.pool_iterations > 0) fill_pool();
  }

  [[nodiscard]] const Theta& parameters() const { return rule_.parameters(); }
  [[nodiscard]] const std::vector<Architecture>& architectures() const { return architectures_; }
  /// Of both stages.
  [[nodiscard]] std::int64_t iterations() const {
    return std::int64_t{options_.iterations} + std::int64_t{options_.pool_iterations};
  }
  /// Iterations whose loss exploded, so that the training went back (train/roll_back.hpp).
  [[nodiscard]] std::int64_t roll_backs() const { return rule_.roll_back().count(); }

  /// with_loss(number, architecture, body) calls body(loss) with the loss of the task for the network of that number;
  /// several threads call it at once.
  template <class WithLoss>
  [[nodiscard]] TrainingEnd run(Training& training, const WithLoss& with_loss) {
    return training.run([this](auto& file) { visit(file, *this); },
                        [&](std::int64_t iteration) { return iterate(iteration, with_loss); });
  }

  /// Takes up what a training kept.
  void resume(Training& training, const std::string& path) {
    training.resume(path, [this](auto& file) { visit(file, *this); });
  }

 private:
  enum Stream : std::uint64_t { choice_stream = 1, fire_stream, pool_stream, damage_stream };

  [[nodiscard]] Muon muon(double rate) const {
    return {.rate = rate, .weight_decay = options_.weight_decay, .vectors = {.rate = rate / 10}};
  }
  [[nodiscard]] Random random(Stream stream) const { return {options_.seed, stream}; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    GuardedMuon<Updates>::visit(file, self.rule_);
    for (std::size_t a = 0; a < self.pool_.size(); ++a) {
      const Index numbers = self.architectures_[a].network.cells() * Rule::features;
      for (std::size_t n = 0; n < self.pool_[a].size(); ++n) {
        file("pool." + std::to_string(a) + "." + std::to_string(n), self.pool_[a][n], Length{numbers}, Finite{});
      }
    }
  }

  /// What one network of an iteration gives.
  struct Job {
    std::size_t architecture = 0, slot = 0;  // in the pool
    bool from_pool = false;
    double value = 0;
    Theta gradient{};
    State<float> output{};
  };

  template <class WithLoss>
  [[nodiscard]] double iterate(std::int64_t iteration, const WithLoss& with_loss) {
    const bool first_stage = iteration < options_.iterations;
    if (iteration == options_.iterations) rule_.forget();
    std::vector<Job> jobs(static_cast<std::size_t>(options_.networks));
    parallel_for(options_.networks, [&](Index n) { jobs[static_cast<std::size_t>(n)] = job(iteration, n, with_loss); });
    Theta gradient;
    double value = 0;
    const double share = 1.0 / static_cast<double>(jobs.size());
    for (const Job& one : jobs) {
      value += share * one.value;
      gradient.vector() += static_cast<float>(share) * one.gradient.vector();
    }
    if (rule_.step(muon(first_stage ? options_.rate : options_.pool_rate), rate_scale(iteration), iteration, value,
                   gradient)) {
      if constexpr (requires { Rule::hold(rule_.parameters()); }) {
        if (first_stage || options_.hold_to_end) Rule::hold(rule_.parameters());
      }
      for (const Job& one : jobs) {
        if (!one.from_pool) continue;
        pool_[one.architecture][one.slot].assign(one.output.values.begin(), one.output.values.end());
      }
    } else if (rule_.roll_back().without_copy() % 3 == 0 && !pool_.empty()) {
      fill_pool();
    }
    return value;
  }

  template <class WithLoss>
  [[nodiscard]] Job job(std::int64_t iteration, Index n, const WithLoss& with_loss) const {
    const bool first_stage = iteration < options_.iterations;
    const auto number = static_cast<std::uint64_t>(iteration * options_.networks + n);
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
        Rule::updates(of, first_stage ? 1 : updates_in(iteration), first_stage ? 1.0 : options_.pool_step,
                      random(fire_stream).bits(number), options_.neighbours, first_stage ? 1.0 : Rule::fire_rate);
    with_loss(number, of, [&](const auto& loss) {
      auto result = value_and_gradient(model, rule_.parameters(), start.view(), loss, {.samples_per_part = 1});
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
  [[nodiscard]] Index updates_in(std::int64_t iteration) const {
    const Index most =
        std::min<Index>(options_.most_updates, 1 + (iteration - options_.iterations) * options_.most_updates /
                                                       std::max<Index>(1, options_.pool_iterations / 2));
    const auto less = static_cast<Index>(
        random(choice_stream).below((std::uint64_t{1} << 40) + static_cast<std::uint64_t>(iteration), 3));
    return std::max<Index>(options_.least_updates, most - less);
  }

  /// A warm-up, three tenths at the full rate, then a line to a hundredth, in each stage.
  [[nodiscard]] double rate_scale(std::int64_t iteration) const {
    const bool first = iteration < options_.iterations;
    const double total = first ? options_.iterations : options_.pool_iterations;
    const double at = static_cast<double>(first ? iteration : iteration - options_.iterations);
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
  GuardedMuon<Updates> rule_;
  std::vector<std::vector<std::vector<float>>> pool_;  // a list of networks for each of the first architectures; the
                                                       // others always begin at random
};

}  // namespace basin::examples
