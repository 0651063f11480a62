#pragma once

// The circuit of a cell that learned Life, read from the source that was written of it: numbers that write down what is
// computed with them.

#include "basin/logic/simplify.hpp"
#include "learned_life.hpp"

namespace basin::test {

/// A value of a circuit.
struct Traced {
  Circuit* circuit = nullptr;
  std::int32_t value = 0;

  static Traced gate(GateFunction f, Traced a, Traced b) {
    a.circuit->gates.push_back({f, a.value, b.value});
    return {a.circuit, a.circuit->values() - 1};
  }
  friend Traced operator&(Traced a, Traced b) { return gate(gate_and, a, b); }
  friend Traced operator|(Traced a, Traced b) { return gate(gate_or, a, b); }
  friend Traced operator^(Traced a, Traced b) { return gate(gate_xor, a, b); }
  friend Traced operator~(Traced a) { return gate(gate_not_first, a, a); }
};

inline Circuit learned_life_circuit() {
  Circuit circuit{.inputs = 9};
  Traced x[9], y[1];
  for (std::int32_t i = 0; i < 9; ++i) x[i] = {&circuit, i};
  learned_life_cell(x, y);
  circuit.outputs = {y[0].value};
  return simplified(circuit);
}

}  // namespace basin::test
