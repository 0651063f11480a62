// The exam problems that ask for a gradient, for every adjoint that can claim them, in the table of the exam.
// The problems that ask only for a solution are in test_solutions.cpp.

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "basin/adjoint/implicit.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "exam/small_cells.hpp"
#include "exam/table.hpp"

namespace {

using namespace basin;
using test::SmallCell;
using Numbers = Vector<double>;
using Square = Matrix<double>;

/// Solves to the last digit, so that what is tested is the gradient.
Stop tight(int max_evaluations = 2000) {
  return {.tolerance = 0, .absolute_tolerance = 1e-13, .max_evaluations = max_evaluations};
}

struct Gradient {
  Numbers z, du, dtheta;
  Report forward, adjoint;
};

/// z of one sample, and the gradients of w^T z.
template <class C, class Solver, class Adjoint, class Weights>
Gradient gradient_of(const Equilibrium<C, Solver, Adjoint>& layer, const Numbers& theta, const Numbers& u,
                     const Weights& weights_at) {
  using Model = Equilibrium<C, Solver, Adjoint>;
  const Shape shape{u.size()};
  const View<const double> input(u.data(), shape);
  State<double> z(layer.out_shape(shape));
  const auto linear =
      layer.linearize(std::span<const double, Model::param_count>(theta.data(), Model::param_count), input, z.view());
  const State<double> w = [&] {
    State<double> out(z.shape);
    out.values = weights_at(z.values);
    return out;
  }();
  Gradient out{z.values, Numbers::Zero(u.size()), Numbers::Zero(theta.size()), linear.report(), {}};
  out.adjoint = linear.pullback(w.view(), View<double>(out.du.data(), shape),
                                std::span<double, Model::param_count>(out.dtheta.data(), Model::param_count));
  return out;
}

/// A row of the table. The status is that of the adjoint solve; for unrolled, whether w has died away at the start.
void add_row(const std::string& problem, const std::string& adjoint, double error, const Report& report) {
  std::string status = "none";
  for (std::size_t i = 0; i < status_count; ++i) {
    if (report.adjoint.by_status[i] > 0) status = name(static_cast<Status>(i));
  }
  exam::table.rows.push_back(
      {"d " + problem, adjoint, status, report.adjoint.evaluations, report.adjoint.worst_residual, error});
}

void note(const std::string& problem, const std::string& adjoint, double error, double bound, const Report& report) {
  add_row(problem, adjoint, error, report);
  INFO(problem << ", " << adjoint << ": error " << error);
  CHECK(error <= bound);
}

/// A problem under every exact adjoint; `check` gets the gradient and returns its error.
template <class C, class Weights, class Error>
void exact_adjoints(const std::string& problem, const C& cell, const Numbers& theta, const Numbers& u,
                    const Weights& weights, double bound, const Error& error, bool contracts = true) {
  const auto run = [&](const std::string& name, const auto& adjoint) {
    using Adjoint = std::remove_cvref_t<decltype(adjoint)>;
    const Equilibrium<C, Anderson<5>, Adjoint> layer{cell, {}, tight(), adjoint};
    const Gradient g = gradient_of(layer, theta, u, weights);
    REQUIRE(g.forward.forward.converged() == 1);
    CHECK(g.adjoint.adjoint.converged() == 1);
    CHECK(g.adjoint.adjoint.worst_residual <= 1e-12);
    note(problem, name, error(g), bound, g.adjoint);
  };
  run("implicit, gmres", Implicit<Gmres<>>{.tolerance = 1e-12, .max_evaluations = 500});
  run("implicit, anderson", Implicit<Anderson<5>>{.tolerance = 1e-12, .max_evaluations = 500});
  run("implicit, broyden", Implicit<Broyden<20>>{.tolerance = 1e-12, .max_evaluations = 500});
  if (contracts) {
    run("implicit, picard", Implicit<Picard>{.tolerance = 1e-12, .max_evaluations = 5000});
    // Back through the steps themselves, from zero; the truncated part is below the bound.
    const Equilibrium<C, Picard, Unrolled> layer{cell, {}, tight(5000), {}};
    const Gradient g = gradient_of(layer, theta, u, weights);
    REQUIRE(g.forward.forward.converged() == 1);
    note(problem, "unrolled", error(g), bound, g.adjoint);
  }
}

double relative(const Numbers& got, const Numbers& wanted) { return (got - wanted).norm() / wanted.norm(); }

struct PowerFive {  // u + z^5
  template <class S>
  Vector<S> value(const Vector<S>& z, const Vector<S>& u, const Vector<S>&) const {
    return u.array() + z.array().pow(5);
  }
  template <class S>
  Matrix<S> by_z(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    return (S(5) * z.array().pow(4)).matrix().asDiagonal();
  }
  template <class S>
  Matrix<S> by_u(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    return Matrix<S>::Identity(z.size(), z.size());
  }
  template <class S>
  Matrix<S> by_theta(const Vector<S>& z, const Vector<S>&, const Vector<S>& theta) const {
    return Matrix<S>::Zero(z.size(), theta.size());
  }
};

struct CosinePlus {  // cos z + theta
  template <class S>
  Vector<S> value(const Vector<S>& z, const Vector<S>&, const Vector<S>& theta) const {
    return z.array().cos() + theta.array();
  }
  template <class S>
  Matrix<S> by_z(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    return (-z.array().sin()).matrix().asDiagonal();
  }
  template <class S>
  Matrix<S> by_u(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    return Matrix<S>::Zero(z.size(), z.size());
  }
  template <class S>
  Matrix<S> by_theta(const Vector<S>& z, const Vector<S>&, const Vector<S>&) const {
    return Matrix<S>::Identity(z.size(), z.size());
  }
};

/// Ridge regression as an implicit root: one step of gradient descent on |X w - y|^2 / 2 + n lambda |w|^2 / 2.
struct RidgeStep {
  Square x = Square::Zero(10, 3);
  Numbers y = Numbers::Zero(10);
  double step = 0;

