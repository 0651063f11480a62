#pragma once

// The automaton of nca_arc. A question is three rows of places: two examples, and the line that is asked about. A place
// has a cell for each colour, so that what is learned of one colour is known of all: the rule cannot tell them apart,
// but for the background. A cell is told what its row says at its place: whether the input has its colour, whether the
// output has it in an example, whether it is asked, and whether its colour is the background. It sees itself, the cells
// of its colour in the two places beside it, the mean of those of its colour in the three rows, so that which example
// stands where does not matter, and the sum over all colours of its place. The answer at a place is the colour whose
// cell has the largest first feature. The last feature says that a cell takes part: it has a place in a line, and a
// colour of the question. All others stay zero, so that an answer does not depend on how wide the grid is.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "basin/core/state.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/alive.hpp"
#include "basin/nca/conditioned.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/nca/update.hpp"
#include "basin/stencil/stencil.hpp"
#include "basin/train/initial.hpp"
#include "tasks.hpp"

namespace nca_arc {

using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 20, hidden = 64;
inline constexpr int takes_part = features - 1;  // of the features: 1 or 0
inline constexpr std::size_t shown_at_once = shown - 1;
inline constexpr Index rows = static_cast<Index>(shown_at_once) + 1;
/// What a cell is told: whether its colour is that of the input, of the output, whether it is asked, and whether its
/// colour is the background.
inline constexpr int in_input = 0, in_output = 1, asked = 2, background = 3, told_features = 4;

/// The mean of three rows on a torus.
struct RowMean {
  static constexpr std::array<basin::Tap, 3> taps{{{0, -1, 0, 1.0 / 3}, {0, 0, 0, 1.0 / 3}, {0, 1, 0, 1.0 / 3}}};
};
static_assert(rows == 3);

/// The sum over ten colours on a torus, scaled for the four or five that most questions have.
struct ColourSum {
  static constexpr std::array<basin::Tap, colours> taps = [] {
    std::array<basin::Tap, colours> all{};
    for (int k = 0; k < colours; ++k) all[static_cast<std::size_t>(k)] = {0, 0, k - colours / 2, 0.25};
    return all;
  }();
};

// On a torus, but behind each line there is a place at least that is outside of it.
using Grid =
    basin::Perceive<features, basin::Periodic, basin::Centre, basin::Shift<-1>, basin::Shift<1>, RowMean, ColourSum>;
using Sees = basin::Conditioned<Grid, told_features>;
using Rule =
    basin::Sequential<basin::Dense<Sees::seen_features, hidden>, basin::Relu, basin::Dense<hidden, features - 1>>;
using Nca = basin::Automaton<Sees, Rule, basin::EveryCell, basin::MaskedBy<takes_part>,
                             basin::Keeping<basin::Features<takes_part>>>;
using Model = basin::Rollout<Nca>;
using Theta = basin::Parameters<Rule, float>;

/// Glorot's, with a tenth of it in the last layer, so that at first little changes.
inline Theta initial_theta(std::uint64_t seed) {
  Theta theta = basin::initial_parameters<float>(Rule{}, seed);
  for (float& weight : theta.leaf("2.weight")) weight *= 0.1f;
  return theta;
}

/// A pair, carried around by some cells to the right.
struct Placed {
  const Pair* pair = nullptr;
  std::size_t by = 0;

  [[nodiscard]] std::size_t size() const { return pair->input.size(); }
  [[nodiscard]] std::uint8_t input(std::size_t x) const { return pair->input[(x + size() - by) % size()]; }
  [[nodiscard]] std::uint8_t output(std::size_t x) const { return pair->output[(x + size() - by) % size()]; }
};

/// By how many cells a pair can be carried around without a coloured cell passing an end.
struct Room {
  std::size_t left = 0, right = 0;
};
inline Room room_of(const Pair& pair) {
  const auto before = [&](auto begin, auto end, auto other) {
    std::size_t count = 0;
    for (; begin != end && *begin == 0 && *other == 0; ++begin, ++other) ++count;
    return count;
  };
  const Line &in = pair.input, &out = pair.output;
  return {before(in.begin(), in.end(), out.begin()), before(in.rbegin(), in.rend(), out.rbegin())};
}

/// Two examples, and the line that is asked about.
struct Question {
  std::array<Placed, shown_at_once> examples;
  Placed asked;

  [[nodiscard]] Index width() const {
    std::size_t most = asked.size();
    for (const Placed& example : examples) most = std::max(most, example.size());
    return static_cast<Index>(most);
  }

