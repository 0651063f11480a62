#include "basin/nca/perceive_radial.hpp"

#include <catch2/catch.hpp>
#include <vector>

#include "basin/core/scratch.hpp"
#include "stencil/naive_boundary.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

double bump(double r) { return 1 - 0.5 * r * r; }
double ring(double r) { return r > 0.4 && r < 0.9 ? r : 0.0; }

/// Perception at every stride-th cell, and its transpose, against sums over all offsets.
template <class S, int C, Boundary Edge>
void check_radial(const PerceiveRadial<C, Edge>& perceive, const Shape& shape, Index stride, double tolerance) {
  CAPTURE(perceive.radius(), shape.to_string(), stride, Edge::label);
  perceive.check_shape(shape);
  const State<S> z = random_state<S>(shape, 1);
  const Index width = shape.space[0], height = shape.space[1], R = perceive.radius();
  std::vector<Index> cells;
  for (Index i = stride / 2; i < width * height; i += stride) cells.push_back(i);
  const Index count = static_cast<Index>(cells.size());
  const State<S> g = random_state<S>(Shape{C, {count, 1, 1}, 1}, 2);
  State<S> seen(g.shape), dz = random_state<S>(shape, 3);
  State<double> seen_naive(g.shape), dz_naive = cast<double>(dz);
  for (Index i = 0; i < count; ++i) {
    for (Index dy = -R; dy <= R; ++dy) {
      for (Index dx = -R; dx <= R; ++dx) {
        const Index x = naive_source<Edge>(cells[static_cast<std::size_t>(i)] % width + dx, width);
        const Index y = naive_source<Edge>(cells[static_cast<std::size_t>(i)] / width + dy, height);
        if (x < 0 || y < 0) continue;
        for (Index c = 0; c < C; ++c) {
          const Index at = (y * width + x) * C + c;
          seen_naive.values[i * C + c] += perceive.weight(dx, dy) * static_cast<double>(z.values[at]);
          dz_naive.values[at] += perceive.weight(dx, dy) * static_cast<double>(g.values[i * C + c]);
        }
      }
    }
  }
  Scratch scratch;
  typename PerceiveRadial<C, Edge>::template Sight<S> sight(perceive, {}, View<const S>(z.view()), scratch);
  sight(cells.data(), count, seen.values.data());
  CHECK(relative_error(seen.values, seen_naive.values) < tolerance);
  typename PerceiveRadial<C, Edge>::template Spread<S> spread(perceive, {}, View<const S>(z.view()), dz.view(), nullptr,
                                                              scratch);
  spread(cells.data(), count, g.values.data());
  CHECK(relative_error(dz.values, dz_naive.values) < tolerance);
}

template <int C, Boundary Edge>
void check_shapes() {
  for (const Index stride : {1, 2, 7}) {
    check_radial<double>(PerceiveRadial<C, Edge>(4, bump), Shape{C, {130, 9, 1}, 1}, stride, 1e-14);
    check_radial<float>(PerceiveRadial<C, Edge>(5, ring), Shape{C, {11, 13, 1}, 1}, stride, 3e-6);
  }
}

}  // namespace

TEST_CASE("radial perception: the weights", "[unit]") {
  const PerceiveRadial<1, Periodic> perceive(5, ring);
  double sum = 0;
  for (Index y = -6; y <= 6; ++y) {
    for (Index x = -6; x <= 6; ++x) {
      sum += perceive.weight(x, y);
      CHECK(perceive.weight(x, y) == perceive.weight(-x, y));
      CHECK(perceive.weight(x, y) == perceive.weight(y, -x));
    }
  }
  CHECK(std::abs(sum - 1) < 1e-15);
  CHECK(perceive.weight(0, 0) == 0);
  CHECK(perceive.weight(4, 0) / perceive.weight(3, 0) == Approx(4.0 / 3));
  CHECK(perceive.weight(0, 5) == 0);
  CHECK(perceive.weight(6, 0) == 0);
  CHECK(PerceiveRadial<1, Zero>().weight(0, 0) == 1);
  std::vector<double> asked;
  const PerceiveRadial<1, Zero> one(0, [&](double r) {
    asked.push_back(r);
    return 2.0;
  });
  CHECK(asked == std::vector<double>{0});  // the middle of a disc of one cell, not its edge
  CHECK(one.weight(0, 0) == 1);
}

TEST_CASE("radial perception: against naive sums, and its transpose", "[unit]") {
  check_shapes<1, Periodic>();
  check_shapes<1, Zero>();
  check_shapes<3, Reflect>();
  check_shapes<2, Replicate>();
  // Grids smaller than the disc.
  check_radial<double>(PerceiveRadial<1, Periodic>(7, bump), Shape{1, {3, 2, 1}, 1}, 1, 1e-14);
  check_radial<double>(PerceiveRadial<1, Zero>(7, bump), Shape{1, {1, 5, 1}, 1}, 1, 1e-14);
  check_radial<double>(PerceiveRadial<1, Replicate>(3, bump), Shape{1, {70, 1, 1}, 1}, 1, 1e-14);
  check_radial<double>(PerceiveRadial<2, Zero>(), Shape{2, {5, 4, 1}, 1}, 1, 1e-15);
}

TEST_CASE("radial perception: what is wrong is refused", "[unit]") {
  using P = PerceiveRadial<1, Reflect>;
  CHECK_THROWS_WITH(P(-1, bump), "PerceiveRadial: radius is -1, expected 0 to 1000");
  CHECK_THROWS_WITH(P(3, [](double) { return 0.0; }),
                    "PerceiveRadial: sum of the weights is 0, expected a positive number");
  CHECK_THROWS_AS(P(3, [](double) { return std::numeric_limits<double>::quiet_NaN(); }), std::invalid_argument);
  const P perceive(3, bump);
  CHECK_THROWS_WITH(perceive.check_shape(Shape{2, {9, 9, 1}, 1}),
                    "PerceiveRadial: number of features is 2, expected 1");
  CHECK_THROWS_WITH(perceive.check_shape(Shape{1, {9, 9, 2}, 1}),
                    Catch::Matchers::Contains("third axis of space is 2"));
  CHECK_THROWS_WITH(perceive.check_shape(Shape{1, {9, 3, 1}, 1}), Catch::Matchers::Contains("more than the border, 3"));
  CHECK_THROWS_WITH(perceive.check_shape(Shape{1, {0, 9, 1}, 1}),
                    Catch::Matchers::Contains("is 0, expected at least 1"));
}
