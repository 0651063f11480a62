#pragma once

// Training of deq_sudoku.

#include <cmath>
#include <string>
#include <vector>

#include "../support/settling.hpp"
#include "../support/training_parts.hpp"
#include "basin/io/training.hpp"
#include "basin/train/average.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/muon.hpp"
#include "basin/train/optimizer.hpp"
#include "basin/train/schedule.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"

namespace deq_sudoku {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t {
  puzzle_stream = 1,
  easy_stream,
  reveal_stream,
  steps_stream,
  start_stream,
  end_stream,
  test_stream,
  test_start_stream
};

class Trainer {
 public:
  Trainer(const Settings& settings, std::vector<Puzzle> puzzles)
      : settings_(settings),
        puzzles_(std::move(puzzles)),
        theta_(basin::initial_parameters<float>(Settled{}, settings.seed)),
        average_(theta_, 0.999),
        states_(static_cast<std::size_t>(candidates(features, settings.batch).size())),
        numbers_(static_cast<std::size_t>(settings.batch), -1),
        more_(numbers_.size(), 0),
        ages_(numbers_.size(), 0),
        solved_for_(numbers_.size(), 0) {}

  [[nodiscard]] const Theta& parameters() const { return average_.parameters(); }

  [[nodiscard]] basin::TrainingEnd run(basin::Training& training) {
    const basin::OneCycle schedule{.total = settings_.iterations, .warm_fraction = 0.03, .final = 0.01};
    return training.run([this](auto& file) { visit(file, *this); },
                        [&](std::int64_t i) { return iterate(i, schedule(i)); });
  }

  /// Takes up what a training kept.
  void resume(basin::Training& training, const std::string& path) {
    training.resume(path, [this](auto& file) { visit(file, *this); });
  }

 private:
  [[nodiscard]] basin::Adam adam() const { return {.rate = settings_.rate, .beta2 = settings_.beta2}; }
  [[nodiscard]] basin::Muon muon() const { return {.rate = settings_.rate, .vectors = adam()}; }
  [[nodiscard]] basin::Random random(Stream stream) const { return {settings_.seed, stream}; }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    self.muon_moments_.each(file.under("muon"));
    self.average_.each(file.under("average"));
    file("states", self.states_);
    file("numbers", self.numbers_);
    file("more", self.more_);
    file("ages", self.ages_);
    file("solved_for", self.solved_for_);
    file("next", self.next_);
  }

  [[nodiscard]] Puzzle puzzle_at(std::size_t slot) const {
    const auto number = static_cast<std::uint64_t>(numbers_[slot]);
    Puzzle puzzle;
    if (puzzles_.empty()) {
      puzzle = random_puzzle({basin::fold_in(settings_.seed, number), puzzle_stream});
    } else {
      const std::uint64_t epoch = number / puzzles_.size();
      puzzle = puzzles_[(number * 7919 + epoch) % puzzles_.size()];
    }
    return with_more_given(puzzle, more_[slot], {basin::fold_in(settings_.seed, number), reveal_stream});
  }

  /// A slot gets its next puzzle, and a new start.
  void renew(std::size_t slot, double share) {
    numbers_[slot] = next_++;
    ages_[slot] = solved_for_[slot] = 0;
    const auto number = static_cast<std::uint64_t>(numbers_[slot]);
    const double hardest = settings_.easy > 0 ? std::max(0.0, 1 - share / settings_.easy) : 0.0;
    more_[slot] = static_cast<int>(random(easy_stream).uniform(number) * 40 * hardest);
    const State<float> start = basin::examples::random_start(
        candidates(features, 1), settings_.start_noise, {basin::fold_in(settings_.seed, number), start_stream});
    std::copy(start.values.begin(), start.values.end(),
              states_.begin() + static_cast<Index>(slot) * start.values.size());
    inputs_.resize(numbers_.size());
    puzzles_at_[slot] = puzzle_at(slot);
  }

  [[nodiscard]] double iterate(std::int64_t i, double rate_scale) {
    const auto iteration = static_cast<std::uint64_t>(i);
    const double share = static_cast<double>(i) / settings_.iterations;
    if (puzzles_at_.empty()) {
      puzzles_at_.resize(numbers_.size());
      for (std::size_t slot = 0; slot < numbers_.size(); ++slot) {
        if (numbers_[slot] < 0) {
          renew(slot, share);
          ages_[slot] = static_cast<int>(slot) % settings_.segments;
        } else {
          puzzles_at_[slot] = puzzle_at(slot);
        }
      }
    }
    State<float> x(candidates(inputs, settings_.batch));
    PlaceLoss loss;
    for (std::size_t slot = 0; slot < numbers_.size(); ++slot) {
      describe(puzzles_at_[slot], x.view().sample(static_cast<Index>(slot)));
      for (const std::uint8_t digit : puzzles_at_[slot].solution) loss.digits.labels.push_back(digit - 1);
    }
    const auto range = static_cast<std::uint64_t>(settings_.max_steps - settings_.min_steps + 1);
    const int steps = settings_.min_steps + static_cast<int>(random(steps_stream).below(iteration, range));
    const View<float> states(states_.data(), candidates(features, settings_.batch));
    auto result = basin::value_and_gradient(unrolled_model(steps, states), theta_.as<Unrolled>(), x.view(), loss,
                                            {.samples_per_part = 1});
    auto gradient = result.gradient.template as<Settled>();
    const double length = basin::clip_by_global_norm(gradient, settings_.clip);
    basin::examples::check_gradient(length, i);
    lengths_.push_back(length);
    if (settings_.optimizer == "muon") {
      muon().step(theta_, gradient, muon_moments_, rate_scale);
    } else {
      adam().step(theta_, gradient, moments_, rate_scale);
    }
    average_.take(theta_);
    for (std::size_t slot = 0; slot < numbers_.size(); ++slot) {
      const bool right =
          answer(result.output.view().sample(static_cast<Index>(slot))) == puzzles_at_[slot].solution;
      solved_for_[slot] = right ? solved_for_[slot] + 1 : 0;
      if (right) ++right_;
      if (++ages_[slot] >= settings_.segments || solved_for_[slot] >= 2) {
        renewed_ += 1;
        renewed_right_ += right ? 1 : 0;
        renew(slot, share);
      }
    }
    if ((i + 1) % 100 == 0) {
      std::fprintf(stderr, "%lld loss %.4f puzzles %lld right at the end of %.0f: %.3f  more %.1f\n",
                   static_cast<long long>(i + 1), result.value, static_cast<long long>(next_), renewed_,
                   renewed_right_ / renewed_, 40 * std::max(0.0, 1 - share / settings_.easy) / 2);
      renewed_ = renewed_right_ = 0;
      std::sort(lengths_.begin(), lengths_.end());
      std::fprintf(stderr, "  gradient %.3f %.3f %.3f\n", lengths_[10], lengths_[50], lengths_[90]);
      lengths_.clear();
    }
    return result.value;
  }

  Settings settings_;
  std::vector<Puzzle> puzzles_;
  Theta theta_;
  basin::AdamState<Settled, float> moments_{};
  basin::MuonState<Settled, float> muon_moments_{};
  basin::WeightAverage<Settled, float> average_;
  std::vector<float> states_;
  std::vector<std::int64_t> numbers_;
  std::vector<int> more_, ages_, solved_for_;
  std::vector<Puzzle> puzzles_at_{};
  std::vector<float> inputs_;
  std::vector<double> lengths_;
  std::int64_t next_ = 0;
  double right_ = 0, renewed_ = 0, renewed_right_ = 0;
};

}  // namespace deq_sudoku
