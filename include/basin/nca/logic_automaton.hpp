#pragma once

// An automaton whose rule is a circuit of gates, on cells of bits, 64 to a machine word:
//
//   z'(c, p) = output c of the circuit on the nine z(i, p + d) of each feature i, where p fires, and z(c, p) elsewhere.
//
// Input 9 i + d of the circuit is place d of feature i in the 3 x 3 box around the cell, x first, from (-1, -1) to
// (1, 1). hard_circuit() makes such a circuit of an automaton of gates that was trained (logic/soft_circuit.hpp,
// nca/perceive_circuits.hpp), after P. Miotti et al. 2025 (arXiv 2506.04912). It fires at the same cells as an
// Automaton with the same fire and context does (nca/fire.hpp).

#include <concepts>

#include "basin/core/parallel.hpp"
#include "basin/logic/program.hpp"
#include "basin/logic/soft_circuit.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/bit_grid.hpp"
#include "basin/nca/perceive_circuits.hpp"

namespace basin {

template <Boundary Edge = Periodic, class OfFire = EveryCell>
class LogicAutomaton {
  static_assert(
      std::same_as<Edge, Zero> || std::same_as<Edge, Periodic>,
      "LogicAutomaton: beyond the edge of a grid of bits are zeros, or the other side: take Zero or Periodic");
  static_assert(!std::same_as<OfFire, MeanField>, "LogicAutomaton: a bit cannot change by a part");

 public:
  using Fire = OfFire;  ///< EveryCell or RandomFire (nca/fire.hpp)

  Fire fire{};  ///< which cells update at a step; the others stay as they are

  LogicAutomaton() = default;
  /// Throws std::invalid_argument unless the circuit has nine inputs for each output, or if its numbers are wrong.
  explicit LogicAutomaton(const Circuit& circuit, const Fire& fires = {})
      : fire(fires), program_(circuit), features_(program_.outputs()) {
    check(features_ > 0 && circuit.inputs == box * features_, "inputs of an automaton's circuit", circuit.inputs,
          "nine for each of its " + std::to_string(features_) + " outputs");
  }

  /// How many features its grids have: as many as the circuit has outputs; 0 without a circuit.
  [[nodiscard]] Index features() const { return features_; }

  /// One step. Throws std::invalid_argument for grids of other features, or of two shapes, if they are the same, and
  /// for a fire that is rescaled.
  void step(const BitGrid& z, BitGrid& out, const Context& context = {}) const {
    check_features("LogicAutomaton", z.shape().features, static_cast<int>(features_));
    check_shape("LogicAutomaton", "out", out.shape(), z.shape());
    check(&z != &out, "LogicAutomaton: the grid that a step writes to", "the one that it reads", "another");
    check(fire.factor() == 1, "LogicAutomaton: factor of an update", fire.factor(), "1: a bit is taken whole");
    const Index height = z.shape().space[1], lines = std::min(height, std::max<Index>(1, band_words / z.line_words()));
    const Index bands = (height + lines - 1) / lines;
    parallel_for(z.shape().samples * bands, [&](Index task) {
      const Index first = task % bands * lines;
      band(z, out, context, task / bands, first, std::min(height, first + lines));
    });
  }

  /// A number of steps, from step context.step on.
  [[nodiscard]] BitGrid run(const BitGrid& start, Index steps, const Context& context = {}) const {
    check(steps >= 0, "LogicAutomaton: steps", steps, "0 or more");
    BitGrid z = start, next(start.shape());
    for (Index t = 0; t < steps; ++t) {
      step(z, next, context.at_step(context.step + t));
      std::swap(z, next);
    }
    return z;
  }

 private:
  using Word = BitGrid::Word;

  static constexpr int box = 9;
  static constexpr Index width = CircuitProgram::width;
  static constexpr Index band_words = 256;  // about, of a task: its neighbours' copies stay in cache

