#pragma once

// The model of deq_sums: a state of four numbers a cell, and
//
//   f(z, u) = tanh(W2 relu(W1 [z_left, z, z_right] + u) + b2),    u = w bit + b,    logits = W3 z + b3,
//
// with 16 numbers inside: 318 parameters, the same for all cells. Strings end where they end: there is nothing beyond.

#include <vector>

#include "../support/settling.hpp"
#include "basin/core/random.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/window_conv.hpp"

namespace deq_sums {

using basin::Index;
using basin::State;
using basin::View;
using basin::examples::Problems;

inline constexpr int features = 4, hidden = 16;

using Cell = basin::Injected<
    basin::Sequential<basin::Conv1d<features, hidden, 3>, basin::Relu, basin::Dense<hidden, features>, basin::Tanh>>;
using Network = basin::examples::SettlingNetwork<basin::Dense<1, hidden>, Cell, basin::Dense<features, 2>>;
using Theta = Network::Theta;
using Settler = basin::examples::Settler<Network>;

/// Strings of one length: bits, each 1 or -1, and the sums of the bits up to each, modulo 2.
inline Problems random_strings(Index length, Index count, const basin::Random& random) {
  Problems strings{State<float>(basin::Shape{1, {length, 1, 1}, count}), {}};
  strings.answers.reserve(static_cast<std::size_t>(length * count));
  for (Index n = 0; n < count; ++n) {
    int sum = 0;
    for (Index i = n * length; i < (n + 1) * length; ++i) {
      const int bit = static_cast<int>(random.below(static_cast<std::uint64_t>(i), 2));
      strings.inputs.values[i] = bit == 1 ? 1.0f : -1.0f;
      sum ^= bit;
      strings.answers.push_back(sum);
    }
  }
  return strings;
}

}  // namespace deq_sums
