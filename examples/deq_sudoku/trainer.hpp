#pragma once

// Training of deq_sudoku, in segments: each puzzle of a batch has a state, which is carried on from one iteration to
// the next. An iteration makes a few steps from it, asks how far the answer is right, differentiates through these
// steps, and leaves the states where they are. A puzzle that has been solved for some segments, or has had all of its
// segments, makes room for another. So the rule learns to bring any state of its own making nearer to the solution, and
// to leave it there, at the price of a few steps an iteration (A. Jolicoeur-Martineau, "Less is more: recursive
// reasoning with tiny networks", 2025, trains its network so).
//
// Everything random is a function of the seed and the iteration or the number of a puzzle, so a run resumes bit for bit
// (basin/io/training.hpp).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "../support/process.hpp"
#include "../support/settling.hpp"
#include "../support/training_parts.hpp"
#include "basin/core/parallel.hpp"
#include "basin/io/training.hpp"
#include "basin/train/average.hpp"
#include "basin/train/clip.hpp"
#include "basin/train/initial.hpp"
#include "basin/train/muon.hpp"
#include "basin/train/schedule.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "model.hpp"
#include "settings.hpp"
#include "streams.hpp"

namespace deq_sudoku {

class Trainer {
 public:
  /// Without puzzles it draws them.
  Trainer(const Settings& settings, std::vector<Puzzle> puzzles)
      : settings_(settings),
        puzzles_(std::move(puzzles)),
        theta_(basin::initial_parameters<float>(Settled{}, settings.seed)),
        average_(theta_),
        states_(static_cast<std::size_t>(candidates(features, settings.batch).size())),
        reached_(states_.size()),
        numbers_(static_cast<std::size_t>(settings.batch)),
        ages_(numbers_.size()),
        solved_for_(numbers_.size()),
        solutions_(numbers_.size()),
        inputs_(candidates(inputs, settings.batch)) {
    basin::examples::check_steps(settings.min_steps, settings.max_steps);
  }

  /// The mean of the last of the training.
  [[nodiscard]] const Theta& parameters() const { return average_.parameters(); }
  /// Of all threads, in the training.
  [[nodiscard]] double processor_seconds() const { return processor_seconds_; }
  [[nodiscard]] std::string puzzles_in_words() const {
    return puzzles_.empty() ? "drawn puzzles" : std::to_string(puzzles_.size()) + " puzzles";
  }

  [[nodiscard]] basin::TrainingEnd run(basin::Training& training) {
    if (next_ == 0) {
      // As if some had been there for a while, so that they do not all come and go at once.
      for (std::size_t slot = 0; slot < numbers_.size(); ++slot) {
        renew(slot);
        ages_[slot] = static_cast<int>(slot % static_cast<std::size_t>(segments(0)));
      }
    } else {
      for (std::size_t slot = 0; slot < numbers_.size(); ++slot) lay_out(slot);
    }
    return training.run([this](auto& file) { visit(file, *this); },
                        [&](std::int64_t i) { return iterate(i, training.share()); });
  }

  /// Takes up what a training kept.
  void resume(basin::Training& training, const std::string& path) {
    training.resume(path, [this](auto& file) { visit(file, *this); });
  }

 private:
  [[nodiscard]] basin::Muon muon() const {
    return {.rate = settings_.rate, .weight_decay = 0.1, .vectors = {.rate = settings_.rate, .beta2 = 0.98}};
  }
  [[nodiscard]] basin::Random random(Stream stream, std::int64_t number) const {
    return {basin::fold_in(settings_.seed, static_cast<std::uint64_t>(number)), stream};
  }

  /// What a checkpoint keeps, for reading and writing alike.
  template <class File, class Self>
  static void visit(File& file, Self& self) {
    file("", self.theta_);
    self.moments_.each(file.under("optimizer"));
    self.average_.each(file.under("average"));
    constexpr std::int64_t many = std::int64_t{1} << 48;  // more than any training draws
    const basin::Length slots{self.numbers_.size()};
    file("states", self.states_, basin::Length{self.states_.size()}, basin::Finite{});
    file("numbers", self.numbers_, slots, basin::Within{std::int64_t{0}, many});
    file("ages", self.ages_, slots, basin::Within{0, 1 << 20});
    file("solved_for", self.solved_for_, slots, basin::Within{0, 1 << 20});
    file("next", self.next_, basin::Within{std::int64_t{0}, many});
    file("processor_seconds", self.processor_seconds_, basin::Within{0.0, 1e300});
  }

  /// Puzzle number k of the training: in each pass through all, another order.
  [[nodiscard]] Puzzle puzzle(std::int64_t k) const {
    if (puzzles_.empty()) return random_puzzle(random(puzzle_stream, k));
    const auto count = static_cast<std::int64_t>(puzzles_.size());
    // Steps that share no factor with the number of puzzles reach all of them.
    std::int64_t step = 7919 + 2 * (k / count);
    while (std::gcd(step, count) != 1) ++step;
    return puzzles_[static_cast<std::size_t>(k % count * step % count)];
  }

  /// The input and the solution of a slot's puzzle.
  void lay_out(std::size_t slot) {
    const Puzzle whole = puzzle(numbers_[slot]);
    solutions_[slot] = whole.solution;
    describe(whole, inputs_.view().sample(static_cast<Index>(slot)));
  }

