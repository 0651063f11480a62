#pragma once

// The implicit gradient: (I - A) w = g solved to a tolerance, by a linear solver (GMRES, BiCGStab) or by one of the
// fixed-point methods on w <- A w + g. A linear solver is preconditioned where the cell's linearization has a
// preconditioner (adjoint/adjoint_method.hpp), or if it is a RightPreconditioned<...> itself.
//
// The stop is relative to the incoming gradient, |g - (I - A) w| <= tolerance |g|, sample by sample, so that gradients
// of any size are equally good; the error of w is at most |(I - A)^-1| times the residual. S. Bai, J. Z. Kolter,
// V. Koltun, "Deep equilibrium models", NeurIPS 2019, theorem 1.
//
// A solve that fails returns the best w that it reached and says so. Where that w is of no use, another is returned,
// with the residual measured of it and SampleResult::adjusted set:
//
//   w = 0, because nothing brought the residual down        w = g, as in JacobianFree
//   |w| beyond |g| / u: its residual is all rounding         the same
//   not converged, and |w| > max_growth |g|                  w shortened to max_growth |g|: I - A is all but singular
//
// where u is the unit roundoff of the scalar. A w with u |w| > tolerance |g| (or > 16 u |g|, where the tolerance is
// below that) does not count as converged: its residual is not known so well. Where g or A is not finite, w is NaN.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

#include "basin/adjoint/adjoint_method.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/linear/gmres.hpp"
#include "basin/linear/preconditioned.hpp"

namespace basin {

namespace detail {

inline constexpr std::string_view implicit_name = "implicit";

/// "implicit_" and the name of a solver.
template <class Solver>
inline constexpr auto implicit_name_of = [] {
  std::array<char, implicit_name.size() + 1 + Solver::name.size()> text{};
  char* const end = std::copy(implicit_name.begin(), implicit_name.end(), text.begin());
  *end = '_';
  std::copy(Solver::name.begin(), Solver::name.end(), end + 1);
  return text;
}();

}  // namespace detail

template <class Solver = Gmres<>>
struct Implicit {
  Solver solver{};           ///< a linear solver or a fixed-point method, with its options
  double tolerance = 1e-4;   ///< relative to |g|
  int max_evaluations = 60;  ///< applications of A
  double max_growth = 1e3;   ///< of |w| over |g| where the solve failed; at least 1; infinity: any

  /// "implicit", or "implicit_picard", "implicit_bicgstab" and the like for a solver that has a name.
  static constexpr std::string_view name = [] {
    if constexpr (requires { Solver::name; }) {
      constexpr auto& text = detail::implicit_name_of<Solver>;
      return std::string_view(text.data(), text.size());
    } else {
      return detail::implicit_name;
    }
  }();

  /// See adjoint/adjoint_method.hpp. Throws std::invalid_argument if options make no sense.
  template <class S, class Operator>
  void solve_tile(const Operator& apply_a, View<const S> g, View<S> w, std::span<SampleResult> results) const {
    check(max_growth >= 1, "Implicit: max_growth", max_growth, "at least 1");
    const Shape one = g.shape().with_samples(1);
    const Extent extent = detail::extent_of(apply_a, one);
    Scratch scratch;
    const View<S> unit = scratch.state<S>(g.shape());
    double* const sizes = scratch.take<double>(g.samples());
    int* const exponents = scratch.take<int>(g.samples());
    for (Index n = 0; n < g.samples(); ++n) {
      // A g of extreme size is solved for at about unit length: by a power of two, so that no digit changes.
      const double size = detail::norm(g.sample(n).data(), extent);
      const bool extreme = std::isfinite(size) && size > 0 && (size < 1e-6 || size > 1e6);
      exponents[n] = extreme ? std::ilogb(size) : 0;
      shift(g.sample(n), -exponents[n], unit.sample(n));
      sizes[n] = extreme ? detail::norm(unit.sample(n).data(), extent) : size;
    }
    if constexpr (FixedPointMethod<Solver, S>) {
      iterate<S>(apply_a, unit, w, results, sizes);
    } else {
      const auto subtract = detail::split_as(apply_a, one, [&](View<const S> v, View<S> out) {
        apply_a(v, out);
        out.vector() = v.vector() - out.vector();
      });
      const LinearStop stop{.tolerance = tolerance, .max_evaluations = max_evaluations};
      w.vector().setZero();
      if constexpr (detail::HasPreconditioner<Operator, S>) {
        const auto inverse = [&](View<const S> v, View<S> out) { apply_a.precondition(v, out); };
        RightPreconditioned<Solver, decltype(inverse)>{solver, inverse}.template solve_tile<S>(subtract, unit, w, stop,
                                                                                               results);
      } else {
        solver.template solve_tile<S>(subtract, unit, w, stop, results);
      }
    }
    look_over<S>(apply_a, unit, w, results, sizes);
    for (Index n = 0; n < g.samples(); ++n) shift(View<const S>(w.sample(n)), exponents[n], w.sample(n));
  }

