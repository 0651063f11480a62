// Attention, and the layers that stand beside it in a transformer: rotary positions and the gated unit.

#include "basin/layers/attention.hpp"

#include <catch2/catch.hpp>

#include "basin/layers/dense.hpp"
#include "basin/layers/rotary.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/layers/swiglu.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace basin;

static_assert(Layer<Attention<4, 2>, float> && Layer<Attention<4, 2, CausalAttention>, double>);

/// The sums of the definition. sees(i, j): whether query j sees cell i.
template <int C, int Heads, class Sees>
State<double> by_definition(const State<double>& x, const Sees& sees) {
  constexpr int D = C / Heads;
  const Index cells = x.shape.cells_per_sample();
  State<double> y(x.shape.with_features(C));
  for (Index n = 0; n < x.shape.samples; ++n) {
    const auto in = x.view().sample(n).matrix();
    for (int h = 0; h < Heads; ++h) {
      for (Index j = 0; j < cells; ++j) {
        Vector<double> p = Vector<double>::Zero(cells);
        for (Index i = 0; i < cells; ++i) {
          if (!sees(i, j)) continue;
          double score = 0;
          for (int d = 0; d < D; ++d) score += in(C + h * D + d, i) * in(h * D + d, j);
          p[i] = std::exp(score / std::sqrt(static_cast<double>(D)));
        }
        p /= p.sum();
        for (int d = 0; d < D; ++d) {
          double sum = 0;
          for (Index i = 0; i < cells; ++i) sum += p[i] * in(2 * C + h * D + d, i);
          y.view().sample(n).matrix()(h * D + d, j) = sum;
        }
      }
    }
  }
  return y;
}

template <class L>
State<double> applied(const L& layer, const State<double>& x) {
  const Parameters<L, double> theta;
  State<double> y(layer.out_shape(x.shape));
  layer.apply(theta, x.view(), y.view());
  return y;
}

GroupedAttention rows_and_columns(Index width, Index height) {
  std::vector<std::vector<Index>> sets(static_cast<std::size_t>(width + height));
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      sets[static_cast<std::size_t>(x)].push_back(x + y * width);
      sets[static_cast<std::size_t>(width + y)].push_back(x + y * width);
    }
  }
  return GroupedAttention(width * height, sets);
}

}  // namespace

TEST_CASE("attention is the sum that it stands for", "[unit]") {
  for (const Index cells : {1, 5, 64, 65, 150}) {
    const State<double> x = test::random_state(Shape{24, {cells, 1, 1}, 2}, 3);
    const auto all = by_definition<8, 2>(x, [](Index, Index) { return true; });
    CHECK(test::relative_error(applied(Attention<8, 2>{}, x).values, all.values) <= 1e-14);
    const auto before = by_definition<8, 4>(x, [](Index i, Index j) { return i <= j; });
    CHECK(test::relative_error(applied(Attention<8, 4, CausalAttention>{}, x).values, before.values) <= 1e-14);
  }
  const State<double> x = test::random_state(Shape{9, {5, 4, 1}, 2}, 4);
  const auto some = by_definition<3, 1>(x, [](Index i, Index j) { return i % 5 == j % 5 || i / 5 == j / 5; });
  const Attention<3, 1, GroupedAttention> grouped{rows_and_columns(5, 4)};
  CHECK(test::relative_error(applied(grouped, x).values, some.values) <= 1e-14);
}

TEST_CASE("attention has the derivative of its definition", "[gradient]") {
  test::check_linearization(Attention<6, 2>{}, Shape{18, {5, 1, 1}, 2});
  test::check_linearization(Attention<4, 1, CausalAttention>{}, Shape{12, {3, 2, 1}, 2});
  test::check_linearization(Attention<2, 1, GroupedAttention>{rows_and_columns(3, 2)}, Shape{6, {3, 2, 1}, 2});
}

TEST_CASE("attention of more cells than a block takes has the derivative of its definition", "[gradient]") {
  const Attention<4, 2, CausalAttention> layer;
  const State<double> x = test::random_state(Shape{12, {70, 1, 1}, 1}, 5);
  const Parameters<Attention<4, 2, CausalAttention>, double> theta;
  const GradientCheck check = check_gradients(layer, theta, x, {.most = 60});
  INFO(check.to_string());
  CHECK(check.passed);
}

TEST_CASE("what a query does not see leaves no trace in it, and large scores do not overflow", "[unit]") {
  State<float> x(Shape{12, {9, 1, 1}, 1});
  x.values.setRandom();
  const Attention<4, 1, CausalAttention> layer;
  State<float> y(layer.out_shape(x.shape)), z = y;
  layer.apply({}, x.view(), y.view());
  State<float> other = x;
  other.view().matrix().col(8).setConstant(1e6f);
  layer.apply({}, other.view(), z.view());
  CHECK(z.view().matrix().leftCols(8) == y.view().matrix().leftCols(8));
  CHECK(z.view().matrix().col(8) != y.view().matrix().col(8));
  x.values *= 1e4f;
  layer.apply({}, x.view(), y.view());
  CHECK(y.values.allFinite());
}

