#pragma once

// Muon: momentum whose matrices are made orthogonal before the step (K. Jordan et al., "Muon: an optimizer for hidden
// layers in neural networks", 2024). With g the gradient of one leaf and r = rate * rate_scale:
//
//   a leaf of two or more extents, as a matrix of outputs (its first extent) x rest, the shorter side as rows:
//     m <- mu m + g,   u = g + mu m (Nesterov), or m
//     X_0 = u / |u|,   X_k+1 = (a I + b A + c A^2) X_k,  A = X_k X_k^T,   (a, b, c) = (3.4445, -4.7750, 2.0315)
//     theta <- theta - r rms sqrt(max(rows, columns)) X_5
//   a leaf of one extent, such as biases:
//     a step of Adam (train/optimizer.hpp), with a rate of its own
//
// The iteration (Newton and Schulz's, with Jordan's coefficients) takes u = U S V^T towards U V^T: five steps bring a
// singular value of at least |u| / 100 to between .68 and 1.14, one of at least |u| / 600 to between .68 and 1.21.
// U V^T of full rank has a root mean square of 1 / sqrt(max(rows, columns)), so the numbers of a matrix move by about
// rms * r; rms = .2 makes that about what Adam's do (J. Liu et al., "Muon is scalable for LLM training", 2025, eq. 4).
//
// A positive factor on all gradients of a matrix changes nothing (to rounding; powers of two not a bit), nor does the
// number of threads. Leaves are worked on in parallel, a matrix in scratch memory of 3 rows columns + 2 min(rows,
// columns)^2 numbers and a few hundred kilobytes. From the heap a step takes the list of leaves alone.

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/core/scratch.hpp"
#include "basin/kernels/matrix_product.hpp"
#include "basin/train/optimizer.hpp"

namespace basin {

/// What Muon accumulates.
template <class Model, class S>
struct MuonState {
  std::int64_t steps = 0;                ///< steps made so far
  Parameters<Model, S> momentum{};       ///< of matrices m, of vectors Adam's first moment
  Parameters<Model, S> second_moment{};  ///< of vectors Adam's, of matrices 0

  void each(const auto& visit) {
    detail::visit_named(visit, "steps", steps, "momentum", momentum, "second_moment", second_moment);
  }
  void each(const auto& visit) const {
    detail::visit_named(visit, "steps", steps, "momentum", momentum, "second_moment", second_moment);
  }
};

namespace detail {

/// out = a a^T, of which only what is not above the diagonal is computed; out does not overlap a.
template <class A, class S>
void symmetric_product(const A& a, Eigen::Map<Matrix<S>> out) {
  constexpr Index wide = 48;  // columns at a time, whose part above the diagonal is computed too
  for (Index first = 0; first < a.rows(); first += wide) {
    const Index count = std::min(wide, a.rows() - first), below = a.rows() - first;
    kernels::product(out.block(first, first, below, count), a.bottomRows(below),
                     a.middleRows(first, count).transpose());
  }
  out.template triangularView<Eigen::StrictlyUpper>() = out.transpose();
}

/// Takes the matrix u (rows, columns) towards U V^T of its singular value decomposition, in place. Zeros stay zeros; a
/// number that is not finite makes all of them NaN.
template <class S>
void orthogonalize(Eigen::Map<Matrix<S>> u, int iterations) {
  const Index count = std::min(u.rows(), u.cols()), length = std::max(u.rows(), u.cols());
  // In double and from the largest number, since the squares of small gradients are zero.
  const double largest = static_cast<double>(u.cwiseAbs().template maxCoeff<Eigen::PropagateNaN>());
  if (largest == 0) return;
  const double norm = (u.template cast<double>() / largest).norm();
  Scratch scratch;
  using Map = Eigen::Map<Matrix<S>>;
  S *from = scratch.take<S>(u.size()), *to = scratch.take<S>(u.size());
  Map gram(scratch.take<S>(count * count), count, count), polynomial(scratch.take<S>(count * count), count, count);
  if (u.rows() == count) {
    Map(from, count, length) = (u.template cast<double>() / largest / norm).template cast<S>();
  } else {
    Map(from, count, length) = (u.transpose().template cast<double>() / largest / norm).template cast<S>();
  }
  // Numbers whose products would be subnormal, and slow. In float they are below 1.1e-16 of the norm, and five
  // iterations make a number at most 3.4445^5 = 485 times as large.
  const S least = std::sqrt(std::numeric_limits<S>::min()) * S(1000);
  Map(from, count, length) = (Map(from, count, length).array().abs() < least).select(S(0), Map(from, count, length));
  constexpr S a = S(3.4445), b = S(-4.7750), c = S(2.0315);
  for (int k = 0; k < iterations; ++k) {
    const Map x(from, count, length);
    symmetric_product(x, gram);
    symmetric_product(gram, polynomial);  // A A^T is A^2
    polynomial = b * gram + c * polynomial;
    polynomial.diagonal().array() += a;
    kernels::product(Map(to, count, length), polynomial, x);
    std::swap(from, to);
  }
  if (u.rows() == count) {
    u = Map(from, count, length);
  } else {
    u = Map(from, count, length).transpose();
  }
}

}  // namespace detail

/// Steps of about rms * rate a number for matrices, and of about vectors.rate for all other leaves.
struct Muon {
  double rate = 1e-2;         ///< 0 or more
  double momentum = 0.95;     ///< mu, 0 to below 1
  bool nesterov = true;       ///< true: u is g + mu m; false: m
  int iterations = 5;         ///< of Newton and Schulz, 0 to 100; 0 only scales to a norm of 1
  double rms = 0.2;           ///< 0 or more
  double weight_decay = 0.0;  ///< a step takes rate * rate_scale * weight_decay of each weight away, 0 to 1
  Adam vectors{};             ///< for leaves of one extent; its rate is scaled by rate_scale too

