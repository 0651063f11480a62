#include "basin/layers/set_messages.hpp"

#include <catch2/catch.hpp>

#include "support/layer_checks.hpp"

namespace {

using namespace basin;

using Layer5 = SetMessages<5, 3, 4, 2>;

static_assert(Layer<Layer5, float> && Layer<Layer5, double> && Fusible<Layer5>);

/// Rows and columns of a grid as one kind, two of its corners and a cell alone as another.
CellSets lines_and_corners(Index width, Index height) {
  CellSets::Sets lines(static_cast<std::size_t>(width + height));
  for (Index j = 0; j < height; ++j) {
    for (Index i = 0; i < width; ++i) {
      lines[static_cast<std::size_t>(i)].push_back(i + j * width);
      lines[static_cast<std::size_t>(width + j)].push_back(i + j * width);
    }
  }
  return {width * height, {lines, {{0, width * height - 1}, {1}}}};
}

/// The sums of the definition.
State<double> by_definition(const Layer5& layer, const Parameters<Layer5, double>& theta, const State<double>& x) {
  const double* at = theta.span().data();
  const auto next = [&](Index rows, Index columns) {
    const Matrix<double> m = Eigen::Map<const Matrix<double>>(at, rows, columns);
    at += rows * columns;
    return m;
  };
  const Matrix<double> w = next(4, 5), b = next(4, 1), p = next(3, 5);
  const std::vector<Matrix<double>> v{next(4, 6), next(4, 6)};
  State<double> y(x.shape.with_features(4));
  for (Index n = 0; n < x.shape.samples; ++n) {
    const Matrix<double> in = x.view().sample(n).matrix(), shown = p * in;
    Matrix<double> out = w * in;
    out.colwise() += b.col(0);
    for (std::size_t k = 0; k < 2; ++k) {
      for (Index s = layer.sets.first(static_cast<Index>(k)); s < layer.sets.first(static_cast<Index>(k) + 1); ++s) {
        Vector<double> m = Vector<double>::Zero(6);
        m.tail(3).setConstant(-1e300);
        const auto members = layer.sets.members(s);
        for (const Index i : members) {
          m.head(3) += shown.col(i) / static_cast<double>(members.size());
          m.tail(3) = m.tail(3).cwiseMax(shown.col(i));
        }
        for (const Index i : members) out.col(i) += v[k] * m;
      }
    }
    y.view().sample(n).matrix() = out;
  }
  return y;
}

}  // namespace

TEST_CASE("set messages match their definition", "[unit]") {
  const Layer5 layer{lines_and_corners(4, 3)};
  const auto theta = test::random_parameters<Layer5>(3);
  const State<double> x = test::random_state(Shape{5, {4, 3, 1}, 3}, 11);
  State<double> y(layer.out_shape(x.shape));
  layer.apply(theta, x.view(), y.view());
  CHECK(test::relative_error(y.values, by_definition(layer, theta, x).values) <= 1e-14);
  CHECK(layer.sets.count() == 9);
  CHECK(layer.sets.sets_of(0).size() == 3);
  CHECK(layer.sets.sets_of(2).size() == 2);
}

TEST_CASE("set messages have the right derivatives", "[gradient]") {
  test::check_linearization(Layer5{lines_and_corners(4, 3)}, Shape{5, {4, 3, 1}, 3}, {.tolerance = 1e-8});
  // More cells than a block, and features that fill registers.
  test::check_linearization(SetMessages<8, 16, 32, 2>{lines_and_corners(10, 9)}, Shape{8, {10, 9, 1}, 2},
                            {.tolerance = 1e-7});
}

TEST_CASE("the derivative of a maximum goes to the first cell that reaches it", "[gradient]") {
  using One = SetMessages<1, 1, 1, 1>;
  const One layer{CellSets(3, {{{0, 1, 2}}})};
  Parameters<One, double> theta;
  theta.vector() << 0, 0, 1, 0, 1;  // y = the maximum of x
  State<double> x(Shape{1, {3, 1, 1}, 1}), y(x.shape), w(x.shape), dx(x.shape);
  x.values << 1, 2, 2;
  w.values << 1, 10, 100;
  const auto j = layer.linearize(theta, x.view(), y.view());
  CHECK(y.values == Vector<double>::Constant(3, 2.0));
  j.vjp(w.view(), dx.view());
  CHECK(dx.values == Vector<double>{{0, 111, 0}});
}

TEST_CASE("set messages hand on each block once, and know their samples", "[unit]") {
  const SetMessages<3, 4, 5, 2> layer{lines_and_corners(12, 10)};
  const auto theta = test::random_parameters<SetMessages<3, 4, 5, 2>, float>(2);
  const State<float> x = test::random_state<float>(Shape{3, {12, 10, 1}, 2}, 4);
  State<float> y(layer.out_shape(x.shape)), fused(y.shape);
  layer.apply(theta, x.view(), y.view());
  Index next = 0;
  layer.apply_then(theta, x.view(), fused.view(), {}, [&](float* block, Index offset, Index count) {
    REQUIRE(block == fused.values.data() + offset);
    REQUIRE(offset == next);
    next += count;
    for (Index i = 0; i < count; ++i) block[i] = -block[i];
  });
  CHECK(next == y.values.size());
  CHECK(fused.values == -y.values);
}

TEST_CASE("set messages refuse sets that do not fit", "[unit]") {
  const Shape x{5, {4, 3, 1}, 1};
  CHECK_THROWS_WITH(Layer5{}.out_shape(x), "SetMessages: sets is none, expected CellSets(cells, kinds)");
  CHECK_THROWS_WITH(Layer5{lines_and_corners(5, 3)}.out_shape(x), "SetMessages: number of cells is 12, expected 15");
  CHECK_THROWS_WITH((Layer5{CellSets(12, {{{0}}})}.out_shape(x)),
                    "SetMessages: number of kinds of sets is 1, expected 2");
  CHECK_THROWS_WITH(Layer5{lines_and_corners(4, 3)}.out_shape(x.with_features(6)),
                    "SetMessages: number of features is 6, expected 5");
  CHECK_THROWS_WITH(CellSets(3, {{{0, 3}}}), "CellSets: number of a cell in a set is 3, expected 0 to 2");
  CHECK_THROWS_WITH(CellSets(3, {{{0}, {}}}), "CellSets: number of cells in a set is 0, expected 1 or more");
  CHECK_THROWS_WITH(CellSets(0, {}), "CellSets: number of cells is 0, expected 1 or more");
}