  /// Which colours it shows: the background always, and not those that the answer alone has.
  [[nodiscard]] std::array<bool, colours> colours_of() const {
    std::array<bool, colours> has{true};
    for (const std::uint8_t colour : asked.pair->input) has[colour] = true;
    for (const Placed& example : examples) {
      for (const std::uint8_t colour : example.pair->input) has[colour] = true;
      for (const std::uint8_t colour : example.pair->output) has[colour] = true;
    }
    return has;
  }
};

/// A pair of a task is asked, and all its examples are shown but one.
inline Question question_of(const Task& task, const Pair& pair, std::size_t hidden_one) {
  Question question{.examples = {}, .asked = {&pair}};
  for (std::size_t i = 0; i < shown_at_once; ++i) question.examples[i] = {&task.examples[i < hidden_one ? i : i + 1]};
  return question;
}

/// Questions of a batch as states, and what their cells are to answer.
struct Batch {
  State<float> told;          ///< (4, width, 3, 10, N)
  State<float> start;         ///< zeros, but for what says that a cell takes part
  std::vector<Line> answers;  ///< without the places outside
  /// What each place of an answer counts: those whose colour changes half of a question together, the others the rest.
  std::vector<std::vector<double>> weights;
};

inline Batch batch_of(const std::vector<Question>& questions) {
  Index width = 0;
  for (const Question& question : questions) width = std::max(width, question.width() + 1);
  const auto count = static_cast<Index>(questions.size());
  Batch batch{State<float>({told_features, {width, rows, colours}, count}),
              State<float>({features, {width, rows, colours}, count}),
              {},
              {}};
  for (Index n = 0; n < count; ++n) {
    const Question& question = questions[static_cast<std::size_t>(n)];
    const std::array<bool, colours> has = question.colours_of();
    float* told = batch.told.view().sample(n).data();
    float* start = batch.start.view().sample(n).data();
    for (int colour = 0; colour < colours; ++colour) {
      for (Index row = 0; row < rows; ++row) {
        const bool last = row + 1 == rows;
        const Placed& pair = last ? question.asked : question.examples[static_cast<std::size_t>(row)];
        for (Index x = 0; x < width; ++x, told += told_features, start += features) {
          const auto place = static_cast<std::size_t>(x);
          if (place >= pair.size() || !has[static_cast<std::size_t>(colour)]) continue;
          start[takes_part] = 1;
          told[in_input] = pair.input(place) == colour ? 1 : 0;
          told[in_output] = !last && pair.output(place) == colour ? 1 : 0;
          told[asked] = last ? 1 : 0;
          told[background] = colour == 0 ? 1 : 0;
        }
      }
    }
    const Placed& asks = question.asked;
    Line& answer = batch.answers.emplace_back();
    double changed = 0;
    for (std::size_t x = 0; x < asks.size(); ++x) {
      answer.push_back(asks.output(x));
      changed += asks.output(x) != asks.input(x) ? 1 : 0;
    }
    const double unchanged = static_cast<double>(asks.size()) - changed, share = changed * unchanged > 0 ? 0.5 : 1;
    std::vector<double>& weights = batch.weights.emplace_back();
    for (std::size_t x = 0; x < asks.size(); ++x) {
      weights.push_back(share / (asks.output(x) != asks.input(x) ? changed : unchanged));
    }
  }
  return batch;
}

/// What the cell of a colour answers at a place of the line that is asked about.
template <class S>
[[nodiscard]] S& answer_at(View<S> sample, Index x, int colour) {
  return sample.data()[((colour * rows + rows - 1) * sample.shape().space[0] + x) * features];
}

/// What the cells of a place answer.
template <class S>
[[nodiscard]] std::array<double, colours> answers_at(View<S> sample, Index x) {
  std::array<double, colours> all{};
  for (int k = 0; k < colours; ++k) all[static_cast<std::size_t>(k)] = answer_at(sample, x, k);
  return all;
}

/// log(exp(a_k) / sum over j of exp(a_j)).
[[nodiscard]] inline std::array<double, colours> log_softmax(std::array<double, colours> answers) {
  const double most = *std::max_element(answers.begin(), answers.end());
  double total = 0;
  for (const double answer : answers) total += std::exp(answer - most);
  for (double& answer : answers) answer -= most + std::log(total);
  return answers;
}

}  // namespace nca_arc
