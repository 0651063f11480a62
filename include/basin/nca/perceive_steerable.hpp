#pragma once

// What a cell sees that has a direction of its own: itself, a Laplacian, and its slopes along that direction and across
// it, of each feature,
//
//   seen = [z; L z; a; b],   a = cos X z + sin Y z,   b = cos Y z - sin X z,
//
// where X and Y are the slopes along the axes, and (cos, sin) is the direction of the cell:
//
//   PerceiveSteeredByAngle   that of the angle which is its last feature, in radians from x to y. The cell does not see
//                            its angle, so that this is about the first C - 1 features: 4 (C - 1) numbers.
//   PerceiveSteeredBySlope   the slope of its last feature, (X z, Y z) / max(1, their length). The cell sees that
//                            feature and its Laplacian, but not its slopes: 2 C + 2 (C - 1) numbers.
//
// An automaton that sees nothing else does the same to a state that is turned by 90 degrees (among hexagons by 60),
// with the turn added to all angles, if fire, life and boundary do not break that, as the angle 0 of cells that were
// dead does. To a mirrored state it does not: it can tell left from right. E. Randazzo, A. Mordvintsev, C. Fouts,
// "Growing steerable neural cellular automata", 2023 (arXiv 2302.10197), angle-based and gradient-based; their filters
// are Times<Laplacian<2>, 4> and Times<SobelX, 8>.
//
// It is a perception as nca/perception.hpp describes them, without parameters.

#include <cmath>

#include "basin/nca/perceive.hpp"
#include "basin/nca/perceive_through.hpp"
#include "basin/stencil/hexagonal.hpp"

namespace basin {

namespace detail {

/// The slopes of n features, x and y, as a cell sees them whose direction is (c, s): along it and across.
template <int n>
struct Turned {
  template <class S>
  static void apply(S c, S s, const S* x, const S* y, S* along, S* across) {
    for (int i = 0; i < n; ++i) {
      along[i] = c * x[i] + s * y[i];
      across[i] = c * y[i] - s * x[i];
    }
  }
  /// Adds how they change with the direction, whose change is (dc, ds).
  template <class S>
  static void add(S dc, S ds, const S* x, const S* y, S* along, S* across) {
    for (int i = 0; i < n; ++i) {
      along[i] += dc * x[i] + ds * y[i];
      across[i] += dc * y[i] - ds * x[i];
    }
  }
  /// The transpose of both: of the slopes, and of the direction.
  template <class S>
  static void pull(S c, S s, const S* x, const S* y, const S* g_along, const S* g_across, S* dx, S* dy, S& dc, S& ds) {
    S of_c = S(0), of_s = S(0);
    for (int i = 0; i < n; ++i) {
      dx[i] = c * g_along[i] - s * g_across[i];
      dy[i] = s * g_along[i] + c * g_across[i];
    }
    for (int i = 0; i < n; ++i) {
      of_c += g_along[i] * x[i] + g_across[i] * y[i];
      of_s += g_along[i] * y[i] - g_across[i] * x[i];
    }
    dc = of_c;
    ds = of_s;
  }
};

/// Of [z; L z; X z; Y z], where the last feature of z is the angle.
template <int C>
struct SteeredByAngle {
  static constexpr int n = C - 1;  // features that are seen
  static_assert(n > 0, "PerceiveSteeredByAngle: there must be a feature beside the angle");
  static constexpr int in_features = 4 * C, out_features = 4 * n;

  template <class S>
  static void apply(const S* x, S* y) {
    copy(x, y);
    Turned<n>::apply(std::cos(x[n]), std::sin(x[n]), x + 2 * C, x + 3 * C, y + 2 * n, y + 3 * n);
  }
  template <class S>
  static void push(const S* x, const S* t, S* dy) {
    const S c = std::cos(x[n]), s = std::sin(x[n]);
    copy(t, dy);
    Turned<n>::apply(c, s, t + 2 * C, t + 3 * C, dy + 2 * n, dy + 3 * n);
    Turned<n>::add(-s * t[n], c * t[n], x + 2 * C, x + 3 * C, dy + 2 * n, dy + 3 * n);
  }
  template <class S>
  static void pull(const S* x, const S* g, S* dx) {
    const S c = std::cos(x[n]), s = std::sin(x[n]);
    S dc, ds;
    for (int i = 0; i < n; ++i) dx[i] = g[i];
    for (int i = 0; i < n; ++i) dx[C + i] = g[n + i];
    Turned<n>::pull(c, s, x + 2 * C, x + 3 * C, g + 2 * n, g + 3 * n, dx + 2 * C, dx + 3 * C, dc, ds);
    dx[n] = c * ds - s * dc;
    for (int k = 1; k < 4; ++k) dx[k * C + n] = S(0);  // nobody sees them
  }

