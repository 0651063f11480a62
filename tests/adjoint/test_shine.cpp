#include "basin/adjoint/shine.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "adjoint/matrix_operator.hpp"
#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

static_assert(AdjointMethod<Shine> && AdjointMethod<Shine, double>);
static_assert(HandsOutInverse<Broyden<>> && !HandsOutInverse<Anderson<>> && !HandsOutInverse<Picard>);

namespace {

using Cell8 = Injected<Sequential<Dense<8, 8>, Tanh>>;

/// A matrix and an estimate of (I - A)^-1.
struct Estimated {
  Square a, inverse;
  void operator()(View<const double> v, View<double> out) const { out.matrix() = a * v.matrix(); }
  void estimate(View<const double> v, View<double> out) const { out.matrix() = inverse * v.matrix(); }
};

struct Gradients {
  Vector<double> tangent, du, dtheta;
  Report tangents, report;
};

using Any = AnyAdjoint<Shine, JacobianFree>;
using Model = Equilibrium<Cell8, Broyden<30>, Any>;

Gradients run(const Any& adjoint, const State<double>& u, double tolerance = 1e-10, bool from_end = false) {
  const auto theta = random_parameters<Model>(1, 0.35);
  Model layer{.stop = {.tolerance = tolerance, .max_evaluations = 100}, .adjoint = adjoint};
  State<double> z(u.shape), end(u.shape), tangent(u.shape), du(u.shape);
  if (from_end) {
    (void)layer.apply(theta, u.view(), end.view());
    layer.start = end;
  }
  Parameters<Model, double> dtheta;
  const State<double> w = random_state(u.shape, 7), t = random_state(u.shape, 8);
  const auto linear = layer.linearize(theta, u.view(), z.view());
  CHECK(linear.report().forward.converged() == static_cast<std::size_t>(u.shape.samples));
  Gradients out;
  out.tangents = linear.jvp(t.view(), tangent.view());
  out.report = linear.pullback(w.view(), du.view(), dtheta.span());
  out.tangent = tangent.values;
  out.du = du.values;
  out.dtheta = dtheta.vector();
  return out;
}

}  // namespace

TEST_CASE("the inverse that Broyden's method leaves is one of I - J, and its transpose", "[unit]") {
  const Square a = 0.8 * contraction(6) / 0.6;
  const Vector<double> b = Square::Random(6, 1);
  const auto map = [&](View<const double> z, View<double> out) { out.vector() = a * z.vector() + b; };
  State<double> z(Shape{6});
  std::vector<SampleResult> results(1);
  std::vector<InverseEstimate<double>> inverses(1);
  const Stop stop{.tolerance = 1e-6, .max_evaluations = 100};
  detail::solve_keeping_inverses(map, z.view(), Broyden<30>{}, stop, std::span(results), std::span(inverses));
  CHECK(results[0].status == Status::converged);
  CHECK(inverses[0].factors() >= 6);
  State<double> again(Shape{6}), v(Shape{6}), out(Shape{6});
  std::vector<Vector<double>> iterates;
  const auto watch = [&](const Iterate<double>& iterate) { iterates.push_back(iterate.z.vector()); };
  solve_tile(map, again.view(), Broyden<30>{}, stop, std::span(results), nullptr, watch);
  CHECK(again.values == z.values);  // the solve is the same
  Square m(6, 6), transposed(6, 6);
  for (Index i = 0; i < 6; ++i) {
    v.values = Vector<double>::Unit(6, i);
    inverses[0].apply(v.view(), out.view());
    m.col(i) = out.values;
    inverses[0].apply_transposed(v.view(), out.view());
    transposed.col(i) = out.values;
  }
  CHECK((m - transposed.transpose()).norm() < 1e-13);
  // The secant condition, exact along the last step that the method has seen the end of.
  REQUIRE(iterates.size() == inverses[0].factors() + 2);
  const Vector<double> step = iterates[iterates.size() - 2] - iterates[iterates.size() - 3];
  CHECK((m * (step - a * step) - step).norm() < 1e-8 * step.norm());
  CHECK((step - a * step - step).norm() > 0.1 * step.norm());
}

