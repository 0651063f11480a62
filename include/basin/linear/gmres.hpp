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
// Comput. 7(3). Memory of a sample: restart + 3 vectors.
//
// Status: converged; max_iterations (if only one evaluation is allowed, the residual is the estimate); stalled, if a
// cycle brought the residual down by less than a thousandth (it would do the same again: A is singular, or restart too
// small); non_finite. The w of the lowest residual is returned always.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <span>

#include "basin/core/scratch.hpp"
#include "basin/linear/linear_solver.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin {

template <int restart = 20>
struct Gmres {
  static_assert(restart >= 1, "GMRES needs a basis of at least one vector");

  /// See linear/linear_solver.hpp. Throws std::invalid_argument if shapes differ or stop makes no sense.
  template <class S, class Op>
  void solve_tile(const Op& op, std::type_identity_t<View<const S>> g, std::type_identity_t<View<S>> w,
                  const LinearStop& stop, std::span<SampleResult> results) const {
    detail::check_linear_stop(stop);
    check(g.shape() == w.shape(), "shape of w", w.shape(), g.shape());
    check(results.size() == static_cast<std::size_t>(g.samples()), "number of results", results.size(), g.samples());
    const Index samples = g.samples();
    Scratch scratch;
    const View<S> in = scratch.state<S>(g.shape()), out = scratch.state<S>(g.shape());
    Sample<S>* const tile = scratch.take<Sample<S>>(samples);
    Index active = 0;
    for (Index n = 0; n < samples; ++n) {
      std::construct_at(tile + n);
      Sample<S>& s = tile[n];
      s.size = g.shape().sample_size();
      s.stride = detail::column_stride<S>(s.size);
      s.basis = scratch.take<S>(s.stride * (restart + 1));
      s.limit = static_cast<int>(std::min<Index>(restart, s.size));
      begin(s, g.sample(n).data(), w.sample(n).data(), in.sample(n).data(), results[static_cast<std::size_t>(n)]);
      active += s.phase != Phase::done;
    }
    while (active > 0) {
      static_cast<void>(op(View<const S>(in), out));
      active = 0;
      for (Index n = 0; n < samples; ++n) {
        Sample<S>& s = tile[n];
        if (s.phase == Phase::done) continue;
        SampleResult& result = results[static_cast<std::size_t>(n)];
        ++result.evaluations;
        if (s.phase == Phase::arnoldi) {
          extend(s, w.sample(n).data(), in.sample(n).data(), out.sample(n).data(), stop, result);
        } else {
          judge(s, g.sample(n).data(), w.sample(n).data(), in.sample(n).data(), out.sample(n).data(), stop, result);
        }
        active += s.phase != Phase::done;
      }
    }
  }

 private:
  enum class Phase {
    arnoldi,   ///< op is applied to the last basis vector
    residual,  ///< op is applied to a candidate w
    done,      ///< op is applied to zero
  };

  template <class S>
  struct Sample {
    Index size = 0, stride = 0;
    S* basis = nullptr;  // restart + 1 columns
    int limit = 0;       // columns at most: no more than there are unknowns
    int columns = 0;     // of the Hessenberg matrix so far
    Phase phase = Phase::residual;
    bool judged = false;                                       // a residual has been measured
    double g_norm = 0;                                         // |g|
    double best = 0;                                           // |g - A w| of the w held
    std::array<std::array<double, restart + 1>, restart> h{};  // h[j] is column j, rotated
    std::array<double, restart> cosine{}, sine{};
    std::array<double, restart + 1> right{};  // rotated |r| e_1
  };

  template <class S>
  static void finish(Sample<S>& s, S* in, Status status, SampleResult& result) {
    result.status = status;
    result.residual = s.g_norm > 0 ? s.best / s.g_norm : s.best;
    s.phase = Phase::done;
    std::fill_n(in, s.size, S(0));
  }

  template <class S>
  static void begin(Sample<S>& s, const S* g, S* w, S* in, SampleResult& result) {
    result = {};
    s.g_norm = s.best = detail::norm(g, s.size);
    if (!std::isfinite(s.g_norm)) {
      s.best = std::numeric_limits<double>::infinity();
      s.g_norm = 0;
      finish(s, in, Status::non_finite, result);
    } else if (s.g_norm == 0) {
      std::fill_n(w, s.size, S(0));
      finish(s, in, Status::converged, result);
    } else if (const double w_norm = detail::norm(w, s.size); w_norm == 0) {
      s.judged = true;
      detail::VectorMap<S>(s.basis, s.size) = detail::ConstVectorMap<S>(g, s.size);
      start_cycle(s, in, s.g_norm);
    } else {
      std::copy_n(w, s.size, in);
    }
  }

  /// The first column of the basis holds a residual of this length.
  template <class S>
  static void start_cycle(Sample<S>& s, S* in, double length) {
    detail::scale(s.basis, 1 / length, s.size);
    s.right.fill(0);
    s.right[0] = length;
    s.columns = 0;
    s.phase = Phase::arnoldi;
    std::copy_n(s.basis, s.size, in);
  }

