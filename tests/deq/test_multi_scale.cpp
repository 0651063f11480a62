// Equilibria whose state has several scales (basin/deq/multi_scale.hpp).

#include "basin/deq/multi_scale.hpp"

#include <catch2/catch.hpp>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/fixed_point/any_method.hpp"
#include "basin/fixed_point/newton_gmres.hpp"
#include "basin/layers/dense.hpp"
#include "exam/elimination.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using TwoScales = Planes<Plane<2, 4, 4>, Plane<4, 2, 2>>;
using Cell2 = MultiScale<OnPlanes<TwoScales, Conv<2, 2, 3>, Dense<4, 4>>, FuseScales<TwoScales, 2>,
                         OnPlanes<TwoScales, GroupNorm<2, 1>, Identity>>;
using ThreeScales = Planes<Plane<2, 8, 4>, Plane<2, 4, 2>, Plane<4, 2, 1>>;
using Cell3 = MultiScale<OnPlanes<ThreeScales, Conv<2, 2, 3>, Conv<2, 2, 3>, Dense<4, 4>>, FuseScales<ThreeScales, 2>>;

static_assert(Cell2::state_features == 48 && Cell2::input_features == 48);

using Methods = AnyMethod<Picard, Anderson<4>, NewtonGmres<>>;
using Settling = Equilibrium<Cell2, Anderson<4>>;

/// Small enough to settle: a fifth of what the layers are drawn with, as the scales of the norms are part of theta.
template <class Model>
Parameters<Model, double> settling(std::uint64_t seed) {
  return random_parameters<Model>(seed, 0.1);
}

/// A cell at an injection as a map, of one type for all cells, that has derivatives.
struct Map {
  using Call = std::function<void(View<const double>, View<double>)>;
  Call f;
  std::function<Call(View<const double>)> derivative;

  struct Linear {
    Call product;
    void jvp(View<const double> t, View<double> out) const { product(t, out); }
  };
  void operator()(View<const double> z, View<double> out) const { f(z, out); }
  [[nodiscard]] Linear linearize(View<const double> z, std::span<const Index>) const { return {derivative(z)}; }
};

template <class C>
Map map_of(const C& cell, const Parameters<C, double>& theta, const State<double>& u) {
  return {[&](View<const double> z, View<double> out) { (void)cell.apply(theta, z, u.view(), out); },
          [&](View<const double> z) -> Map::Call {
            auto value = std::make_shared<State<double>>(z.shape());
            auto linear = std::make_shared<typename C::template Linearization<double>>(
                cell.linearize(theta, z, u.view(), value->view()));
            return [value, linear](View<const double> t, View<double> out) { (void)linear->jvp(t, out); };
          }};
}

/// Every method finds one and the same equilibrium.
void check_one_equilibrium(const Map& map, const Shape& shape) {
  const State<double> zero(shape);
  Vector<double> first;
  for (const Methods& method : {Methods(Picard{}), Methods(Anderson<4>{}), Methods(NewtonGmres<>{})}) {
    const auto found = solve(map, zero.view(), method, {.tolerance = 1e-12, .max_evaluations = 400});
    CAPTURE(method.name());
    CHECK(found.converged());
    if (first.size() == 0) first = found.value.values;
    CHECK(relative_error(found.value.values, first) < 1e-10);
  }
  CHECK(first.norm() > 0.1);
}

}  // namespace

TEST_CASE("a cell of several scales is scales, injection, relu and fusion", "[unit][multi_scale]") {
  const Cell2 cell;
  const auto theta = random_parameters<Cell2>(1);
  const auto z = random_state(TwoScales::shape(2), 2), u = random_state(z.shape, 3);
  State<double> given(z.shape), scales(z.shape), fused(z.shape), expected(z.shape);
  (void)cell.apply(theta, z.view(), u.view(), given.view());
  using Layers = Cell2::Layers;
  (void)cell.layers.layer<0>().apply(Layers::part<0>(theta.span()), z.view(), scales.view());
  scales.values = (scales.values + u.values).cwiseMax(0.0).eval();
  (void)cell.layers.layer<2>().apply(Layers::part<2>(theta.span()), scales.view(), fused.view());
  (void)cell.layers.layer<3>().apply(Layers::part<3>(theta.span()), fused.view(), expected.view());
  CHECK(relative_error(given.values, expected.values) <= 1e-14);
  CHECK_THROWS_WITH(cell.state_shape({47, {1, 1, 1}, 1}), "Injected: injection: number of features is 47, expected 48");
  CHECK_THROWS_WITH(cell.state_shape({48, {2, 1, 1}, 1}),
                    "Links: shape of x is (48, 2, 1, 1, 1), expected (48, 1, 1, 1, 1)");
}

TEST_CASE("derivatives of a cell of several scales", "[gradient][multi_scale]") {
  check_cell(Cell2(), TwoScales::shape(2), {.tolerance = 1e-6, .float_tolerance = 1e-4});
}

