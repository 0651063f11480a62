#pragma once

// The automaton of nca_arc. A task is a grid of four rows: three examples, and the line that is asked about. Each cell
// is told what its row says at its place: the colour of the input, that of the output in an example, and whether there
// is nothing or a question. It sees itself, its two neighbours in the row, and the mean of the four cells of its
// column, so that which example stands where does not matter. The first ten features of a cell in the last row are its
// answer.

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "basin/core/state.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/conditioned.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"
#include "basin/stencil/stencil.hpp"
#include "basin/train/initial.hpp"
#include "tasks.hpp"

namespace nca_arc {

using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 32, hidden = 128, rows = shown + 1;
/// What a cell is told: the input's colour, the output's, whether it is outside of its line, whether it is asked.
inline constexpr int outside = 2 * colours, asked = outside + 1, told_features = asked + 1;

/// The mean of a column of four rows on a torus.
struct ColumnMean {
  static constexpr std::array<basin::Tap, rows> taps{
      {{0, -1, 0, 0.25}, {0, 0, 0, 0.25}, {0, 1, 0, 0.25}, {0, 2, 0, 0.25}}};
};

// On a torus, but behind each line there is a cell at least that is told that it is outside.
using Grid = basin::Perceive<features, basin::Periodic, basin::Centre, basin::Shift<-1>, basin::Shift<1>, ColumnMean>;
using Sees = basin::Conditioned<Grid, told_features>;
using Rule = basin::Sequential<basin::Dense<Sees::seen_features, hidden>, basin::Relu, basin::Dense<hidden, features>>;
using Nca = basin::Automaton<Sees, Rule, basin::EveryCell>;
using Model = basin::Rollout<Nca>;
using Theta = basin::Parameters<Rule, float>;

/// Glorot's, with a tenth of it in the last layer, so that at first little changes.
inline Theta initial_theta(std::uint64_t seed) {
  Theta theta = basin::initial_parameters<float>(Rule{}, seed);
  for (float& weight : theta.leaf("2.weight")) weight *= 0.1f;
  return theta;
}

/// Which colour stands for which.
using Colours = std::array<std::uint8_t, colours>;
inline constexpr Colours same_colours{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

/// Examples, and the line that is asked about.
struct Question {
  std::vector<const Pair*> examples;  ///< at most three
  const Pair* asked = nullptr;
  Colours as = same_colours;

  [[nodiscard]] Index width() const {
    std::size_t most = asked->input.size();
    for (const Pair* pair : examples) most = std::max(most, pair->input.size());
    return static_cast<Index>(most);
  }
};

/// A pair of a task is asked, and all its examples are shown but one, as many as in training.
inline Question question_of(const Task& task, const Pair& pair, std::size_t hidden_one) {
  Question question{.examples = {}, .asked = &pair};
  for (std::size_t i = 0; i < shown; ++i) {
    if (i != hidden_one) question.examples.push_back(&task.examples[i]);
  }
  return question;
}

/// Questions of a batch as states, and what their cells are to answer.
struct Batch {
  State<float> told;          ///< (22, width, 4, 1, N)
  State<float> start;         ///< zeros
  std::vector<Line> answers;  ///< without the cells outside
};

inline Batch batch_of(const std::vector<Question>& questions) {
  Index width = 0;
  for (const Question& question : questions) width = std::max(width, question.width() + 1);
  const auto count = static_cast<Index>(questions.size());
  Batch batch{
      State<float>({told_features, {width, rows, 1}, count}), State<float>({features, {width, rows, 1}, count}), {}};
  for (Index n = 0; n < count; ++n) {
    const Question& question = questions[static_cast<std::size_t>(n)];
    float* cell = batch.told.view().sample(n).data();
    for (Index row = 0; row < rows; ++row) {
      const bool last = row + 1 == rows;
      const auto at = static_cast<std::size_t>(row);
      const Pair* pair = last ? question.asked : at < question.examples.size() ? question.examples[at] : nullptr;
      for (Index x = 0; x < width; ++x, cell += told_features) {
        const auto place = static_cast<std::size_t>(x);
        if (pair == nullptr || place >= pair->input.size()) {
          cell[outside] = 1;
          continue;
        }
        cell[question.as[pair->input[place]]] = 1;
        cell[last ? asked : colours + question.as[pair->output[place]]] = 1;
      }
    }
    Line& answer = batch.answers.emplace_back();
    for (const std::uint8_t colour : question.asked->output) answer.push_back(question.as[colour]);
  }
  return batch;
}

/// The features of a cell of the line that is asked about.
template <class S>
[[nodiscard]] S* answer_at(View<S> sample, Index x) {
  return sample.data() + ((rows - 1) * sample.shape().space[0] + x) * features;
}

/// What the cells of the first `length` places of a sample answer.
inline Line answer_of(View<const float> sample, std::size_t length) {
  Line line;
  for (std::size_t x = 0; x < length; ++x) {
    const float* cell = answer_at(sample, static_cast<Index>(x));
    line.push_back(static_cast<std::uint8_t>(std::max_element(cell, cell + colours) - cell));
  }
  return line;
}

}  // namespace nca_arc
