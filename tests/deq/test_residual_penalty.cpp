// The penalty on what is left of the residual, and its gradient through the steps and the equilibrium.

#include <catch2/catch.hpp>

#include "basin/deq/injected.hpp"
#include "basin/deq/residual_penalty.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using Smooth = Injected<Sequential<Dense<4, 4>, Tanh>>;
const Shape shape{4, {2, 1, 1}, 3};

/// <w, z> + weight P, where the penalty is by its formula.
template <class E>
double loss(const ResidualPenalty<E>& model, const Vector<double>& theta_values, const Vector<double>& u_values,
            const Vector<double>& w) {
  const std::span<const double, E::param_count> theta(theta_values.data(), E::param_count);
  State<double> u(shape), z(shape), f(shape);
  u.values = u_values;
  (void)model.template apply<double>(theta, u.view(), z.view());
  (void)model.equilibrium.cell.template apply<double>(theta, z.view(), u.view(), f.view());
  return w.dot(z.values) + model.weight * (f.values - z.values).squaredNorm() / 8;
}

template <class E>
void check_gradient(const ResidualPenalty<E>& model, double counts) {
  const auto theta = test::random_parameters<Smooth>(3, 0.5);
  const State<double> u = test::random_state(shape, 4);
  const Vector<double> w = test::random_state(shape, 6).values;
  State<double> z(shape), given(shape), du(shape), values(Shape{1, {1, 1, 1}, 3});
  given.values = w;
  Parameters<Smooth, double> dtheta, alone;
  ResidualPenalty<E> watched = model;
  watched.values = values.view();
  const auto linear = watched.template linearize<double>(theta.span(), u.view(), z.view());
  (void)linear.pullback(given.view(), du.view(), dtheta.span());
  const GradientError in_theta = gradient_error([&](const Vector<double>& at) { return loss(model, at, u.values, w); },
                                                theta.vector(), dtheta.vector());
  INFO(in_theta.where);
  CHECK(in_theta.value < 1e-8);
  const GradientError in_u =
      gradient_error([&](const Vector<double>& at) { return loss(model, theta.vector(), at, w); }, u.values, du.values);
  CHECK(in_u.value < 1e-8);
  CHECK(w.dot(z.values) + model.weight * values.values.sum() ==
        Approx(loss(model, theta.vector(), u.values, w)).epsilon(1e-12));
  // The penalty is a part of it that counts, or none.
  ResidualPenalty<E> free = model;
  free.weight = 0;
  (void)free.template linearize<double>(theta.span(), u.view(), z.view()).pullback(given.view(), {}, alone.span());
  CHECK((test::relative_error(alone.vector(), dtheta.vector()) > 0.01) == (counts > 0));
}

}  // namespace

TEST_CASE("the gradient of the residual's penalty is exact, through steps and where a solve has converged", "[unit]") {
  ResidualPenalty<Equilibrium<Smooth, Picard, Unrolled>> steps{.weight = 20};
  steps.equilibrium.stop = {.tolerance = 0, .absolute_tolerance = 0, .max_evaluations = 3};
  steps.equilibrium.solver.damping = 0.6;
  check_gradient(steps, 1);
  ResidualPenalty<Equilibrium<Smooth>> settled{.weight = 0.7};
  settled.equilibrium.stop = {.tolerance = 1e-14, .max_evaluations = 500};
  settled.equilibrium.adjoint.tolerance = 1e-13;
  check_gradient(settled, 0);
}

TEST_CASE("a weight of the residual's penalty that is no number is refused", "[unit]") {
  const ResidualPenalty<Equilibrium<Smooth>> model{.weight = -1};
  const auto theta = test::random_parameters<Smooth>(3, 0.5);
  State<double> u(shape), z(shape);
  CHECK_THROWS_WITH(model.linearize<double>(theta.span(), u.view(), z.view()),
                    Catch::Contains("ResidualPenalty: weight is -1, expected a finite number, 0 or more"));
}
