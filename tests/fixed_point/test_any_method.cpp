#include "basin/fixed_point/any_method.hpp"

#include <catch2/catch.hpp>
#include <cmath>

#include "basin/adjoint/implicit.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/injected.hpp"
#include "basin/fixed_point/anderson.hpp"
#include "basin/fixed_point/broyden.hpp"
#include "basin/fixed_point/broyden_bad.hpp"
#include "basin/fixed_point/chord.hpp"
#include "basin/fixed_point/klement.hpp"
#include "basin/fixed_point/newton_gmres.hpp"
#include "basin/fixed_point/picard.hpp"
#include "basin/fixed_point/projected.hpp"
#include "basin/fixed_point/pseudo_transient.hpp"
#include "basin/fixed_point/solve.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "support/layer_checks.hpp"

using namespace basin;

namespace {

using Chosen =
    AnyMethod<Picard, Anderson<5>, Broyden<>, NewtonGmres<>, BroydenBad<>, Klement, Chord<>, PseudoTransient<>>;
// A method within bounds goes by its own name.
static_assert(AnyMethod<Projected<Anderson<3>>, Picard>::names()[0] == "anderson");
static_assert(FixedPointMethod<Chosen> && FixedPointMethod<Chosen, double>);
static_assert(FixedPointMethod<AnyMethod<Anderson<3>>>);

const auto cosine = [](View<const double> z, View<double> out) { out.array() = z.array().cos(); };

}  // namespace

TEST_CASE("a method chosen by name gives the same bits as the method itself", "[unit]") {
  const Matrix<double> start = Matrix<double>::Constant(5, 30, 0.2);
  const Stop stop{.tolerance = 1e-10, .max_evaluations = 100};
  const auto check = [&](const auto& method) {
    using Method = std::remove_cvref_t<decltype(method)>;
    INFO(Method::name);
    const Chosen chosen(Method::name);
    CHECK(chosen.name() == Method::name);
    const auto alone = solve(cosine, start, method, stop), held = solve(cosine, start, chosen, stop);
    CHECK(alone.converged());
    CHECK(held.value.values == alone.value.values);
    for (std::size_t n = 0; n < 30; ++n) CHECK(held.samples[n].evaluations == alone.samples[n].evaluations);
  };
  check(Picard{});
  check(Anderson<5>{});
  check(Broyden<>{});
  check(NewtonGmres<>{});
  check(BroydenBad<>{});
  check(Klement{});
  check(Chord<>{});
  check(PseudoTransient<>{});
}

TEST_CASE("a chosen method has options, and an unknown name is told with those that are known", "[unit]") {
  Chosen chosen;
  CHECK(chosen.name() == "picard");
  CHECK(chosen.get<Anderson<5>>() == nullptr);
  chosen = Anderson<5>{.damping = 0.7};
  CHECK(chosen.name() == "anderson");
  REQUIRE(chosen.get<Anderson<5>>() != nullptr);
  CHECK(chosen.get<Anderson<5>>()->damping == 0.7);
  CHECK(Chosen::names().size() == 8);
  CHECK(Chosen::names()[3] == "newton_gmres");
  CHECK_THROWS_WITH(
      Chosen("newton"),
      "name of a fixed-point method is \"newton\", expected one of picard, anderson, broyden, newton_gmres, "
      "broyden_bad, klement, chord, pseudo_transient");
  chosen.get<Anderson<5>>()->damping = 0;
  CHECK_THROWS_WITH(solve(cosine, Matrix<double>::Zero(1, 1).eval(), chosen),
                    Catch::StartsWith("damping of Anderson is 0"));
}

TEST_CASE("an equilibrium takes a method that is chosen by name", "[unit]") {
  using Cell = Injected<Sequential<Dense<8, 8>, Tanh>>;
  const State<double> u = test::random_state({8, {1, 1, 1}, 20}, 2);
  Equilibrium<Cell, Chosen> layer;
  layer.stop = {.tolerance = 1e-10, .max_evaluations = 200};
  const auto theta = test::random_parameters<Equilibrium<Cell, Chosen>>(1, 0.3);
  State<double> reference(u.shape);
  for (const std::string_view name : Chosen::names()) {
    if (name == "klement") continue;  // numbers couple, and one of the samples does not settle
    INFO(name);
    layer.solver = Chosen(name);
    State<double> z(u.shape);
    CHECK(layer.apply(theta, u.view(), z.view()).forward.converged() == 20);
    if (name == "picard") reference = z;
    CHECK((z.values - reference.values).norm() < 1e-8);
  }
}
