// Monotone operator equilibria: what W must satisfy, and that no parameters break it.

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>

#include "basin/core/parallel.hpp"
#include "basin/deq/equilibrium.hpp"
#include "basin/deq/peaceman_rachford.hpp"
#include "support/counting_allocator.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using DenseCell = MonotoneDense<6>;
using ConvCell = MonotoneConv<2>;
using PaddedCell = MonotoneConv<2, 3, Zero>;
using DenseSplit = PeacemanRachford<DenseCell>;
using ConvSplit = PeacemanRachford<ConvCell, 5, 4>;  // an odd and an even number of frequencies
const Shape vectors{6, {1, 1, 1}, 1}, planes{2, {5, 4, 1}, 1};

static_assert(Cell<MonotoneConv<3, 5, Zero>> && Cell<PeacemanRachford<ConvCell, 8, 8>>);

/// What a cell settles to, and what of its linearization there brings a gradient w back.
struct Settled {
  Vector<double> z;
  SampleResult forward, adjoint;
  Vector<double> du, dtheta;
};

/// Both solves by the same method. The map is held as a function, so that a solver is compiled once for all cells. Of a
/// splitting z = relu(v): w passes through that, too.
template <class Method = Picard, class C>
Settled settle(const C& cell, const Vector<double>& theta_values, const State<double>& u, double tolerance = 1e-12) {
  constexpr bool split = std::is_same_v<C, DenseSplit> || std::is_same_v<C, ConvSplit>;
  const std::span<const double, C::param_count> theta(theta_values.data(), C::param_count);
  const auto prepared = cell.template prepare<double>(theta);
  const std::function<void(View<const double>, View<double>)> f = [&](View<const double> z, View<double> out) {
    cell.template apply<double>(theta, z, u.view(), out, Context{}, prepared);
  };
  const State<double> zero(u.shape);
  const auto found = solve(f, zero.view(), Method{}, {.tolerance = tolerance, .max_evaluations = 200000});
  State<double> value(u.shape), w = test::random_state(u.shape, 17), solved(u.shape), du(u.shape);
  const auto linear = cell.template linearize<double>(theta, found.value.view(), u.view(), value.view(), {}, prepared);
  Settled result{found.value.values, found.samples[0], {}, {}, Vector<double>::Zero(theta_values.size())};
  if (split) {
    w.values = (result.z.array() > 0).select(w.values, 0.0);
    result.z = result.z.cwiseMax(0.0);
  }
  const std::function<void(View<const double>, View<double>)> transposed = [&](View<const double> v, View<double> out) {
    linear.vjp(v, out);
  };
  const Implicit<Picard> adjoint{.tolerance = tolerance, .max_evaluations = 200000};
  adjoint.solve_tile<double>(transposed, w.view(), solved.view(), std::span(&result.adjoint, 1));
  linear.pullback(solved.view(), View<double>{}, du.view(),
                  std::span<double, C::param_count>(result.dtheta.data(), C::param_count));
  result.du = du.values;
  return result;
}

/// z -> W z of a cell as columns.
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

/// By elimination without pivots. (Eigen's decompositions take seconds to compile.)
bool positive_definite(Matrix<double> a) {
  for (Index k = 0; k < a.rows(); ++k) {
    if (!(a(k, k) > 0)) return false;
    for (Index j = k + 1; j < a.cols(); ++j) a.col(j) -= a.col(k) * (a(k, j) / a(k, k));
  }
  return true;
}

void check_settled(const Settled& settled) {
  CHECK(settled.forward.status == Status::converged);
  CHECK(settled.adjoint.status == Status::converged);
}

void check_same(const Settled& given, const Settled& expected) {
  check_settled(given);
  CHECK(test::relative_error(given.z, expected.z) < 1e-9);
  CHECK(test::relative_error(given.du, expected.du) < 1e-8);
  CHECK(test::relative_error(given.dtheta, expected.dtheta) < 1e-8);
}

}  // namespace

TEST_CASE("the derivatives of a monotone cell and of its splitting are right", "[unit]") {
  PaddedCell padded;
  padded.alpha = 0.7;
  test::check_cell(padded, planes.with_samples(2));
  ConvSplit split;
  split.alpha = 0.4;
  test::check_cell(split, planes.with_samples(2), {.adjoint_tolerance = 1e-12});
}

