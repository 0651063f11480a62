// Every gradient of an equilibrium: implicit against a dense solve, against the unrolled iteration, and against central
// differences, in double, to 1e-8; and what is not exact, against what it should be.

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <vector>

#include "basin/adjoint/jacobian_free.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/group_norm.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;
using Square = Matrix<double>;

using DenseCell = Injected<Sequential<Dense<6, 6>, Tanh>>;
using ConvCell = Injected<Sequential<Conv<4, 4, 3>, GroupNorm<4, 2>, Tanh>>;

Stop tight() { return {.tolerance = 1e-14, .max_evaluations = 400, .stall_window = 0}; }

/// The reference: J column by column, and dense linear algebra.
template <class C>
struct DenseReference {
  Vector<double> du, dtheta;

  DenseReference(const C& cell, const Parameters<C, double>& theta, View<const double> z, View<const double> u,
                 View<const double> w) {
    const Index n = z.size();
    State<double> value(z.shape()), column(z.shape()), unit(z.shape());
    const auto linear = cell.linearize(theta, z, u, value.view());
    Square j(n, n);
    for (Index i = 0; i < n; ++i) {
      unit.values = Vector<double>::Unit(n, i);
      (void)linear.jvp(unit.view(), column.view());
      j.col(i) = column.values;
    }
    State<double> adjoint(z.shape()), du_state(u.shape());
    adjoint.values = (Square::Identity(n, n) - j.transpose()).partialPivLu().solve(w.vector());
    Parameters<C, double> gradient;
    (void)linear.pullback(adjoint.view(), View<double>(), du_state.view(), gradient.span());
    du = du_state.values;
    dtheta = gradient.vector();
  }
};

double relative(const Vector<double>& got, const Vector<double>& wanted) {
  return (got - wanted).norm() / wanted.norm();
}

template <class C>
struct Problem {
  C cell{};
  Parameters<C, double> theta;
  State<double> u, w;

  Problem(const Shape& u_shape, double spread)
      : theta(test::random_parameters<C>(3, spread)),
        u(test::random_state(u_shape, 4)),
        w(test::random_state(cell.state_shape(u_shape), 5)) {}

  /// The same numbers for the layer around the cell.
  template <class Model>
  [[nodiscard]] Parameters<Model, double> as_theta_of() const {
    Parameters<Model, double> out;
    out.vector() = theta.vector();
    return out;
  }

  /// The gradients of w^T z under a solver and an adjoint.
  template <class Solver, class Adjoint>
  std::pair<Vector<double>, Vector<double>> gradients(const Solver& solver, const Adjoint& adjoint,
                                                      bool must_converge = true) const {
    using Model = Equilibrium<C, Solver, Adjoint>;
    const Model layer{cell, solver, tight(), adjoint};
    const auto parameters = as_theta_of<Model>();
    State<double> z(w.shape), du(u.shape);
    Parameters<Model, double> dtheta;
    const auto linear = layer.linearize(parameters, u.view(), z.view());
    const Report report = linear.pullback(w.view(), du.view(), dtheta.span());
    CHECK(linear.report().forward.converged() == static_cast<std::size_t>(u.shape.samples));
    if (must_converge) CHECK(report.adjoint.converged() == report.adjoint.solves());
    return {du.values, dtheta.vector()};
  }

  void check(double unrolled_tolerance) const {
    const auto exact = gradients(Anderson<5>{}, Implicit<>{.tolerance = 1e-13, .max_evaluations = 400});
    const Vector<double>&du = exact.first, &dtheta = exact.second;

    // Sample by sample against dense linear algebra.
    const Equilibrium<C> solve_only{cell, {}, tight(), {}};
    const auto parameters = as_theta_of<Equilibrium<C>>();
    const State<double> start(w.shape);
    const Solution<double> z = solve_only.solve(parameters.span(), View<const double>(u.view()), start.view());
    Vector<double> reference_dtheta = Vector<double>::Zero(dtheta.size()), reference_du(du.size());
    for (Index n = 0; n < u.shape.samples; ++n) {
      const DenseReference<C> reference(cell, theta, z.value.view().sample(n), u.view().sample(n), w.view().sample(n));
      reference_dtheta += reference.dtheta;
      reference_du.segment(n * u.shape.sample_size(), u.shape.sample_size()) = reference.du;
    }
    CHECK(relative(du, reference_du) < 1e-10);
    CHECK(relative(dtheta, reference_dtheta) < 1e-10);

    // Other solvers of the same adjoint equation, and the iteration itself.
    const auto same = [&](const auto& solver, const auto& adjoint, double tolerance) {
      const auto [other_du, other_dtheta] = gradients(solver, adjoint);
      CHECK(relative(other_du, du) < tolerance);
      CHECK(relative(other_dtheta, dtheta) < tolerance);
    };
    same(Broyden<20>{}, Implicit<Anderson<5>>{.tolerance = 1e-12, .max_evaluations = 400}, 1e-9);
    same(Picard{}, Implicit<Broyden<20>>{.tolerance = 1e-12, .max_evaluations = 400}, 1e-9);
    same(Anderson<3>{}, Implicit<Picard>{.tolerance = 1e-12, .max_evaluations = 2000}, 1e-9);
    same(Picard{}, Unrolled{}, unrolled_tolerance);
    same(Picard{.damping = 0.8}, Unrolled{}, unrolled_tolerance);

    // Many phantom steps are the implicit gradient; few are not, and say so.
    const auto [phantom_du, phantom_dtheta] = gradients(Anderson<5>{}, Phantom{.k = 200, .tau = 0.9}, false);
    CHECK(relative(phantom_dtheta, dtheta) < 1e-8);
    CHECK(relative(phantom_du, du) < 1e-8);
    const auto [one_du, one_dtheta] = gradients(Anderson<5>{}, Phantom{.k = 1, .tau = 1}, false);
    const auto [free_du, free_dtheta] = gradients(Anderson<5>{}, JacobianFree{}, false);
    CHECK(one_du == free_du);
    CHECK(one_dtheta == free_dtheta);
    CHECK(relative(free_dtheta, dtheta) > 1e-3);
  }
};

}  // namespace

