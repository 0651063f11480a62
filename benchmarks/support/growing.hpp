#pragma once

// The growing automaton of the benchmarks: 16 features, 48 -> 128 -> 16, as published (Mordvintsev et al. 2020).

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/perceive.hpp"
#include "basin/nca/rollout.hpp"

namespace basin::benchmarks {

using Sees = Perceive<16, Zero, Centre, SobelX, SobelY>;
using Rule = Sequential<Dense<48, 128>, Relu, Dense<128, 16>>;
template <class Fire = RandomFire>
using Grows = Automaton<Sees, Rule, Fire, AliveMask<3>>;

/// Multiply-adds of perception and rule, counted twice, for one cell that updates.
inline constexpr double step_flops = 2.0 * (16 * (1 + 6 + 6) + 48 * 128 + 128 * 16);

}  // namespace basin::benchmarks
