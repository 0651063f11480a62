#pragma once

// The model of deq_sums: a state of four numbers a cell, and
//
//   f(z, u) = tanh(W2 relu(W1 [z_left, z, z_right] + u) + b2),    u = w bit + b,    logits = W3 z + b3,
//
// with 16 numbers inside: 318 parameters, the same for all cells. Strings end where they end: there is nothing beyond.

#include <cstdint>
#include <vector>

#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/adjoint/unrolled.hpp"
#include "basin/core/random.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/window_conv.hpp"

namespace deq_sums {

using basin::Index;
using basin::Shape;
using basin::State;
using basin::View;

inline constexpr int features = 4, hidden = 16;

using Cell = basin::Injected<
    basin::Sequential<basin::Conv1d<features, hidden, 3>, basin::Relu, basin::Dense<hidden, features>, basin::Tanh>>;
template <class Method>
using Model = basin::Sequential<basin::Dense<1, hidden>, basin::Equilibrium<Cell, basin::Picard, Method>,
                                basin::Dense<features, 2>>;

inline constexpr std::size_t equilibrium = 1, head = 2;  // their places in the Sequential

/// What is tested, and trained where the gradient is to be that of the equilibrium, or near it.
using Adjoint = basin::AnyAdjoint<basin::Implicit<>, basin::Phantom, basin::JacobianFree>;
using Settled = Model<Adjoint>;
/// What is trained through a number of steps: the same parameters.
using Unrolled = Model<basin::Unrolled>;
using Theta = basin::Parameters<Settled, float>;

/// Differentiated through `steps` steps from `start`, which must live as long.
inline Unrolled unrolled_model(int steps, View<const float> start) {
  Unrolled model;
  auto& layer = model.layer<equilibrium>();
  layer.stop = {.tolerance = 0, .absolute_tolerance = 0, .max_evaluations = steps};
  layer.adjoint.tape = basin::Kept{};
  layer.start = start;
  return model;
}

/// Settled once no number of any cell changes by more than a thousandth. While the answer is on its way along the
/// string, one cell an evaluation, the few cells where it is change as much as ever: a norm that adds up over cells
/// would find that little in a long string, and a test for a residual that no longer falls would give up.
inline Settled settled_model(Index length, int max_evaluations) {
  Settled model;
  const Index most = max_evaluations > 0 ? max_evaluations : 100 + 4 * length;
  model.layer<equilibrium>().stop = {.tolerance = 1e-3,
                                     .absolute_tolerance = 0,
                                     .norm = basin::Norm::maximum,
                                     .max_evaluations = static_cast<int>(most),
                                     .stall_window = 0};
  return model;
}

/// Strings of one length.
struct Strings {
  State<float> bits;      ///< 1 or -1
  std::vector<int> sums;  ///< of the bits up to each cell, modulo 2

  [[nodiscard]] Index length() const { return bits.shape.space[0]; }
  [[nodiscard]] Index count() const { return bits.shape.samples; }
  [[nodiscard]] const int* sums_of(Index n) const { return sums.data() + n * length(); }
};

inline Strings random_strings(Index length, Index count, const basin::Random& random) {
  Strings strings{State<float>(Shape{1, {length, 1, 1}, count}),
                  std::vector<int>(static_cast<std::size_t>(length * count))};
  for (Index n = 0; n < count; ++n) {
    int sum = 0;
    for (Index i = n * length; i < (n + 1) * length; ++i) {
      const int bit = static_cast<int>(random.below(static_cast<std::uint64_t>(i), 2));
      strings.bits.values[i] = bit == 1 ? 1.0f : -1.0f;
      sum ^= bit;
      strings.sums[static_cast<std::size_t>(i)] = sum;
    }
  }
  return strings;
}

/// How many cells of a string are right; logits: two a cell.
inline Index right_cells(View<const float> logits, const int* sums) {
  Index right = 0;
  for (Index i = 0; i < logits.shape().cells(); ++i) {
    const int answer = logits.data()[2 * i + 1] > logits.data()[2 * i] ? 1 : 0;
    right += answer == sums[i] ? 1 : 0;
  }
  return right;
}

}  // namespace deq_sums
