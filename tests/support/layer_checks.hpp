#pragma once

// What every layer and cell must satisfy, in one call of check_linearization or check_cell.

#include <catch2/catch.hpp>

#include "basin/train/gradient_check.hpp"

namespace basin::test {

struct LayerChecks {
  double tolerance = 1e-7;           ///< of central differences in double, relative; see GradientCheck
  double adjoint_tolerance = 1e-13;  ///< of <w, J t> = <J^T w, t> in double
  double float_tolerance = 2e-5;     ///< of float against double, relative to the largest number; 0: no such check
  double step = 1e-5;                ///< of the central differences
  double theta_spread = 0.5;         ///< standard deviation of the numbers of theta
  std::uint64_t seed = 1;
};

/// Standard normal numbers times `spread`.
template <class S = double>
State<S> random_state(const Shape& shape, std::uint64_t seed, double spread = 1.0) {
  State<S> state(shape);
  const Random random{seed, 1000};
  for (Index i = 0; i < state.values.size(); ++i) {
    state.values[i] = static_cast<S>(spread * random.normal(static_cast<std::uint64_t>(i)));
  }
  return state;
}

/// The same as a matrix.
template <class S = double>
Matrix<S> random_matrix(Index rows, Index columns, std::uint64_t seed) {
  const State<S> numbers = random_state<S>(Shape{rows, {1, 1, 1}, columns}, seed);
  return numbers.view().matrix();
}

template <class Model, class S = double>
Parameters<Model, S> random_parameters(std::uint64_t seed, double spread = 0.5) {
  Parameters<Model, S> theta;
  const Random random{seed, 1001};
  for (Index i = 0; i < theta.vector().size(); ++i) {
    theta.vector()[i] = static_cast<S>(spread * random.normal(static_cast<std::uint64_t>(i)));
  }
  return theta;
}

template <class T, class S>
State<T> cast(const State<S>& state) {
  State<T> out(state.shape);
  out.values = state.values.template cast<T>();
  return out;
}

/// The largest difference over the largest number of `expected`; infinity if something is not finite.
template <class A, class B>
double relative_error(const A& given, const B& expected) {
  REQUIRE(given.size() == expected.size());
  if (given.size() == 0) return 0;
  const Vector<double> a = given.template cast<double>(), b = expected.template cast<double>();
  if (!a.allFinite() || !b.allFinite()) return std::numeric_limits<double>::infinity();
  const double scale = b.cwiseAbs().maxCoeff();
  return (a - b).cwiseAbs().maxCoeff() / (scale > 0 ? scale : 1.0);
}

/// A layer's outputs and derivatives at one point, in scalar S, from inputs in double.
template <class S, class L>
struct Derivatives {
  State<S> y, jt, jw, dx;
  Vector<S> dtheta;

