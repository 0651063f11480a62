#pragma once

// Sums over long vectors, for the solvers.
//
// A vector is walked in chunks that stay in the first-level cache, so that several operations on one chunk cost one
// pass over memory. Sums are made in the scalar S inside a chunk and in double over chunks, always in the same order,
// and completed where other processes have the rest of the vector (linear/extent.hpp).

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "basin/core/state.hpp"
#include "basin/kernels/vector.hpp"
#include "basin/linear/extent.hpp"

namespace basin {

/// How far z is from f = f(z), in Euclidean norms over one sample.
struct ResidualNorms {
  double residual;  ///< |f - z|
  double value;     ///< |f|

  /// Whether neither is a NaN or an infinity.
  [[nodiscard]] bool finite() const { return std::isfinite(residual) && std::isfinite(value); }
};

}  // namespace basin

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

/// Adds to `sums` what terms.operator()<lanes>(i) gives for the numbers from i on, an array of a vector of A for each
/// sum, for all i in [0, count). A chunk at most, so that few numbers are added up before the sum goes on in double.
template <class A, std::size_t n, class Terms>
void add_sums(std::array<double, n>& sums, Index count, const Terms& terms) {
  constexpr int lanes = kernels::register_bytes / static_cast<int>(sizeof(A));
  // Additions under way at once, so that none waits for the one before it.
  constexpr int chains = n >= 8 ? 1 : 8 / static_cast<int>(n);
  kernels::Lanes<A, lanes> parts[chains][n] = {};
  Index i = 0;
  for (; i + chains * lanes <= count; i += chains * lanes) {
#pragma GCC unroll 8
    for (int chain = 0; chain < chains; ++chain) {
      const auto term = terms.template operator()<lanes>(i + chain * lanes);
      for (std::size_t s = 0; s < n; ++s) parts[chain][s] += term[s];
    }
  }
  for (; i + lanes <= count; i += lanes) {
    const auto term = terms.template operator()<lanes>(i);
    for (std::size_t s = 0; s < n; ++s) parts[0][s] += term[s];
  }
  for (; i < count; ++i) {
    const auto term = terms.template operator()<1>(i);
    for (std::size_t s = 0; s < n; ++s) parts[0][s][0] += term[s][0];
  }
  for (std::size_t s = 0; s < n; ++s) {
    for (int chain = 1; chain < chains; ++chain) parts[0][s] += parts[chain][s];
    std::array<double, lanes> wide;
    for (std::size_t lane = 0; lane < lanes; ++lane) wide[lane] = static_cast<double>(parts[0][s][lane]);
    for (std::size_t half = lanes / 2; half > 0; half /= 2) {
      for (std::size_t lane = 0; lane < half; ++lane) wide[lane] += wide[lane + half];
    }
    sums[s] += wide[0];
  }
}

/// The same numbers in A: in S itself or in double.
template <class A, int lanes, class S>
[[gnu::always_inline]] inline kernels::Lanes<A, lanes> convert(const kernels::Lanes<S, lanes>& v) {
  if constexpr (std::is_same_v<A, S>) {
    return v;
  } else {
    return kernels::widen<lanes, S>(v);
  }
}

/// lanes numbers from `from` on, in A.
template <class A, int lanes, class S>
[[gnu::always_inline]] inline kernels::Lanes<A, lanes> load_as(const S* from) {
  return convert<A, lanes, S>(kernels::load<lanes>(from));
}

template <class S>
[[nodiscard]] double dot(const S* a, const S* b, const Extent& size) {
  std::array<double, 1> sum{};
  for_chunks(size, [&](Index first, Index count) {
    add_sums<S>(sum, count, [&]<int L>(Index i) {
      return std::array{kernels::load<L>(a + first + i) * kernels::load<L>(b + first + i)};
    });
  });
  size.complete(sum);
  return sum[0];
}

/// True if a sum of squares made in S can be trusted: nothing overflowed, and what underflowed does not matter.
template <class S>
[[nodiscard]] bool in_safe_range(double sum_of_squares) {
  constexpr bool single = std::is_same_v<S, float>;
  return sum_of_squares > (single ? 1e-20 : 1e-290) && sum_of_squares < (single ? 1e36 : 1e300);
}

/// |a|, or |a - b| where b is not null, of numbers of any size: relative to the largest of them. Slow.
template <class S>
[[nodiscard]] double norm_of_any_size(const S* a, const S* b, const Extent& size) {
  const auto at = [&](Index i) { return static_cast<double>(a[i]) - (b == nullptr ? 0.0 : static_cast<double>(b[i])); };
  const auto of_part = [&] {
    double largest = 0, sum = 0;
    for (Index i = 0; i < size; ++i) {
      if (std::isnan(at(i))) return at(i);
      largest = std::max(largest, std::abs(at(i)));
    }
    if (largest == 0 || std::isinf(largest)) return largest;
    for (Index i = 0; i < size; ++i) sum += at(i) / largest * (at(i) / largest);
    return largest * std::sqrt(sum);
  };
  return size.complete_length(of_part());
}

/// |a|, also where squares overflow or underflow.
template <class S>
[[nodiscard]] double norm(const S* a, const Extent& size) {
  const double sum = dot(a, a, size);
  return in_safe_range<S>(sum) ? std::sqrt(sum) : norm_of_any_size<S>(a, nullptr, size);
}

/// a *= factor.
template <class S>
void scale(S* a, double factor, Index size) {
  VectorMap<S>(a, size) *= static_cast<S>(factor);
}

/// a /= length, also where 1 / length is beyond the range of S.
template <class S>
void divide(S* a, double length, Index size) {
  if (1 / length <= static_cast<double>(std::numeric_limits<S>::max())) return scale(a, 1 / length, size);
  for (Index i = 0; i < size; ++i) a[i] = static_cast<S>(static_cast<double>(a[i]) / length);
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

/// |f - z| and |f| in one pass.
template <class S>
[[nodiscard]] ResidualNorms residual_norms(const S* z, const S* f, const Extent& size) {
  std::array<double, 2> squares{};
  for_chunks(size, [&](Index first, Index count) {
    add_sums<S>(squares, count, [&]<int L>(Index i) {
      const auto value = kernels::load<L>(f + first + i), residual = value - kernels::load<L>(z + first + i);
      return std::array{residual * residual, value * value};
    });
  });
  size.complete(squares);
  const auto [residual, value] = squares;
  return {in_safe_range<S>(residual) ? std::sqrt(residual) : norm_of_any_size(f, z, size),
          in_safe_range<S>(value) ? std::sqrt(value) : norm_of_any_size<S>(f, nullptr, size)};
}

}  // namespace basin::detail