  /// One step of Arnoldi's method: out = A V_j.
  template <class S>
  static void extend(Sample<S>& s, S* w, S* in, const S* out, const LinearStop& stop, SampleResult& result) {
    ++result.iterations;
    const std::size_t j = static_cast<std::size_t>(s.columns);
    auto& h = s.h[j];
    h.fill(0);
    S* const next = s.basis + (s.columns + 1) * s.stride;
    std::copy_n(out, s.size, next);
    const double before = detail::norm(next, s.size);
    if (!std::isfinite(before)) return finish(s, in, Status::non_finite, result);
    orthogonalise(s, next, h);
    double length = detail::norm(next, s.size);
    if (length < 0.1 * before) {
      orthogonalise(s, next, h);
      length = detail::norm(next, s.size);
    }
    constexpr double epsilon = static_cast<double>(std::numeric_limits<S>::epsilon());
    const bool exhausted = !(length > 10 * epsilon * before);  // the space is invariant: no new direction
    h[j + 1] = exhausted ? 0 : length;
    for (std::size_t i = 0; i < j; ++i) rotate(s.cosine[i], s.sine[i], h[i], h[i + 1]);
    const double diagonal = std::hypot(h[j], h[j + 1]);
    s.cosine[j] = diagonal > 0 ? h[j] / diagonal : 1;
    s.sine[j] = diagonal > 0 ? h[j + 1] / diagonal : 0;
    rotate(s.cosine[j], s.sine[j], h[j], h[j + 1]);
    rotate(s.cosine[j], s.sine[j], s.right[j], s.right[j + 1]);
    ++s.columns;
    // In an invariant space on which A is singular the last column is all rounding: it has nothing to give.
    if (exhausted && !(diagonal > 10 * epsilon * before)) --s.columns;

    const bool last = result.evaluations >= stop.max_evaluations;
    if (!exhausted && !last && s.columns < s.limit && std::abs(s.right[j + 1]) > stop.tolerance * s.g_norm &&
        result.evaluations + 1 < stop.max_evaluations) {
      detail::scale(next, 1 / length, s.size);
      std::copy_n(next, s.size, in);
      return;
    }
    form_candidate(s, w, in);
    s.phase = Phase::residual;
    if (last) {  // a single evaluation was allowed: nothing is left to measure the candidate with
      s.best = s.columns > 0 ? std::abs(s.right[j + 1]) : s.best;
      std::copy_n(in, s.size, w);
      finish(s, in, Status::max_iterations, result);
    }
  }

  /// in = w + V y.
  template <class S>
  static void form_candidate(const Sample<S>& s, const S* w, S* in) {
    std::array<double, restart> y{};  // its negative: what is subtracted
    for (std::size_t i = static_cast<std::size_t>(s.columns); i-- > 0;) {
      double value = -s.right[i];
      for (std::size_t l = i + 1; l < static_cast<std::size_t>(s.columns); ++l) value -= s.h[l][i] * y[l];
      y[i] = value / s.h[i][i];
    }
    detail::for_chunks(s.size, [&](Index first, Index count) {
      detail::VectorMap<S> in_chunk(in + first, count);
      in_chunk = detail::ConstVectorMap<S>(w + first, count);
      detail::subtract_columns<S>(
          in_chunk, [&](int j) { return s.basis + j * s.stride + first; }, y, s.columns);
    });
  }

  /// The true residual of the candidate in `in`, of which out is the image.
  template <class S>
  static void judge(Sample<S>& s, const S* g, S* w, S* in, const S* out, const LinearStop& stop, SampleResult& result) {
    detail::VectorMap<S> r(s.basis, s.size);
    r = detail::ConstVectorMap<S>(g, s.size) - detail::ConstVectorMap<S>(out, s.size);
    const double residual = detail::norm(s.basis, s.size), before = s.best;
    if (!std::isfinite(residual)) {
      if (!s.judged) s.best = std::numeric_limits<double>::infinity();
      return finish(s, in, Status::non_finite, result);
    }
    if (!s.judged || residual <= s.best) {
      s.best = residual;
      std::copy_n(in, s.size, w);
    }
    if (s.best <= stop.tolerance * s.g_norm) return finish(s, in, Status::converged, result);
    if (s.judged && residual > 0.999 * before) return finish(s, in, Status::stalled, result);
    // A cycle needs two evaluations at least: one to move, one to measure.
    if (result.evaluations + 2 > stop.max_evaluations) return finish(s, in, Status::max_iterations, result);
    s.judged = true;
    start_cycle(s, in, residual);
  }

  template <class S>
  static void orthogonalise(const Sample<S>& s, S* v, std::array<double, restart + 1>& h) {
    for (int i = 0; i <= s.columns; ++i) {
      const S* const column = s.basis + i * s.stride;
      const double along = detail::dot(column, v, s.size);
      h[static_cast<std::size_t>(i)] += along;
      detail::VectorMap<S>(v, s.size) -= static_cast<S>(along) * detail::ConstVectorMap<S>(column, s.size);
    }
  }

  static void rotate(double cosine, double sine, double& a, double& b) {
    const double first = cosine * a + sine * b;
    b = cosine * b - sine * a;
    a = first;
  }
};

}  // namespace basin
