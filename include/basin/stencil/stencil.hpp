#pragma once

// Stencils: the few cells around a cell that a linear filter reads, with their weights, known at compile time.
//
// A stencil is a type with
//   static constexpr std::array<Tap, n> taps;
// and its value at cell p of a grid x is sum over taps of weight * x(p + (tap.x, tap.y, tap.z)). It is a
// cross-correlation, as everywhere in the field: SobelX grows with x. Axes are (x, y, z) as in Shape::space; in
// pictures x runs to the right and y downwards.

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>

#include "basin/core/language.hpp"

namespace basin {

/// One cell that a stencil reads, relative to the centre.
struct Tap {
  int x = 0, y = 0, z = 0;  ///< cells from the centre along each axis
  double weight = 1;        ///< what the number there is multiplied by
};

template <class T>
concept Stencil = requires {
  { T::taps.size() } -> std::convertible_to<std::size_t>;
  { T::taps[0] } -> std::convertible_to<Tap>;
};

/// The cell itself.
struct Centre {
  static constexpr std::array<Tap, 1> taps{{{0, 0, 0, 1}}};
};

/// One neighbour: the value at (x, y, z) from here.
template <int X, int Y = 0, int Z = 0>
struct Shift {
  static constexpr std::array<Tap, 1> taps{{{X, Y, Z, 1}}};
};

/// The slope along x by Sobel's filter, (1 2 1)^T (-1 0 1) / 8: 1 on a plane that grows by 1 a cell
/// (Sobel and Feldman 1968; over 8 as in Mordvintsev et al. 2020).
struct SobelX {
  static constexpr std::array<Tap, 6> taps{{{-1, -1, 0, -0.125},
                                            {1, -1, 0, 0.125},
                                            {-1, 0, 0, -0.25},
                                            {1, 0, 0, 0.25},
                                            {-1, 1, 0, -0.125},
                                            {1, 1, 0, 0.125}}};
};

/// The slope along y: SobelX with its axes exchanged.
struct SobelY {
  static constexpr std::array<Tap, 6> taps{{{-1, -1, 0, -0.125},
                                            {0, -1, 0, -0.25},
                                            {1, -1, 0, -0.125},
                                            {-1, 1, 0, 0.125},
                                            {0, 1, 0, 0.25},
                                            {1, 1, 0, 0.125}}};
};

/// The slope along one axis (0, 1, 2 for x, y, z) by central differences, (x(p + 1) - x(p - 1)) / 2.
template <int Axis>
struct Gradient {
  static_assert(Axis >= 0 && Axis < 3, "Gradient: the axis must be 0, 1 or 2");
  static constexpr std::array<Tap, 2> taps{
      {{-(Axis == 0), -(Axis == 1), -(Axis == 2), -0.5}, {Axis == 0, Axis == 1, Axis == 2, 0.5}}};
};

namespace detail {

/// Calls visit(x, y, z) for the cells of the (2 Radius + 1)^Axes box around a cell, x fastest.
template <int Axes, int Radius, class Visit>
constexpr void each_of_box(const Visit& visit) {
  static_assert(Axes >= 1 && Axes <= 3, "a stencil has 1, 2 or 3 axes");
  static_assert(Radius >= 1, "the radius of a stencil must be 1 or more");
  constexpr int depth = Axes > 2 ? Radius : 0, height = Axes > 1 ? Radius : 0;
  for (int z = -depth; z <= depth; ++z) {
    for (int y = -height; y <= height; ++y) {
      for (int x = -Radius; x <= Radius; ++x) visit(x, y, z);
    }
  }
}

/// The taps of the cells of that box whose weight(x, y, z) is not 0. Weight is a lambda without captures.
template <int Axes, int Radius, class Weight>
constexpr auto taps_in_box(Weight weight) {
  constexpr std::size_t count = [] {
    std::size_t cells = 0;
    each_of_box<Axes, Radius>([&](int x, int y, int z) { cells += Weight{}(x, y, z) != 0 ? 1 : 0; });
    return cells;
  }();
  std::array<Tap, count> all{};
  std::size_t i = 0;
  each_of_box<Axes, Radius>([&](int x, int y, int z) {
    const double w = weight(x, y, z);
    if (w != 0) all[i++] = {x, y, z, w};
  });
  return all;
}

/// The same taps with weights that sum to 1, where those that are given are equal.
template <std::size_t count>
constexpr std::array<Tap, count> mean_of(std::array<Tap, count> taps) {
  for (Tap& tap : taps) tap.weight = 1.0 / static_cast<double>(count);
  return taps;
}

/// The binomial coefficient n over k.
constexpr double binomial(int n, int k) { return k == 0 ? 1.0 : binomial(n, k - 1) * (n - k + 1) / k; }

}  // namespace detail

/// The sum over the (2 Radius + 1)^Axes - 1 cells of a box around a cell, without the cell: with a radius of 1 those
/// that touch it (Moore's neighbourhood).
template <int Axes = 2, int Radius = 1>
struct Moore {
  static constexpr auto taps =
      detail::taps_in_box<Axes, Radius>([](int x, int y, int z) { return x != 0 || y != 0 || z != 0 ? 1.0 : 0.0; });
};

/// The sum over the cells that are at most Radius steps along the axes away, without the cell: with a radius of 1 the
/// 2 Axes that share a face with it (von Neumann's neighbourhood).
template <int Axes = 2, int Radius = 1>
struct VonNeumann {
  static constexpr auto taps = detail::taps_in_box<Axes, Radius>([](int x, int y, int z) {
    const int steps = (x < 0 ? -x : x) + (y < 0 ? -y : y) + (z < 0 ? -z : z);
    return steps > 0 && steps <= Radius ? 1.0 : 0.0;
  });
};

/// The mean over the (2 Radius + 1)^Axes cells of the box around a cell, itself among them.
template <int Axes = 2, int Radius = 1>
struct BoxMean {
  static constexpr auto taps = detail::mean_of(detail::taps_in_box<Axes, Radius>([](int, int, int) { return 1.0; }));
};

/// The mean over the cells whose centres are at most Radius away, itself among them: a disc in the plane.
template <int Axes = 2, int Radius = 1>
struct BallMean {
  static constexpr auto taps = detail::mean_of(detail::taps_in_box<Axes, Radius>(
      [](int x, int y, int z) { return x * x + y * y + z * z <= Radius * Radius ? 1.0 : 0.0; }));
};

/// (1 2 1) / 4 along each axis, Radius times: a blur that keeps the mean, and spreads with a variance of Radius / 2
/// along each axis. Its weights are binomial, (2 Radius over Radius + x) / 4^Radius.
template <int Axes = 2, int Radius = 1>
struct Gaussian {
  static constexpr auto taps = detail::taps_in_box<Axes, Radius>([](int x, int y, int z) {
    double weight = 1;
    for (int axis = 0; axis < Axes; ++axis) {
      weight *= detail::binomial(2 * Radius, Radius + (axis == 0 ? x : axis == 1 ? y : z));
      for (int i = 0; i < Radius; ++i) weight /= 4;
    }
    return weight;
  });
};

/// Second differences: (1 -2 1) on a line, (1 2 1; 2 -12 2; 1 2 1) / 4 in the plane, the seven-point star in space.
/// Of x^2 it is 2 in each.
template <int Axes = 2>
struct Laplacian {
  static constexpr auto taps = detail::taps_in_box<Axes, 1>([](int x, int y, int z) {
    const int away = x * x + y * y + z * z;
    if (Axes == 1) return away == 0 ? -2.0 : 1.0;
    if (Axes == 2) return away == 0 ? -3.0 : away == 1 ? 0.5 : 0.25;
    return away == 0 ? -6.0 : away == 1 ? 1.0 : 0.0;
  });
};

/// A stencil with all weights times Numerator / Denominator, as Times<SobelX, 8> for the one that is not scaled.
template <Stencil Of, int Numerator, int Denominator = 1>
struct Times {
  static constexpr auto taps = [] {
    auto all = Of::taps;
    for (Tap& tap : all) tap.weight *= static_cast<double>(Numerator) / Denominator;
    return all;
  }();
};

namespace detail {

/// How far a stencil reads along each axis.
template <Stencil T>
inline constexpr std::array<int, 3> reach_of = [] {
  std::array<int, 3> most{0, 0, 0};
  for (const Tap& tap : T::taps) {
    most = {std::max({most[0], tap.x, -tap.x}), std::max({most[1], tap.y, -tap.y}), std::max({most[2], tap.z, -tap.z})};
  }
  return most;
}();

/// The weight with which a stencil reads the cell at (x, y, z).
template <Stencil T>
constexpr double weight_at(int x, int y, int z) {
  double sum = 0;
  for (const Tap& tap : T::taps) sum += tap.x == x && tap.y == y && tap.z == z ? tap.weight : 0;
  return sum;
}

}  // namespace detail

}  // namespace basin