  template <class Model, class S>
  [[nodiscard]] MuonState<Model, S> init(const Parameters<Model, S>&) const {
    return {};
  }

  /// Moves theta by one step, and takes the gradient into the state. Throws std::invalid_argument, and changes nothing,
  /// for options out of range and a gradient that is not finite (train/optimizer.hpp).
  template <class Model, class S>
  void step(Parameters<Model, S>& theta, const Parameters<Model, S>& gradient, MuonState<Model, S>& state,
            double rate_scale = 1.0) const {
    detail::check_rate<S>("Muon", rate, rate_scale, weight_decay);
    detail::check_fraction<S>("momentum", "Muon", momentum);
    detail::check_size<S>("rms", "Muon", rms);
    check(iterations >= 0 && iterations <= 100, "iterations of Newton and Schulz", iterations, "0 to 100");
    vectors.check_options<S>(rate_scale, "Muon's vectors");
    detail::check_gradient(gradient);
    ++state.steps;
    const std::vector<Leaf> leaves = leaves_of<Model>();
    parallel_for(static_cast<Index>(leaves.size()), [&](Index i) {
      const Leaf& leaf = leaves[static_cast<std::size_t>(i)];
      const auto part = [&](auto& of) {
        return of.vector().segment(static_cast<Index>(leaf.offset), static_cast<Index>(leaf.size));
      };
      auto values = part(theta), m = part(state.momentum), s = part(state.second_moment);
      if (leaf.kind == LeafKind::weight && weight_decay != 0) {
        values *= static_cast<S>(1.0 - rate * rate_scale * weight_decay);
      }
      if (leaf.shape.size() >= 2) {
        matrix_step<S>(leaf, part(gradient), m, values, rate_scale);
      } else {
        vectors.move(state.steps, part(gradient), m, s, values, rate_scale);
      }
    });
  }

 private:
  template <class S, class G, class V>
  void matrix_step(const Leaf& leaf, const G& g, V& m, V& values, double rate_scale) const {
    const S mu = static_cast<S>(momentum);
    const Index rows = leaf.shape[0], columns = values.size() / rows;
    Scratch scratch;
    Eigen::Map<Vector<S>> u(scratch.take<S>(values.size()), values.size());
    m = mu * m + g;
    detail::drop_subnormals(m);
    if (nesterov) {
      u = g + mu * m;
    } else {
      u = m;
    }
    detail::orthogonalize(Eigen::Map<Matrix<S>>(u.data(), rows, columns), iterations);
    values -= static_cast<S>(rate * rate_scale * rms * std::sqrt(static_cast<double>(std::max(rows, columns)))) * u;
  }
};

}  // namespace basin
