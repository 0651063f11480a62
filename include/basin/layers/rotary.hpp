#pragma once

// Rotary positions (Su et al. 2021, "RoFormer", equations 14 and 15): the features of a head are turned in pairs, by an
// angle that is the position times a frequency of the pair, so that products of queries and keys depend on the distance
// of their cells alone:
//
//   (y_2i, y_2i+1) = R(position a_i) (x_2i, x_2i+1),   a_i = base^(-2 i / D),   i = 0 ... D / 2 - 1,
//
// of each of the first `Rotated` groups of D features, which are the heads of queries and then of keys for Attention;
// the features after them stay as they are. Over two axes the first half of a head's pairs turns by x and the other by
// y, each with the frequencies of a head of D / 2. The position of a cell is its number along the axis,
// Context::first_cell counted.
//
// x and y are (Features, X, Y, Z, N); no parameters. J is the same rotation at any x, J^T the one back.

#include <array>
#include <cmath>

#include "basin/core/layer.hpp"

namespace basin {

/// Features: of x. Rotated: groups of D features, the first ones. Axes: 1 or 2.
template <int Features, int Rotated, int D, int Axes = 1>
struct Rotary {
  static_assert(Axes == 1 || Axes == 2, "Rotary: the number of axes must be 1 or 2");
  static_assert(D > 0 && D % (2 * Axes) == 0, "Rotary: the features of a head must be a multiple of 2 for each axis");
  static_assert(Rotated > 0 && Rotated * D <= Features, "Rotary: more features to turn than there are");

  static constexpr int in_features = Features, out_features = Features;
  static constexpr std::size_t param_count = 0;

  double base = 1e4;  ///< of the frequencies a_i, above 0: the larger, the slower the later pairs turn

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    check_features("Rotary", x.features, Features);
    check(base > 0 && std::isfinite(base), "Rotary: base", base, "a finite number above 0");
    check(x.space[2] == 1 && (Axes == 2 || x.space[1] == 1), "Rotary: cells beyond its axes", x,
          Axes == 1 ? "(C, X, 1, 1, N)" : "(C, X, Y, 1, N)");
    return x;
  }

  /// x and y may be the same memory.
  template <class S>
  void apply(Theta<S, 0>, In<S> x, View<S> y, const Context& context = {}) const {
    check_output<Rotary, S>("Rotary", *this, x, y);
    turn<S>(x, y, context.first_cell, 1);
  }

  template <class S>
  class Linearization {
   public:
    Linearization(const Rotary& layer, const Shape& shape, Index first_cell)
        : layer_(layer), shape_(shape), first_cell_(first_cell) {}

    void jvp(View<const S> t, View<S> out) const {
      check_jvp("Rotary", shape_, shape_, t, out);
      layer_.turn<S>(t, out, first_cell_, 1);
    }
    void vjp(View<const S> w, View<S> dx) const {
      check_vjp("Rotary", shape_, shape_, w, dx);
      layer_.turn<S>(w, dx, first_cell_, -1);
    }
    void pullback(View<const S> w, View<S> dx, ThetaGradient<S, 0>) const {
      if (dx) vjp(w, dx);
    }

   private:
    Rotary layer_;
    Shape shape_;
    Index first_cell_;
  };

  template <class S>
  Linearization<S> linearize(Theta<S, 0> theta, In<S> x, View<S> y, const Context& context = {}) const {
    apply(theta, x, y, context);
    return Linearization<S>(*this, x.shape(), context.first_cell);
  }

 private:
  static constexpr int pairs = D / 2 / Axes;  // of an axis

  /// cos and sin of position a_i for all pairs of an axis. The next position is reached by a turn, in double, instead
  /// of a sine and a cosine; so a part of a grid agrees with the whole to rounding.
  struct Angles {
    std::array<double, pairs> cos{}, sin{}, cos_step{}, sin_step{};

    Angles(double base, Index position) {
      for (int i = 0; i < pairs; ++i) {
        const auto at = static_cast<std::size_t>(i);
        const double frequency = std::pow(base, -static_cast<double>(i) / pairs);
        cos_step[at] = std::cos(frequency);
        sin_step[at] = std::sin(frequency);
        cos[at] = std::cos(static_cast<double>(position) * frequency);
        sin[at] = std::sin(static_cast<double>(position) * frequency);
      }
    }
    void step() {
      for (std::size_t i = 0; i < pairs; ++i) {
        const double next = cos[i] * cos_step[i] - sin[i] * sin_step[i];
        sin[i] = sin[i] * cos_step[i] + cos[i] * sin_step[i];
        cos[i] = next;
      }
    }
  };

  template <class S>
  void turn(View<const S> x, View<S> y, Index first_cell, int direction) const {
    if (x.size() == 0) return;
    const Index width = x.shape().space[0], height = x.shape().space[1];
    const Angles x_first(base, Axes == 1 ? first_cell : 0);
    Angles along_y(base, Axes == 1 ? 0 : first_cell / width);
    for (Index row = 0; row < height; ++row) {
      Angles along_x = x_first;
      for (Index column = 0; column < width; ++column) {
        for (Index n = 0; n < x.samples(); ++n) {
          const Index cell = ((n * height + row) * width + column) * Features;
          turn_cell(along_x, along_y, static_cast<S>(direction), x.data() + cell, y.data() + cell);
        }
        along_x.step();
      }
      along_y.step();
    }
  }

  template <class S>
  static void turn_cell(const Angles& along_x, const Angles& along_y, S direction, const S* x, S* y) {
    for (int head = 0; head < Rotated; ++head) {
      for (int axis = 0; axis < Axes; ++axis) {
        const Angles& angles = axis == 0 ? along_x : along_y;
        const int first = head * D + axis * 2 * pairs;
        for (int i = 0; i < pairs; ++i) {
          const auto cos = static_cast<S>(angles.cos[static_cast<std::size_t>(i)]),
                     sin = direction * static_cast<S>(angles.sin[static_cast<std::size_t>(i)]);
          const S a = x[first + 2 * i], b = x[first + 2 * i + 1];
          y[first + 2 * i] = cos * a - sin * b;
          y[first + 2 * i + 1] = sin * a + cos * b;
        }
      }
    }
    std::copy(x + Rotated * D, x + Features, y + Rotated * D);
  }
};

}  // namespace basin