  [[nodiscard]] Square hessian(double lambda) const { return x.transpose() * x + 10 * lambda * Square::Identity(3, 3); }
  template <class S>
  Vector<S> value(const Vector<S>& w, const Vector<S>&, const Vector<S>& lambda) const {
    const Numbers wd = w.template cast<double>();
    return (wd - step * (hessian(static_cast<double>(lambda[0])) * wd - x.transpose() * y)).template cast<S>();
  }
  template <class S>
  Matrix<S> by_z(const Vector<S>&, const Vector<S>&, const Vector<S>& lambda) const {
    return (Square::Identity(3, 3) - step * hessian(static_cast<double>(lambda[0]))).template cast<S>();
  }
  template <class S>
  Matrix<S> by_u(const Vector<S>&, const Vector<S>&, const Vector<S>&) const {
    return Matrix<S>::Zero(3, 3);
  }
  template <class S>
  Matrix<S> by_theta(const Vector<S>& w, const Vector<S>&, const Vector<S>&) const {
    return static_cast<S>(-10 * step) * w;
  }
};

}  // namespace

TEST_CASE("exam 1: z = a z + b has dL/da = 16 and dL/db = 8", "[exam]") {
  const Injected<Dense<1, 1>> cell;
  const Numbers theta = (Numbers(2) << 0.5, 1.0).finished();
  const auto loss = [](const Numbers& z) { return Numbers(2 * z); };  // L = z^2
  exact_adjoints("1 a z + b", cell, theta, Numbers::Zero(1), loss, 1e-10, [](const Gradient& g) {
    CHECK(std::abs(g.z[0] - 2) < 1e-10);
    return std::max(std::abs(g.dtheta[0] - 16), std::abs(g.dtheta[1] - 8));
  });
}

TEST_CASE("exam 2: gradients of a symmetric affine map of 200 numbers", "[exam]") {
  constexpr Index n = 200;
  std::srand(2);
  Square m = Square::Random(n, n);
  m = (m + m.transpose()).eval();
  m *= 0.45 / m.selfadjointView<Eigen::Lower>().operatorNorm();
  const Numbers b = Numbers::Random(n), c = Numbers::Random(n);
  Numbers theta(n * n + n);
  theta << m.reshaped(), b;
  const Square left = Square::Identity(n, n) - m;
  const Numbers z = left.partialPivLu().solve(b), w = left.transpose().partialPivLu().solve(c);
  const Injected<Dense<200, 200>> cell;
  const auto weights = [&](const Numbers&) { return c; };

  // The sheet asks for a residual below 1e-6 in at most 100 steps.
  const Equilibrium<Injected<Dense<200, 200>>, Picard, Implicit<>> plain{
      cell, {}, {.tolerance = 0, .absolute_tolerance = 1e-6, .max_evaluations = 100}, {}};
  const Gradient loose = gradient_of(plain, theta, Numbers::Zero(n), weights);
  CHECK(loose.forward.forward.converged() == 1);
  CHECK(loose.forward.forward.worst_residual < 1e-6);

  exact_adjoints("2 M z + b, n = 200", cell, theta, Numbers::Zero(n), weights, 1e-10, [&](const Gradient& g) {
    CHECK(relative(g.z, z) < 1e-11);
    Numbers wanted(n * n + n);
    wanted << (w * z.transpose()).reshaped(), w;
    return std::max(relative(g.dtheta, wanted), relative(g.du, w));
  });
}

