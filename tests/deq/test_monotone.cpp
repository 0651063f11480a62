// Monotone operator equilibria: what W must satisfy, and that no parameters break it.

#include <Eigen/Eigenvalues>
#include <catch2/catch.hpp>
#include <cmath>

#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/peaceman_rachford.hpp"
#include "basin/layers/sequential.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using DenseCell = MonotoneDense<6>;
using ConvCell = MonotoneConv<2>;
template <class C, int... Plane>
using Split = Sequential<Equilibrium<PeacemanRachford<C, Plane...>, Picard, Implicit<Picard>>, Relu>;
template <class C>
using Forward = Equilibrium<C, Picard, Implicit<Picard>>;

static_assert(Cell<DenseCell> && Cell<ConvCell> && Cell<MonotoneConv<3, 5, Zero>>);
static_assert(Cell<PeacemanRachford<DenseCell>> && Cell<PeacemanRachford<ConvCell, 8, 8>>);

constexpr Stop exact{.tolerance = 1e-12, .max_evaluations = 200000};

/// What a layer gives and passes back for a w, in double.
struct Result {
  Vector<double> z, du, dtheta;
  Report report;
};

template <class L>
Result result_of(const L& layer, const Vector<double>& theta_values, const State<double>& u) {
  Parameters<L, double> theta, dtheta;
  theta.vector() = theta_values;
  State<double> z(layer.out_shape(u.shape)), du(u.shape);
  const auto linear = layer.linearize(theta, u.view(), z.view());
  const State<double> w = test::random_state(z.shape, 17);
  Report report = linear.report();
  report += linear.pullback(w.view(), du.view(), dtheta.span());
  return {z.values, du.values, dtheta.vector(), report};
}

template <class C, int... Plane>
Split<C, Plane...> split(double tolerance = 1e-12) {
  Split<C, Plane...> layer;
  layer.template layer<0>().stop = exact;
  layer.template layer<0>().stop.tolerance = tolerance;
  layer.template layer<0>().adjoint = {.tolerance = tolerance, .max_evaluations = 200000};
  return layer;
}

template <class C>
Forward<C> forward() {
  Forward<C> layer;
  layer.stop = exact;
  layer.adjoint = {.tolerance = 1e-12, .max_evaluations = 200000};
  return layer;
}

/// z -> W z of a cell, on a shape, as columns.
template <class C>
Matrix<double> matrix_of_w(const C& cell, const Parameters<C, double>& theta, const Shape& shape) {
  const auto made = cell.template prepare<double>(theta.span());
  Matrix<double> w(shape.size(), shape.size());
  State<double> unit(shape), image(shape);
  for (Index i = 0; i < shape.size(); ++i) {
    unit.values.setZero();
    unit.values[i] = 1;
    typename C::Linear{}.apply(made->theta(), unit.view(), image.view());
    w.col(i) = image.values;
  }
  return w;
}

}  // namespace

TEST_CASE("the derivatives of a monotone cell are right", "[unit]") {
  DenseCell dense;
  dense.alpha = 0.3;
  test::check_cell(dense, {6, {1, 1, 1}, 3});
  MonotoneConv<2, 3, Zero> conv;
  conv.alpha = 0.7;
  test::check_cell(conv, {2, {3, 4, 1}, 2}, {.float_tolerance = 0});
}

TEST_CASE("the derivatives of Peaceman-Rachford splitting are right", "[unit]") {
  PeacemanRachford<DenseCell> dense;
  dense.alpha = 0.6;
  test::check_cell(dense, {6, {2, 1, 1}, 3}, {.adjoint_tolerance = 1e-12});
  PeacemanRachford<ConvCell, 5, 4> conv;  // an odd and an even number of frequencies
  conv.alpha = 0.4;
  test::check_cell(conv, {2, {5, 4, 1}, 2}, {.adjoint_tolerance = 1e-12, .float_tolerance = 0});
}

