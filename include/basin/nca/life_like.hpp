#pragma once

// The Game of Life and its like: cells 0 or 1 in the plane, of which each looks at itself and at how many of the eight
// around it live,
//
//   z' = 1 if n is in B (z = 0: birth) or in S (z = 1: survival), else 0,   n = the sum of z over the eight.
//
// Life is B3/S23 (M. Gardner, "Mathematical Games", Scientific American 223, October 1970, after J. H. Conway). There
// are 2^18 such rules, the outer totalistic ones of N. H. Packard and S. Wolfram, Journal of Statistical Physics 38,
// 1985.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "basin/core/layer.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"

namespace basin {

/// The rule as a layer without parameters: (centre, sum of the eight around it) -> the new cell. Numbers above one half
/// are alive.
struct LifeLike {
  static constexpr int in_features = 2, out_features = 1;
  static constexpr std::size_t param_count = 0;

  std::uint16_t born = 1 << 3;               ///< bit n: a dead cell with n living neighbours comes to life
  std::uint16_t survives = 1 << 2 | 1 << 3;  ///< bit n: a living cell with n living neighbours stays alive

  /// From "B3/S23"; letters may be small, the stroke may be left out, and either part may come first. "23/3" without
  /// letters is the older notation, survival first. Throws std::invalid_argument for anything else.
  [[nodiscard]] static LifeLike parse(std::string_view text);

  /// "B3/S23"
  [[nodiscard]] std::string to_string() const { return "B" + digits(born) + "/S" + digits(survives); }

  /// Whether the rule has B0: then there is no empty plane.
  [[nodiscard]] bool born_of_nothing() const { return (born & 1) != 0; }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("LifeLike", x.features, in_features);
    return x.with_features(out_features);
  }

  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& = {}) const {
    check_output<LifeLike, S>("LifeLike", *this, x, y);
    const std::uint32_t table = static_cast<std::uint32_t>(born) | static_cast<std::uint32_t>(survives) << 16;
    const S* seen = x.data();
    for (Index i = 0; i < y.size(); ++i, seen += 2) {
      // The limits keep the shift defined for any number, NaN too, which compares as smaller.
      const int neighbours = static_cast<int>(std::min(S(8.5), std::max(S(0), seen[1] + S(0.5))));
      y.data()[i] = static_cast<S>((table >> (neighbours + (seen[0] > S(0.5) ? 16 : 0))) & 1);
    }
  }

  friend bool operator==(const LifeLike&, const LifeLike&) = default;

 private:
  static std::string digits(std::uint16_t counts) {
    std::string out;
    for (int n = 0; n <= 8; ++n) {
      if ((counts >> n & 1) != 0) out += static_cast<char>('0' + n);
    }
    return out;
  }
};

inline LifeLike LifeLike::parse(std::string_view text) {
  std::array<std::uint16_t, 2> counts{0, 0};  // born, survives
  std::array<bool, 2> named{false, false};
  bool right = true, stroke = false;
  int part = -1;  // what digits are for; -1 where no letter has said so
  const bool letters = text.find_first_of("BbSs") != text.npos;
  if (!letters) part = 1;
  for (const char c : text) {
    const bool birth = c == 'B' || c == 'b', survival = c == 'S' || c == 's';
    if (birth || survival) {
      part = birth ? 0 : 1;
      right = right && !named[static_cast<std::size_t>(part)];
      named[static_cast<std::size_t>(part)] = true;
    } else if (c == '/') {
      right = right && !stroke && (!letters || part >= 0);
      stroke = true;
      part = letters ? -1 : 0;
    } else {
      const int n = c - '0';
      right = right && n >= 0 && n <= 8 && part >= 0;
      if (!right) break;
      std::uint16_t& set = counts[static_cast<std::size_t>(part)];
      right = (set >> n & 1) == 0;
      set = static_cast<std::uint16_t>(set | 1 << n);
    }
  }
  right = right && (letters ? named[0] && named[1] : stroke);
  check(right, "Life-like rule", "'" + std::string(text) + "'",
        "such as B3/S23, each count of neighbours at most once and from 0 to 8, or survival first, such as 23/3");
  return {counts[0], counts[1]};
}

/// A Life-like automaton: a state (1, X, Y, 1, N). {.rule = LifeLike::parse("B36/S23")} chooses the rule.
template <Boundary Edge = Periodic>
using LifeLikeAutomaton = Automaton<Perceive<1, Edge, Centre, Moore<2>>, LifeLike, EveryCell, Everywhere, Replace>;

}  // namespace basin
