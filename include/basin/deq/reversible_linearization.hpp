#pragma once

// The derivative of a reversible equilibrium. deq/reversible_equilibrium.hpp includes this.

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "basin/core/buffer.hpp"
#include "basin/deq/reversible_equilibrium.hpp"

namespace basin {

/// The derivative of the T steps. Refers to theta and u; owns y_T, z_T and the anchors, and what the
/// cell prepared.
template <class C>
template <class S>
class ReversibleEquilibrium<C>::Linearization {
 public:
  Linearization(const ReversibleEquilibrium& model, std::span<const S, param_count> theta, View<const S> u, View<S> z,
                const Context& context)
      : model_(model),
        theta_(theta),
        u_(u),
        shape_(z.shape()),
        context_(with_own_samples(context, z.samples(), numbers_)),
        prepared_(std::make_unique<const Prepared>(detail::prepared_of<C, S>(model.cell, theta))),
        anchors_(2 * z.size() * (model.anchors + 1)) {
    report_ = model_.template forward<S>(
        u, z, context_,
        [&](const Context& here, View<const S> at, View<const S> u_tile, View<S> f) {
          return forward_report(linearize(here, at, u_tile, f));
        },
        [&](int k, Index first, View<double> y_tile, View<double> z_tile) {
          std::copy_n(y_tile.data(), y_tile.size(), anchor(k, first));
          std::copy_n(z_tile.data(), z_tile.size(), anchor(k, first) + shape_.size());
        });
  }

  [[nodiscard]] Report report() const { return report_; }

  /// Goes through the steps once more, with their tangents.
  Report jvp(View<const S> t, View<S> out) const {
    check_jvp<S>("ReversibleEquilibrium", u_.shape(), shape_, t, out);
    return tile_by_tile([&](Index first, Index count, const auto& at_point, std::span<SampleResult>) {
      const Shape shape = shape_.with_samples(count);
      Scratch scratch;
      const View<double> y = scratch.state<double>(shape), z = scratch.state<double>(shape);
      const View<S> ty = scratch.state<S>(shape), tz = out.samples(first, count), through = scratch.state<S>(shape),
                    from_u = scratch.state<S>(shape);
      ty.vector().setZero();
      tz.vector().setZero();
      const S relaxation = static_cast<S>(model_.beta);
      const auto half = [&](View<S> from, View<S> to) {
        return [&, from, to](View<const S> at, View<S> f) {
          at_point(at, f, [&](const auto& linear, const auto& note) {
            note([&] { return linear.jvp(View<const S>(from), through); });
            note([&] { return linear.jvp_input(t.samples(first, count), from_u); });
          });
          to.vector() += relaxation * (through.vector() + from_u.vector() - to.vector());
        };
      };
      model_.template run<S>(y, z, half(tz, ty), half(ty, tz), [](int) {});
    });
  }

  Report vjp(View<const S> w, View<S> du) const {
    check_vjp<S>("ReversibleEquilibrium", u_.shape(), shape_, w, du);
    return back(w, du, [](const auto& linear, const auto& note, View<const S> step, View<S> dz, View<S> du_step) {
      note([&] { return linear.vjp(step, dz); });
      note([&] { return linear.vjp_input(step, du_step); });
    });
  }

  Report pullback(View<const S> w, View<S> du, ThetaGradient<S, param_count> dtheta) const {
    check_pullback<S>("ReversibleEquilibrium", u_.shape(), shape_, w, du);
    return back(w, du, [&](const auto& linear, const auto& note, View<const S> step, View<S> dz, View<S> du_step) {
      note([&] { return linear.pullback(step, dz, du_step, dtheta); });
    });
  }

 private:
  using Prepared = detail::PreparedOf<C, S>;

  [[nodiscard]] auto linearize(const Context& here, View<const S> at, View<const S> u, View<S> f) const {
    return detail::linearize_with<C, S>(model_.cell, theta_, prepared_.get(), here, at, u, f);
  }

