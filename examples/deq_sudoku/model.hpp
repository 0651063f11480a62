#pragma once

// The model of deq_sudoku. A cell of the state is a candidate (row, column, digit), 729 of them, each in four sets of
// nine: the digits of its place, and its digit's places in its row, its column and its box
// (basin/layers/set_messages.hpp). What a set tells its candidates depends on its kind, and rows and columns are one
// kind, so every symmetry of Sudoku, digits renamed, lines exchanged within bands, bands exchanged, the grid
// transposed, is one of the rule:
//
//   v = z + W1 z + messages(z) + u,    f(z, u) = RmsNorm(v + W3 silu(W2 v + b2) + b3),    u = W x + b,    logit = w z
//
// x of a candidate: whether its digit is given at its place, and whether givens exclude it.

#include <cstdint>
#include <string>
#include <vector>

#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/adjoint/unrolled.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/deq/residual_penalty.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/layer_norm.hpp"
#include "basin/layers/residual.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/set_messages.hpp"
#include "basin/train/loss.hpp"
#include "puzzles.hpp"

namespace deq_sudoku {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int inputs = 2, features = 48, pooled = 24, hidden = 96, injected = features;

using Messages = basin::Residual<basin::SetMessages<features, pooled, features, 3>>;
using Inside =
    basin::Residual<basin::Sequential<basin::Dense<features, hidden>, basin::Silu, basin::Dense<hidden, features>>>;
using Cell = basin::Injected<basin::Sequential<Messages, Inside, basin::RmsNorm<features>>>;

template <class Middle>
using Model = basin::Sequential<basin::Dense<inputs, injected>, Middle, basin::Dense<features, 1>>;

inline constexpr std::size_t equilibrium = 1, head = 2;  // their places in the Sequential

/// What is tested, and trained where the gradient is taken where the steps have come to, as if that were the
/// equilibrium.
using Adjoint = basin::AnyAdjoint<basin::Implicit<>, basin::Phantom, basin::JacobianFree>;
using Settled = Model<basin::Equilibrium<Cell, basin::Picard, Adjoint>>;
/// What is trained, through a number of steps: the same parameters.
using Unrolled = Model<basin::ResidualPenalty<basin::Equilibrium<Cell, basin::Picard, basin::Unrolled>>>;
using Theta = basin::Parameters<Settled, float>;

/// Candidates as cells: digits, then columns, then rows.
constexpr Shape candidates(int of_each, Index samples) { return {of_each, {side, side, side}, samples}; }

/// The digits of a place; a digit's places in a row or column; a digit's places in a box.
inline const basin::CellSets& sets() {
  static const basin::CellSets made = [] {
    basin::CellSets::Sets of_places(places), lines(2 * places), boxes(places);
    for (int place = 0; place < places; ++place) {
      for (int digit = 0; digit < side; ++digit) {
        const Index candidate = place * side + digit;
        const auto put = [&](basin::CellSets::Sets& sets, int set) {
          sets[static_cast<std::size_t>(set)].push_back(candidate);
        };
        put(of_places, place);
        put(lines, place / side * side + digit);
        put(lines, places + place % side * side + digit);
        put(boxes, box_of(place) * side + digit);
      }
    }
    return basin::CellSets(places * side, {of_places, lines, boxes});
  }();
  return made;
}

/// Differentiated through `steps` steps from `states`; leaves what it came to in `reached`. `penalty`: the weight of
/// what is left of the residual there.
inline Unrolled unrolled_model(int steps, View<const float> states, View<float> reached, double penalty) {
  Unrolled model;
  auto& middle = model.layer<equilibrium>();
  middle.weight = penalty;
  auto& layer = middle.equilibrium;
  layer.cell.layers.layer<0>().inner.sets = sets();
  layer.stop = {.tolerance = 0, .absolute_tolerance = 0, .max_evaluations = steps};
  layer.adjoint.tape = basin::Kept{};
  layer.start = states;
  layer.keep = reached;
  return model;
}

/// Settled once no number of any candidate changes by more than a thousandth. Where a puzzle is long in doubt the
/// residual does not fall for long either: no test for that.
inline Settled settled_model(int max_evaluations) {
  Settled model;
  model.layer<equilibrium>().cell.layers.layer<0>().inner.sets = sets();
  model.layer<equilibrium>().stop = {.tolerance = 1e-3,
                                     .absolute_tolerance = 0,
                                     .norm = basin::Norm::maximum,
                                     .max_evaluations = max_evaluations,
                                     .stall_window = 0};
  return model;
}

/// Differentiated, by the adjoint method of that name, where `steps` steps from `states` have come to, or fewer if they
/// settle; leaves that in `reached`.
inline Settled settling_model(int steps, View<const float> states, View<float> reached, const std::string& adjoint) {
  Settled model = settled_model(steps);
  auto& layer = model.layer<equilibrium>();
  layer.stop.returns_last = true;
  layer.adjoint = Adjoint(adjoint);
  layer.start = states;
  layer.keep = reached;
  return model;
}

/// x of a puzzle, (2, 9, 9, 9, 1).
inline void describe(const Puzzle& puzzle, View<float> x) {
  x.vector().setZero();
  for (int place = 0; place < places; ++place) {
    const int given = puzzle.given[static_cast<std::size_t>(place)];
    if (given == 0) continue;
    for (int other = 0; other < places; ++other) {
      const bool sees = other / 9 == place / 9 || other % 9 == place % 9 || box_of(other) == box_of(place);
      if (sees) x.data()[2 * (other * side + given - 1) + 1] = 1;
    }
    for (int digit = 0; digit < side; ++digit) x.data()[2 * (place * side + digit) + 1] = 1;
    x.data()[2 * (place * side + given - 1)] = 1;
  }
  for (int place = 0; place < places; ++place) {  // what is given is not excluded by itself
    const int given = puzzle.given[static_cast<std::size_t>(place)];
    if (given != 0) x.data()[2 * (place * side + given - 1) + 1] = 0;
  }
}

/// The nine logits of each place, as a loss takes them: digits lie together.
template <class S>
[[nodiscard]] View<S> by_place(View<S> logits) {
  return {logits.data(), Shape{side, {side, side, 1}, logits.samples()}};
}

/// Cross-entropy of the digits of each place.
struct PlaceLoss {
  basin::CrossEntropy digits{};

  double value_and_gradient(View<const float> y, Index first_sample, Index batch, View<float> dy) const {
    return digits.value_and_gradient<float>(by_place(y), first_sample, batch, dy ? by_place(dy) : dy);
  }
};

/// The likeliest digit of each place of a sample.
inline Grid answer(View<const float> logits) {
  Grid grid{};
  for (std::size_t place = 0; place < places; ++place) {
    const float* of_place = logits.data() + place * side;
    grid[place] = static_cast<std::uint8_t>(1 + (std::max_element(of_place, of_place + side) - of_place));
  }
  return grid;
}

}  // namespace deq_sudoku
