#pragma once

// The implicit gradient: (I - A) w = g solved to a tolerance, by a linear solver (GMRES) or by one of the fixed-point
// methods on w <- A w + g.
//
// The stop is relative to the incoming gradient, |g - (I - A) w| <= tolerance |g|, sample by sample, so that gradients
// of any size are equally good; the error of w is at most |(I - A)^-1| times the residual. A solve that fails returns
// the best w that it reached and says so. S. Bai, J. Z. Kolter, V. Koltun, "Deep equilibrium models", NeurIPS 2019,
// theorem 1.

#include "basin/adjoint/adjoint_method.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/linear/gmres.hpp"

namespace basin {

template <class Solver = Gmres<>>
struct Implicit {
  Solver solver{};
  double tolerance = 1e-4;   ///< relative to |g|
  int max_evaluations = 60;  ///< applications of A

  template <class S, class Operator>
  void solve_tile(const Operator& apply_a, View<const S> g, View<S> w, std::span<SampleResult> results) const {
    if constexpr (FixedPointMethod<Solver, S>) {
      iterate(apply_a, g, w, results);
    } else {
      const auto subtract = [&](View<const S> v, View<S> out) {
        apply_a(v, out);
        out.vector() = v.vector() - out.vector();
      };
      w.vector().setZero();
      solver.template solve_tile<S>(subtract, g, w, {.tolerance = tolerance, .max_evaluations = max_evaluations},
                                    results);
    }
  }

 private:
  /// w <- A w + g from w = g.
  template <class S, class Operator>
  void iterate(const Operator& apply_a, View<const S> g, View<S> w, std::span<SampleResult> results) const {
    Scratch scratch;
    double* sizes = scratch.take<double>(g.samples());
    for (Index n = 0; n < g.samples(); ++n) sizes[n] = static_cast<double>(g.sample(n).vector().stableNorm());
    const auto map = [&](View<const S> v, View<S> out, std::span<const Index> samples) {
      if (v.samples() == g.samples()) {
        apply_a(v, out);
        out.vector() += g.vector();
        return;
      }
      // A works on the whole tile; samples that have left stand as zeros.
      Scratch inner;
      const View<S> all = inner.state<S>(g.shape()), all_out = inner.state<S>(g.shape());
      all.vector().setZero();
      for (Index i = 0; i < v.samples(); ++i) {
        all.sample(samples[static_cast<std::size_t>(i)]).vector() = v.sample(i).vector();
      }
      apply_a(View<const S>(all), all_out);
      for (Index i = 0; i < v.samples(); ++i) {
        const Index n = samples[static_cast<std::size_t>(i)];
        out.sample(i).vector() = all_out.sample(n).vector() + g.sample(n).vector();
      }
    };
    w.vector() = g.vector();
    basin::solve_tile(map, w, solver, {.tolerance = tolerance, .max_evaluations = max_evaluations}, results, sizes);
  }
};

}  // namespace basin
