#pragma once

// From where the gates of a circuit take their inputs. That is drawn once and never learned.
//
// Values are numbered: first the inputs of the circuit, then its gates, in an order in which each reads only values
// before it. In a layer of gates on n values no two gates have the same pair of them: the pairs (0, 1), (2, 3), ...
// come first, then ..., (3, 4), (1, 2), so that each value is read, then all that are 2, 3, ... apart, as far as there
// are gates, and they are shuffled. These are the "unique" connections of P. Miotti, E. Niklasson, E. Randazzo and
// A. Mordvintsev, "Differentiable Logic Cellular Automata", 2025 (arXiv 2506.04912).

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "basin/core/check.hpp"
#include "basin/core/random.hpp"

namespace basin {

/// The values that a gate reads.
struct GateWires {
  std::int32_t first = 0, second = 0;  ///< their numbers: a and b of f(a, b) (logic/gate.hpp)

  friend bool operator==(const GateWires&, const GateWires&) = default;
};

/// Of all gates of a circuit. Shared by the copies of a layer.
using CircuitWires = std::shared_ptr<const std::vector<GateWires>>;

namespace detail {

/// Streams of random numbers that no other use has (core/random.hpp): one for each layer of a circuit, and from there
/// on those of the kernels of a perception.
inline constexpr std::uint64_t wire_streams = std::uint64_t{1} << 59, kernel_wire_streams = wire_streams + (1 << 20);

/// R. A. Fisher and F. Yates 1938.
inline void shuffle(std::vector<GateWires>& wires, const Random& random) {
  for (std::size_t i = wires.size(); i > 1; --i) std::swap(wires[i - 1], wires[random.below(i, i)]);
}

}  // namespace detail

/// Whether there are such wires for layers of sizes[1], ... gates on sizes[0] values: the gates of a layer can read all
/// values, two each, and there are as many pairs as gates.
[[nodiscard]] constexpr bool have_wires(std::span<const int> sizes) {
  bool all = true;
  for (std::size_t i = 1; i < sizes.size(); ++i) {
    const std::int64_t values = sizes[i - 1], gates = sizes[i];
    all = all && 2 * gates >= values && gates <= values * (values - 1) / 2;
  }
  return all;
}

/// Of `gates` gates on `inputs` values, numbered from 0.
[[nodiscard]] inline std::vector<GateWires> unique_wires(int inputs, int gates, const Random& random) {
  std::vector<GateWires> wires;
  const auto count = static_cast<std::size_t>(gates);
  const auto add = [&](int from, int step, int apart) {
    for (int i = from; i >= 0 && i + apart < inputs && wires.size() < count; i += step) wires.push_back({i, i + apart});
  };
  add(0, 2, 1);
  add((inputs - 1) / 2 * 2 - 1, -2, 1);  // from the last on, which of an odd number nobody has read
  for (int apart = 2; apart < inputs; ++apart) add(0, 1, apart);
  detail::shuffle(wires, random);
  return wires;
}

/// Of layers of gates, each on the layer before it: sizes[0] values, then layers of sizes[1], ... gates. What they read
/// is counted from the first value on. `random`: a stream for each layer, from its own on. Throws std::invalid_argument
/// unless they have_wires.
[[nodiscard]] inline std::vector<GateWires> layered_wires(std::span<const int> sizes, Random random) {
  check(have_wires(sizes), "a layer of gates", "one without wires",
        "half as many gates as the layer before it has values, or more, and at most one for each pair of them");
  std::vector<GateWires> wires;
  int before = 0;  // values before the layer that is read
  for (std::size_t layer = 1; layer < sizes.size(); ++layer, ++random.stream) {
    for (const GateWires& one : unique_wires(sizes[layer - 1], sizes[layer], random)) {
      wires.push_back({before + one.first, before + one.second});
    }
    before += sizes[layer - 1];
  }
  return wires;
}

}  // namespace basin