TEST_CASE("W has the transpose that its products say, and I - W is as monotone as m says, at any theta", "[unit]") {
  const auto check = [](auto cell, const Shape& shape, double m, double looseness) {
    cell.m = m;
    for (const double spread : {0.1, 1.0, 100.0}) {
      const auto theta = test::random_parameters<decltype(cell)>(5, spread);
      const Matrix<double> w = matrix_of_w(cell, theta, shape);
      const auto made = cell.template prepare<double>(theta.span());
      const State<double> y = test::random_state(shape, 6), z = test::random_state(shape, 7);
      State<double> w_z(shape), turned(shape);
      const auto linear = typename decltype(cell)::Linear{}.linearize(made->theta(), z.view(), w_z.view());
      linear.vjp(y.view(), turned.view());
      CHECK(std::abs(turned.values.dot(z.values) - y.values.dot(w_z.values)) < 1e-12 * w.norm());
      const Matrix<double> rest = Matrix<double>::Identity(w.rows(), w.cols()) - w;
      Matrix<double> excess = (rest + rest.transpose()) / 2;  // positive definite if its least eigenvalue exceeds m
      excess.diagonal().array() -= m - 1e-12 * rest.norm();
      CHECK(positive_definite(excess));
      const double norm = norm_bound(rest, {.squarings = 14}), bound = cell.lipschitz(cell.one_minus_w(theta.span()));
      CHECK(bound >= 0.999 * norm);
      CHECK(bound <= looseness * norm);
    }
  };
  check(DenseCell{}, vectors, 0.5, 1.1);
  check(ConvCell{}, planes, 1, 2);  // what is true of all planes, on a small one
  check(PaddedCell{}, planes, 0.1, 2);
  // Where A has a column of zeros the least eigenvalue is m itself.
  DenseCell cell;
  cell.m = 0.25;
  auto theta = test::random_parameters<DenseCell>(5);
  for (std::size_t i = 0; i < 6; ++i) theta.leaf("A")[i] = 0;
  CHECK(matrix_of_w(cell, theta, vectors)(0, 0) == Approx(0.75).epsilon(1e-14));
}

TEST_CASE("Anderson mixing does not stand still where a step led back to where it began", "[unit]") {
  // Where a number passes the kink of relu. Of these 25 some stood still as long as a history that leads nowhere was
  // kept.
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    const auto theta = test::random_parameters<DenseCell>(seed, 0.4);
    check_settled(settle<Anderson<5>>(DenseCell{}, theta.vector(), test::random_state(vectors, seed + 1)));
  }
}

TEST_CASE("both splittings and Anderson find the same equilibrium, and the same gradient as a dense solve", "[unit]") {
  const auto theta = test::random_parameters<DenseCell>(3, 0.4);
  const State<double> u = test::random_state(vectors, 4, 2.0);
  const Settled found = settle(DenseCell{}, theta.vector(), u);
  check_settled(found);
  CHECK(found.z.minCoeff() == 0);
  CHECK(found.z.maxCoeff() > 0.1);
  check_same(settle(DenseSplit{}, theta.vector(), u), found);
  check_same(settle<Anderson<5>>(DenseSplit{}, theta.vector(), u), found);
  DenseCell plain;
  plain.alpha = 1;
  CHECK(test::relative_error(settle<Anderson<5>>(plain, theta.vector(), u).z, found.z) < 1e-9);

  // z = relu(W z + u): with D = 1 where z > 0, dz/du = (I - D W)^-1 D.
  const Matrix<double> w = matrix_of_w(DenseCell{}, theta, vectors);
  CHECK(test::relative_error(Vector<double>((w * found.z + u.values).cwiseMax(0.0)), found.z) < 1e-9);
  const Matrix<double> d = (found.z.array() > 0).cast<double>().matrix().asDiagonal();
  const Matrix<double> inverse = detail::resolvent_of<double>(-(d * w).transpose(), 1.0);  // (I - D W)^-T
  const Vector<double> by_u = d * (inverse * test::random_state(vectors, 17).values);
  CHECK(test::relative_error(found.du, by_u) < 1e-10);

  const auto of_conv = test::random_parameters<ConvCell>(3, 0.2);
  const State<double> plane = test::random_state(planes, 4, 2.0);
  const Settled on_torus = settle(ConvCell{}, of_conv.vector(), plane);
  check_same(settle(ConvSplit{}, of_conv.vector(), plane), on_torus);
  CHECK(test::relative_error(settle(PaddedCell{}, of_conv.vector(), plane).z, on_torus.z) > 1e-3);
}

TEST_CASE("the gradient of a monotone equilibrium in theta is that of central differences", "[unit]") {
  const auto check = [](const auto& cell, const State<double>& u, double spread) {
    using C = std::remove_cvref_t<decltype(cell)>;
    const Vector<double> theta = test::random_parameters<C>(8, spread).vector();
    const Vector<double> w = test::random_state(u.shape, 17).values;
    const Settled settled = settle(cell, theta, u);
    const GradientError error =
        gradient_error([&](const Vector<double>& at) { return settle(cell, at, u).z.dot(w); }, theta, settled.dtheta);
    INFO(error.where);
    CHECK(error.value < 1e-7);
  };
  check(DenseCell{}, test::random_state(vectors, 9), 0.3);
  check(DenseSplit{}, test::random_state(vectors, 9), 0.7);
  check(ConvSplit{}, test::random_state(planes, 9), 0.3);
}

