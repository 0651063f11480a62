#pragma once

// The weights of a monotone cell (deq/monotone.hpp) made from free parameters A and B:
//
//   W = (1 - m) I - A^T A + B - B^T
//
// E. Winston, J. Z. Kolter, "Monotone operator equilibrium networks", NeurIPS 2020 (arXiv 2006.08591), proposition 1.
//
// A and B are convolutions of K x K taps, each a matrix of features x features; K = 1 is a dense layer. A^T A with A on
// the whole plane is a convolution of (2K - 1) x (2K - 1) taps, so W is one, with taps at offsets d from -2r to 2r in
// each axis, r = (K - 1) / 2:
//
//   W_d = (1 - m) I [d = 0]  -  sum over k' - k = d of A_k^T A_k'  +  B_d - B_-d^T
//
// On a plane of any size with zeros beyond its edge, W is the part of that convolution on the plane, and still
// <z, (I - W) z> = m |z|^2 + |A z|^2 with A z on the whole plane. With G_d the gradient in W_d:
//
//   dA_k = -sum_k' A_k' (G_k'-k^T + G_k-k')          dB_d = G_d - G_-d^T

#include <span>

#include "basin/core/layer.hpp"
#include "basin/kernels/matrix_product.hpp"

namespace basin::detail {

/// See above. Taps are features x features, column-major, tap (k, l) at k + K l, as in a Conv's leaf.
template <int Features, int Kernel>
struct MonotoneWeights {
  static constexpr int radius = (Kernel - 1) / 2, wide = 2 * Kernel - 1;  // W has wide x wide taps
  static constexpr Index tap_size = Index{Features} * Features;
  static constexpr Index count = tap_size * Kernel * Kernel;       // numbers of A, and of B
  static constexpr Index composed_count = tap_size * wide * wide;  // of W

  template <class S>
  using Tap = Eigen::Map<Matrix<S>>;

  /// A tap of K x K at offsets k, l from -radius to radius.
  template <class S>
  static Tap<S> tap(S* taps, int k, int l) requires(!std::is_const_v<S>) {
    return {taps + (k + radius + Kernel * (l + radius)) * tap_size, Features, Features};
  }
  template <class S>
  static Eigen::Map<const Matrix<S>> tap(const S* taps, int k, int l) {
    return {taps + (k + radius + Kernel * (l + radius)) * tap_size, Features, Features};
  }
  /// A tap of W at offsets from -2 radius to 2 radius.
  template <class T>
  static auto wide_tap(T* taps, int k, int l) {
    using Numbers = std::conditional_t<std::is_const_v<T>, const Matrix<std::remove_const_t<T>>, Matrix<T>>;
    return Eigen::Map<Numbers>(taps + (k + 2 * radius + wide * (l + 2 * radius)) * tap_size, Features, Features);
  }

  /// w = W of a = A and b = B.
  static void compose(const double* a, const double* b, double m, double* w) {
    std::fill_n(w, composed_count, 0.0);
    wide_tap(w, 0, 0).diagonal().setConstant(1 - m);
    Matrix<double> product(Features, Features);
    each_tap([&](int k, int l) {
      wide_tap(w, k, l) += tap(b, k, l) - tap(b, -k, -l).transpose();
      each_tap([&](int other_k, int other_l) {
        kernels::product(product, tap(a, k, l).transpose(), tap(a, other_k, other_l));
        wide_tap(w, other_k - k, other_l - l) -= product;
      });
    });
  }

  /// da += and db += what a gradient dw in W makes of them.
  template <class S>
  static void pull_back(const S* a, const S* dw, S* da, S* db) {
    Matrix<S> both(Features, Features), product(Features, Features);
    each_tap([&](int k, int l) {
      tap(db, k, l) += wide_tap(dw, k, l) - wide_tap(dw, -k, -l).transpose();
      each_tap([&](int other_k, int other_l) {
        both = wide_tap(dw, k - other_k, l - other_l);
        both += wide_tap(dw, other_k - k, other_l - l).transpose();
        kernels::product(product, tap(a, other_k, other_l), both);
        tap(da, k, l) -= product;
      });
    });
  }

 private:
  template <class Body>
  static void each_tap(const Body& body) {
    for (int l = -radius; l <= radius; ++l) {
      for (int k = -radius; k <= radius; ++k) body(k, l);
    }
  }
};

}  // namespace basin::detail