TEST_CASE("Shine takes the better of the estimate and g, and measures it", "[unit]") {
  const Square a = contraction(6), g = Square::Random(6, 2);
  const Square exact = (Square::Identity(6, 6) - a).inverse();
  const auto solve_with = [&](const Square& inverse, const Any& method) {
    Outcome out{Square::Zero(6, 2), std::vector<SampleResult>(2)};
    method.solve_tile(Estimated{a, inverse}, View<const double>(view(g)), view(out.w),
                      std::span<SampleResult>(out.results));
    return out;
  };
  const Outcome good = solve_with(exact + Square::Constant(6, 6, 1e-3), Shine{});
  CHECK(good.w == (exact + Square::Constant(6, 6, 1e-3)) * g);
  for (Index n = 0; n < 2; ++n) {
    const SampleResult& result = good.results[static_cast<std::size_t>(n)];
    CHECK(result.status == Status::approximated);
    CHECK_FALSE(result.adjusted);
    CHECK(result.evaluations == 2);
    CHECK(result.residual == Approx(residual(a, g, good.w, n)).epsilon(1e-10));
  }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double of_no_use : {-5.0, 0.0, nan}) {
    const Outcome bad = solve_with(of_no_use * Square::Identity(6, 6), Shine{});
    CHECK(bad.w == g);
    CHECK(bad.results[0].adjusted);
    CHECK(bad.results[0].residual == Approx((a * g).col(0).norm() / g.col(0).norm()));
  }
  Outcome again{Square::Zero(6, 2), std::vector<SampleResult>(2)};
  const Estimated operation{a, exact};
  const View<const double> right = view(g);
  const basin_test::AllocationCount count;
  Shine{}.solve_tile(operation, right, view(again.w), std::span<SampleResult>(again.results));
  if (basin_test::counts_allocations()) CHECK(count.large() == 0);
  CHECK(solve_with(exact, Any("shine")).w == solve_with(exact, Shine{}).w);
}

// How near its gradient is to the exact one: test_costs.cpp.
TEST_CASE("Shine in an equilibrium: what it reports, tangents, starts and threads", "[gradient]") {
  const State<double> u = random_state({8, {1, 1, 1}, 5}, 2);
  const Gradients shine = run(Shine{}, u), free = run(JacobianFree{}, u);
  CHECK(shine.report.adjoint.approximated() == 5);
  CHECK(shine.report.adjoint.evaluations == 10);
  CHECK(shine.report.adjoint.worst_residual <= free.report.adjoint.worst_residual);
  // Tangent and gradient are transposes where neither falls back.
  const Index size = 8;
  int transposes = 0;
  for (Index n = 0; n < 5; ++n) {
    const Gradients one = run(Shine{}, State<double>(u.view().sample(n)));
    if (one.report.adjoint.adjusted + one.tangents.adjoint.adjusted > 0) continue;
    const State<double> w = random_state({size}, 7), t = random_state({size}, 8);
    CHECK(one.tangent.dot(w.values) == Approx(t.values.dot(one.du)).epsilon(1e-10));
    ++transposes;
  }
  CHECK(transposes > 0);
  // A start that is the equilibrium teaches nothing.
  CHECK(run(Shine{}, u, 1e-8, true).dtheta == run(JacobianFree{}, u, 1e-8, true).dtheta);

  // Alone, and on several threads, the same: sample 0 sees the same w in both.
  const Gradients alone = run(Shine{}, State<double>(u.view().sample(0)));
  CHECK((alone.du - shine.du.head(8)).norm() < 1e-8 * alone.du.norm());
  const State<double> many = random_state({8, {1, 1, 1}, 200}, 2);
  set_threads(1);
  const Gradients one = run(Shine{}, many);
  set_threads(3);
  const Gradients three = run(Shine{}, many);
  set_threads(0);
  CHECK(one.du == three.du);
  CHECK(one.dtheta == three.dtheta);
}
