#pragma once

// Gates with logits on many cells at once. A value of a circuit is a row of `width` numbers, one a cell, rows lie one
// behind the other, and a gate is a few multiply-adds of vectors. Cells that fill no row are zeros, and weigh nothing.

#include <algorithm>

#include "basin/kernels/vector.hpp"
#include "basin/logic/gate.hpp"
#include "basin/logic/wires.hpp"

namespace basin::detail {

template <class S>
struct GateRows {
  static constexpr int width = 32;
  static constexpr int lanes = kernels::lanes_for<S>(width);
  using V = kernels::Lanes<S, lanes>;

  /// values: `inputs` rows that are there, and one for each gate that is made. coefficients: 4 a gate.
  static void forward(std::span<const GateWires> wires, const S* coefficients, int inputs, S* values) {
    S* out = values + Index{inputs} * width;
    for (const GateWires& wire : wires) {
      const S *x = values + Index{wire.first} * width, *y = values + Index{wire.second} * width;
      const V c0 = kernels::broadcast<lanes>(coefficients[0]), c1 = kernels::broadcast<lanes>(coefficients[1]);
      const V c2 = kernels::broadcast<lanes>(coefficients[2]), c3 = kernels::broadcast<lanes>(coefficients[3]);
#pragma GCC unroll 8
      for (int i = 0; i < width; i += lanes) {
        const V a = kernels::load<lanes>(x + i), b = kernels::load<lanes>(y + i);
        kernels::store<lanes>(out + i, (c0 + c1 * a) + (c2 + c3 * a) * b);
      }
      out += width;
      coefficients += 4;
    }
  }

  /// The change t of all values along that of the inputs, which is there.
  static void push(std::span<const GateWires> wires, const S* coefficients, int inputs, const S* values, S* t) {
    S* out = t + Index{inputs} * width;
    for (const GateWires& wire : wires) {
      const Index first = Index{wire.first} * width, second = Index{wire.second} * width;
      const V c1 = kernels::broadcast<lanes>(coefficients[1]), c2 = kernels::broadcast<lanes>(coefficients[2]);
      const V c3 = kernels::broadcast<lanes>(coefficients[3]);
#pragma GCC unroll 8
      for (int i = 0; i < width; i += lanes) {
        const V a = kernels::load<lanes>(values + first + i), b = kernels::load<lanes>(values + second + i);
        kernels::store<lanes>(out + i, (c1 + c3 * b) * kernels::load<lanes>(t + first + i) +
                                           (c2 + c3 * a) * kernels::load<lanes>(t + second + i));
      }
      out += width;
      coefficients += 4;
    }
  }

  /// w: gradients in all values, of which those that come from outside are there: what they are by way of gates is
  /// added. dcoefficients: added to, 4 a gate; may be null.
  static void pull(std::span<const GateWires> wires, const S* coefficients, int inputs, const S* values, S* w,
                   S* dcoefficients) {
    for (std::size_t g = wires.size(); g-- > 0;) {
      const Index first = Index{wires[g].first} * width, second = Index{wires[g].second} * width;
      const S* from = w + (inputs + static_cast<Index>(g)) * width;
      const S* c = coefficients + 4 * g;
      const V c1 = kernels::broadcast<lanes>(c[1]), c2 = kernels::broadcast<lanes>(c[2]);
      const V c3 = kernels::broadcast<lanes>(c[3]);
      V d0{}, d1{}, d2{}, d3{};
#pragma GCC unroll 8
      for (int i = 0; i < width; i += lanes) {
        const V a = kernels::load<lanes>(values + first + i), b = kernels::load<lanes>(values + second + i);
        const V g_here = kernels::load<lanes>(from + i), ga = g_here * a;
        d0 += g_here;
        d1 += ga;
        d2 += g_here * b;
        d3 += ga * b;
        kernels::store<lanes>(w + first + i, kernels::load<lanes>(w + first + i) + (c1 + c3 * b) * g_here);
        kernels::store<lanes>(w + second + i, kernels::load<lanes>(w + second + i) + (c2 + c3 * a) * g_here);
      }
      if (dcoefficients != nullptr) add_sums(d0, d1, d2, d3, dcoefficients + 4 * g);
    }
  }

 private:
  /// to[k] += the sum of vector k.
  [[gnu::always_inline]] static void add_sums(const V& v0, const V& v1, const V& v2, const V& v3, S* to) {
    if constexpr (lanes >= 4) {
      // Sums of pairs, until each vector has one number left: those of all four stand side by side.
      V sums = kernels::sum_pairs<lanes, S>(kernels::sum_pairs<lanes, S>(v0, v1), kernels::sum_pairs<lanes, S>(v2, v3));
#pragma GCC unroll 4
      for (int left = lanes / 4; left > 1; left /= 2) sums = kernels::sum_pairs<lanes, S>(sums, sums);
      for (int k = 0; k < 4; ++k) to[k] += sums[k];
    } else {
      for (int i = 0; i < lanes; ++i) {
        to[0] += v0[i];
        to[1] += v1[i];
        to[2] += v2[i];
        to[3] += v3[i];
      }
    }
  }
};

}  // namespace basin::detail