TEST_CASE("two and three scales settle to the same by each method", "[unit][multi_scale]") {
  const auto theta2 = settling<Cell2>(1);
  const auto u2 = random_state(TwoScales::shape(1), 2);
  check_one_equilibrium(map_of(Cell2(), theta2, u2), u2.shape);
  const auto theta3 = settling<Cell3>(3);
  const auto u3 = random_state(ThreeScales::shape(1), 4);
  check_one_equilibrium(map_of(Cell3(), theta3, u3), u3.shape);
}

TEST_CASE("the gradient through an equilibrium of several scales is that of a dense solve", "[gradient][multi_scale]") {
  Settling layer{.stop = {.tolerance = 1e-13, .max_evaluations = 200}, .adjoint = {.tolerance = 1e-13}};
  const auto theta = settling<Settling>(1);
  const auto u = random_state(TwoScales::shape(1), 2), w = random_state(u.shape, 3);
  State<double> z(u.shape), du(u.shape), value(u.shape), unit(u.shape), column(u.shape), expected(u.shape);
  const auto settled = layer.linearize(theta, u.view(), z.view());
  Parameters<Settling, double> dtheta, dtheta_expected;
  const Report report = settled.pullback(w.view(), du.view(), dtheta.span());
  REQUIRE(report.adjoint.converged() == 1);

  const auto linear = layer.cell.linearize<double>(theta.span(), z.view(), u.view(), value.view());
  const Index size = u.shape.size();
  Matrix<double> transposed(size, size), sides(size, 1);
  for (Index i = 0; i < size; ++i) {
    unit.values.setZero();
    unit.values[i] = 1;
    (void)linear.jvp(unit.view(), column.view());
    transposed.row(i) = unit.values.transpose() - column.values.transpose();
  }
  sides.col(0) = w.values;
  State<double> solved(u.shape);
  solved.values = exam::eliminated<double>(transposed, sides);
  (void)linear.pullback(solved.view(), View<double>{}, expected.view(), dtheta_expected.span());
  CHECK(relative_error(du.values, expected.values) < 1e-9);
  CHECK(relative_error(dtheta.vector(), dtheta_expected.vector()) < 1e-9);
}

TEST_CASE("a batch of several scales gets the bits that each sample gets alone, on any threads", "[repeatable]") {
  Settling layer{.stop = {.tolerance = 1e-9}, .adjoint = {.tolerance = 1e-9}};
  const auto theta = settling<Settling>(1);
  auto u = random_state(TwoScales::shape(70), 2);  // several tiles
  u.view().sample(40).vector().setConstant(std::numeric_limits<double>::quiet_NaN());
  const auto w = random_state(u.shape, 3);
  const auto run = [&](View<const double> injection, View<const double> gradient, State<double>& z, State<double>& du) {
    z = State<double>(injection.shape());
    du = State<double>(injection.shape());
    SolveLog log;
    const auto linear = layer.linearize(theta, injection, z.view(), Context{.log = &log});
    const std::vector<SolveRecord> forward(log.records().begin(), log.records().end());
    (void)linear.vjp(gradient, du.view());
    return forward;
  };
  State<double> z, du, z_two, du_two, z_alone, du_alone;
  set_threads(1);
  const auto records = run(u.view(), w.view(), z, du);
  set_threads(2);
  (void)run(u.view(), w.view(), z_two, du_two);
  set_threads(0);
  REQUIRE(records.size() == 70);
  for (const Index n : {0, 39, 41, 69}) {
    const auto alone = run(u.view().sample(n), w.view().sample(n), z_alone, du_alone);
    CHECK(z.view().sample(n).vector() == z_alone.values);
    CHECK(z_two.view().sample(n).vector() == z_alone.values);
    CHECK(du.view().sample(n).vector() == du_alone.values);
    CHECK(du_two.view().sample(n).vector() == du_alone.values);
    CHECK(alone[0].result.evaluations == records[static_cast<std::size_t>(n)].result.evaluations);
    CHECK(alone[0].result.status == Status::converged);
  }
  CHECK(records[40].result.status == Status::non_finite);
  CHECK(z.view().sample(40).vector().array().isNaN().all());
}

TEST_CASE("evaluations of a cell of several scales allocate nothing", "[allocation][multi_scale]") {
  if (!basin_test::counts_allocations()) return;
  const Cell2 cell;
  const auto theta = settling<Cell2>(1);
  const auto prepared = cell.prepare<double>(theta.span());
  const auto z = random_state(TwoScales::shape(5), 2), u = random_state(z.shape, 3);
  State<double> out(z.shape), value(z.shape);
  const auto linear = cell.linearize<double>(theta.span(), z.view(), u.view(), value.view(), Context{}, prepared);
  const auto once = [&] {
    (void)cell.apply<double>(theta.span(), z.view(), u.view(), out.view(), Context{}, prepared);
    (void)linear.jvp(z.view(), out.view());
    (void)linear.vjp(z.view(), out.view());
  };
  once();
  const basin_test::AllocationCount count;
  once();
  CHECK(count.allocations() == 0);
}
