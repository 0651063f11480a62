#pragma once

// The resolvent of a linear operator, prepared once for many applications:
//
//   V = (I + alpha (I - W))^-1,    y = V s,    and transposed,  s = V^T y
//
//   DenseResolvent<S, Features>                     W a matrix, on every cell by itself: V is its explicit inverse
//   PeriodicResolvent<S, Features, Width, Height>   W a convolution on a torus: it does not mix frequencies, so that V
//                                                   is a complex matrix of Features x Features for each of them
//                                                   (E. Winston, J. Z. Kolter 2020, arXiv 2006.08591, section 4)
//
// W is given by the taps of I - W in double, column-major as in a Conv's leaf. The inverses are made in double.
//
// Fourier transforms here are products with matrices of cosines and sines: features lie together, so that all of them
// pass at once through the kernel that layers use; planes of neural networks have some tens of lines; and a plan for
// fast transforms holds memory that threads cannot share. As numbers are real, half of the frequencies of the first
// axis are enough. A complex vector stands as [real; imaginary], a complex matrix P + i Q as the real [P -Q; Q P],
// whose transpose is that of its conjugate. The cost of an application, in multiply-adds a sample: about 2 F W H (W + 2
// H) for the transforms and 2 F^2 W H for the products. Memory: 2 F^2 W H numbers.

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

#include "basin/core/buffer.hpp"
#include "basin/core/scratch.hpp"
#include "basin/kernels/matrix_product.hpp"
#include "basin/kernels/product.hpp"
#include "basin/linear/norm_bound.hpp"

namespace basin {

namespace detail {

/// (I + alpha a)^-1. T is double; a template, so that only who calls this compiles Eigen's decomposition.
template <class T>
[[nodiscard]] Matrix<T> resolvent_of(const Matrix<T>& a, T alpha) {
  const Matrix<T> shifted = Matrix<T>::Identity(a.rows(), a.cols()) + alpha * a;
  return Eigen::PartialPivLU<Matrix<T>>(shifted).inverse();
}

}  // namespace detail

/// See above. Any shape with these features.
template <class S, int Features>
class DenseResolvent {
 public:
  /// I - W is Features x Features. Neither that is checked, nor that I + alpha (I - W) has an inverse.
  DenseResolvent(std::span<const double> one_minus_w, double alpha)
      : v_(Index{Features} * Features), turned_(v_.size()) {
    const Matrix<double> v =
        detail::resolvent_of<double>(Eigen::Map<const Matrix<double>>(one_minus_w.data(), Features, Features), alpha);
    Eigen::Map<Matrix<S>>(v_.data(), Features, Features) = v.cast<S>();
    Eigen::Map<Matrix<S>>(turned_.data(), Features, Features) = v.transpose().cast<S>();
  }

  /// y = V s. They do not overlap.
  void apply(View<const S> s, View<S> y) const { multiply(v_, s, y); }
  /// s = V^T y. They do not overlap.
  void apply_transposed(View<const S> y, View<S> s) const { multiply(turned_, y, s); }

 private:
  static void multiply(const Buffer<S>& by, View<const S> in, View<S> out) {
    kernels::gather<Features, Features>(in.shape().cells(), in.data(), by.data(), static_cast<const S*>(nullptr),
                                        out.data());
  }

  Buffer<S> v_, turned_;
};

/// See above. States of (Features, Width, Height, 1, N).
template <class S, int Features, int Width, int Height>
class PeriodicResolvent {
  static_assert(Width > 0 && Height > 0, "PeriodicResolvent: the extents of the plane must be positive");
  static constexpr Index half = Width / 2 + 1;  // frequencies of the first axis
  static constexpr Index block = 2 * Index{Features};

 public:
  /// Samples that pass the matrices V of all frequencies together: those are read from memory once for all of them.
  static constexpr Index together = 8;

  /// Taps of `kernel` x `kernel`.
  PeriodicResolvent(std::span<const double> one_minus_w, Index kernel, double alpha)
      : v_(block * block * half * Height),
        along_x_(Width, 2 * half),
        back_x_(2 * half, Width),
        cosines_(Height, Height),
        sines_(Height, Height) {
    for (Index l = 0; l < Height; ++l) {
      for (Index k = 0; k < half; ++k) {
        Eigen::Map<Matrix<S>>(v_.data() + (k + half * l) * block * block, block, block) =
            detail::resolvent_of<double>(
                symbol(one_minus_w, Features, Features, kernel, angle(k, Width), angle(l, Height)), alpha)
                .template cast<S>();
      }
    }
    for (Index x = 0; x < Width; ++x) {
      for (Index k = 0; k < half; ++k) {
        const double cosine = std::cos(angle(k * x % Width, Width)), sine = std::sin(angle(k * x % Width, Width));
        along_x_(x, k) = static_cast<S>(cosine);
        along_x_(x, half + k) = static_cast<S>(-sine);
        const bool alone = k == 0 || 2 * k == Width;  // others stand for their conjugates as well
        const double weight = (alone ? 1.0 : 2.0) / (Width * Height);
        back_x_(k, x) = static_cast<S>(weight * cosine);
        back_x_(half + k, x) = static_cast<S>(-weight * sine);
      }
    }
    for (Index y = 0; y < Height; ++y) {
      for (Index l = 0; l < Height; ++l) {
        cosines_(y, l) = static_cast<S>(std::cos(angle(l * y % Height, Height)));
        sines_(y, l) = static_cast<S>(std::sin(angle(l * y % Height, Height)));
      }
    }
  }

