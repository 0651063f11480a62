// What each adjoint method costs, and how far its gradient is from a dense solve: docs/adjoints.md has the table.

#include <Eigen/Dense>
#include <catch2/catch.hpp>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/jacobian_free.hpp"
#include "basin/adjoint/neumann.hpp"
#include "basin/adjoint/phantom.hpp"
#include "basin/adjoint/shine.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/linear/bicgstab.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Cell8 = Injected<Sequential<Dense<8, 8>, Tanh>>;
using Any = AnyAdjoint<Implicit<>, Implicit<BiCgStab>, Neumann, Phantom, Shine, JacobianFree>;
using Layer8 = Equilibrium<Cell8, Broyden<30>, Any>;

}  // namespace

TEST_CASE("every adjoint method has a name of its own", "[unit]") {
  std::string names;
  for (const std::string_view name : Any::names()) {
    names += std::string(name) + " ";
    CHECK(Any(name).name() == name);
  }
  CHECK(names == "implicit implicit_bicgstab neumann phantom shine jacobian_free ");
}

TEST_CASE("the error of each adjoint method beside its cost", "[gradient]") {
  const Index samples = 5, size = 8;
  const auto theta = random_parameters<Layer8>(1, 0.35);
  const State<double> u = random_state({size, {1, 1, 1}, samples}, 2), w = random_state(u.shape, 7);
  Layer8 layer{.stop = {.tolerance = 1e-13, .max_evaluations = 200}};
  State<double> z(u.shape);
  (void)layer.apply(theta, u.view(), z.view());

  // (I - J^T) w = g by dense linear algebra.
  State<double> value(u.shape), unit(u.shape), column(u.shape), solved(u.shape);
  const auto linear = layer.cell.linearize(std::span<const double, Layer8::param_count>(theta.span()), z.view(),
                                           View<const double>(u.view()), value.view());
  std::vector<Matrix<double>> j(static_cast<std::size_t>(samples), Matrix<double>(size, size));
  for (Index i = 0; i < size; ++i) {
    unit.values.setZero();
    unit.view().matrix().row(i).setOnes();
    (void)linear.jvp(View<const double>(unit.view()), column.view());
    for (Index n = 0; n < samples; ++n) j[static_cast<std::size_t>(n)].col(i) = column.view().matrix().col(n);
  }
  for (Index n = 0; n < samples; ++n) {
    const Matrix<double> i_minus_j = Matrix<double>::Identity(size, size) - j[static_cast<std::size_t>(n)];
    solved.view().matrix().col(n) = i_minus_j.transpose().partialPivLu().solve(w.view().matrix().col(n));
  }
  Parameters<Layer8, double> exact;
  (void)linear.pullback(View<const double>(solved.view()), View<double>(), View<double>(), exact.span());

  std::string table;
  const auto error_of = [&](const std::string& what, const Any& adjoint) {
    layer.adjoint = adjoint;
    Parameters<Layer8, double> dtheta;
    State<double> here(u.shape);
    const auto at = layer.linearize(theta, u.view(), here.view());
    const SolveCounts counts = at.pullback(w.view(), View<double>(), dtheta.span()).adjoint;
    const double error = (dtheta.vector() - exact.vector()).norm() / exact.vector().norm();
    char line[160];
    std::snprintf(line, sizeof line, "| `%s` | %.1f | %.1e | %.1e |\n", what.c_str(), counts.mean_evaluations(),
                  counts.worst_residual, error);
    table += line;
    return error;
  };
  CHECK(error_of("Implicit<Gmres<>>{.tolerance = 1e-12}", Implicit<>{.tolerance = 1e-12}) < 1e-8);
  CHECK(error_of("Implicit<BiCgStab>{.tolerance = 1e-12}", Implicit<BiCgStab>{.tolerance = 1e-12}) < 1e-8);
  CHECK(error_of("Implicit<Gmres<>>{.tolerance = 1e-2}", Implicit<>{.tolerance = 1e-2}) < 1e-2);
  const double free = error_of("JacobianFree", JacobianFree{});
  CHECK(error_of("Shine", Shine{}) < 0.6 * free);
  double last = free;
  for (const int k : {1, 2, 5, 10, 20}) {
    const double error = error_of("Neumann{" + std::to_string(k) + "}", Neumann{k});
    CHECK(error < last);
    last = error;
  }
  CHECK(error_of("Phantom{5, 0.5}", Phantom{5, 0.5}) < free);
  std::printf("| adjoint | products a sample | worst residual | error of dtheta |\n|---|---|---|---|\n%s",
              table.c_str());
}
