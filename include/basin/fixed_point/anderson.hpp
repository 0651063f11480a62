#pragma once

// Anderson acceleration, type II, on differences.
//
// With r_i = f(z_i) - z_i and the damped Picard step m_i = z_i + damping r_i of the last k + 1 <= window + 1 iterates,
//
//   z_{k+1} = m_k - M gamma        M = (m_1 - m_0, ..., m_k - m_{k-1})
//   gamma   = argmin |r_k - D gamma|        D = (r_1 - r_0, ..., r_k - r_{k-1}) = Q R
//
// that is z_{k+1} = sum alpha_i m_i with sum alpha_i = 1 and |sum alpha_i r_i| least (fixed_point/mixing.hpp). Taking
// differences of m, not of z or f, gives every damping with one array besides Q.
//
// Of the factorisation only R is kept and updated. What it needs of the vectors are inner products of D with the newest
// difference and residual, summed in double, and once more with what is left of a difference that lies almost in the
// span of the others. So a step reads D and M once, and writes one column of each: what it costs is memory traffic.
// Columns leave, oldest first, while the condition number of R exceeds max_condition; a difference too small to mean
// anything is not taken up.
//
// Anderson 1965, J. ACM 12(4); Walker and Ni 2011, SIAM J. Numer. Anal. 49(4); Fang and Saad 2009, Numer. Linear
// Algebra Appl. 16. Memory of a sample: 2 window + 2 vectors.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "basin/core/scratch.hpp"
#include "basin/fixed_point/mixing.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

template <int window = 5>
struct Anderson {
  static_assert(window >= 1, "Anderson's window is the number of differences that it holds, at least one");

  double damping = 1;  ///< above 0; the mixed state is moved by damping times the mixed residual
  /// Above 1; 0.1 / epsilon of the scalar is put in its place if that is less, as it is in float. Far below 1 / epsilon
  /// of double: what a nearly dependent column multiplies is not only rounding but also the curvature of f.
  double max_condition = 1e6;
  /// 0 or more, relative to the mean square of the residuals held. 0.01 halves the evaluations where many slow rates
  /// are spread out (affine, 0.99 in size, at every tolerance), and costs a tenth to a half more on easy problems.
  double ridge = 0;

  template <class S>
  struct Memory {
    S* d;          ///< differences of residuals: a ring, `oldest` the first of them
    S* m;          ///< differences of damped Picard steps, likewise
    S* last_r;     ///< r of the last step
    S* last_m;     ///< damped Picard step of the last step
    Index stride;  ///< between columns
    int limit;     ///< columns at most: no more than the sample has numbers
    int oldest;
    bool begun;
    double last_squared;  ///< |last_r|^2
    detail::MixingProblem<window> problem;

    /// Where column j starts, the oldest being 0.
    [[nodiscard]] Index column(int j) const { return (oldest + j) % window * stride; }
  };

  template <class S>
  [[nodiscard]] Memory<S> start(Index size, Scratch& scratch) const {
    check(damping > 0 && std::isfinite(damping), "damping of Anderson", damping, "a finite number above 0");
    check(max_condition > 1, "max_condition of Anderson", max_condition, "a number above 1");
    check(ridge >= 0 && std::isfinite(ridge), "ridge of Anderson", ridge, "a finite number, 0 or more");
    Memory<S> memory{};
    memory.stride = detail::column_stride<S>(size);
    memory.d = scratch.take<S>(memory.stride * window);
    memory.m = scratch.take<S>(memory.stride * window);
    memory.last_r = scratch.take<S>(size);
    memory.last_m = scratch.take<S>(size);
    memory.limit = static_cast<int>(std::min<Index>(window, size));
    return memory;
  }

  template <class S>
  void step(Memory<S>& memory, std::span<S> z, std::type_identity_t<std::span<const S>> f) const {
    const Index size = static_cast<Index>(z.size());
    if (!memory.begun) {
      begin(memory, z, f);
      return;
    }
    if (take_in(memory, size, z.data(), f.data())) {
      const double limit = std::min(max_condition, 0.1 / static_cast<double>(std::numeric_limits<S>::epsilon()));
      while (memory.problem.columns() > 1 && memory.problem.condition() > limit) drop_oldest(memory);
    }
    mix(memory, size, z.data());
    // Room for the next difference.
    if (memory.problem.columns() == memory.limit) drop_oldest(memory);
  }

 private:
  using Column = typename detail::MixingProblem<window>::Column;

  template <class S>
  void begin(Memory<S>& memory, std::span<S> z, std::span<const S> f) const {
    const Index size = static_cast<Index>(z.size());
    detail::VectorMap<S> r(memory.last_r, size), m(memory.last_m, size), z_map(z.data(), size);
    r = detail::ConstVectorMap<S>(f.data(), size) - z_map;
    m = z_map + static_cast<S>(damping) * r;
    z_map = m;
    memory.last_squared = detail::dot(memory.last_r, memory.last_r, size);
    memory.begun = true;
  }

