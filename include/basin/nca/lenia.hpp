#pragma once

// Lenia: Life with continuous space, time and states (B. W.-C. Chan, "Lenia: biology of artificial life", Complex
// Systems 28, 2019). Cells hold numbers in [0, 1], and
//
//   u = K * z,   z' = clip(z + G(u) / T, 0, 1),   G(u) = 2 exp(-(u - mu)^2 / (2 sigma^2)) - 1,
//
// with a kernel K of one or more rings in a disc of radius R, normalised to 1. For B rings of heights b_0 ... b_(B-1)
//
//   K(d) ~ b_floor(B r) core(B r - floor(B r)),   core(r) = exp(4 - 1 / (r (1 - r))),   r = |d| / R < 1.

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "basin/layers/activation.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive_radial.hpp"

namespace basin {

/// G(u), between -1 and 1.
struct LeniaGrowthFunction {
  double centre = 0.15;  ///< mu
  double width = 0.015;  ///< sigma

  template <class A>
  auto map(const A& u) const {
    using S = typename A::Scalar;
    return S(2) * (exponent<S>() * (u - static_cast<S>(centre)).square()).exp() - S(1);
  }
  template <class A, class B>
  auto slope(const A& u, const B& y) const {
    using S = typename A::Scalar;
    return (S(2) * exponent<S>()) * (u - static_cast<S>(centre)) * (y + S(1));
  }

 private:
  template <class S>
  [[nodiscard]] S exponent() const {
    return static_cast<S>(-0.5 / (width * width));
  }
};

/// The growth function of Lenia as a layer.
using LeniaGrowth = Activation<LeniaGrowthFunction>;

/// K at distance r R, but for its scale; rings from the centre outwards.
[[nodiscard]] inline double lenia_kernel(double r, std::span<const double> rings) {
  if (!(r < 1) || rings.empty()) return 0;
  const double at = r * static_cast<double>(rings.size()), ring = std::floor(at), inside = at - ring;
  // At the rim of a ring the exponent is minus infinity, and the core 0.
  return rings[static_cast<std::size_t>(ring)] * std::exp(4 - 1 / (inside * (1 - inside)));
}

/// Lenia: a state (1, X, Y, 1, N). Made by lenia(options).
template <Boundary Edge = Periodic>
using Lenia = Automaton<PerceiveRadial<1, Edge>, LeniaGrowth, EveryCell, Everywhere, ClippedIncrement>;

/// The defaults are those of Orbium, the glider of Lenia.
struct LeniaOptions {
  Index radius = 13;               ///< R, in cells
  double steps_per_time = 10;      ///< T, steps in a unit of time
  double centre = 0.15;            ///< mu, of the growth
  double width = 0.015;            ///< sigma, of the growth
  std::vector<double> rings{1.0};  ///< b, heights of the kernel's rings
};

/// Throws std::invalid_argument for a radius outside 2 to 1000, T or sigma that is not positive, or rings of which none
/// has a height above 0 or any one below.
template <Boundary Edge = Periodic>
[[nodiscard]] Lenia<Edge> lenia(const LeniaOptions& options = {}) {
  check(options.radius >= 2, "Lenia: radius", options.radius, "2 or more");
  check(options.steps_per_time > 0, "Lenia: steps in a unit of time", options.steps_per_time, "above 0");
  check(options.width > 0, "Lenia: width of the growth", options.width, "above 0");
  double highest = 0;
  for (const double height : options.rings) {
    check(height >= 0, "Lenia: height of a ring", height, "0 or more");
    highest = std::max(highest, height);
  }
  check(highest > 0, "Lenia: height of the highest ring", highest, "above 0");
  Lenia<Edge> automaton;
  automaton.perception =
      PerceiveRadial<1, Edge>(options.radius, [&](double r) { return lenia_kernel(r, options.rings); });
  automaton.rule.function = {.centre = options.centre, .width = options.width};
  automaton.update.rate = 1 / options.steps_per_time;
  return automaton;
}

}  // namespace basin