TEST_CASE("sets of attention are checked", "[unit]") {
  using Grouped = Attention<2, 1, GroupedAttention>;
  CHECK_THROWS_WITH(Grouped{}.out_shape(Shape{6, {4, 1, 1}, 1}), Catch::Contains("sets of GroupedAttention is none"));
  CHECK_THROWS_WITH((Grouped{rows_and_columns(2, 2)}.out_shape(Shape{6, {5, 1, 1}, 1})),
                    Catch::Contains("number of cells is 5, expected 4"));
  CHECK_THROWS_WITH(GroupedAttention(3, {{0, 3}}), Catch::Contains("number of a cell in a set is 3, expected 0 to 2"));
}

TEST_CASE("rotary positions turn pairs by their place", "[unit]") {
  const Rotary<10, 2, 4> layer;
  const State<double> x = test::random_state(Shape{10, {7, 1, 1}, 2}, 6);
  const State<double> y = applied(layer, x);
  for (Index n = 0; n < 2; ++n) {
    for (Index cell = 0; cell < 7; ++cell) {
      const auto from = x.view().sample(n).matrix().col(cell), to = y.view().sample(n).matrix().col(cell);
      for (int head = 0; head < 2; ++head) {
        for (int i = 0; i < 2; ++i) {
          const double angle = static_cast<double>(cell) * (i == 0 ? 1.0 : 0.01);
          const double a = from[head * 4 + 2 * i], b = from[head * 4 + 2 * i + 1];
          CHECK(to[head * 4 + 2 * i] == Approx(std::cos(angle) * a - std::sin(angle) * b).epsilon(1e-12));
          CHECK(to[head * 4 + 2 * i + 1] == Approx(std::sin(angle) * a + std::cos(angle) * b).epsilon(1e-12));
        }
      }
      CHECK(to.tail(2) == from.tail(2));
    }
  }
}

TEST_CASE("products of turned vectors depend on the distance of their cells alone", "[unit]") {
  // One vector in all cells of a plane: after turning, products depend on the difference of places.
  const Rotary<8, 1, 8, 2> layer;
  State<double> x(Shape{8, {40, 30, 1}, 1});
  const State<double> one = test::random_state(Shape{8, {1, 1, 1}, 1}, 7);
  x.view().matrix().colwise() = one.values;
  const State<double> y = applied(layer, x);
  const auto at = [&](Index column, Index row) { return y.view().matrix().col(column + 40 * row); };
  CHECK(at(3, 5).dot(at(7, 6)) == Approx(at(33, 20).dot(at(37, 21))).epsilon(1e-12));
  CHECK(at(0, 0).dot(at(4, 1)) == Approx(at(3, 5).dot(at(7, 6))).epsilon(1e-12));
  CHECK(std::abs(at(0, 0).dot(at(1, 4)) - at(0, 0).dot(at(4, 1))) > 1e-3);
  // A plane that is split along its last axis, and a sequence.
  State<double> below(Shape{8, {40, 10, 1}, 1});
  layer.apply({}, View<const double>(x.view().data(), below.shape), below.view(), Context{.first_cell = 40 * 20});
  CHECK(test::relative_error(below.values, y.values.tail(below.values.size())) <= 1e-12);
}

TEST_CASE("rotary positions and the gated unit have the derivatives of their definitions", "[gradient]") {
  test::check_linearization(Rotary<7, 3, 2>{}, Shape{7, {5, 1, 1}, 2});
  test::check_linearization(Rotary<8, 2, 4, 2>{.base = 10}, Shape{8, {3, 2, 1}, 2});
  test::check_linearization(SwiGlu<5>{}, Shape{10, {3, 2, 1}, 2});
  CHECK_THROWS_WITH((Rotary<8, 2, 4>{}.out_shape(Shape{8, {3, 2, 1}, 1})),
                    Catch::Contains("Rotary: cells beyond its axes"));
}

TEST_CASE("rotary positions of no cells are none, and a base that is none is refused", "[unit]") {
  State<double> none(Shape{8, {0, 3, 1}, 2});
  Rotary<8, 2, 4, 2>{}.apply({}, View<const double>(none.view()), none.view());
  for (const double base : {0.0, -1.0, std::nan("")}) {
    CHECK_THROWS_WITH((Rotary<8, 2, 4>{.base = base}.out_shape(Shape{8, {3, 1, 1}, 1})),
                      Catch::Contains("Rotary: base"));
  }
}

TEST_CASE("a block of a transformer is a layer", "[gradient]") {
  using Block = Sequential<Dense<4, 12>, Rotary<12, 4, 2>, Attention<4, 2, CausalAttention>, Dense<4, 4>>;
  test::check_linearization(Block{}, Shape{4, {6, 1, 1}, 2});
}
