#pragma once

// The residual layer y = x + F(x) (He et al. 2016, "Deep residual learning"). F must give the features that it takes.

#include "basin/core/layer.hpp"
#include "basin/layers/join.hpp"

namespace basin {

template <class F>
struct Residual {
  static_assert(detail::joins<F::out_features, F::in_features>, "Residual: F must give the features that it takes");

  static constexpr int in_features = F::in_features;
  static constexpr int out_features = F::out_features;
  static constexpr std::size_t param_count = F::param_count;
  static constexpr bool changes_with_step = basin::changes_with_step<F>;

  F inner;  ///< the layer F, with its options

  static void leaves(LeafList& list) { list.nested<F>("inner"); }

  [[nodiscard]] Shape out_shape(const Shape& x) const {
    const Shape y = inner.out_shape(x);
    check(x == y, "Residual: shape of F(x)", y, x);
    return y;
  }

  /// What F prepares (core/layer.hpp).
  template <class S>
  using Prepared = detail::PreparedOf<F, S>;
  template <class S>
  [[nodiscard]] Prepared<S> prepare(std::span<const S, param_count> theta) const {
    return detail::prepared_of<F, S>(inner, theta);
  }

  template <class S>
  Report apply(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
               IfPrepared<Prepared<S>> prepared = {}) const {
    check_output<Residual, S>("Residual", *this, x, y);
    const Report report = detail::apply_with<F, S>(inner, theta, prepared.get(), context, x, y);
    y.vector() += x.vector();
    return report;
  }

  template <class S>
  class Linearization;

  template <class S>
  Linearization<S> linearize(Theta<S, param_count> theta, In<S> x, View<S> y, const Context& context = {},
                             IfPrepared<Prepared<S>> prepared = {}) const {
    check_output<Residual, S>("Residual", *this, x, y);
    return Linearization<S>(inner, theta, x, y, context, prepared.get());
  }
};

/// I + J of F. Owns what F gave.
template <class F>
template <class S>
class Residual<F>::Linearization {
 public:
  Linearization(const F& inner, std::span<const S, param_count> theta, View<const S> x, View<S> y,
                const Context& context, const Prepared<S>* prepared)
      : inner_value_(y.size()),
        inner_(
            detail::linearize_with<F, S>(inner, theta, prepared, context, x, View<S>(inner_value_.data(), y.shape()))) {
    y.vector() = x.vector() + inner_value_.vector();
  }

  /// Moves, but does not copy: what F gave refers to the memory of F's value.
  Linearization(Linearization&&) = default;
  Linearization& operator=(Linearization&&) = default;

  [[nodiscard]] Report report() const { return forward_report(inner_); }

  Report jvp(View<const S> t, View<S> out) const {
    const Report report = detail::report_of([&] { return inner_.jvp(t, out); });
    out.vector() += t.vector();
    return report;
  }

  Report vjp(View<const S> w, View<S> dx) const {
    const Report report = detail::report_of([&] { return inner_.vjp(w, dx); });
    dx.vector() += w.vector();
    return report;
  }

  Report pullback(View<const S> w, View<S> dx, ThetaGradient<S, param_count> dtheta) const {
    const Report report = detail::report_of([&] { return inner_.pullback(w, dx, dtheta); });
    if (dx) dx.vector() += w.vector();
    return report;
  }

 private:
  Buffer<S> inner_value_;
  LinearizationOf<F, S> inner_;
};

}  // namespace basin
