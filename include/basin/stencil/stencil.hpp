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

constexpr std::size_t power_of_3(int exponent) { return exponent == 0 ? 1 : 3 * power_of_3(exponent - 1); }

/// Calls visit(x, y, z) for the cells of the 3^Axes box around a cell, x fastest.
template <int Axes, class Visit>
constexpr void each_of_box(const Visit& visit) {
  static_assert(Axes >= 1 && Axes <= 3, "a stencil has 1, 2 or 3 axes");
  for (int z = Axes > 2 ? -1 : 0; z <= (Axes > 2 ? 1 : 0); ++z) {
    for (int y = Axes > 1 ? -1 : 0; y <= (Axes > 1 ? 1 : 0); ++y) {
      for (int x = -1; x <= 1; ++x) visit(x, y, z);
    }
  }
}

}  // namespace detail

/// The sum over the 3^Axes - 1 cells that touch a cell (Moore's neighbourhood), without the cell.
template <int Axes = 2>
struct Moore {
  static constexpr std::array<Tap, detail::power_of_3(Axes) - 1> taps = [] {
    std::array<Tap, detail::power_of_3(Axes) - 1> all{};
    std::size_t i = 0;
    detail::each_of_box<Axes>([&](int x, int y, int z) {
      if (x != 0 || y != 0 || z != 0) all[i++] = {x, y, z, 1};
    });
    return all;
  }();
};

/// The sum over the 2 Axes cells that share a face with a cell (von Neumann's neighbourhood), without the cell.
template <int Axes = 2>
struct VonNeumann {
  static constexpr std::array<Tap, std::size_t{2}* Axes> taps = [] {
    std::array<Tap, std::size_t{2} * Axes> all{};
    std::size_t i = 0;
    detail::each_of_box<Axes>([&](int x, int y, int z) {
      if (x * x + y * y + z * z == 1) all[i++] = {x, y, z, 1};
    });
    return all;
  }();
};

/// (1 2 1) / 4 along each axis: a blur that keeps the mean.
template <int Axes = 2>
struct Gaussian {
  static constexpr std::array<Tap, detail::power_of_3(Axes)> taps = [] {
    std::array<Tap, detail::power_of_3(Axes)> all{};
    std::size_t i = 0;
    detail::each_of_box<Axes>([&](int x, int y, int z) {
      double weight = 1;
      for (int axis = 0; axis < Axes; ++axis) weight *= (axis == 0 ? x : axis == 1 ? y : z) == 0 ? 0.5 : 0.25;
      all[i++] = {x, y, z, weight};
    });
    return all;
  }();
};

/// Second differences: (1 -2 1) on a line, (1 2 1; 2 -12 2; 1 2 1) / 4 in the plane, the seven-point star in space.
/// Of x^2 it is 2 in each.
template <int Axes = 2>
struct Laplacian {
  static constexpr auto taps = [] {
    constexpr std::size_t count = Axes == 3 ? 7 : detail::power_of_3(Axes);
    std::array<Tap, count> all{};
    std::size_t i = 0;
    detail::each_of_box<Axes>([&](int x, int y, int z) {
      const int away = x * x + y * y + z * z;
      if (Axes == 1) all[i++] = {x, y, z, away == 0 ? -2.0 : 1.0};
      if (Axes == 2) all[i++] = {x, y, z, away == 0 ? -3.0 : away == 1 ? 0.5 : 0.25};
      if (Axes == 3 && away < 2) all[i++] = {x, y, z, away == 0 ? -6.0 : 1.0};
    });
    return all;
  }();
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