  /// Lines first ... last - 1 of a sample.
  void band(const BitGrid& z, BitGrid& out, const Context& context, Index n, Index first, Index last) const {
    const Index line = z.line_words(), count = (last - first) * line, padded = (last - first + 2) * line + width;
    Scratch scratch;
    // Of each feature, three planes: what lies left of each cell, the cells, and what lies right. They begin a line
    // before the band and end one after it.
    Word* planes = scratch.take<Word>(3 * features_ * padded);
    for (Index c = 0; c < features_; ++c) {
      for (Index y = first - 1; y <= last; ++y) {
        spread(z, n, c, y, planes + 3 * c * padded + (y - first + 1) * line, padded);
      }
      for (int side = 0; side < 3; ++side) std::fill_n(planes + (3 * c + side + 1) * padded - width, width, Word{0});
    }
    const Word** in = scratch.take<const Word*>(box * features_);
    Word** to = scratch.take<Word*>(features_);
    Word* rest = scratch.take<Word>(features_ * width);
    for (Index w = 0; w < count; w += width) {
      for (Index i = 0; i < box * features_; ++i) {
        const Index c = i / box, d = i % box;
        in[i] = planes + (3 * c + d % 3) * padded + d / 3 * line + w;
      }
      const bool whole = w + width <= count;
      for (Index c = 0; c < features_; ++c) {
        to[c] = whole ? out.plane(n, c) + first * line + w : rest + c * width;
      }
      program_.run(in, to);
      if (whole) continue;
      for (Index c = 0; c < features_; ++c) std::copy_n(to[c], count - w, out.plane(n, c) + first * line + w);
    }
    const Word last_mask = z.last_mask();
    for (Index y = first; y < last; ++y) {
      for (Index c = 0; c < features_; ++c) out.plane(n, c)[(y + 1) * line - 1] &= last_mask;
      if constexpr (Fire::random) {
        if (fire.rate != 1) keep_idle(z, out, context, n, y);
      }
    }
  }

  /// A line of one feature, and what its cells have beside them.
  static void spread(const BitGrid& z, Index n, Index c, Index y, Word* left, Index padded) {
    const Index line = z.line_words(), from_y = Edge::source(y, z.shape().space[1]);
    Word *middle = left + padded, *right = middle + padded;
    if (from_y == nothing) {
      for (Word* to : {left, middle, right}) std::fill_n(to, line, Word{0});
      return;
    }
    const Word* from = z.plane(n, c) + from_y * line;
    const int end = static_cast<int>((z.shape().space[0] - 1) % 64);  // the last cell's bit
    constexpr bool round = std::same_as<Edge, Periodic>;
    Word before = round ? from[line - 1] >> end & 1 : 0;
    for (Index i = 0; i < line; ++i) {
      middle[i] = from[i];
      left[i] = from[i] << 1 | before;
      before = from[i] >> 63;
      right[i] = from[i] >> 1 | (i + 1 < line ? from[i + 1] << 63 : 0);
    }
    if (round) right[line - 1] |= (from[0] & 1) << end;
  }

  /// Cells of a line that do not fire stay what they are.
  void keep_idle(const BitGrid& z, BitGrid& out, const Context& context, Index n, Index y) const {
    const Index cells = z.shape().space[0], line = z.line_words();
    Scratch scratch;
    std::uint8_t* marks = scratch.take<std::uint8_t>(cells);
    std::fill_n(marks, cells, std::uint8_t{1});
    fire.clear_idle(context, n, y * cells, {marks, static_cast<std::size_t>(cells)});
    for (Index w = 0; w < line; ++w) {
      Word fires = 0;
      for (Index x = 64 * w; x < std::min(cells, 64 * w + 64); ++x) fires |= Word{marks[x]} << (x % 64);
      for (Index c = 0; c < features_; ++c) {
        Word& word = out.plane(n, c)[y * line + w];
        word = (word & fires) | (z.plane(n, c)[y * line + w] & ~fires);
      }
    }
  }

