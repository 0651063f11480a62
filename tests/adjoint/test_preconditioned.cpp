// Adjoint equations that are preconditioned, by the cell or by the user's solver.

#include <Eigen/Dense>
#include <catch2/catch.hpp>

#include "adjoint/stiff_cell.hpp"
#include "basin/adjoint/any_adjoint.hpp"
#include "basin/adjoint/implicit.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/linear/bicgstab.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

struct Outcome {
  State<double> tangent, gradient;
  SolveCounts tangents, gradients;
};

/// At u = 0.
template <class Model>
Outcome run(const Model& layer, const State<double>& t, const State<double>& w) {
  const State<double> u(t.shape);
  State<double> z(t.shape);
  Outcome out{State<double>(t.shape), State<double>(t.shape), {}, {}};
  const auto linear = layer.linearize(std::span<const double, 0>{}, View<const double>(u.view()), z.view());
  out.tangents = linear.jvp(t.view(), out.tangent.view()).adjoint;
  out.gradients = linear.vjp(w.view(), out.gradient.view()).adjoint;
  return out;
}

/// 1 / the diagonal, for both equations.
struct Diagonal {
  void operator()(View<const double> v, View<double> out) const {
    out.matrix() = StiffCell<false>::b().diagonal().cwiseInverse().asDiagonal() * v.matrix();
  }
};

}  // namespace

TEST_CASE("a preconditioner of the cell serves gradients and tangents, by GMRES and BiCGStab", "[gradient]") {
  const Shape shape{40, {1, 1, 1}, 3};
  const State<double> t = random_state(shape, 1), w = random_state(shape, 2);
  const Matrix<double> i_minus_j = StiffCell<true>::b() - 0.5 * Matrix<double>::Identity(40, 40);
  const Matrix<double> tangent = i_minus_j.partialPivLu().solve(t.view().matrix());
  const Matrix<double> gradient = i_minus_j.transpose().partialPivLu().solve(w.view().matrix());
  const auto check = [&](const auto& layer, std::size_t most) {
    const Outcome out = run(layer, t, w);
    CHECK(out.gradients.converged() == 3);
    CHECK(out.tangents.converged() == 3);
    CHECK((out.tangent.view().matrix() - tangent).norm() < 1e-8 * tangent.norm());
    CHECK((out.gradient.view().matrix() - gradient).norm() < 1e-8 * gradient.norm());
    CHECK(out.tangent.values.dot(w.values) == Approx(t.values.dot(out.gradient.values)).epsilon(1e-9));
    CHECK(out.gradients.evaluations <= 3 * most);
    CHECK(out.tangents.evaluations <= 3 * most);
    const Outcome alone = run(layer, State<double>(t.view().sample(1)), State<double>(w.view().sample(1)));
    CHECK(alone.tangent.values == State<double>(out.tangent.view().sample(1)).values);
    CHECK(alone.gradient.values == State<double>(out.gradient.view().sample(1)).values);
  };
  using Anderson5 = Anderson<5>;
  check(Equilibrium<StiffCell<true>, Anderson5, Implicit<>>{.adjoint = {.tolerance = 1e-12}}, 15);
  check(Equilibrium<StiffCell<true>, Anderson5, Implicit<BiCgStab>>{.adjoint = {.tolerance = 1e-12}}, 20);
  check(
      Equilibrium<StiffCell<true>, Anderson5, AnyAdjoint<Implicit<BiCgStab>>>{
          .adjoint = Implicit<BiCgStab>{.tolerance = 1e-12}},
      20);
  check(
      Equilibrium<StiffCell<false>, Anderson5, Implicit<RightPreconditioned<Gmres<>, Diagonal>>>{
          .adjoint = {.tolerance = 1e-12}},
      40);

  // Without, 60 evaluations are not enough.
  const Outcome plain =
      run(Equilibrium<StiffCell<false>, Anderson5, Implicit<>>{.adjoint = {.tolerance = 1e-12}}, t, w);
  CHECK(plain.gradients.converged() == 0);
}
