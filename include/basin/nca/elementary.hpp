#pragma once

// The elementary automata: cells 0 or 1 on a line, each of which looks at itself and at the two beside it,
//
//   z'(x) = bit 4 z(x - 1) + 2 z(x) + z(x + 1) of the rule's number,  0 ... 255.
//
// S. Wolfram, "Statistical mechanics of cellular automata", Reviews of Modern Physics 55, 1983, section 2.

#include <cstdint>

#include "basin/core/layer.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"

namespace basin {

/// The rule as a layer without parameters: (left, centre, right) -> the new cell. Numbers above one half are alive.
struct Elementary {
  static constexpr int in_features = 3, out_features = 1;
  static constexpr std::size_t param_count = 0;

  std::uint8_t number = 30;  ///< 0 to 255: its bit 4 left + 2 centre + right is the new cell

  /// Throws std::invalid_argument for a number outside 0 to 255.
  [[nodiscard]] static Elementary numbered(int number) {
    check(number >= 0 && number <= 255, "number of an elementary rule", number, "0 to 255");
    return {static_cast<std::uint8_t>(number)};
  }

  /// Whether the rule makes 1 of three zeros: then it has no empty line.
  [[nodiscard]] bool born_of_nothing() const { return (number & 1) != 0; }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("Elementary", x.features, in_features);
    return x.with_features(out_features);
  }

  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<Elementary, S>("Elementary", *this, x, y);
    const S half = S(0.5);
    const S* seen = x.data();
    for (Index i = 0; i < y.size(); ++i, seen += 3) {
      const int bit = (seen[0] > half ? 4 : 0) + (seen[1] > half ? 2 : 0) + (seen[2] > half ? 1 : 0);
      y.data()[i] = static_cast<S>((number >> bit) & 1);
    }
  }
};

/// An elementary automaton: a state (1, X, 1, 1, N). {.rule = Elementary::numbered(110)} chooses the rule.
template <Boundary Edge = Periodic>
using ElementaryAutomaton =
    Automaton<Perceive<1, Edge, Shift<-1>, Shift<0>, Shift<1>>, Elementary, EveryCell, Everywhere, Replace>;

}  // namespace basin