TEST_CASE("exam 4: cos z + theta has dz/dtheta = 1 / (1 + sin z)", "[exam]") {
  const SmallCell<CosinePlus, 2, 2> cell;
  const Numbers theta = (Numbers(2) << 0.0, std::numbers::pi / 2).finished();
  // The second component has |f'| = 1 at its fixed point, so Picard and what unrolls it do not get there.
  const auto weights = [](const Numbers& z) { return Numbers(Numbers::Ones(z.size())); };
  exact_adjoints(
      "4 cos z + theta", cell, theta, Numbers::Zero(2), weights, 1e-4,
      [](const Gradient& g) {
        CHECK(std::abs(g.z[0] - 0.7390851332) < 1e-9);
        return std::max(std::abs(g.dtheta[0] - 0.59751), std::abs(g.dtheta[1] - 0.5));
      },
      false);
}

TEST_CASE("exam 8: ridge regression as an implicit root", "[exam]") {
  std::srand(8);
  const double lambda = 5;
  RidgeStep rule{Square::Random(10, 3), Numbers::Random(10), 0};
  rule.step = 1.0 / rule.hessian(lambda).norm();
  const SmallCell<RidgeStep, 3, 1> cell{rule};
  const Square inverse = rule.hessian(lambda).inverse();
  const Numbers w = inverse * rule.x.transpose() * rule.y, dw = -10 * inverse * w;
  for (Index i = 0; i < 3; ++i) {
    const auto component = [i](const Numbers&) { return Numbers(Numbers::Unit(3, i)); };
    exact_adjoints("8 ridge, dw" + std::to_string(i) + "/dlambda", cell, Numbers::Constant(1, lambda), Numbers::Zero(3),
                   component, 1e-8, [&](const Gradient& g) {
                     CHECK(relative(g.z, w) < 1e-8);
                     return std::abs(g.dtheta[0] - dw[i]) / dw.norm();
                   });
  }
}

TEST_CASE("exam 15: y = d + y^5, exactly and Jacobian-free", "[exam]") {
  const SmallCell<PowerFive, 1, 0> cell;
  for (const double d : {-0.5, -0.3, 0.1, 0.4, 0.5}) {
    const Numbers u = Numbers::Constant(1, d);
    const auto one = [](const Numbers&) { return Numbers(Numbers::Ones(1)); };
    exact_adjoints("15 y^5 + " + std::to_string(d).substr(0, 4), cell, Numbers(0), u, one, 1e-10,
                   [&](const Gradient& g) {
                     CHECK(std::abs(g.z[0] - d - std::pow(g.z[0], 5)) < 1e-12);
                     return std::abs(g.du[0] - 1 / (1 - 5 * std::pow(g.z[0], 4)));
                   });
    const Equilibrium<SmallCell<PowerFive, 1, 0>, Anderson<5>, JacobianFree> free{cell, {}, tight(), {}};
    const Gradient g = gradient_of(free, Numbers(0), u, one);
    CHECK(g.du[0] == 1.0);
    // It says how far it is from solving anything: |J^T g| / |g|.
    CHECK(g.adjoint.adjoint.by_status[static_cast<std::size_t>(Status::approximated)] == 1);
    CHECK(g.adjoint.adjoint.worst_residual == Approx(5 * std::pow(g.z[0], 4)).epsilon(1e-9));
  }
}