  Derivatives(const L& layer, const Parameters<L, double>& theta_in, const State<double>& x_in,
              const State<double>& t_in, const State<double>& w_in, const Context& context = {})
      : y(w_in.shape), jt(w_in.shape), jw(x_in.shape), dx(x_in.shape), dtheta(theta_in.vector().size()) {
    const auto theta = theta_in.template cast<S>();
    const State<S> x = cast<S>(x_in), t = cast<S>(t_in), w = cast<S>(w_in);
    const auto j = layer.linearize(theta, x.view(), y.view(), context);
    static_cast<void>(j.jvp(t.view(), jt.view()));
    static_cast<void>(j.vjp(w.view(), jw.view()));
    dtheta.setZero();
    static_cast<void>(j.pullback(w.view(), dx.view(), std::span<S, L::param_count>(dtheta.data(), L::param_count)));
  }
};

/// Every entry of a layer and of its linearization refuses views that have a sample too many.
template <class L>
void check_shapes_are_checked(const L& layer, const Parameters<L, double>& theta, const State<double>& x,
                              const Shape& out) {
  State<double> y(out), dx(x.shape), y_long(out.with_samples(out.samples + 1)),
      x_long(x.shape.with_samples(x.shape.samples + 1));
  Parameters<L, double> dtheta;
  using Error = std::invalid_argument;
  CHECK_THROWS_AS((void)layer.apply(theta, x.view(), y_long.view()), Error);
  CHECK_THROWS_AS((void)layer.apply(theta, x_long.view(), y.view()), Error);
  CHECK_THROWS_AS((void)layer.linearize(theta, x.view(), y_long.view()), Error);
  const auto j = layer.linearize(theta, x.view(), y.view());
  State<double> t(x.shape), w(out);
  CHECK_THROWS_AS((void)j.jvp(x_long.view(), y.view()), Error);
  CHECK_THROWS_AS((void)j.jvp(t.view(), y_long.view()), Error);
  CHECK_THROWS_AS((void)j.vjp(y_long.view(), dx.view()), Error);
  CHECK_THROWS_AS((void)j.vjp(w.view(), x_long.view()), Error);
  CHECK_THROWS_AS((void)j.vjp(w.view(), View<double>()), Error);  // only pullback can do without
  CHECK_THROWS_AS((void)j.pullback(y_long.view(), dx.view(), dtheta.span()), Error);
  CHECK_THROWS_AS((void)j.pullback(w.view(), x_long.view(), dtheta.span()), Error);
}

/// A layer at x: it is a Layer; apply and linearize agree; the adjoint identity and central differences hold; dtheta
/// accumulates; dx may be not wanted; float agrees with double; each sample gets what it gets alone, under its own
/// number; views of other shapes are refused.
template <class L>
void check_linearization(const L& layer, const State<double>& x, const LayerChecks& checks = {}) {
  static_assert(Layer<L, float> && Layer<L, double>);
  const Shape out = layer.out_shape(x.shape);
  CAPTURE(x.shape.to_string(), out.to_string());
  const auto theta = random_parameters<L>(checks.seed, checks.theta_spread);
  const auto t = random_state(x.shape, checks.seed + 1), w = random_state(out, checks.seed + 2);

  const GradientCheck gradients =
      check_gradients(layer, theta, x, {.tolerance = checks.tolerance, .step = checks.step, .seed = checks.seed + 3});
  INFO(gradients.to_string());
  CHECK(gradients.passed);
  CHECK(gradients.adjoint <= checks.adjoint_tolerance);

  const Derivatives<double, L> exact(layer, theta, x, t, w);
  State<double> y(out);
  static_cast<void>(layer.apply(theta, x.view(), y.view()));
  CHECK(relative_error(y.values, exact.y.values) <= 1e-13);
  CHECK(relative_error(exact.jw.values, exact.dx.values) <= 1e-12);

  // Gradients accumulate; a View without memory is not wanted.
  State<double> y_again(out);
  const auto j = layer.linearize(theta, x.view(), y_again.view());
  Parameters<L, double> dtheta;
  dtheta.vector().setOnes();
  static_cast<void>(j.pullback(w.view(), View<double>(), dtheta.span()));
  CHECK(relative_error(dtheta.vector(), Vector<double>(exact.dtheta.array() + 1.0)) <= 1e-12);

  if (checks.float_tolerance > 0) {
    const Derivatives<float, L> single(layer, theta, x, t, w);
    CHECK(relative_error(single.y.values, exact.y.values) <= checks.float_tolerance);
    CHECK(relative_error(single.jt.values, exact.jt.values) <= checks.float_tolerance);
    CHECK(relative_error(single.jw.values, exact.jw.values) <= checks.float_tolerance);
    CHECK(relative_error(single.dx.values, exact.dx.values) <= checks.float_tolerance);
    CHECK(relative_error(single.dtheta, exact.dtheta) <= checks.float_tolerance);
  }

  // Alone, a sample gets the same, to rounding; and the dtheta of the samples add up.
  Vector<double> sum = Vector<double>::Zero(exact.dtheta.size());
  for (Index n = 0; n < x.shape.samples; ++n) {
    const Derivatives<double, L> alone(layer, theta, State<double>(x.view().sample(n)),
                                       State<double>(t.view().sample(n)), State<double>(w.view().sample(n)),
                                       Context{.first_sample = n});
    CHECK(relative_error(alone.y.values, State<double>(exact.y.view().sample(n)).values) <= 1e-12);
    CHECK(relative_error(alone.jt.values, State<double>(exact.jt.view().sample(n)).values) <= 1e-12);
    CHECK(relative_error(alone.dx.values, State<double>(exact.dx.view().sample(n)).values) <= 1e-12);
    sum += alone.dtheta;
  }
  CHECK(relative_error(sum, exact.dtheta) <= 1e-11);
  check_shapes_are_checked(layer, theta, x, out);
}

/// At standard normal x.
template <class L>
void check_linearization(const L& layer, const Shape& shape, const LayerChecks& checks = {}) {
  check_linearization(layer, random_state(shape, checks.seed + 10), checks);
}

/// Every entry of a cell and of its linearization refuses views that have a sample too many.
template <class C>
void check_shapes_are_checked(const C& cell, const Parameters<C, double>& theta, const State<double>& z,
                              const State<double>& u) {
  const Shape more = z.shape.with_samples(z.shape.samples + 1);
  State<double> out(z.shape), dz(z.shape), du(u.shape), z_long(more), out_long(more);
  Parameters<C, double> dtheta;
  using Error = std::invalid_argument;
  CHECK_THROWS_AS((void)cell.apply(theta, z.view(), u.view(), out_long.view()), Error);
  CHECK_THROWS_AS((void)cell.apply(theta, z_long.view(), u.view(), out.view()), Error);
  CHECK_THROWS_AS((void)cell.linearize(theta, z_long.view(), u.view(), out.view()), Error);
  CHECK_THROWS_AS((void)cell.linearize(theta, z.view(), u.view(), out_long.view()), Error);
  const auto j = cell.linearize(theta, z.view(), u.view(), out.view());
  CHECK_THROWS_AS((void)j.jvp(z_long.view(), out.view()), Error);
  CHECK_THROWS_AS((void)j.jvp(z.view(), out_long.view()), Error);
  CHECK_THROWS_AS((void)j.jvp_input(u.view(), out_long.view()), Error);
  CHECK_THROWS_AS((void)j.vjp(z_long.view(), dz.view()), Error);
  CHECK_THROWS_AS((void)j.vjp(z.view(), out_long.view()), Error);
  CHECK_THROWS_AS((void)j.vjp(z.view(), View<double>()), Error);
  CHECK_THROWS_AS((void)j.vjp_input(z_long.view(), du.view()), Error);
  CHECK_THROWS_AS((void)j.pullback(z_long.view(), dz.view(), du.view(), dtheta.span()), Error);
  CHECK_THROWS_AS((void)j.pullback(z.view(), out_long.view(), du.view(), dtheta.span()), Error);
}

/// A cell at random z and u of u's shape: it is a Cell; apply and linearize agree; the derivatives in z, u and theta
/// are right; dz and du may be not wanted; dtheta accumulates; views of other shapes are refused.
template <class C>
void check_cell(const C& cell, const Shape& u_shape, const LayerChecks& checks = {}) {
  static_assert(Cell<C, float> && Cell<C, double>);
  const Shape z_shape = cell.state_shape(u_shape);
  CAPTURE(z_shape.to_string(), u_shape.to_string());
  const auto theta = random_parameters<C>(checks.seed, checks.theta_spread);
  const auto z = random_state(z_shape, checks.seed + 1), u = random_state(u_shape, checks.seed + 2),
             w = random_state(z_shape, checks.seed + 3);

  const GradientCheck gradients =
      check_gradients(cell, theta, z, u, {.tolerance = checks.tolerance, .step = checks.step, .seed = checks.seed + 4});
  INFO(gradients.to_string());
  CHECK(gradients.passed);
  CHECK(gradients.adjoint <= checks.adjoint_tolerance);

  State<double> applied(z_shape), linearized(z_shape), dz(z_shape), dz_vjp(z_shape), du(u_shape), du_vjp(u_shape);
  static_cast<void>(cell.apply(theta, z.view(), u.view(), applied.view()));
  const auto j = cell.linearize(theta, z.view(), u.view(), linearized.view());
  CHECK(relative_error(linearized.values, applied.values) <= 1e-13);

  Parameters<C, double> both, none;
  static_cast<void>(j.vjp(w.view(), dz_vjp.view()));
  static_cast<void>(j.pullback(w.view(), dz.view(), du.view(), both.span()));
  CHECK(relative_error(dz_vjp.values, dz.values) <= 1e-12);
  static_cast<void>(j.vjp_input(w.view(), du_vjp.view()));
  CHECK(relative_error(du_vjp.values, du.values) <= 1e-12);
  none.vector().setOnes();
  static_cast<void>(j.pullback(w.view(), View<double>(), View<double>(), none.span()));
  CHECK(relative_error(none.vector(), Vector<double>(both.vector().array() + 1.0)) <= 1e-12);

  if (checks.float_tolerance > 0) {
    const auto theta_single = theta.template cast<float>();
    const auto z_single = cast<float>(z), u_single = cast<float>(u), w_single = cast<float>(w);
    State<float> y(z_shape), dz_single(z_shape), du_single(u_shape);
    Parameters<C, float> dtheta;
    const auto single = cell.linearize(theta_single, z_single.view(), u_single.view(), y.view());
    static_cast<void>(single.pullback(w_single.view(), dz_single.view(), du_single.view(), dtheta.span()));
    CHECK(relative_error(y.values, applied.values) <= checks.float_tolerance);
    CHECK(relative_error(dz_single.values, dz.values) <= checks.float_tolerance);
    CHECK(relative_error(du_single.values, du.values) <= checks.float_tolerance);
    CHECK(relative_error(dtheta.vector(), both.vector()) <= checks.float_tolerance);
  }
  check_shapes_are_checked(cell, theta, z, u);
}

}  // namespace basin::test
