#pragma once

// GMRES(restart) for A w = g, one small problem a sample, all samples of a tile in lockstep.
//
// From the residual r of the current w, an orthonormal basis V of span{r, A r, A^2 r, ...} is built by Arnoldi's method
// with modified Gram-Schmidt (a second time where a vector lost most of its length):
//
//   A V_j = V_{j+1} H        H upper Hessenberg, (j+1) x j
//   w' = w + V_j y           y = argmin | |r| e_1 - H y |, by Givens rotations of H as it grows
//
// The last entry of the rotated right side estimates |g - A w'|. When it meets the tolerance, the basis is full, the
// Krylov space is exhausted or the evaluations end, w' is formed and its true residual is evaluated: that, not the
// estimate, decides and is reported, and it is where the next cycle starts. Saad and Schultz 1986, SIAM J. Sci. Stat.
// Comput. 7(3).
//
// A cycle that brings the residual down by less than a thousandth would do the same again. Then its basis is kept and
// grows by `restart` vectors more, and so do those of later cycles: a shift in a circle, A e_i = e_{i+1}, is as well
// conditioned as a map can be, and yet no basis that is smaller than the circle holds anything of the solution.
// Memory of a sample: restart + 3 vectors; at most max_evaluations + 3 where cycles stall.
//
// Status: converged; max_iterations (if only one evaluation is allowed, the residual is the estimate); stalled, if the
// Krylov space is exhausted and does not hold the solution (A is singular), or rounding is all that is left;
// non_finite. The w of the lowest residual is returned always: where nothing brings it down that is the start, and the
// residual of zero is 1. Where g, or A v before there is a w to return, is not finite, w is NaN and its residual
// infinite.

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "basin/core/scratch.hpp"
#include "basin/linear/lockstep.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

template <int restart = 20>
struct Gmres {
  static_assert(restart >= 1, "GMRES needs a basis of at least one vector");

  /// See linear/linear_solver.hpp. Throws std::invalid_argument if shapes differ or stop makes no sense.
  template <class S, class Op>
  void solve_tile(const Op& op, std::type_identity_t<View<const S>> g, std::type_identity_t<View<S>> w,
                  const LinearStop& stop, std::span<SampleResult> results) const {
    detail::solve_in_lockstep<Sample<S>, S>(
        op, g, w, stop, results,
        [](Sample<S>& s, SampleResult& result, Scratch& scratch) {
          grow(s, scratch);
          if (detail::begins_at_zero(s, result)) start_cycle(s, s.g, s.g_norm);
        },
        [&](Sample<S>& s, SampleResult& result, Scratch& scratch) {
          if (s.phase == Phase::arnoldi) {
            extend(s, stop, result);
          } else {
            judge(s, stop, result, scratch);
          }
        });
  }

 private:
  enum class Phase {
    arnoldi,   ///< op is applied to the last basis vector
    residual,  ///< op is applied to a candidate w
  };

  template <class S>
  struct Sample : detail::LockstepSample<S> {
    int limit = 0;        // columns at most: no more than there are unknowns
    int columns = 0;      // of the Hessenberg matrix so far
    S** basis = nullptr;  // limit + 1 vectors
    // H, rotated: column j has j + 1 numbers, and they follow one another. Then the rotations, the rotated |r| e_1, and
    // the column that is being made, which serves for y too.
    double *h = nullptr, *cosine = nullptr, *sine = nullptr, *right = nullptr, *column = nullptr;
    double next_length = 0;  // of the last vector of the basis, before it is made a unit; 0: there is none
    Phase phase = Phase::residual;

    [[nodiscard]] double* h_column(int j) const { return h + j * (j + 1) / 2; }
  };

  /// Room for `restart` columns more.
  template <class S>
  static void grow(Sample<S>& s, Scratch& scratch) {
    const int before = s.limit, limit = static_cast<int>(std::min<Index>(before + restart, s.size.whole()));
    const auto longer = [&]<class T>(T*& numbers, int old_count, int count) {
      T* const room = scratch.take<T>(count);
      if (numbers != nullptr) std::copy_n(numbers, old_count, room);
      numbers = room;
    };
    const int old_vectors = s.basis == nullptr ? 0 : before + 1;
    longer(s.basis, old_vectors, limit + 1);
    longer(s.h, before * (before + 1) / 2, limit * (limit + 1) / 2);
    longer(s.cosine, before, limit);
    longer(s.sine, before, limit);
    longer(s.right, before + 1, limit + 1);
    longer(s.column, 0, limit + 1);
    const Index stride = detail::column_stride<S>(s.size);
    S* const vectors = scratch.take<S>(stride * (limit + 1 - old_vectors));
    for (int j = old_vectors; j <= limit; ++j) s.basis[j] = vectors + (j - old_vectors) * stride;
    s.limit = limit;
  }

  /// The basis begins with the residual r, of this length.
  template <class S>
  static void start_cycle(Sample<S>& s, const S* r, double length) {
    std::copy_n(r, s.size.here(), s.basis[0]);
    detail::divide(s.basis[0], length, s.size);
    s.right[0] = length;
    s.columns = 0;
    s.phase = Phase::arnoldi;
    std::copy_n(s.basis[0], s.size.here(), s.in);
  }