TEST_CASE("no parameters break Peaceman-Rachford splitting: it converges, forward and back, at any theta", "[unit]") {
  for (const double spread : {0.1, 1.0, 10.0, 100.0}) {
    for (const std::uint64_t seed : {1u, 2u, 3u, 4u}) {
      CAPTURE(spread, seed);
      const double size = seed % 2 == 0 ? 1.0 : 100.0;
      check_settled(settle(DenseSplit{}, test::random_parameters<DenseSplit>(seed, spread).vector(),
                           test::random_state(vectors, seed + 1, size), 1e-9));
      check_settled(settle(ConvSplit{}, test::random_parameters<ConvSplit>(seed, spread).vector(),
                           test::random_state(planes, seed + 1, size), 1e-9));
    }
  }
}

TEST_CASE("forward-backward splitting settles by the step that it chooses, and not by one that is too long", "[unit]") {
  const State<double> u = test::random_state(vectors, 4);
  DenseCell cell;
  for (const double spread : {0.1, 0.5, 1.0}) {
    check_settled(settle(cell, test::random_parameters<DenseCell>(3, spread).vector(), u, 1e-9));
  }
  cell.alpha = 1;
  const auto theta = test::random_parameters<DenseCell>(3, 1.0).vector();
  CHECK(settle(cell, theta, u, 1e-9).forward.status != Status::converged);
}

TEST_CASE("a monotone batch gives what a sample gets alone, on any number of threads, without allocation",
          "[repeatable][allocation]") {
  Equilibrium<DenseSplit, Picard> layer;
  const auto theta = test::random_parameters<DenseSplit>(3, 0.5);
  const auto prepared = layer.cell.prepare<double>(theta.span());
  const State<double> u = test::random_state(vectors.with_samples(130), 4);
  State<double> one(u.shape), other(u.shape);
  const auto run = [&](int threads, View<const double> from, View<double> to) {
    set_threads(threads);
    const Report report = layer.apply<double>(theta.span(), from, to, Context{}, prepared);
    CHECK(report.forward.converged() == static_cast<std::size_t>(from.samples()));
  };
  run(1, u.view(), one.view());
  for (const int threads : {2, 3}) {
    run(threads, u.view(), other.view());
    CHECK(other.values == one.values);
  }
  set_threads(1);
  for (Index n = 0; n < 130; ++n) {
    (void)layer.apply<double>(theta.span(), u.view().sample(n), other.view().sample(n), Context{}, prepared);
  }
  CHECK(test::relative_error(other.values, one.values) < 1e-11);

  if (basin_test::counts_allocations()) {
    const ConvSplit split;
    const auto of_conv = test::random_parameters<ConvSplit>(3, 0.5);
    const auto resolvent = split.prepare<double>(of_conv.span());
    const State<double> plane = test::random_state(planes, 4);
    State<double> out(planes);
    const auto evaluate = [&] {
      layer.cell.apply<double>(theta.span(), one.view(), u.view(), other.view(), {}, prepared);
      split.apply<double>(of_conv.span(), plane.view(), plane.view(), out.view(), {}, resolvent);
    };
    evaluate();
    const basin_test::AllocationCount count;
    evaluate();
    CHECK(count.allocations() == 0);
  }
  set_threads(0);
}

TEST_CASE("samples that pass a resolvent together get the bits that they get alone", "[repeatable]") {
  const ConvSplit split;
  const auto theta = test::random_parameters<ConvSplit>(3, 0.5);
  const auto prepared = split.prepare<double>(theta.span());
  const Shape eleven = planes.with_samples(11);  // eight, and three
  const State<double> v = test::random_state(eleven, 4), u = test::random_state(eleven, 5);
  State<double> together(eleven), back(eleven), alone(planes), value(planes);
  const auto linear = split.linearize<double>(theta.span(), v.view(), u.view(), together.view(), {}, prepared);
  linear.vjp(u.view(), back.view());
  for (Index n = 0; n < 11; ++n) {
    const auto one =
        split.linearize<double>(theta.span(), v.view().sample(n), u.view().sample(n), value.view(), {}, prepared);
    CHECK(value.values == together.view().sample(n).vector());
    one.vjp(u.view().sample(n), alone.view());
    CHECK(alone.values == back.view().sample(n).vector());
  }
}

TEST_CASE("options and shapes of monotone cells that make no sense are refused", "[unit]") {
  const auto theta = test::random_parameters<DenseCell>(3);
  DenseCell cell;
  cell.m = 0;
  CHECK_THROWS_WITH(cell.prepare<double>(theta.span()), "Monotone: m is 0, expected a finite number above 0");
  cell = {.alpha = -1};
  CHECK_THROWS_WITH(cell.prepare<double>(theta.span()),
                    "Monotone: alpha is -1, expected a finite number above 0, or 0 to choose it");
  CHECK_THROWS_WITH(ConvSplit{}.state_shape({2, {4, 5, 1}, 3}),
                    "PeacemanRachford: shape of an injection is (2, 4, 5, 1, 3), expected a plane of 5 x 4");
  CHECK_THROWS_WITH(DenseCell{}.state_shape({5, {1, 1, 1}, 3}),
                    "Monotone: injection: number of features is 5, expected 6");
}