TEST_CASE("the implicit gradient of a dense cell is that of a dense solve, and of the unrolled iteration",
          "[gradient]") {
  Problem<DenseCell>({6, {1, 1, 1}, 5}, 0.3).check(1e-9);
}

TEST_CASE("the implicit gradient of a convolutional cell likewise", "[gradient]") {
  Problem<ConvCell>({4, {5, 4, 1}, 2}, 0.25).check(1e-9);
}

TEST_CASE("an equilibrium passes the checks of a layer, by central differences", "[gradient]") {
  // Steps of 1e-4, as the solve leaves an error of 1e-14 or so in every value; the differences themselves then have
  // one of about 1e-9.
  const auto check = [](auto layer, const Shape& u) {
    layer.stop = tight();
    test::check_linearization(
        layer, u,
        {.tolerance = 1e-8, .adjoint_tolerance = 1e-10, .float_tolerance = 0, .step = 1e-4, .theta_spread = 0.25});
  };
  const Implicit<> exact{.tolerance = 1e-13, .max_evaluations = 400};
  check(Equilibrium<DenseCell>{.adjoint = exact}, {6, {1, 1, 1}, 3});
  check(Equilibrium<ConvCell>{.adjoint = exact}, {4, {4, 3, 1}, 2});
  check(Equilibrium<DenseCell, Broyden<30>, Implicit<Anderson<5>>>{.adjoint = {{}, 1e-13, 400}}, {6, {1, 1, 1}, 3});
  check(Equilibrium<DenseCell, Picard, Unrolled>{}, {6, {1, 1, 1}, 2});
}

TEST_CASE("tangent and gradient are transposes of one another for every adjoint method", "[gradient]") {
  const auto check = [](auto layer) {
    using Model = decltype(layer);
    layer.stop = tight();
    const auto theta = test::random_parameters<Model>(1, 0.3);
    const State<double> u = test::random_state({4, {3, 3, 1}, 2}, 2), t = test::random_state(u.shape, 3),
                        w = test::random_state(u.shape, 4);
    State<double> z(u.shape), jt(u.shape), jw(u.shape);
    const auto linear = layer.linearize(theta, u.view(), z.view());
    (void)linear.jvp(t.view(), jt.view());
    (void)linear.vjp(w.view(), jw.view());
    CHECK(jt.values.dot(w.values) == Approx(t.values.dot(jw.values)).epsilon(1e-10));
  };
  check(Equilibrium<ConvCell, Anderson<5>, JacobianFree>{});
  check(Equilibrium<ConvCell, Anderson<5>, Phantom>{.adjoint = {.k = 3, .tau = 0.6}});
  check(Equilibrium<ConvCell, Picard, Unrolled>{.solver = {.damping = 0.9}});
  check(Equilibrium<ConvCell, Anderson<5>, Implicit<>>{.adjoint = {.tolerance = 1e-12, .max_evaluations = 300}});
}

TEST_CASE("an equilibrium may stand inside the cell of another", "[gradient]") {
  using InnerCell = Injected<Sequential<Dense<3, 3>, Tanh>>;
  using Inner = Equilibrium<InnerCell>;
  using Outer = Equilibrium<Injected<Sequential<Dense<3, 3>, Inner>>>;
  Outer outer;
  const Implicit<> exact{.tolerance = 1e-13, .max_evaluations = 200};
  outer.stop = tight();
  outer.adjoint = exact;
  auto& inner = outer.cell.layers.layer<1>();
  inner.stop = tight();
  inner.adjoint = exact;
  test::check_linearization(
      outer, {3, {1, 1, 1}, 2},
      {.tolerance = 1e-8, .adjoint_tolerance = 1e-10, .float_tolerance = 0, .step = 1e-4, .theta_spread = 0.25});

  // The inner solves are in the report: one a sample at each outer evaluation, besides the outer ones.
  const auto theta = test::random_parameters<Outer>(1, 0.25);
  const State<double> u = test::random_state({3, {1, 1, 1}, 2}, 2);
  State<double> z(u.shape);
  const Report report = outer.apply(theta, u.view(), z.view());
  CHECK(report.forward.solves() > 10);
  CHECK(report.forward.converged() == report.forward.solves());
}

TEST_CASE("phantom refuses options that make no sense", "[unit]") {
  const Equilibrium<DenseCell, Anderson<5>, Phantom> layer{.adjoint = {.k = 0, .tau = 1}};
  const auto theta = test::random_parameters<std::remove_const_t<decltype(layer)>>(1, 0.1);
  const State<double> u = test::random_state({6, {1, 1, 1}, 1}, 2);
  State<double> z(u.shape);
  const auto linear = layer.linearize(theta, u.view(), z.view());
  CHECK_THROWS_WITH(linear.vjp(u.view(), z.view()), "Phantom: k is 0, expected at least 1");
}