 private:
  template <class S>
  static void copy(const S* x, S* y) {
    for (int i = 0; i < n; ++i) y[i] = x[i];
    for (int i = 0; i < n; ++i) y[n + i] = x[C + i];
  }
};

/// Of [z; L z; X z; Y z], by the slope of the last feature.
template <int C>
struct SteeredBySlope {
  static constexpr int n = C - 1;  // features whose slopes are seen
  static_assert(n > 0, "PerceiveSteeredBySlope: there must be a feature beside the one that steers");
  static constexpr int in_features = 4 * C, out_features = 2 * C + 2 * n;

  template <class S>
  static void apply(const S* x, S* y) {
    const Direction<S> to(x);
    for (int i = 0; i < 2 * C; ++i) y[i] = x[i];
    Turned<n>::apply(to.c, to.s, x + 2 * C, x + 3 * C, y + 2 * C, y + 2 * C + n);
  }
  template <class S>
  static void push(const S* x, const S* t, S* dy) {
    const Direction<S> to(x);
    S dc = t[2 * C + n], ds = t[3 * C + n];
    to.derive(dc, ds);
    for (int i = 0; i < 2 * C; ++i) dy[i] = t[i];
    Turned<n>::apply(to.c, to.s, t + 2 * C, t + 3 * C, dy + 2 * C, dy + 2 * C + n);
    Turned<n>::add(dc, ds, x + 2 * C, x + 3 * C, dy + 2 * C, dy + 2 * C + n);
  }
  template <class S>
  static void pull(const S* x, const S* g, S* dx) {
    const Direction<S> to(x);
    S dc, ds;
    for (int i = 0; i < 2 * C; ++i) dx[i] = g[i];
    Turned<n>::pull(to.c, to.s, x + 2 * C, x + 3 * C, g + 2 * C, g + 2 * C + n, dx + 2 * C, dx + 3 * C, dc, ds);
    to.derive(dc, ds);
    dx[2 * C + n] = dc;
    dx[3 * C + n] = ds;
  }

 private:
  /// The slope of the last feature, shortened to 1.
  template <class S>
  struct Direction {
    S c, s, over;  // over: 1 / its length where that is above 1, else 1

    explicit Direction(const S* x) {
      const S slope_x = x[2 * C + n], slope_y = x[3 * C + n];
      const S length = std::sqrt(slope_x * slope_x + slope_y * slope_y);
      over = length > S(1) ? S(1) / length : S(1);
      c = over * slope_x;
      s = over * slope_y;
    }
    /// Its derivative times (dc, ds), which is its own transpose.
    void derive(S& dc, S& ds) const {
      if (over == S(1)) return;
      const S along = c * dc + s * ds;
      dc = over * (dc - c * along);
      ds = over * (ds - s * along);
    }
  };
};

}  // namespace detail

/// By the angle that is the last of C features. L: a Laplacian; X, Y: the slopes along x and y, as
/// HexLaplacian, HexGradientX and HexGradientY on hexagons.
template <int C, Boundary Edge, Stencil L = Laplacian<2>, Stencil X = SobelX, Stencil Y = SobelY>
using PerceiveSteeredByAngle = PerceiveThrough<Perceive<C, Edge, Centre, L, X, Y>, detail::SteeredByAngle<C>>;

/// By the slope of the last of C features.
template <int C, Boundary Edge, Stencil L = Laplacian<2>, Stencil X = SobelX, Stencil Y = SobelY>
using PerceiveSteeredBySlope = PerceiveThrough<Perceive<C, Edge, Centre, L, X, Y>, detail::SteeredBySlope<C>>;

}  // namespace basin
