#pragma once

// A circuit of gates whose functions are known: from bits to bits. Values are numbered, the inputs first, then the
// gates in an order in which each reads only values before it; an output is any of them.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "basin/core/check.hpp"
#include "basin/logic/gate.hpp"
#include "basin/logic/wires.hpp"

namespace basin {

/// f(first, second), of two values.
struct Gate {
  GateFunction function = gate_false;  ///< the number of f, 0 to 15 (logic/gate.hpp)
  std::int32_t first = 0, second = 0;  ///< numbers of the values that it reads, below the number of its own

  friend bool operator==(const Gate&, const Gate&) = default;
};

struct Circuit {
  int inputs = 0;                       ///< bits that go in, 0 or more: values 0 to inputs - 1
  std::vector<Gate> gates{};            ///< gate g gives value inputs + g
  std::vector<std::int32_t> outputs{};  ///< numbers of values

  /// How many values there are: one for each input and each gate.
  [[nodiscard]] int values() const { return inputs + static_cast<int>(gates.size()); }

  /// Throws std::invalid_argument unless each gate has one of the sixteen functions and reads values before it, and the
  /// outputs are values.
  void check_numbers() const {
    check(inputs >= 0, "inputs of a circuit", inputs, "0 or more");
    for (int g = 0; g < static_cast<int>(gates.size()); ++g) {
      const Gate& gate = gates[static_cast<std::size_t>(g)];
      const auto name = [&] { return " of gate " + std::to_string(g); };
      if (gate.function >= gate_functions) check(false, "function" + name(), int{gate.function}, "0 to 15");
      for (const std::int32_t value : {gate.first, gate.second}) {
        const bool right = value >= 0 && value < inputs + g;
        if (!right) check(false, "a value" + name(), value, "0 to below its own, " + std::to_string(inputs + g));
      }
    }
    for (const std::int32_t value : outputs) {
      check(value >= 0 && value < values(), "an output of a circuit", value, "0 to " + std::to_string(values() - 1));
    }
  }

  /// Adds gates that read values of their own numbering, of which `place` says where the first are, one for each of
  /// the inputs that they have; returns where the first of the gates is.
  std::int32_t append(std::span<const Gate> more, std::span<const std::int32_t> place) {
    const std::int32_t first = values(), known = static_cast<std::int32_t>(place.size());
    const auto at = [&](std::int32_t value) {
      return value < known ? place[static_cast<std::size_t>(value)] : first + value - known;
    };
    for (const Gate& gate : more) gates.push_back({gate.function, at(gate.first), at(gate.second)});
    return first;
  }

  /// Gates that do something: others than those that give one of their inputs, or a constant. (So the published counts
  /// of active gates are to be understood.)
  [[nodiscard]] int active_gates() const {
    return static_cast<int>(std::count_if(gates.begin(), gates.end(), [](const Gate& gate) {
      const GateFunction f = gate.function;
      return f != gate_first && f != gate_second && f != gate_false && f != gate_true;
    }));
  }
};

/// Of gates with logits the likeliest functions: what the layer of these wires, and logits (16 a gate), is when it is
/// hard.
template <class S>
[[nodiscard]] std::vector<Gate> likeliest_gates(std::span<const GateWires> wires, const S* logits) {
  std::vector<Gate> gates;
  for (const GateWires& wire : wires) {
    gates.push_back({detail::likeliest(logits), wire.first, wire.second});
    logits += gate_functions;
  }
  return gates;
}

/// Logits with which gates of any numbers from 0 to 1 are the likeliest functions exactly, so that a layer of circuits
/// computes with zeros and ones: 1000 for the likeliest of sixteen, 0 for the others. theta: of such logits alone.
template <class S>
void harden(std::span<S> theta) {
  for (std::size_t g = 0; g + gate_functions <= theta.size(); g += gate_functions) {
    const GateFunction f = detail::likeliest(theta.data() + g);
    for (std::size_t i = 0; i < gate_functions; ++i) theta[g + i] = i == f ? S(1000) : S(0);
  }
}

}  // namespace basin