  /// y = V s. They do not overlap.
  void apply(View<const S> s, View<S> y) const { multiply<false>(s, y); }
  /// s = V^T y. They do not overlap.
  void apply_transposed(View<const S> y, View<S> s) const { multiply<true>(y, s); }

 private:
  static double angle(Index k, Index of) {
    return 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(of);
  }

  template <bool transposed>
  void multiply(View<const S> in, View<S> out) const {
    for (Index first = 0; first < in.samples(); first += together) {
      const Index count = std::min(together, in.samples() - first);
      multiply_few<transposed>(in.samples(first, count), out.samples(first, count));
    }
  }

  template <bool transposed>
  void multiply_few(View<const S> in, View<S> out) const {
    constexpr Index line = Index{Features} * Width, spread = block * half;
    const Index samples = in.samples(), row = block * samples;  // a row: one frequency of all samples
    Scratch scratch;
    // Of a line, its frequencies k in the first axis: real parts [f + Features k], and imaginary ones after them; then
    // of frequency (k, l): [real; imaginary] of the features of sample n at (n + samples (k + half l)) block.
    S* const lines = scratch.take<S>(spread * Height);
    S* const frequencies = scratch.take<S>(spread * Height * samples);
    S* const products = scratch.take<S>(spread * Height * samples);
    for (Index n = 0; n < samples; ++n) {
      const S* const from = in.sample(n).data();
      for (Index y = 0; y < Height; ++y) {
        kernels::matrix_product<false, S>(Features, 2 * half, Width, {from + y * line, 1, Features},
                                          kernels::factor(along_x_), lines + y * spread, Features);
      }
      // The sum over lines of (a + i b) e^-i t = (a cos t + b sin t) + i (b cos t - a sin t).
      for (Index k = 0; k < half; ++k) {
        const kernels::Factor<S> a{lines + k * Features, 1, spread}, b{lines + (half + k) * Features, 1, spread};
        S* const real = frequencies + k * row + n * block;
        S* const imaginary = real + Features;
        add_products<1>(a, cosines_, b, sines_, real, half * row);
        add_products<-1>(b, cosines_, a, sines_, imaginary, half * row);
      }
    }
    for (Index i = 0; i < half * Height; ++i) {
      const S* const v = v_.data() + i * block * block;
      kernels::matrix_product<false, S>(block, samples, block, {v, transposed ? block : 1, transposed ? 1 : block},
                                        {frequencies + i * row, 1, block}, products + i * row, block);
    }
    for (Index n = 0; n < samples; ++n) {
      S* const to = out.sample(n).data();
      // And back: (a + i b) e^i t = (a cos t - b sin t) + i (b cos t + a sin t).
      for (Index k = 0; k < half; ++k) {
        const S* const real = products + k * row + n * block;
        const kernels::Factor<S> a{real, 1, half * row}, b{real + Features, 1, half * row};
        add_products<-1>(a, cosines_, b, sines_, lines + k * Features, spread);
        add_products<1>(b, cosines_, a, sines_, lines + (half + k) * Features, spread);
      }
      for (Index y = 0; y < Height; ++y) {
        kernels::matrix_product<false, S>(Features, Width, 2 * half, {lines + y * spread, 1, Features},
                                          kernels::factor(back_x_), to + y * line, Features);
      }
    }
  }

  /// to = a cosines + sign b sines, of Features x Height, columns of `to` `step` apart.
  template <int sign>
  static void add_products(const kernels::Factor<S>& a, const Matrix<S>& cosines, const kernels::Factor<S>& b,
                           const Matrix<S>& sines, S* to, Index step) {
    Scratch scratch;
    S* const other = scratch.take<S>(Index{Features} * Height);
    kernels::matrix_product<false, S>(Features, Height, Height, a, kernels::factor(cosines), to, step);
    kernels::matrix_product<false, S>(Features, Height, Height, b, kernels::factor(sines), other, Features);
    for (Index l = 0; l < Height; ++l) {
      for (Index f = 0; f < Features; ++f) to[f + l * step] += static_cast<S>(sign) * other[f + l * Features];
    }
  }

  Buffer<S> v_;  // of frequency (k, l): block x block, at k + half l
  Matrix<S> along_x_, back_x_, cosines_, sines_;
};

}  // namespace basin