  /// Takes z and f = f(z) into the history. False if the new difference says nothing.
  template <class S>
  bool take_in(Memory<S>& memory, Index size, const S* z, const S* f) const {
    auto& problem = memory.problem;
    const int k = problem.columns();
    S* const d = memory.d + memory.column(k);
    S* const dm = memory.m + memory.column(k);
    std::array<detail::DotPair, window> inner{};  // of each column with d and r
    detail::DotPair of_d{}, of_r{};               // d with d and r; r with r
    double m_squared = 0;
    constexpr Index part = 256;
    alignas(64) double d_part[part], r_part[part];
    for (Index first = 0; first < size; first += part) {
      const Index count = std::min(part, size - first);
      detail::for_lanes<S>(count, [&]<int L>(Index i) {
        const auto at = [&](const S* from) { return kernels::load<L>(from + first + i); };
        const auto r = at(f) - at(z), m = at(z) + kernels::broadcast<L>(static_cast<S>(damping)) * r;
        const auto dr = r - at(memory.last_r);
        kernels::store<L>(dm + first + i, m - at(memory.last_m));
        kernels::store<L>(d + first + i, dr);
        kernels::store<L>(memory.last_r + first + i, r);
        kernels::store<L>(memory.last_m + first + i, m);
      });
      detail::widen(d + first, count, d_part);
      detail::widen(memory.last_r + first, count, r_part);
      of_d.add(d_part, d_part, r_part, count);
      m_squared += static_cast<double>(detail::ConstVectorMap<S>(memory.last_m + first, count).squaredNorm());
      of_r.add(r_part, r_part, r_part, count);
      for (int j = 0; j < k; ++j) {
        inner[static_cast<std::size_t>(j)].add(memory.d + memory.column(j) + first, d_part, r_part, count);
      }
    }
    Column with_d{}, with_r{};
    for (std::size_t j = 0; j < static_cast<std::size_t>(k); ++j) {
      with_d[j] = inner[j].first();
      with_r[j] = inner[j].second();
    }
    const Column c = problem.project(with_r);
    problem.set_projection(c);
    problem.set_newest(of_r.first());
    const double older_squared = std::exchange(memory.last_squared, of_r.first());

    // r carries the rounding of f and z: a difference below it is noise.
    constexpr double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
    const double d_squared = of_d.first();
    if (!(d_squared > epsilon * epsilon * m_squared) || !(d_squared > 0)) return false;

    Column h = problem.project(with_d);
    Rest rest{d_squared - product(h, h, k), of_d.second() - product(h, c, k)};
    if (k > 0 && rest.squared < 1e-6 * d_squared) rest = look_again(memory, size, d, k, c, h);
    if (rest.squared > 100 * epsilon * epsilon * d_squared) {
      const double length = std::sqrt(rest.squared);
      problem.append(h, length, rest.with_r / length, older_squared);
    } else {  // dependent on the history to working precision: the new difference replaces all of it
      const double length = std::sqrt(d_squared);
      memory.oldest = (memory.oldest + k) % window;
      problem.clear();
      problem.append({}, length, of_d.second() / length, older_squared);
    }
    return true;
  }

  /// What is left of a difference, e = d - Q Q^T d.
  struct Rest {
    double squared;  ///< |e|^2
    double with_r;   ///< e^T r
  };

  /// The same for a difference that all but lies in the span of the others, where |d|^2 - |h|^2 is rounding: e is made,
  /// and projected once more. Corrects h = Q^T d.
  template <class S>
  static Rest look_again(const Memory<S>& memory, Index size, const S* d, int k, const Column& c, Column& h) {
    const Column y = memory.problem.combination(h);
    Column with_e{};
    double squared = 0, with_r = 0;
    for (Index i = 0; i < size; ++i) {
      double e = static_cast<double>(d[i]);
      for (int j = 0; j < k; ++j) {
        e -= y[static_cast<std::size_t>(j)] * static_cast<double>(memory.d[memory.column(j) + i]);
      }
      for (int j = 0; j < k; ++j) {
        with_e[static_cast<std::size_t>(j)] += e * static_cast<double>(memory.d[memory.column(j) + i]);
      }
      squared += e * e;
      with_r += e * static_cast<double>(memory.last_r[i]);
    }
    const Column correction = memory.problem.project(with_e);
    for (std::size_t j = 0; j < static_cast<std::size_t>(k); ++j) h[j] += correction[j];
    return {squared - product(correction, correction, k), with_r - product(correction, c, k)};
  }

  static double product(const Column& a, const Column& b, int k) {
    double sum = 0;
    for (std::size_t j = 0; j < static_cast<std::size_t>(k); ++j) sum += a[j] * b[j];
    return sum;
  }

  template <class S>
  static void drop_oldest(Memory<S>& memory) {
    memory.problem.drop_oldest();
    memory.oldest = (memory.oldest + 1) % window;
  }

  /// z = m_k - M gamma.
  template <class S>
  void mix(const Memory<S>& memory, Index size, S* z) const {
    const int k = memory.problem.columns();
    const Column gamma = memory.problem.solve(ridge);
    detail::for_chunks(size, [&](Index first, Index count) {
      detail::VectorMap<S> z_chunk(z + first, count);
      z_chunk = detail::ConstVectorMap<S>(memory.last_m + first, count);
      const auto column = [&](int j) { return memory.m + memory.column(j) + first; };
      detail::subtract_columns<S>(z_chunk, column, gamma, k);
    });
  }
};

}  // namespace basin