  /// The last vector of the basis is next.
  template <class S>
  static void go_on(Sample<S>& s) {
    detail::scale(s.basis[s.columns], 1 / s.next_length, s.size);
    std::copy_n(s.basis[s.columns], s.size.here(), s.in);
    s.phase = Phase::arnoldi;
  }

  /// One step of Arnoldi's method: out = A V_j.
  template <class S>
  static void extend(Sample<S>& s, const LinearStop& stop, SampleResult& result) {
    ++result.iterations;
    const int j = s.columns;
    double* const h = s.column;
    std::fill_n(h, j + 2, 0.0);
    S* const next = s.basis[j + 1];
    std::copy_n(s.out, s.size.here(), next);
    const double before = detail::norm(next, s.size);
    if (!std::isfinite(before)) return detail::end_sample(s, Status::non_finite, result);
    orthogonalise(s, next);
    double length = detail::norm(next, s.size);
    if (length < 0.1 * before) {
      orthogonalise(s, next);
      length = detail::norm(next, s.size);
    }
    constexpr double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
    const bool exhausted = !(length > 10 * epsilon * before);  // the space is invariant: no new direction
    s.next_length = h[j + 1] = exhausted ? 0 : length;
    for (int i = 0; i < j; ++i) rotate(s.cosine[i], s.sine[i], h[i], h[i + 1]);
    const double diagonal = std::hypot(h[j], h[j + 1]);
    s.cosine[j] = diagonal > 0 ? h[j] / diagonal : 1;
    s.sine[j] = diagonal > 0 ? h[j + 1] / diagonal : 0;
    rotate(s.cosine[j], s.sine[j], h[j], h[j + 1]);
    s.right[j + 1] = 0;
    rotate(s.cosine[j], s.sine[j], s.right[j], s.right[j + 1]);
    std::copy_n(h, j + 1, s.h_column(j));
    ++s.columns;
    // In an invariant space on which A is singular the last column is all rounding: it has nothing to give.
    if (exhausted && !(diagonal > 10 * epsilon * before)) --s.columns;

    const bool last = result.evaluations >= stop.max_evaluations;
    if (!exhausted && !last && s.columns < s.limit && std::abs(s.right[j + 1]) > stop.tolerance * s.g_norm &&
        result.evaluations + 1 < stop.max_evaluations) {
      return go_on(s);
    }
    form_candidate(s);
    s.phase = Phase::residual;
    if (last) {  // a single evaluation was allowed: nothing is left to measure the candidate with
      if (s.columns > 0) {
        s.best = std::abs(s.right[j + 1]);
        std::copy_n(s.in, s.size.here(), s.w);
      }
      detail::end_sample(s, Status::max_iterations, result);
    }
  }

  /// in = w + V y.
  template <class S>
  static void form_candidate(const Sample<S>& s) {
    double* const y = s.column;  // its negative: what is subtracted
    for (int i = s.columns; i-- > 0;) {
      double value = -s.right[i];
      for (int l = i + 1; l < s.columns; ++l) value -= s.h_column(l)[i] * y[l];
      y[i] = value / s.h_column(i)[i];
    }
    detail::for_chunks(s.size, [&](Index first, Index count) {
      detail::VectorMap<S> in_chunk(s.in + first, count);
      in_chunk = detail::ConstVectorMap<S>(s.w + first, count);
      detail::subtract_columns<S>(
          in_chunk, [&](int j) { return s.basis[j] + first; }, y, s.columns);
    });
  }

  /// The true residual of the candidate in `in`, of which out is the image.
  template <class S>
  static void judge(Sample<S>& s, const LinearStop& stop, SampleResult& result, Scratch& scratch) {
    const double before = s.best, residual = detail::measure_residual(s, result);
    if (s.ended) return;
    // A cycle needs two evaluations at least: one to move, one to measure.
    const bool last = result.evaluations + 2 > stop.max_evaluations;
    const bool stuck = s.judged && residual > 0.999 * before;
    const bool grows = stuck && !last && residual > stop.tolerance * s.g_norm && s.next_length > 0 &&
                       s.columns == s.limit && s.limit < s.size.whole() &&
                       std::abs(s.right[s.columns]) > stop.tolerance * s.g_norm;
    if (grows) {  // w stays what it was when the basis was begun
      grow(s, scratch);
      return go_on(s);
    }
    if (!s.judged || residual <= s.best) {
      s.best = residual;
      s.empty = s.empty && s.columns == 0;
      std::copy_n(s.in, s.size.here(), s.w);
    }
    if (s.best <= stop.tolerance * s.g_norm) return detail::end_sample(s, Status::converged, result);
    if (stuck && (s.next_length == 0 || !last)) return detail::end_sample(s, Status::stalled, result);
    if (last) return detail::end_sample(s, Status::max_iterations, result);
    s.judged = true;
    start_cycle(s, s.out, residual);
  }

  /// v less its parts along the basis, which are added to the column that is being made.
  template <class S>
  static void orthogonalise(const Sample<S>& s, S* v) {
    for (int i = 0; i <= s.columns; ++i) {
      const double along = detail::dot(s.basis[i], v, s.size);
      s.column[i] += along;
      detail::VectorMap<S>(v, s.size) -= static_cast<S>(along) * detail::ConstVectorMap<S>(s.basis[i], s.size);
    }
  }

  static void rotate(double cosine, double sine, double& a, double& b) {
    const double first = cosine * a + sine * b;
    b = cosine * b - sine * a;
    a = first;
  }
};

}  // namespace basin