  /// Another puzzle for a slot, and a start.
  void renew(std::size_t slot) {
    const std::int64_t k = numbers_[slot] = next_++;
    ages_[slot] = solved_for_[slot] = 0;
    const State<float> start =
        basin::examples::random_start(candidates(features, 1), settings_.start_noise, random(start_stream, k));
    std::copy(start.values.begin(), start.values.end(),
              states_.begin() + static_cast<Index>(slot) * start.values.size());
    lay_out(slot);
  }

  /// The rate rises over the first 3% of the training, and then falls along half a cosine.
  [[nodiscard]] static double rate_scale(double share) {
    constexpr Index fine = 1 << 20;
    return basin::OneCycle{.total = fine, .warm_fraction = 0.03, .final = 0.01}(static_cast<Index>(share * fine));
  }

  /// A puzzle has so many iterations: a quarter at first, when nothing is solved however long it takes.
  [[nodiscard]] int segments(double share) const {
    return static_cast<int>(std::ceil((0.25 + 0.75 * share) * settings_.segments));
  }

  /// First the answer is to be found, and at the end it is to come to rest: a weight that is there for long makes a
  /// rule that moves too little.
  [[nodiscard]] double penalty(double share) const { return settings_.penalty * std::pow(share, 6); }

  /// What a slot's puzzle contributes.
  struct One {
    basin::Parameters<Settled, float> gradient{};
    double loss = 0;
    bool right = false;
  };

  /// Of a slot, whose state goes on by so many steps. Each gradient is limited by itself: where a state is far from
  /// settled a few steps can make one a hundred times as long as those of all others, and it says little.
  [[nodiscard]] One gradient_of(std::size_t slot, int steps, double penalty_of_solved) {
    const auto of_slot = [&](std::vector<float>& states) {
      return View<float>(states.data(), candidates(features, settings_.batch)).sample(static_cast<Index>(slot));
    };
    // What is solved is to settle; what is not, is not.
    const double penalty = solved_for_[slot] > 0 ? penalty_of_solved : 0;
    const View<const float> from = of_slot(states_);
    const View<float> to = of_slot(reached_);
    return settings_.adjoint == "unrolled" ? gradient_of(unrolled_model(steps, from, to, penalty), slot)
                                           : gradient_of(settling_model(steps, from, to, settings_.adjoint), slot);
  }

  template <class Trained>
  [[nodiscard]] One gradient_of(const Trained& model, std::size_t slot) const {
    PlaceLoss loss;
    for (const std::uint8_t digit : solutions_[slot]) loss.digits.labels.push_back(digit - 1);
    const View<const float> x = inputs_.view().sample(static_cast<Index>(slot));
    auto result = basin::value_and_gradient(model, theta_.template as<Trained>(), x, loss);
    One one{result.gradient.template as<Settled>(), result.value};
    (void)basin::clip_by_global_norm(one.gradient, settings_.clip);
    one.right = answer(result.output.view()) == solutions_[slot];
    return one;
  }

  /// `share`, from 0 to 1, is how far the training is.
  [[nodiscard]] double iterate(std::int64_t i, double share) {
    const double before = basin::examples::cpu_seconds();
    const auto range = static_cast<std::uint64_t>(settings_.max_steps - settings_.min_steps);
    const int steps = settings_.min_steps + static_cast<int>(random(steps_stream, i).below(0, range));
    std::vector<One> each(numbers_.size());
    basin::parallel_for(settings_.batch, [&](Index slot) {
      each[static_cast<std::size_t>(slot)] = gradient_of(static_cast<std::size_t>(slot), steps, penalty(share));
    });
    basin::Parameters<Settled, float> gradient;
    double loss = 0;
    for (const One& one : each) {
      gradient.vector() += one.gradient.vector() / static_cast<float>(settings_.batch);
      loss += one.loss / settings_.batch;
    }
    basin::examples::check_gradient(static_cast<double>(gradient.vector().norm()), i);
    muon().step(theta_, gradient, moments_, rate_scale(share));
    average_.take(theta_);
    std::swap(states_, reached_);
    for (std::size_t slot = 0; slot < numbers_.size(); ++slot) {
      solved_for_[slot] = each[slot].right ? solved_for_[slot] + 1 : 0;
      if (++ages_[slot] >= segments(share) || solved_for_[slot] >= settings_.stays) renew(slot);
    }
    processor_seconds_ += basin::examples::cpu_seconds() - before;
    return loss;
  }

  Settings settings_;
  std::vector<Puzzle> puzzles_;
  Theta theta_;
  basin::MuonState<Settled, float> moments_{};
  basin::WeightAverage<Settled, float> average_;
  std::vector<float> states_;           // of all slots
  std::vector<float> reached_;          // where an iteration leaves them, until it is over
  std::vector<std::int64_t> numbers_;   // of their puzzles
  std::vector<int> ages_, solved_for_;  // in segments
  std::vector<Grid> solutions_;         // follow from the numbers
  State<float> inputs_;                 // likewise
  std::int64_t next_ = 0;               // puzzle
  double processor_seconds_ = 0;
};

}  // namespace deq_sudoku
