#pragma once

// Circuits of random gates, and what a circuit answers, one bit after the other.

#include "basin/core/random.hpp"
#include "basin/logic/program.hpp"

namespace basin::test {

/// All gates that a random choice can give: constants, copies, the same value twice.
inline Circuit random_circuit(int inputs, int gates, int outputs, std::uint64_t seed) {
  const Random random{seed, 77};
  Circuit circuit{.inputs = inputs};
  const auto below = [&](int i, int count) {
    return static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(count)));
  };
  for (int g = 0; g < gates; ++g) {
    circuit.gates.push_back(
        {static_cast<GateFunction>(below(3 * g, 16)), below(3 * g + 1, inputs + g), below(3 * g + 2, inputs + g)});
  }
  for (int o = 0; o < outputs; ++o) circuit.outputs.push_back(below(3 * gates + o, inputs + gates));
  return circuit;
}

/// The bits of a number.
inline std::vector<bool> bits_of(int number, int count) {
  std::vector<bool> bits;
  for (int i = 0; i < count; ++i) bits.push_back((number >> i & 1) != 0);
  return bits;
}

/// Whether two circuits answer the same to everything.
inline bool same_answers(const Circuit& a, const Circuit& b) {
  bool same = a.inputs == b.inputs;
  for (int n = 0; same && n < 1 << a.inputs; ++n)
    same = answer(a, bits_of(n, a.inputs)) == answer(b, bits_of(n, a.inputs));
  return same;
}

}  // namespace basin::test