TEST_CASE("W has the transpose that its products say, and I - W is as monotone as m says, at any theta", "[unit]") {
  const auto check = [](auto cell, const Shape& shape, double m, double spread, double looseness) {
    cell.m = m;
    const auto theta = test::random_parameters<decltype(cell)>(5, spread);
    const Matrix<double> w = matrix_of_w(cell, theta, shape);
    const auto made = cell.template prepare<double>(theta.span());
    const State<double> y = test::random_state(shape, 6), z = test::random_state(shape, 7);
    State<double> w_z(shape), turned(shape);
    const auto linear = typename decltype(cell)::Linear{}.linearize(made->theta(), z.view(), w_z.view());
    linear.vjp(y.view(), turned.view());
    CHECK(test::relative_error(turned.values, Vector<double>(w.transpose() * y.values)) < 1e-12);
    const Matrix<double> rest = Matrix<double>::Identity(w.rows(), w.cols()) - w;
    const Eigen::SelfAdjointEigenSolver<Matrix<double>> symmetric((rest + rest.transpose()) / 2,
                                                                  Eigen::EigenvaluesOnly);
    CHECK(symmetric.eigenvalues().minCoeff() >= m - 1e-12 * rest.norm());
    const Eigen::SelfAdjointEigenSolver<Matrix<double>> squares(rest.transpose() * rest, Eigen::EigenvaluesOnly);
    const double norm = std::sqrt(squares.eigenvalues().maxCoeff()),
                 bound = cell.lipschitz(cell.one_minus_w(theta.span()));
    CHECK(bound >= norm);
    CHECK(bound <= looseness * norm);
  };
  for (const double spread : {0.1, 1.0, 100.0}) {
    check(DenseCell{}, {6, {1, 1, 1}, 1}, 0.5, spread, 1.1);
    check(ConvCell{}, {2, {5, 4, 1}, 1}, 1, spread, 2);  // what no plane exceeds, on a small one
    check(MonotoneConv<2, 3, Zero>{}, {2, {5, 4, 1}, 1}, 0.1, spread, 2);
  }
  // A has fewer rows of use than columns: the least eigenvalue is m itself.
  DenseCell cell;
  cell.m = 0.25;
  auto theta = test::random_parameters<DenseCell>(5);
  for (std::size_t i = 0; i < 6; ++i) theta.leaf("A")[i] = 0;  // column 0
  const Matrix<double> rest = Matrix<double>::Identity(6, 6) - matrix_of_w(cell, theta, {6, {1, 1, 1}, 1});
  CHECK(rest(0, 0) == Approx(0.25).epsilon(1e-14));
}

TEST_CASE("both splittings and Anderson find the same equilibrium, and the same gradient as a dense solve", "[unit]") {
  const auto agree = [](const Result& a, const Result& b) {
    CHECK(test::relative_error(a.z, b.z) < 1e-9);
    CHECK(test::relative_error(a.du, b.du) < 1e-8);
    CHECK(test::relative_error(a.dtheta, b.dtheta) < 1e-8);
    CHECK(a.report.forward.converged() == a.report.forward.solves());
    CHECK(a.report.adjoint.converged() == a.report.adjoint.solves());
  };
  const auto theta = test::random_parameters<DenseCell>(3, 0.4).vector();
  const State<double> u = test::random_state({6, {1, 1, 1}, 4}, 4);
  const Result found = result_of(forward<DenseCell>(), theta, u);
  CHECK(found.z.minCoeff() == 0);
  CHECK(found.z.maxCoeff() > 0.1);
  agree(result_of(split<DenseCell>(), theta, u), found);
  Equilibrium<DenseCell, Anderson<5>> anderson;
  anderson.cell.alpha = 1;
  anderson.stop = exact;
  anderson.adjoint.tolerance = 1e-12;
  agree(result_of(anderson, theta, u), found);

  // z = relu(W z + u): with D = 1 where z > 0, dz/du = (I - D W)^-1 D.
  Parameters<DenseCell, double> parameters;
  parameters.vector() = theta;
  const Matrix<double> w = matrix_of_w(DenseCell{}, parameters, {6, {1, 1, 1}, 1});
  const State<double> given = test::random_state(u.shape, 17);
  for (Index n = 0; n < 4; ++n) {
    const Vector<double> z = found.z.segment(6 * n, 6);
    CHECK(test::relative_error(Vector<double>((w * z + u.values.segment(6 * n, 6)).cwiseMax(0.0)), z) < 1e-9);
    const Matrix<double> d = (z.array() > 0).cast<double>().matrix().asDiagonal();
    const Matrix<double> jacobian = Matrix<double>::Identity(6, 6) - d * w;
    const Vector<double> solved = jacobian.transpose().partialPivLu().solve(given.values.segment(6 * n, 6));
    CHECK(test::relative_error(found.du.segment(6 * n, 6), Vector<double>(d * solved)) < 1e-10);
  }

  const auto of_conv = test::random_parameters<ConvCell>(3, 0.2).vector();
  const State<double> plane = test::random_state({2, {5, 6, 1}, 2}, 4);
  agree(result_of(split<ConvCell, 5, 6>(), of_conv, plane), result_of(forward<ConvCell>(), of_conv, plane));
  CHECK(test::relative_error(result_of(forward<MonotoneConv<2, 3, Zero>>(), of_conv, plane).z,
                             result_of(forward<ConvCell>(), of_conv, plane).z) > 1e-3);
}

TEST_CASE("the gradient of a monotone equilibrium passes central differences", "[unit]") {
  const auto check = [](const auto& layer, const Shape& shape, double spread) {
    using L = std::remove_cvref_t<decltype(layer)>;
    const auto theta = test::random_parameters<L>(8, spread);
    const State<double> u = test::random_state(shape, 9);
    const GradientCheck gradients = check_gradients(layer, theta, u.view(), {.tolerance = 1e-7});
    INFO(gradients.to_string());
    CHECK(gradients.passed);
  };
  check(forward<DenseCell>(), {6, {1, 1, 1}, 2}, 0.3);
  check(split<DenseCell>(), {6, {1, 1, 1}, 2}, 0.5);
  check(split<ConvCell, 4, 3>(), {2, {4, 3, 1}, 1}, 0.3);
}

