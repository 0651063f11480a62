#pragma once

// Sums over long vectors, for the solvers.
//
// A vector is walked in chunks that stay in the first-level cache, so that several operations on one chunk cost one
// pass over memory. Inside a chunk Eigen vectorises in the scalar S; sums over chunks are made in double, always in
// the same order.

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "basin/core/state.hpp"
#include "basin/kernels/vector.hpp"

namespace basin::detail {

template <class S>
using VectorMap = Eigen::Map<Vector<S>>;
template <class S>
using ConstVectorMap = Eigen::Map<const Vector<S>>;

inline constexpr Index chunk_size = 1024;

/// Calls body(first, count) for consecutive pieces that cover [0, size).
template <class Body>
void for_chunks(Index size, const Body& body) {
  for (Index first = 0; first < size; first += chunk_size) body(first, std::min(chunk_size, size - first));
}

/// Distance between the columns of a history of vectors: aligned, and never a multiple of a page, which would put the
/// same rows of all columns into the same few places of the cache.
template <class S>
[[nodiscard]] Index column_stride(Index size) {
  constexpr Index line = 64 / static_cast<Index>(sizeof(S));
  const Index lines = (size + line - 1) / line;
  return (lines % 64 == 0 ? lines + 1 : lines) * line;
}

/// Calls body.operator()<lanes>(i) for all i in [0, count), whole vectors of S first and then one by one.
template <class S, class Body>
void for_lanes(Index count, const Body& body) {
  constexpr int lanes = kernels::register_bytes / static_cast<int>(sizeof(S));
  Index i = 0;
  for (; i + lanes <= count; i += lanes) body.template operator()<lanes>(i);
  for (; i < count; ++i) body.template operator()<1>(i);
}

/// The same numbers in double.
template <class S>
void widen(const S* from, Index count, double* to) {
  for_lanes<double>(count, [&]<int lanes>(Index i) {
    kernels::store<lanes>(to + i, kernels::widen<lanes, S>(kernels::load<lanes>(from + i)));
  });
}

/// Inner products of one vector q with two others, in double and piece by piece. Sums stay in vectors until they are
/// asked for.
class DotPair {
 public:
  template <class S>
  void add(const S* q, const double* a, const double* b, Index count) {
    Index i = 0;
    Lanes first[2] = {first_[0], first_[1]}, second[2] = {second_[0], second_[1]};
    for (; i + 2 * lanes <= count; i += 2 * lanes) {
#pragma GCC unroll 2
      for (int v = 0; v < 2; ++v) {
        const Index at = i + v * lanes;
        const Lanes x = kernels::widen<lanes, S>(kernels::load<lanes>(q + at));
        first[v] += x * kernels::load<lanes>(a + at);
        second[v] += x * kernels::load<lanes>(b + at);
      }
    }
    for (int v = 0; v < 2; ++v) {
      first_[v] = first[v];
      second_[v] = second[v];
    }
    for (; i < count; ++i) {
      first_[0][0] += static_cast<double>(q[i]) * a[i];
      second_[0][0] += static_cast<double>(q[i]) * b[i];
    }
  }

  [[nodiscard]] double first() const { return sum(first_); }
  [[nodiscard]] double second() const { return sum(second_); }

 private:
  static constexpr int lanes = kernels::register_bytes / static_cast<int>(sizeof(double));
  using Lanes = kernels::Lanes<double, lanes>;

  static double sum(const Lanes (&parts)[2]) {
    double total = 0;
    for (int l = 0; l < lanes; ++l) total += parts[0][l] + parts[1][l];
    return total;
  }

  Lanes first_[2]{}, second_[2]{};
};

template <class S>
[[nodiscard]] double dot(const S* a, const S* b, Index size) {
  double sum = 0;
  for_chunks(size, [&](Index first, Index count) {
    sum += static_cast<double>(ConstVectorMap<S>(a + first, count).dot(ConstVectorMap<S>(b + first, count)));
  });
  return sum;
}

/// True if a sum of squares made in S can be trusted: nothing overflowed, and what underflowed does not matter.
template <class S>
[[nodiscard]] bool in_safe_range(double sum_of_squares) {
  if constexpr (std::is_same_v<S, float>) {
    return sum_of_squares > 1e-20 && sum_of_squares < 1e36;
  } else {
    return true;
  }
}

/// |a|, also where the squares of floats overflow or underflow.
template <class S>
[[nodiscard]] double norm(const S* a, Index size) {
  double sum = dot(a, a, size);
  if (!in_safe_range<S>(sum)) sum = ConstVectorMap<S>(a, size).template cast<double>().squaredNorm();
  return std::sqrt(sum);
}

/// a *= factor.
template <class S>
void scale(S* a, double factor, Index size) {
  VectorMap<S>(a, size) *= static_cast<S>(factor);
}

/// a -= the sum of c_j times column j of `columns`, for count columns; column j starts at columns(j). Four columns at a
/// time, as what a chunk costs here is its loads and stores.
template <class S, class Columns, class Coefficients>
void subtract_columns(VectorMap<S> a, const Columns& columns, const Coefficients& c, int count) {
  const auto part = [&](int j) {
    return static_cast<S>(c[static_cast<std::size_t>(j)]) * ConstVectorMap<S>(columns(j), a.size());
  };
  int j = 0;
  for (; j + 4 <= count; j += 4) a -= (part(j) + part(j + 1)) + (part(j + 2) + part(j + 3));
  for (; j < count; ++j) a -= part(j);
}

struct ResidualNorms {
  double residual;  ///< |f - z|
  double value;     ///< |f|

  [[nodiscard]] bool finite() const { return std::isfinite(residual) && std::isfinite(value); }
};

/// |f - z| and |f| in one pass.
template <class S>
[[nodiscard]] ResidualNorms residual_norms(const S* z, const S* f, Index size) {
  double residual = 0, value = 0;
  for_chunks(size, [&](Index first, Index count) {
    const ConstVectorMap<S> z_chunk(z + first, count), f_chunk(f + first, count);
    residual += static_cast<double>((f_chunk - z_chunk).squaredNorm());
    value += static_cast<double>(f_chunk.squaredNorm());
  });
  if (!in_safe_range<S>(residual) || !in_safe_range<S>(value)) {
    const ConstVectorMap<S> z_all(z, size), f_all(f, size);
    residual = (f_all.template cast<double>() - z_all.template cast<double>()).squaredNorm();
    value = f_all.template cast<double>().squaredNorm();
  }
  return {std::sqrt(residual), std::sqrt(value)};
}

}  // namespace basin::detail
