#pragma once

// What the solvers of linear equations share (linear/linear_solver.hpp): the samples of a tile are solved in lockstep,
// each by its own recurrence with its own stop. One that has ended stays where it is, and A is applied to zero for it,
// so that a batch gives each sample what it gets alone.

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>

#include "basin/core/scratch.hpp"
#include "basin/linear/linear_solver.hpp"
#include "basin/linear/vector_passes.hpp"

namespace basin::detail {

/// One sample of a tile; a solver adds what its recurrence holds.
template <class S>
struct LockstepSample {
  Extent size;  ///< of a vector
  const S* g = nullptr;
  S *w = nullptr, *in = nullptr, *out = nullptr;  // A is applied to `in`
  bool ended = false;
  bool judged = false;  // a residual has been measured
  bool empty = false;   // w is the zero of the start
  double g_norm = 0;    // |g|
  double best = 0;      // |g - A w| of the w held
};

/// The residual that is reported is that of the w held. Where nothing finite was ever seen, w is NaN.
template <class S>
void end_sample(LockstepSample<S>& s, Status status, SampleResult& result) {
  if (status == Status::non_finite && s.empty) {
    std::fill_n(s.w, s.size.here(), std::numeric_limits<S>::quiet_NaN());
    s.best = std::numeric_limits<double>::infinity();
  }
  result.status = status;
  result.residual = s.g_norm > 0 ? s.best / s.g_norm : s.best;
  s.ended = true;
  std::fill_n(s.in, s.size.here(), S(0));
}

/// Sets the sample up. True if it starts from zero and has something to solve. Else it has ended, or w is a guess that
/// stands in `in` to be measured.
template <class S>
[[nodiscard]] bool begins_at_zero(LockstepSample<S>& s, SampleResult& result) {
  result = {};
  s.g_norm = s.best = norm(s.g, s.size);
  if (!std::isfinite(s.g_norm)) {
    s.empty = true;
    s.g_norm = 0;
    end_sample(s, Status::non_finite, result);
  } else if (s.g_norm == 0) {
    std::fill_n(s.w, s.size.here(), S(0));
    end_sample(s, Status::converged, result);
  } else if (norm(s.w, s.size) == 0) {
    s.judged = s.empty = true;
    return true;
  } else {
    std::copy_n(s.w, s.size.here(), s.in);
  }
  return false;
}

/// `out` becomes r = g - A in; returns |r|. If that is not finite the sample ends.
template <class S>
[[nodiscard]] double measure_residual(LockstepSample<S>& s, SampleResult& result) {
  VectorMap<S> r(s.out, s.size);
  r = ConstVectorMap<S>(s.g, s.size) - r;
  const double residual = norm(s.out, s.size);
  if (!std::isfinite(residual)) {
    if (!s.judged) s.best = std::numeric_limits<double>::infinity();
    end_sample(s, Status::non_finite, result);
  }
  return residual;
}

/// Applies op to the tile until all samples have ended. Sample is a LockstepSample<S> with more; set_up(s, result,
/// scratch) takes its memory and begins it, and go_on(s, result, scratch) goes on once `out` is the image of `in`.
/// Throws std::invalid_argument if shapes differ or stop makes no sense.
template <class Sample, class S, class Op, class SetUp, class GoOn>
void solve_in_lockstep(const Op& op, View<const S> g, View<S> w, const LinearStop& stop,
                       std::span<SampleResult> results, const SetUp& set_up, const GoOn& go_on) {
  check_linear_stop(stop);
  check(g.shape() == w.shape(), "shape of w", w.shape(), g.shape());
  check(results.size() == static_cast<std::size_t>(g.samples()), "number of results", results.size(), g.samples());
  const Index samples = g.samples();
  Scratch scratch;
  const View<S> in = scratch.state<S>(g.shape()), out = scratch.state<S>(g.shape());
  Sample* const tile = scratch.take<Sample>(samples);
  Index active = 0;
  for (Index n = 0; n < samples; ++n) {
    Sample& s = *std::construct_at(tile + n);
    s.size = extent_of(op, g.shape().with_samples(1));
    s.g = g.sample(n).data();
    s.w = w.sample(n).data();
    s.in = in.sample(n).data();
    s.out = out.sample(n).data();
    set_up(s, results[static_cast<std::size_t>(n)], scratch);
    active += !s.ended;
  }
  while (active > 0) {
    static_cast<void>(op(View<const S>(in), out));
    active = 0;
    for (Index n = 0; n < samples; ++n) {
      Sample& s = tile[n];
      if (s.ended) continue;
      SampleResult& result = results[static_cast<std::size_t>(n)];
      ++result.evaluations;
      go_on(s, result, scratch);
      active += !s.ended;
    }
  }
}

}  // namespace basin::detail