TEST_CASE("no parameters break Peaceman-Rachford splitting: it converges, forward and back, at any theta", "[unit]") {
  const auto check = [](const auto& layer, const Shape& shape, double spread, std::uint64_t seed) {
    using L = std::remove_cvref_t<decltype(layer)>;
    CAPTURE(spread, seed);
    const Result result = result_of(layer, test::random_parameters<L>(seed, spread).vector(),
                                    test::random_state(shape, seed + 1, seed % 2 == 0 ? 1.0 : 100.0));
    CHECK(result.report.forward.converged() == result.report.forward.solves());
    CHECK(result.report.adjoint.converged() == result.report.adjoint.solves());
  };
  const auto dense = split<MonotoneDense<20>>(1e-8);
  const auto conv = split<MonotoneConv<3>, 4, 4>(1e-8);
  for (const double spread : {0.1, 1.0, 10.0, 100.0}) {
    for (const std::uint64_t seed : {1u, 2u, 3u}) check(dense, {20, {1, 1, 1}, 4}, spread, seed);
    check(conv, {3, {4, 4, 1}, 1}, spread, 4);
  }
}

TEST_CASE("forward-backward splitting converges at the step that it chooses, and not at one that is too long",
          "[unit]") {
  Forward<DenseCell> layer = forward<DenseCell>();
  layer.stop.tolerance = 1e-8;
  const State<double> u = test::random_state({6, {1, 1, 1}, 4}, 4);
  for (const double spread : {0.1, 0.5, 1.0}) {
    const auto theta = test::random_parameters<DenseCell>(3, spread).vector();
    CHECK(result_of(layer, theta, u).report.forward.converged() == 4);
  }
  layer.cell.alpha = 1;
  const auto theta = test::random_parameters<DenseCell>(3, 1.0).vector();
  CHECK(result_of(layer, theta, u).report.forward.converged() == 0);
}

TEST_CASE("a monotone batch gives what a sample gets alone, the same on any number of threads", "[repeatable]") {
  const auto check = [](const auto& layer, const Shape& shape) {
    using L = std::remove_cvref_t<decltype(layer)>;
    const auto theta = test::random_parameters<L, float>(3, 0.3);
    const State<float> u = test::random_state<float>(shape, 4);
    State<float> one(shape), other(shape);
    set_threads(1);
    (void)layer.apply(theta, u.view(), one.view());
    for (const int count : {2, 3}) {
      set_threads(count);
      (void)layer.apply(theta, u.view(), other.view());
      CHECK(other.values == one.values);
    }
    set_threads(0);
    for (Index n = 0; n < shape.samples; ++n) (void)layer.apply(theta, u.view().sample(n), other.view().sample(n));
    CHECK(test::relative_error(other.values, one.values) < 1e-5);
  };
  check(Split<DenseCell>{}, {6, {1, 1, 1}, 130});
  check(Split<ConvCell, 5, 4>{}, {2, {5, 4, 1}, 3});
}

TEST_CASE("a solve by splitting allocates nothing after its first evaluation", "[allocation]") {
  if (!basin_test::counts_allocations()) return;
  set_threads(1);
  const auto check = [](auto layer, const Shape& shape) {
    using C = decltype(layer.cell);
    const auto theta = test::random_parameters<C>(3, 1.0);
    const auto prepared = layer.cell.template prepare<double>(theta.span());
    const State<double> u = test::random_state(shape, 4);
    State<double> z(shape);
    const auto count = [&](int evaluations) {
      layer.stop = {.tolerance = 0, .max_evaluations = evaluations, .stall_window = 0};
      (void)layer.template apply<double>(theta.span(), u.view(), z.view(), Context{}, prepared);
      const basin_test::AllocationCount counted;
      (void)layer.template apply<double>(theta.span(), u.view(), z.view(), Context{}, prepared);
      return counted.allocations();
    };
    CHECK(count(5) == count(50));
  };
  check(Equilibrium<PeacemanRachford<DenseCell>, Picard>{}, {6, {1, 1, 1}, 3});
  check(Equilibrium<PeacemanRachford<ConvCell, 5, 4>, Picard>{}, {2, {5, 4, 1}, 2});
  check(Equilibrium<ConvCell, Picard>{}, {2, {5, 4, 1}, 2});
  set_threads(0);
}

TEST_CASE("options and shapes of monotone cells that make no sense are refused", "[unit]") {
  const auto theta = test::random_parameters<DenseCell>(3);
  DenseCell cell;
  cell.m = 0;
  CHECK_THROWS_WITH(cell.prepare<double>(theta.span()), "Monotone: m is 0, expected a finite number above 0");
  cell = {.alpha = -1};
  CHECK_THROWS_WITH(cell.prepare<double>(theta.span()),
                    "Monotone: alpha is -1, expected a finite number above 0, or 0 to choose it");
  CHECK_THROWS_WITH((PeacemanRachford<ConvCell, 5, 4>{}.state_shape({2, {4, 5, 1}, 3})),
                    "PeacemanRachford: shape of an injection is (2, 4, 5, 1, 3), expected a plane of 5 x 4");
  CHECK_THROWS_WITH(DenseCell{}.state_shape({5, {1, 1, 1}, 3}),
                    "Monotone: injection: number of features is 5, expected 6");
}