  CircuitProgram program_;
  Index features_ = 0;
};

/// The circuit of an automaton without what never shows: features that the first `visible` ones do not depend on, at
/// any number of steps, become zeros, and then simplified() leaves their gates out. The visible ones are the same for
/// ever. Throws std::invalid_argument for a circuit that no LogicAutomaton takes.
[[nodiscard]] inline Circuit without_hidden(const Circuit& circuit, Index visible) {
  constexpr std::int32_t box = 9;
  const auto features = static_cast<std::int32_t>(circuit.outputs.size());
  circuit.check_numbers();
  check(features > 0, "outputs of an automaton's circuit", features, "1 or more");
  check(circuit.inputs == box * features, "inputs of an automaton's circuit", circuit.inputs,
        "nine for each of its " + std::to_string(features) + " outputs");
  check(visible >= 0 && visible <= features, "visible features", visible, "0 to " + std::to_string(features));
  std::vector<bool> needed(static_cast<std::size_t>(features), false);
  std::fill_n(needed.begin(), visible, true);
  std::vector<bool> read;
  for (bool more = true; more;) {
    more = false;
    read.assign(static_cast<std::size_t>(circuit.values()), false);
    for (std::size_t c = 0; c < needed.size(); ++c) {
      if (needed[c]) read[static_cast<std::size_t>(circuit.outputs[c])] = true;
    }
    for (std::size_t g = circuit.gates.size(); g-- > 0;) {
      if (!read[static_cast<std::size_t>(circuit.inputs) + g]) continue;
      read[static_cast<std::size_t>(circuit.gates[g].first)] = true;
      read[static_cast<std::size_t>(circuit.gates[g].second)] = true;
    }
    for (std::int32_t i = 0; i < circuit.inputs; ++i) {
      const auto c = static_cast<std::size_t>(i / box);
      if (!read[static_cast<std::size_t>(i)] || needed[c]) continue;
      needed[c] = more = true;
    }
  }
  Circuit out = circuit;
  out.gates.push_back({gate_false, 0, 0});
  for (std::size_t c = 0; c < needed.size(); ++c) {
    if (!needed[c]) out.outputs[c] = out.values() - 1;
  }
  return out;
}

/// Of an automaton of gates with logits the circuit in which each gate is the likeliest of its functions, as a
/// LogicAutomaton takes it. It is not simplified(). With theta after harden() the two compute the same.
template <int C, Boundary Edge, int Kernels, int... Seeing, int Inputs, int... Sizes, class Fire, class S,
          std::size_t count>
[[nodiscard]] Circuit hard_circuit(const Automaton<PerceiveCircuits<C, Edge, Kernels, Seeing...>,
                                                   SoftCircuit<Inputs, Sizes...>, Fire, Everywhere, Replace>& automaton,
                                   std::span<const S, count> theta) {
  using A = std::remove_cvref_t<decltype(automaton)>;
  using See = typename A::Perception;
  static_assert(count == A::param_count, "hard_circuit: theta belongs to another automaton");
  Circuit circuit{.inputs = See::box * C};
  std::vector<std::int32_t> seen(See::seen_features), places(See::box);
  const auto kernels = likeliest_gates(std::span<const GateWires>(*automaton.perception.wires), theta.data());
  for (std::int32_t c = 0; c < C; ++c) {
    for (std::int32_t d = 0; d < See::box; ++d) places[static_cast<std::size_t>(d)] = See::box * c + d;
    seen[static_cast<std::size_t>(c)] = places[See::middle];
    const std::int32_t first = circuit.append(kernels, places);
    for (std::int32_t o = 0; o < See::outputs; ++o) {
      for (std::int32_t k = 0; k < Kernels; ++k) {
        seen[static_cast<std::size_t>(C + (c * See::outputs + o) * Kernels + k)] =
            first + See::output_value(k, o) - See::box;
      }
    }
  }
  circuit.append(likeliest_gates(std::span<const GateWires>(*automaton.rule.wires), theta.data() + See::param_count),
                 seen);
  for (std::int32_t c = 0; c < C; ++c) circuit.outputs.push_back(circuit.values() - C + c);
  return circuit;
}

}  // namespace basin
