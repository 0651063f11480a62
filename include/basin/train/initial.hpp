#pragma once

// Initial parameters: biases 0, scales 1, weights by one of
//
//   Glorot       uniform in +-gain sqrt(6 / (fan_in + fan_out))    Glorot & Bengio 2010, equation 16
//   He           normal, deviation gain / sqrt(fan_in)             He et al. 2015, equation 10 (gain sqrt 2, for Relu)
//   Orthogonal   gain times a random orthogonal matrix             Saxe, McClelland & Ganguli 2014
//   Zeros        0
//
// Number i of leaf k is a function of (seed, k, i): Random{seed, stream = k} at i. So it does not depend on the order
// of calls, and one leaf can be drawn again. An initializer of your own is a function (leaf, span of values, random).

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>

#include "basin/core/parameters.hpp"
#include "basin/core/random.hpp"

namespace basin {

/// What sets the initial values of a leaf, from random numbers.
template <class I, class S = float>
concept Initializer = requires(const I& initializer, const Leaf& leaf, std::span<S> values, const Random& random) {
  initializer(leaf, values, random);
};

struct Glorot {
  double gain = 1.0;  ///< factor of all values

  /// Draws all values of a leaf. Throws std::invalid_argument unless its fan_in + fan_out is at least 1.
  template <class S>
  void operator()(const Leaf& leaf, std::span<S> values, const Random& random) const {
    check(leaf.fan_in + leaf.fan_out > 0, "fan_in + fan_out of leaf '" + leaf.name + "'", leaf.fan_in + leaf.fan_out,
          "at least 1");
    const double limit = gain * std::sqrt(6.0 / static_cast<double>(leaf.fan_in + leaf.fan_out));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<S>(random.uniform(i, -limit, limit));
  }
};

struct He {
  double gain = std::numbers::sqrt2;  ///< sqrt 2 for Relu; 1 for layers without one

  /// Draws all values of a leaf. Throws std::invalid_argument unless its fan_in is at least 1.
  template <class S>
  void operator()(const Leaf& leaf, std::span<S> values, const Random& random) const {
    check(leaf.fan_in > 0, "fan_in of leaf '" + leaf.name + "'", leaf.fan_in, "at least 1");
    const double deviation = gain / std::sqrt(static_cast<double>(leaf.fan_in));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<S>(deviation * random.normal(i));
  }
};

/// The leaf, of shape (outputs, rest...), as a matrix W of outputs x rest: W W^T = gain^2 I if there are at most as
/// many outputs as rest, else W^T W = gain^2 I.
struct Orthogonal {
  double gain = 1.0;  ///< the length of the rows of W, if it is wide, or of its columns

  /// Draws all values of a leaf, column-major; computes in double. A leaf of one extent is a column.
  template <class S>
  void operator()(const Leaf& leaf, std::span<S> values, const Random& random) const {
    const Index rows = leaf.shape.empty() ? 1 : leaf.shape[0];
    const Index columns = rows == 0 ? 0 : static_cast<Index>(values.size()) / rows;
    const bool wide = rows < columns;
    const Index length = std::max(rows, columns), count = std::min(rows, columns);
    // The Q of a Gaussian matrix whose R has a positive diagonal is uniform over the orthogonal ones (Mezzadri 2007).
    // Gram-Schmidt gives that diagonal; done twice it is orthogonal to rounding (Giraud et al. 2005).
    Matrix<double> q(length, count);
    for (Index i = 0; i < q.size(); ++i) q.data()[i] = random.normal(static_cast<std::uint64_t>(i));
    for (Index j = 0; j < count; ++j) {
      for (int pass = 0; pass < 2; ++pass) {
        for (Index k = 0; k < j; ++k) q.col(j) -= q.col(k).dot(q.col(j)) * q.col(k);
      }
      q.col(j) /= q.col(j).norm();
    }
    for (Index c = 0; c < columns; ++c) {
      for (Index r = 0; r < rows; ++r) {
        values[static_cast<std::size_t>(r + rows * c)] = static_cast<S>(gain * (wide ? q(c, r) : q(r, c)));
      }
    }
  }
};

/// The name is not Zero, which is a boundary.
struct Zeros {
  /// Sets all values to 0, whatever leaf it is.
  template <class S>
  void operator()(const Leaf&, std::span<S> values, const Random&) const {
    std::fill(values.begin(), values.end(), S(0));
  }
};

/// One leaf: `values` are its numbers, by its kind. Throws std::invalid_argument if there are not leaf.size of them.
template <class S, class I>
void initialize(const Leaf& leaf, std::span<S> values, const I& initializer, const Random& random) {
  check(values.size() == leaf.size, "size of leaf '" + leaf.name + "'", values.size(), leaf.size);
  switch (leaf.kind) {
    case LeafKind::weight:
      initializer(leaf, values, random);
      break;
    case LeafKind::bias:
      std::fill(values.begin(), values.end(), S(0));
      break;
    case LeafKind::scale:
      std::fill(values.begin(), values.end(), S(1));
      break;
  }
}

/// All of theta. S is the scalar: initial_parameters<float>(model, seed).
template <class S, class Model, class I = Glorot>
[[nodiscard]] Parameters<Model, S> initial_parameters(const Model&, std::uint64_t seed, const I& initializer = {}) {
  static_assert(Initializer<I, S>, "an initializer is a function (leaf, span of values, random)");
  Parameters<Model, S> theta;
  const std::vector<Leaf> leaves = leaves_of<Model>();
  for (std::size_t k = 0; k < leaves.size(); ++k) {
    const std::span<S> all = theta.span();
    initialize(leaves[k], all.subspan(leaves[k].offset, leaves[k].size), initializer, Random{seed, k});
  }
  return theta;
}

}  // namespace basin
