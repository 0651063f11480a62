// The penalty on the Jacobian at an equilibrium, and its gradient through the equilibrium.

#include <catch2/catch.hpp>
#include <cmath>

#include "basin/deq/injected.hpp"
#include "basin/deq/jacobian_penalty.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using Smooth = Injected<Sequential<Dense<4, 4>, Tanh>>;
using Kinked = Injected<Sequential<Dense<4, 4>, Relu>>;
const Shape shape{4, {1, 1, 1}, 3};

template <class C>
JacobianPenalty<Equilibrium<C>> layer(double weight) {
  JacobianPenalty<Equilibrium<C>> made{.weight = weight, .penalty = {.seed = 5}};
  made.equilibrium.stop = {.tolerance = 1e-14, .max_evaluations = 500};
  made.equilibrium.adjoint.tolerance = 1e-13;
  return made;
}

/// <w, z> + weight P at the equilibrium, solved for.
template <class C>
double loss(const C&, const JacobianPenalty<Equilibrium<C>>& model, const Vector<double>& theta_values,
            const Vector<double>& u_values, const Vector<double>& w, const Context& context) {
  const std::span<const double, C::param_count> theta(theta_values.data(), C::param_count);
  State<double> u(shape), z(shape);
  u.values = u_values;
  (void)model.template apply<double>(theta, u.view(), z.view(), context);
  std::vector<double> values(3);
  jacobian_penalty<C, double>(model.equilibrium.cell, theta, z.view(), u.view(), values, context, model.penalty.seed);
  return w.dot(z.values) + model.weight * (values[0] + values[1] + values[2]);
}

template <class C>
void check_gradient(double tolerance) {
  const C cell{};
  const auto model = layer<C>(0.7);
  const auto theta = test::random_parameters<C>(3, 0.25);
  const State<double> u = test::random_state(shape, 4);
  const Vector<double> w = test::random_state(shape, 6).values;
  const Context context{.draw = 9, .first_sample = 2};
  State<double> z(shape), given(shape), du(shape);
  given.values = w;
  Parameters<C, double> dtheta;
  const auto linear = model.template linearize<double>(theta.span(), u.view(), z.view(), context);
  (void)linear.pullback(given.view(), du.view(), dtheta.span());
  const GradientError in_theta =
      gradient_error([&](const Vector<double>& at) { return loss(cell, model, at, u.values, w, context); },
                     theta.vector(), dtheta.vector());
  INFO(in_theta.where);
  CHECK(in_theta.value < tolerance);
  const GradientError in_u = gradient_error(
      [&](const Vector<double>& at) { return loss(cell, model, theta.vector(), at, w, context); }, u.values, du.values);
  CHECK(in_u.value < tolerance);
  // What was prepared changes nothing.
  const auto prepared = model.template prepare<double>(theta.span());
  Parameters<C, double> dtheta_prepared;
  State<double> z_prepared(shape), du_prepared(shape);
  (void)model.template linearize<double>(theta.span(), u.view(), z_prepared.view(), context, prepared)
      .pullback(given.view(), du_prepared.view(), dtheta_prepared.span());
  CHECK(test::relative_error(z_prepared.values, z.values) < 1e-12);
  CHECK(test::relative_error(du_prepared.values, du.values) < 1e-10);
  CHECK(test::relative_error(dtheta_prepared.vector(), dtheta.vector()) < 1e-10);
  // The penalty is a part of it that counts.
  Parameters<C, double> alone;
  const auto free = layer<C>(0).template linearize<double>(theta.span(), u.view(), z.view(), context);
  (void)free.pullback(given.view(), du.view(), alone.span());
  CHECK(test::relative_error(alone.vector(), dtheta.vector()) > 0.01);
}

}  // namespace

TEST_CASE("the gradient of the Jacobian penalty is exact, through the equilibrium too", "[unit]") {
  check_gradient<Smooth>(1e-8);
  check_gradient<Kinked>(1e-8);
}

TEST_CASE("the Jacobian penalty is |J^T v|^2 / size, in the mean |J|^2 / size", "[unit]") {
  const Smooth cell;
  const auto theta = test::random_parameters<Smooth>(3, 0.5);
  const Shape one = shape.with_samples(1);
  const State<double> z = test::random_state(one, 4), u = test::random_state(one, 5);
  State<double> value(one), unit(one), column(one);
  double squares = 0;
  const auto linear = cell.linearize(theta, z.view(), u.view(), value.view());
  for (Index i = 0; i < 4; ++i) {
    unit.values = Vector<double>::Unit(4, i);
    (void)linear.jvp(unit.view(), column.view());
    squares += column.values.squaredNorm();
  }
  double sum = 0;
  std::vector<double> values(1), again(1);
  for (std::uint64_t draw = 0; draw < 4000; ++draw) {
    jacobian_penalty<Smooth, double>(cell, theta.span(), z.view(), u.view(), values, Context{.draw = draw});
    sum += values[0];
  }
  CHECK(sum / 4000 == Approx(squares / 4).epsilon(0.05));
  // v belongs to a sample's number, its draw and the seed.
  const auto penalty = [&](const Context& context, std::uint64_t seed) {
    jacobian_penalty<Smooth, double>(cell, theta.span(), z.view(), u.view(), again, context, seed);
    return again[0];
  };
  const Index number = 7;
  CHECK(penalty({.first_sample = 7}, 0) == penalty({.samples = &number}, 0));
  CHECK(penalty({.first_sample = 7}, 0) != penalty({.first_sample = 8}, 0));
  CHECK(penalty({.draw = 1}, 0) != penalty({}, 0));
  CHECK(penalty({}, 1) != penalty({}, 0));
}

