#include "basin/nca/perceive_attention.hpp"

#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>
#include <vector>

#include "basin/stencil/hexagonal.hpp"
#include "nca/moved_cells.hpp"
#include "nca/naive_automaton.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

template <int C, Boundary Edge, int Heads, int D, Stencil Cells = BoxMean<2>>
using See = PerceiveAttention<C, Edge, Heads, D, Cells>;

/// With queries, keys and values of every cell, and sums over all cells that a cell looks at.
template <int C, Boundary Edge, int Heads, int D, Stencil Cells>
State<double> naive_attention(const See<C, Edge, Heads, D, Cells>&,
                              const Parameters<See<C, Edge, Heads, D, Cells>, double>& theta, const State<double>& z) {
  const Taps taps = taps_of<Cells>();
  State<double> seen(z.shape.with_features(C + Heads * D));
  const auto matrix = [&](const char* name, int head) {
    return Eigen::Map<const Matrix<double>>(theta.leaf(name + std::to_string(head)).data(), D, C);
  };
  for (Index p = 0; p < z.shape.cells(); ++p) {
    auto of_cell = seen.view().matrix().col(p);
    of_cell.head(C) = z.view().matrix().col(p);
    for (int h = 0; h < Heads; ++h) {
      const Vector<double> query = matrix("query", h) * z.view().matrix().col(p);
      Vector<double> sum = Vector<double>::Zero(D);
      double total = 0;
      for (std::size_t d = 0; d < taps.size(); ++d) {
        const Index at = neighbour(z.shape, naive_source<Edge>, p, taps[d]);
        const Vector<double> there =
            at < 0 ? Vector<double>(Vector<double>::Zero(C)) : Vector<double>(z.view().matrix().col(at));
        const double bias = theta.leaf("places")[static_cast<std::size_t>(h) * taps.size() + d];
        const double weight = std::exp((matrix("key", h) * there).dot(query) / std::sqrt(double{D}) + bias);
        total += weight;
        sum += weight * (matrix("value", h) * there);
      }
      of_cell.segment(C + h * D, D) = sum / total;
    }
  }
  return seen;
}

template <class P>
void check_seen(const Shape& shape) {
  CAPTURE(shape.to_string(), P::places);
  const P perception;
  const auto theta = random_parameters<P>(1);
  const auto z = random_state(shape, 2);
  const State<double> expected = naive_attention(perception, theta, z);
  perception.check_shape(shape);
  for (const Index stride : {1, 3}) {
    std::vector<Index> cells;
    for (Index i = 0; i < shape.cells(); i += stride) cells.push_back(i);
    const Index count = std::ssize(cells);
    State<double> seen(Shape{P::seen_features, {count, 1, 1}, 1}), wanted(seen.shape);
    for (Index i = 0; i < count; ++i) wanted.view().matrix().col(i) = expected.view().matrix().col(i * stride);
    Scratch scratch;
    typename P::template Sight<double>(perception, theta.span(), z.view(), scratch)(cells.data(), count,
                                                                                    seen.values.data());
    CHECK(relative_error(seen.values, wanted.values) < 1e-13);
  }
}

}  // namespace

TEST_CASE("attention of cells to those around them, against its formula", "[unit][perceive]") {
  check_seen<See<3, Zero, 2, 4>>({3, {9, 6, 1}, 1});
  check_seen<See<5, Reflect, 1, 1>>({5, {4, 3, 1}, 1});
  check_seen<See<2, Periodic, 3, 2, HexMean<1>>>({2, {3, 2, 1}, 1});
  check_seen<See<16, Replicate, 1, 9, BoxMean<1, 2>>>({16, {7, 1, 1}, 1});
  check_seen<See<3, Zero, 1, 3, VonNeumann<3>>>({3, {3, 2, 4}, 1});
}

TEST_CASE("attention has large scores without overflow", "[unit][perceive]") {
  using P = See<1, Zero, 1, 1>;
  Parameters<P, float> theta;
  theta.vector() << 100, 100, 1, Vector<float>::Zero(9);
  State<float> z(Shape{1, {3, 1, 1}, 1});
  z.values << 1, 2, 3;
  State<float> seen(Shape{2, {3, 1, 1}, 1});
  const std::vector<Index> cells{0, 1, 2};
  Scratch scratch;
  P::Sight<float>(P{}, theta.span(), z.view(), scratch)(cells.data(), 3, seen.values.data());
  CHECK(seen.values == (Vector<float>(6) << 1, 2, 2, 3, 3, 3).finished());  // each takes the largest that it sees
}

TEST_CASE("attention of cells has the right derivatives, in a batch as alone", "[gradient][perceive]") {
  const auto check = []<class P>(const P&, const Shape& shape) {
    Rollout<Moving<P>> rollout;
    rollout.steps = 2;
    check_linearization(rollout, shape, {.tolerance = 2e-7, .theta_spread = 0.4});
  };
  check(See<3, Zero, 2, 4>{}, {3, {5, 4, 1}, 2});
  check(See<2, Periodic, 1, 3, HexMean<1>>{}, {2, {4, 3, 1}, 2});
}

TEST_CASE("attention is the same on any number of threads", "[repeatable][perceive]") {
  check_threads(See<2, Periodic, 1, 2>{}, {2, {130, 151, 1}, 1});
}

TEST_CASE("attention without biases of places is isotropic", "[unit][perceive]") {
  const auto z = random_state({3, {6, 6, 1}, 1}, 3);
  const See<3, Periodic, 2, 2> square;
  CHECK(broken_symmetry(square, z, quarter_turn, unchanged, "places") < 1e-13);
  CHECK(broken_symmetry(square, z, mirror, unchanged, "places") < 1e-13);
  CHECK(broken_symmetry(square, z, quarter_turn, unchanged) > 0.01);
  const See<3, Periodic, 2, 2, HexMean<1>> hexagons;
  CHECK(broken_symmetry(hexagons, z, sixth_turn, unchanged, "places") < 1e-13);
}

TEST_CASE("leaves of attention, and what it refuses", "[unit][perceive]") {
  using P = See<3, Reflect, 2, 4>;
  static_assert(P::param_count == 3 * 2 * 12 + 2 * 9 && P::seen_features == 3 + 8);
  const auto leaves = leaves_of<P>();
  REQUIRE(leaves.size() == 7);
  CHECK(leaves[3].name == "key1");
  CHECK(leaves[3].shape == std::vector<Index>{4, 3});
  CHECK(leaves[6].name == "places");
  CHECK_THROWS_WITH(P{}.check_shape({2, {4, 4, 1}, 1}), "PerceiveAttention: number of features is 2, expected 3");
  CHECK_THROWS_WITH(P{}.check_shape({3, {4, 0, 1}, 1}),
                    "PerceiveAttention: extent of an axis of space is 0, expected at least 1");
  CHECK_THROWS_WITH(P{}.check_shape({3, {4, 1, 1}, 1}),
                    "reflect boundary: extent of the grid is 1, expected more than the border, 1");
}