 private:
  /// out = from * 2^exponent. They may be the same.
  template <class S>
  static void shift(View<const S> from, int exponent, View<S> out) {
    if (exponent == 0) {
      if (from.data() != out.data()) out.vector() = from.vector();
    } else {
      for (Index i = 0; i < out.size(); ++i) out.data()[i] = std::ldexp(from.data()[i], exponent);
    }
  }

  /// w <- A w + g from w = g.
  template <class S, class Operator>
  void iterate(const Operator& apply_a, View<const S> g, View<S> w, std::span<SampleResult> results,
               const double* sizes) const {
    const auto add = [&](View<const S> v, View<S> out, std::span<const Index> samples) {
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
    const auto map = detail::split_as(apply_a, g.shape().with_samples(1), add);
    basin::solve_tile(map, w, solver, {.tolerance = tolerance, .max_evaluations = max_evaluations}, results, sizes);
  }

  /// What the opening of this header says of a w that is of no use.
  template <class S, class Operator>
  void look_over(const Operator& apply_a, View<const S> g, View<S> w, std::span<SampleResult> results,
                 const double* sizes) const {
    constexpr double roundoff = static_cast<double>(std::numeric_limits<S>::epsilon()) / 2;
    const Extent size = detail::extent_of(apply_a, g.shape().with_samples(1));
    bool any_adjusted = false;
    for (Index n = 0; n < g.samples(); ++n) {
      SampleResult& result = results[static_cast<std::size_t>(n)];
      auto w_n = w.sample(n).vector();
      if (!std::isfinite(sizes[n]) || (result.status == Status::non_finite && !std::isfinite(result.residual))) {
        result.status = Status::non_finite;
        result.residual = std::numeric_limits<double>::infinity();
        w_n.setConstant(std::numeric_limits<S>::quiet_NaN());
        continue;
      }
      const double length = detail::norm(w.sample(n).data(), size);
      if (result.status == Status::converged && roundoff * length > std::max(tolerance, 16 * roundoff) * sizes[n]) {
        result.status = Status::stalled;
      }
      if ((length == 0 && sizes[n] > 0) || roundoff * length > sizes[n]) {
        w_n = g.sample(n).vector();
      } else if (result.status != Status::converged && length > max_growth * sizes[n]) {
        w_n *= static_cast<S>(max_growth * sizes[n] / length);
      } else {
        continue;
      }
      any_adjusted = result.adjusted = true;
    }
    if (!any_adjusted) return;
    Scratch scratch;
    const View<S> a_w = scratch.state<S>(g.shape());
    apply_a(View<const S>(w), a_w);
    for (Index n = 0; n < g.samples(); ++n) {
      SampleResult& result = results[static_cast<std::size_t>(n)];
      if (!result.adjusted) continue;
      ++result.evaluations;
      result.residual = detail::adjoint_residual<S>(g.sample(n), w.sample(n), a_w.sample(n), size);
    }
  }
};

}  // namespace basin