TEST_CASE("the penalty's gradient at a given state is that of the formula, to nine digits and more", "[unit]") {
  // f = tanh(W z + b + u), D = 1 - f^2, q = W^T D v: d<v, J q>/dz = W^T (-2 f D v (W q)), in theta with v D q^T
  // besides.
  const Smooth cell;
  const auto theta = test::random_parameters<Smooth>(3, 0.5);
  const Shape one = shape.with_samples(1);
  const State<double> z = test::random_state(one, 4), u = test::random_state(one, 5);
  State<double> f(one), dz(one), du(one);
  Parameters<Smooth, double> dtheta;
  std::vector<double> values(1);
  jacobian_penalty<Smooth, double>(cell, theta.span(), z.view(), u.view(), values, 1.0, dz.view(), du.view(),
                                   dtheta.span(), {}, 5);
  (void)cell.apply(theta, z.view(), u.view(), f.view());
  const Matrix<double> w = Eigen::Map<const Matrix<double>>(theta.vector().data(), 4, 4);
  const Random random{fold_in(5, 0), std::uint64_t{1} << 60};
  Vector<double> v(4);
  for (Index i = 0; i < 4; ++i) v[i] = random.normal(static_cast<std::uint64_t>(i));
  const Vector<double> d = 1 - f.values.array().square(), d_v = d.cwiseProduct(v), q = w.transpose() * d_v;
  const Vector<double> inner = -2 * f.values.array() * d_v.array() * (w * q).array();
  CHECK(values[0] == Approx(q.squaredNorm() / 4).epsilon(1e-13));
  CHECK(test::relative_error(du.values, Vector<double>(inner / 2)) < 1e-9);
  CHECK(test::relative_error(dz.values, Vector<double>(w.transpose() * inner / 2)) < 1e-9);
  const Matrix<double> dw = (inner * z.values.transpose() + d_v * q.transpose()) / 2;
  CHECK(test::relative_error(dtheta.vector().head(16), Eigen::Map<const Vector<double>>(dw.data(), 16)) < 1e-9);

  // In a model of float it is computed in double all the same.
  const State<float> z_single = test::cast<float>(z), u_single = test::cast<float>(u);
  const Parameters<Smooth, float> theta_single = theta.cast<float>();
  State<float> dz_single(one), du_single(one);
  Parameters<Smooth, float> dtheta_single;
  jacobian_penalty<Smooth, float>(cell, theta_single.span(), z_single.view(), u_single.view(), values, 1.0,
                                  dz_single.view(), du_single.view(), dtheta_single.span(), {}, 5);
  CHECK(test::relative_error(dz_single.values, dz.values) < 1e-6);
  CHECK(test::relative_error(du_single.values, du.values) < 1e-6);
  CHECK(test::relative_error(dtheta_single.vector(), dtheta.vector()) < 1e-6);
}

TEST_CASE("a kink next to the equilibrium does not make the penalty's gradient large", "[unit]") {
  const Kinked cell;
  auto theta = test::random_parameters<Kinked>(3, 0.25);
  State<double> z = test::random_state(shape, 4), u(shape), out(shape), dz(shape), du(shape);
  // u is such that W z + b + u is within 1e-6 to 1e-9 of the kinks of Relu.
  const auto pre = [&] {
    State<double> value(shape);
    Dense<4, 4>{}.apply(theta, z.view(), value.view());
    return value.values;
  }();
  for (Index i = 0; i < u.values.size(); ++i) u.values[i] = (i % 2 == 0 ? 1 : -1) * std::pow(10.0, -6 - i % 4) - pre[i];
  Parameters<Kinked, double> dtheta;
  std::vector<double> values(3);
  jacobian_penalty<Kinked, double>(cell, theta.span(), z.view(), u.view(), values, 1.0, dz.view(), du.view(),
                                   dtheta.span());
  CHECK(dz.values.norm() < 1e-4);  // J is constant between kinks
  CHECK(dtheta.vector().norm() < 100);
}

TEST_CASE("the penalty trains: it makes the Jacobian smaller, and leaves its values", "[unit]") {
  auto model = layer<Smooth>(1.0 / 3);
  State<double> values(Shape{1, {1, 1, 1}, 3}), z(shape), w(shape);
  model.values = values;
  auto theta = test::random_parameters<JacobianPenalty<Equilibrium<Smooth>>>(3, 0.4);
  const State<double> u = test::random_state(shape, 4);
  const auto step = [&] {
    Parameters<JacobianPenalty<Equilibrium<Smooth>>, double> dtheta;
    const auto linear = model.linearize<double>(theta.span(), u.view(), z.view());
    (void)linear.pullback(w.view(), View<double>{}, dtheta.span());
    theta.vector() -= 0.3 * dtheta.vector();
    return values.values.mean();
  };
  const double before = step();
  CHECK(before > 0.05);
  for (int i = 0; i < 30; ++i) (void)step();
  CHECK(step() < 0.3 * before);
  model.weight = -1;
  CHECK_THROWS_WITH(step(), "JacobianPenalty: weight is -1, expected a finite number, 0 or more");
}
