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
// D is never kept: a new difference is orthogonalised against Q (Gram-Schmidt, a second time if it lost most of its
// length), the oldest leaves by Givens rotations. Columns leave, oldest first, while the condition number of R exceeds
// max_condition; a difference too small to mean anything is not taken up. A step reads the history twice and writes it
// once: the rotations of the last drop are applied in the same pass that makes the differences and their products.
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
    S* q;          ///< orthonormal columns, oldest difference first
    S* m;          ///< differences of damped Picard steps: a ring, first_m the oldest
    S* last_r;     ///< r of the last step
    S* last_m;     ///< damped Picard step of the last step
    Index stride;  ///< between columns
    int limit;     ///< columns at most: no more than the sample has numbers
    int first_m;
    bool begun;
    double last_squared;  ///< |last_r|^2
    int rotation_count;   ///< rotations that q still has to take
    std::array<typename detail::MixingProblem<window>::Rotation, static_cast<std::size_t>(window* window)> rotations;
    detail::MixingProblem<window> problem;
  };

  template <class S>
  [[nodiscard]] Memory<S> start(Index size, Scratch& scratch) const {
    check(damping > 0 && std::isfinite(damping), "damping of Anderson", damping, "a finite number above 0");
    check(max_condition > 1, "max_condition of Anderson", max_condition, "a number above 1");
    check(ridge >= 0 && std::isfinite(ridge), "ridge of Anderson", ridge, "a finite number, 0 or more");
    Memory<S> memory{};
    memory.stride = detail::column_stride<S>(size);
    memory.q = scratch.take<S>(memory.stride * window);
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
    // Room for the next difference, now, so that Q turns in the pass that makes it.
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
    const int k = problem.columns(), slot = (memory.first_m + k) % window;
    S* const d = memory.q + k * memory.stride;
    S* const dm = memory.m + slot * memory.stride;
    Column h{}, c{};
    double d_squared = 0, r_squared = 0, m_squared = 0;
    detail::for_chunks(size, [&](Index first, Index count) {
      turn(memory, first, count);
      detail::VectorMap<S> d_chunk(d + first, count), dm_chunk(dm + first, count);
      detail::VectorMap<S> r(memory.last_r + first, count), m(memory.last_m + first, count);
      const detail::ConstVectorMap<S> z_chunk(z + first, count), f_chunk(f + first, count);
      d_chunk = f_chunk - z_chunk;
      dm_chunk = z_chunk + static_cast<S>(damping) * d_chunk;
      d_chunk.swap(r);
      dm_chunk.swap(m);
      d_chunk = r - d_chunk;
      dm_chunk = m - dm_chunk;
      d_squared += static_cast<double>(d_chunk.squaredNorm());
      r_squared += static_cast<double>(r.squaredNorm());
      m_squared += static_cast<double>(m.squaredNorm());
      for (int j = 0; j < k; ++j) {
        const detail::ConstVectorMap<S> q(memory.q + j * memory.stride + first, count);
        h[static_cast<std::size_t>(j)] += static_cast<double>(q.dot(d_chunk));
        c[static_cast<std::size_t>(j)] += static_cast<double>(q.dot(r));
      }
    });
    memory.rotation_count = 0;
    problem.set_projection(c);
    problem.set_newest(r_squared);
    const double older_squared = std::exchange(memory.last_squared, r_squared);

    // r carries the rounding of f and z: a difference below it is noise.
    constexpr double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
    const double d_norm = detail::in_safe_range<S>(d_squared) ? std::sqrt(d_squared) : detail::norm(d, size);
    if (!(d_norm > epsilon * std::sqrt(m_squared)) || !(d_norm > tiny<S>)) return false;

    Product product = project_out(memory, size, d, k, h);
    if (product.squared < 0.01 * d_norm * d_norm) {  // most of it is gone: what is left is not yet orthogonal
      Column again{};
      for (int j = 0; j < k; ++j) {
        again[static_cast<std::size_t>(j)] = detail::dot(memory.q + j * memory.stride, d, size);
        h[static_cast<std::size_t>(j)] += again[static_cast<std::size_t>(j)];
      }
      product = project_out(memory, size, d, k, again);
    }
    double length = std::sqrt(product.squared);
    S* column = d;
    if (!(length > 10 * epsilon * d_norm)) {
      // Dependent on the history to working precision: the new difference replaces all of it.
      for (double& value : h) value = -value;
      project_out(memory, size, d, k, h);
      column = memory.q;
      if (k > 0) detail::VectorMap<S>(column, size) = detail::VectorMap<S>(d, size);
      problem.clear();
      memory.first_m = slot;
      h = {};
      length = detail::norm(column, size);
      product.with_r = detail::dot(column, memory.last_r, size);
    }
    detail::scale(column, 1 / length, size);
    problem.append(h, length, product.with_r / length, older_squared);
    return true;
  }

  struct Product {
    double squared;  ///< |d|^2
    double with_r;   ///< d^T r
  };

  /// d -= Q h, over the first k columns of Q.
  template <class S>
  static Product project_out(const Memory<S>& memory, Index size, S* d, int k, const Column& h) {
    Product product{0, 0};
    detail::for_chunks(size, [&](Index first, Index count) {
      detail::VectorMap<S> d_chunk(d + first, count);
      detail::subtract_columns<S>(
          d_chunk, [&](int j) { return memory.q + j * memory.stride + first; }, h, k);
      product.squared += static_cast<double>(d_chunk.squaredNorm());
      product.with_r += static_cast<double>(d_chunk.dot(detail::ConstVectorMap<S>(memory.last_r + first, count)));
    });
    return product;
  }

  /// Entries of unit vectors too small to count. Where a sample's residual has become exactly zero they are rounding of
  /// rounding, shrink with every turn, and would end as denormal numbers, which cost a hundred times the time.
  template <class S>
  static S without_dust(S entry) {
    constexpr S dust = std::numeric_limits<S>::epsilon() * std::numeric_limits<S>::epsilon();
    return std::abs(entry) < dust ? S(0) : entry;
  }

  /// The rotations that Q still has to take, on a chunk of its rows.
  template <class S>
  static void turn(const Memory<S>& memory, Index first, Index count) {
    for (int i = 0; i < memory.rotation_count; ++i) {
      const auto& rotation = memory.rotations[static_cast<std::size_t>(i)];
      const S cosine = static_cast<S>(rotation.cosine), sine = static_cast<S>(rotation.sine);
      S* const a = memory.q + rotation.column * memory.stride + first;
      S* const b = a + memory.stride;
      for (Index row = 0; row < count; ++row) {
        const S turned = cosine * a[row] + sine * b[row];
        b[row] = without_dust(cosine * b[row] - sine * a[row]);
        a[row] = without_dust(turned);
      }
    }
  }

  template <class S>
  static void drop_oldest(Memory<S>& memory) {
    memory.problem.drop_oldest(
        [&](const auto& rotation) { memory.rotations[static_cast<std::size_t>(memory.rotation_count++)] = rotation; });
    memory.first_m = (memory.first_m + 1) % window;
  }

  /// z = m_k - M gamma.
  template <class S>
  void mix(const Memory<S>& memory, Index size, S* z) const {
    const int k = memory.problem.columns();
    const Column gamma = memory.problem.solve(ridge);
    detail::for_chunks(size, [&](Index first, Index count) {
      detail::VectorMap<S> z_chunk(z + first, count);
      z_chunk = detail::ConstVectorMap<S>(memory.last_m + first, count);
      const auto column = [&](int j) { return memory.m + (memory.first_m + j) % window * memory.stride + first; };
      detail::subtract_columns<S>(z_chunk, column, gamma, k);
    });
  }

  /// Below this, lengths of vectors have no reciprocal in S.
  template <class S>
  static constexpr double tiny = 4 * static_cast<double>(std::numeric_limits<S>::min());
};

}  // namespace basin