TEST_CASE("exam 16: on tanh(w z + 1/2) the cheap gradients differ, and the phantom gradient gets better with k",
          "[exam]") {
  using C = Injected<Sequential<Dense<1, 1>, Tanh>>;
  const C cell;
  const Numbers theta = (Numbers(2) << 1.0, 0.5).finished();
  const auto one = [](const Numbers&) { return Numbers(Numbers::Ones(1)); };
  double z = 0.5;
  for (int i = 0; i < 200; ++i) z = std::tanh(z + 0.5);
  const double slope = 1 - z * z, exact = slope * z / (1 - slope);
  exact_adjoints("16 tanh(w z + 1/2)", cell, theta, Numbers::Zero(1), one, 1e-10,
                 [&](const Gradient& g) { return std::abs(g.dtheta[0] - exact); });

  const Equilibrium<C, Picard, Unrolled> unrolled{cell, {}, tight(), {}};
  const double through_steps = gradient_of(unrolled, theta, Numbers::Zero(1), one).dtheta[0];
  const Equilibrium<C, Anderson<5>, JacobianFree> free{cell, {}, tight(), {}};
  const Gradient jacobian_free = gradient_of(free, theta, Numbers::Zero(1), one);
  CHECK(std::abs(jacobian_free.dtheta[0] - through_steps) > 1e-3);
  add_row("16 tanh(w z + 1/2)", "jacobian_free", std::abs(jacobian_free.dtheta[0] - exact), jacobian_free.adjoint);

  for (const double tau : {1.0, 0.7}) {
    double last_error = std::numeric_limits<double>::infinity(), last_residual = last_error;
    for (const int k : {1, 2, 4, 8}) {
      const Equilibrium<C, Anderson<5>, Phantom> layer{cell, {}, tight(), {.k = k, .tau = tau}};
      const Gradient g = gradient_of(layer, theta, Numbers::Zero(1), one);
      const double error = std::abs(g.dtheta[0] - exact);
      CHECK(error < last_error);
      CHECK(g.adjoint.adjoint.worst_residual < last_residual);
      CHECK(g.adjoint.adjoint.evaluations == static_cast<std::size_t>(k));
      if (tau == 1 && k == 1) CHECK(g.dtheta[0] == jacobian_free.dtheta[0]);
      last_error = error;
      last_residual = g.adjoint.adjoint.worst_residual;
      add_row("16 tanh(w z + 1/2)", "phantom, k " + std::to_string(k) + ", tau " + std::to_string(tau).substr(0, 3),
              error, g.adjoint);
    }
  }
}

TEST_CASE("exam: a failed adjoint solve says so, and its gradient is not zero", "[exam]") {
  // z = 3 z + u has the equilibrium -u / 2 and an adjoint equation on which Picard diverges; GMRES solves it.
  const Injected<Dense<2, 2, Bias::no>> cell;
  const Numbers theta = (Numbers(4) << 3.0, 0.5, 0.0, 2.0).finished(), u = Numbers::Ones(2);
  const auto one = [](const Numbers&) { return Numbers(Numbers::Ones(2)); };
  using C = Injected<Dense<2, 2, Bias::no>>;
  const Equilibrium<C, Broyden<20>, Implicit<Picard>> diverges{
      cell, {}, tight(), {.solver = {}, .tolerance = 1e-10, .max_evaluations = 200}};
  const Gradient bad = gradient_of(diverges, theta, u, one);
  REQUIRE(bad.forward.forward.converged() == 1);
  CHECK(bad.adjoint.adjoint.converged() == 0);
  CHECK(bad.adjoint.adjoint.by_status[static_cast<std::size_t>(Status::diverged)] == 1);
  CHECK(bad.adjoint.adjoint.worst_residual > 0.1);
  CHECK(bad.du.norm() > 0.1);

  const Equilibrium<C, Broyden<20>, Implicit<>> solves{cell, {}, tight(), {.solver = {}, .tolerance = 1e-12}};
  const Gradient good = gradient_of(solves, theta, u, one);
  CHECK(good.adjoint.adjoint.converged() == 1);
  const Square j = Eigen::Map<const Square>(theta.data(), 2, 2);
  CHECK(relative(good.du, (Square::Identity(2, 2) - j.transpose()).inverse() * Numbers::Ones(2)) < 1e-10);
}

TEST_CASE("exam: gradients of any size are equally good", "[exam]") {
  // An absolute tolerance would give a small incoming gradient a wrong answer; ours is relative to it.
  using C = Injected<Sequential<Dense<4, 4>, Tanh>>;
  std::srand(5);
  const Numbers theta = 0.4 * Numbers::Random(20), u = Numbers::Random(4);
  const Equilibrium<C, Anderson<5>, Implicit<>> layer{{}, {}, tight(), {.solver = {}, .tolerance = 1e-9}};
  const auto scaled = [](double size) {
    return [size](const Numbers& z) { return Numbers(Numbers::Constant(z.size(), size)); };
  };
  const Gradient unit = gradient_of(layer, theta, u, scaled(1.0));
  for (const double size : {1e-12, 1e-7, 1e5}) {
    const Gradient g = gradient_of(layer, theta, u, scaled(size));
    CHECK(g.adjoint.adjoint.converged() == 1);
    CHECK(relative(g.dtheta / size, unit.dtheta) < 1e-8);
  }
}