  /// Calls body(first, count, at_point, results) for each tile, in order, where at_point(z, f, use) makes f = f(z, u)
  /// and calls use(linearization there, note).
  template <class Body>
  Report tile_by_tile(const Body& body) const {
    Report report;
    detail::WorstRecords worst;
    std::vector<SampleResult> results(
        static_cast<std::size_t>(shape_.samples),
        SampleResult{.status = Status::converged, .iterations = model_.steps, .evaluations = 2 * model_.steps});
    const Index tile = detail::samples_per_tile<S>(shape_);
    for (Index first = 0; first < shape_.samples; first += tile) {
      const Index count = std::min(tile, shape_.samples - first);
      SolveLog log;
      const Context here = context_.from_sample(first).with_log(context_.log != nullptr ? &log : nullptr);
      const auto note = [&](const auto& call) {
        report += detail::report_of(call);
        worst.take(log);
      };
      const auto at_point = [&](View<const S> at, View<S> f, const auto& use) {
        const auto linear = linearize(here, at, u_.samples(first, count), f);
        log.clear();  // those solves were logged on the way forward
        use(linear, note);
      };
      body(first, count, at_point,
           std::span(results).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
    }
    ReversibleEquilibrium::record(results, Pass::adjoint, context_, worst, report);
    return report;
  }

  /// pull(linearization, note, w, dz, du of this half of a step)
  template <class Pull>
  Report back(View<const S> w, View<S> du, const Pull& pull) const {
    return tile_by_tile([&](Index first, Index count, const auto& at_point, std::span<SampleResult> results) {
      const Shape shape = shape_.with_samples(count);
      Scratch scratch;
      const View<double> y = scratch.state<double>(shape), z = scratch.state<double>(shape);
      const View<S> a = scratch.state<S>(shape), b = scratch.state<S>(shape), at = scratch.state<S>(shape),
                    f = scratch.state<S>(shape), step = scratch.state<S>(shape), dz = scratch.state<S>(shape),
                    du_step = scratch.state<S>(u_.shape().with_samples(count));
      double* const left = scratch.take<double>(count);  // of the gradient, at the anchor before
      for (const bool is_z : {false, true}) copy_anchor(model_.anchors + 1, first, is_z, is_z ? z : y);
      a.vector().setZero();
      b.vector() = w.samples(first, count).vector();
      if (du) du.samples(first, count).vector().setZero();
      const S relaxation = static_cast<S>(model_.beta);
      // `state` was made from `from`, and the gradient in it goes into that of `from`.
      const auto undo_half = [&](View<double> state, View<double> from, View<S> gradient, View<S> of_from) {
        at.vector() = from.vector().template cast<S>();
        step.vector() = relaxation * gradient.vector();
        at_point(View<const S>(at), f,
                 [&](const auto& linear, const auto& note) { pull(linear, note, View<const S>(step), dz, du_step); });
        of_from.vector() += dz.vector();
        gradient.vector() -= step.vector();
        if (du) du.samples(first, count).vector() += du_step.vector();
        model_.template undo<S>(state, f);
      };
      std::fill_n(left, count, 1.0);
      int next = model_.anchors;
      for (int n = model_.steps - 1; n >= 0; --n) {
        undo_half(z, y, b, a);
        undo_half(y, z, a, b);
        for (Index i = 0; i < count; ++i) {
          const double longest = most_growth * length_at_end(first + i);
          if (length(y, z, i) <= longest || !std::isfinite(longest)) continue;
          results[static_cast<std::size_t>(i)].residual =
              std::max(results[static_cast<std::size_t>(i)].residual, left[i]);
          for (const View<double>& state : {y, z}) state.sample(i).vector().setZero();
          for (const View<S>& gradient : {a, b}) gradient.sample(i).vector().setZero();
          left[i] = 0;
        }
        for (; next >= 0 && model_.anchor_step(next) == n; --next) {
          measure(next, first, y, z, a, b, w.samples(first, count), left, results);
        }
      }
      for (Index i = 0; i < count; ++i) {
        SampleResult& result = results[static_cast<std::size_t>(i)];
        if (!(result.residual <= model_.max_drift)) result.status = Status::diverged;
        if (std::isfinite(result.residual)) continue;
        result.status = Status::non_finite;
        if (du) du.sample(first + i).vector().setConstant(std::numeric_limits<S>::quiet_NaN());
      }
    });
  }

  /// How far off y and z are at an anchor; they become those of the anchor. Number 0 is the start, and so are others
  /// if there are more of them than steps.
  void measure(int k, Index first, View<double> y, View<double> z, View<const S> a, View<const S> b, View<const S> w,
               double* left, std::span<SampleResult> results) const {
    Scratch scratch;
    const View<double> y_off = scratch.state<double>(y.shape()), z_off = scratch.state<double>(y.shape());
    y_off.vector() = y.vector();
    z_off.vector() = z.vector();
    copy_anchor(k, first, false, y);
    copy_anchor(k, first, true, z);
    y_off.vector() -= y.vector();
    z_off.vector() -= z.vector();
    for (Index i = 0; i < y.samples(); ++i) {
      SampleResult& result = results[static_cast<std::size_t>(i)];
      const double off = length(y_off, z_off, i), whole = length_at_end(first + i);
      const double drift = off == 0 ? 0 : off / whole;
      if (left[i] > 0) result.residual = std::max(result.residual, std::min(drift, 1.0) * left[i]);
      if (!std::isfinite(drift)) result.residual = std::numeric_limits<double>::infinity();
      const double size = norm(w.sample(i));
      left[i] = size > 0 && left[i] > 0 ? std::hypot(norm(a.sample(i)), norm(b.sample(i))) / size : 0;
    }
  }

  static constexpr double most_growth = 1e3;

  template <class T>
  [[nodiscard]] static double norm(View<T> v) {
    return detail::norm(v.data(), v.size());
  }
  [[nodiscard]] static double length(View<double> y, View<double> z, Index i) {
    return std::hypot(norm(y.sample(i)), norm(z.sample(i)));
  }
  /// |(y_T, z_T)| of a sample
  [[nodiscard]] double length_at_end(Index sample) const {
    const double* const y = anchors_.data() + 2 * shape_.size() * model_.anchors + sample * shape_.sample_size();
    return std::hypot(detail::norm(y, shape_.sample_size()), detail::norm(y + shape_.size(), shape_.sample_size()));
  }

  /// Where y of a sample stands at anchor k >= 1; z is shape_.size() further on.
  [[nodiscard]] double* anchor(int k, Index sample) {
    return anchors_.data() + 2 * shape_.size() * (k - 1) + sample * shape_.sample_size();
  }
  void copy_anchor(int k, Index first, bool is_z, View<double> to) const {
    if (model_.anchor_step(k) == 0) {
      to.vector().setZero();
    } else {
      std::copy_n(anchors_.data() + shape_.size() * (2 * (k - 1) + (is_z ? 1 : 0)) + first * shape_.sample_size(),
                  to.size(), to.data());
    }
  }

  ReversibleEquilibrium model_;
  std::span<const S, param_count> theta_;
  View<const S> u_;
  Shape shape_;
  std::vector<Index> numbers_{};  // what context_.samples points at, if at anything
  Context context_;
  std::unique_ptr<const Prepared> prepared_;
  Buffer<double> anchors_;  // y and z of each, and of the end
  Report report_{};
};

}  // namespace basin
