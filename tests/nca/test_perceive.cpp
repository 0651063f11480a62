#include "basin/nca/perceive.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <numeric>
#include <vector>

#include "basin/layers/conv.hpp"
#include "basin/layers/dense.hpp"
#include "nca/naive_automaton.hpp"
#include "support/layer_checks.hpp"

using namespace basin;
using namespace basin::test;

namespace {

/// Whole numbers from -8 to 7. The stencils' weights are dyadic, so sums over a neighbourhood are exact in float too,
/// and every comparison with the naive sums is one of equality.
template <class S>
State<S> whole_state(const Shape& shape, std::uint64_t seed) {
  State<S> state(shape);
  const Random random{seed, 77};
  for (Index i = 0; i < state.values.size(); ++i) {
    state.values[i] = static_cast<S>(static_cast<int>(random.below(static_cast<std::uint64_t>(i), 16)) - 8);
  }
  return state;
}

/// Every `stride`-th cell from `first` on.
std::vector<Index> some_cells(Index cells, Index first, Index stride) {
  std::vector<Index> some;
  for (Index i = first; i < cells; i += stride) some.push_back(i);
  return some;
}

/// Perceive against the naive sums, at all cells and at some, and the transpose likewise.
template <class S, int C, Boundary Edge, Stencil... Stencils>
void check_perceive(const Shape& shape) {
  using P = Perceive<C, Edge, Stencils...>;
  const P perceive;
  CAPTURE(C, Edge::label, shape.to_string());
  perceive.check_shape(shape);
  const std::vector<Taps> taps{taps_of<Stencils>()...};
  const State<S> z = whole_state<S>(shape, 1), g = whole_state<S>(shape.with_features(P::seen_features), 2);
  const State<double> seen = naive_perceive(cast<double>(z), taps, naive_source<Edge>);
  const Index cells = shape.cells_per_sample();

  for (const Index stride : {1, 3}) {
    State<double> g_of_some(g.shape);
    State<S> dz(shape);
    const State<S> before = whole_state<S>(shape, 3);
    dz.values = before.values;
    bool right = true;
    for (Index n = 0; n < shape.samples; ++n) {
      Scratch scratch;
      const auto some = some_cells(cells, stride / 2, stride);
      const Index count = static_cast<Index>(some.size());
      State<S> found(Shape{P::seen_features, {count, 1, 1}, 1}), given = found;
      typename P::template Sight<S> sight(perceive, {}, View<const S>(z.view().sample(n)), scratch);
      sight(some.data(), count, found.values.data());
      for (Index i = 0; i < count; ++i) {
        const Index at = (n * cells + some[static_cast<std::size_t>(i)]) * P::seen_features;
        for (Index k = 0; k < P::seen_features; ++k) {
          right = right && static_cast<double>(found.values[i * P::seen_features + k]) == seen.values[at + k];
          given.values[i * P::seen_features + k] = g.values[at + k];
          g_of_some.values[at + k] = static_cast<double>(g.values[at + k]);
        }
      }
      // In two calls, as blocks come.
      typename P::template Spread<S> spread(perceive, {}, View<const S>(z.view().sample(n)), dz.view().sample(n),
                                            nullptr, scratch);
      const Index half = count / 2;
      spread(some.data(), half, given.values.data());
      spread(some.data() + half, count - half, given.values.data() + half * P::seen_features);
    }
    CAPTURE(stride);
    CHECK(right);
    // It adds to what was there.
    const State<double> expected = naive_spread(shape, g_of_some, taps, naive_source<Edge>);
    CHECK(dz.values.template cast<double>() == expected.values + before.values.template cast<double>());
  }
}

const std::vector<std::array<Index, 3>> lines{{3, 1, 1}, {4, 1, 1}, {9, 1, 1}}, planes{{4, 2, 1}, {2, 3, 1}, {7, 9, 1}},
    volumes{{2, 2, 2}, {4, 3, 5}}, specks{{1, 1, 1}, {2, 1, 1}, {1, 2, 1}, {1, 1, 2}};

/// Stencils of all axes on grids of any extents.
template <Boundary Edge>
void check_any() {
  for (const auto& some : {lines, planes, volumes, specks}) {
    for (const auto& space : some) {
      check_perceive<float, 3, Edge, Gaussian<2>, SobelY, VonNeumann<3>, Shift<-2, 1>>({3, space, 2});
    }
  }
}

// What See and a dense layer give is what a convolution of K x K cells with the same theta gives.
template <int K, class See>
void check_box_is_convolution() {
  static_assert(See::seen_features == 3 * K * K);
  const Dense<3 * K * K, 5> dense;
  const Conv<3, 5, K, 1, Replicate> conv;
  const auto theta = random_parameters<Conv<3, 5, K, 1, Replicate>>(1);
  const auto z = random_state({3, {6, 4, 1}, 1}, 2);
  State<double> expected(conv.out_shape(z.shape)), found(expected.shape), seen(z.shape.with_features(3 * K * K));
  conv.apply(theta, z.view(), expected.view());
  Scratch scratch;
  std::vector<Index> all(24);
  std::iota(all.begin(), all.end(), Index{0});
  typename See::template Sight<double>(See{}, {}, z.view(), scratch)(all.data(), 24, seen.values.data());
  dense.apply(theta.span(), seen.view(), found.view());
  CHECK(relative_error(found.values, expected.values) < 1e-14);
}

}  // namespace

TEST_CASE("what a cell sees is the sum over the taps, and the transpose spreads it", "[unit][perceive]") {
  check_any<Zero>();
  check_any<Periodic>();
  check_any<Replicate>();
}

TEST_CASE("a mirrored grid shows as many axes as a stencil has", "[unit][perceive]") {
  for (const auto& space : lines) {
    check_perceive<double, 5, Reflect, Centre, Gradient<0>, Laplacian<1>, Shift<-2>>({5, space, 2});
  }
  for (const auto& space : planes) {
    check_perceive<double, 1, Reflect, Gaussian<2>, SobelX, SobelY, Moore<2>>({1, space, 2});
  }
  for (const auto& space : volumes) {
    check_perceive<float, 1, Reflect, Laplacian<3>, Gradient<2>, Shift<1, -1, 1>>({1, space, 2});
  }
}

TEST_CASE("what a cell sees: the widths of published automata", "[unit][perceive]") {
  check_perceive<float, 16, Zero, Centre, SobelX, SobelY>({16, {9, 6, 1}, 2});
  check_perceive<float, 16, Periodic, Centre, SobelX, SobelY>({16, {9, 6, 1}, 2});
  check_perceive<float, 20, Zero, Shift<-1, -1>, Shift<1, 0>, Shift<0, 1>>({20, {5, 4, 1}, 1});
}

TEST_CASE("sight and spread are transposed to each other", "[gradient][perceive]") {
  using P = Perceive<3, Reflect, Centre, SobelX, SobelY, Laplacian<2>>;
  const Shape shape{3, {6, 5, 1}, 1};
  const P perceive;
  const auto z = random_state(shape, 1), g = random_state(shape.with_features(P::seen_features), 2);
  State<double> seen(g.shape), dz(shape);
  std::vector<Index> all(30);
  std::iota(all.begin(), all.end(), Index{0});
  Scratch scratch;
  P::Sight<double>(perceive, {}, z.view(), scratch)(all.data(), 30, seen.values.data());
  P::Spread<double>(perceive, {}, z.view(), dz.view(), nullptr, scratch)(all.data(), 30, g.values.data());
  CHECK(seen.values.dot(g.values) == Approx(dz.values.dot(z.values)).epsilon(1e-13));
}

TEST_CASE("a box of cells and a dense layer are a convolution with the same theta", "[unit][perceive]") {
  check_box_is_convolution<3, PerceiveBox2<3, Replicate>>();
  check_box_is_convolution<5, PerceiveEach<3, Replicate, BoxMean<2, 2>>>();
}

TEST_CASE("bands of a perception are whole slices, wide enough to stay apart", "[unit][perceive]") {
  const Perceive<2, Zero, Shift<0, 3>, Shift<2, 0>> plane;
  CHECK(plane.band_cells({2, {10, 50, 1}, 1}, 1) == 60);
  CHECK(plane.band_cells({2, {10, 50, 1}, 1}, 61) == 70);
  CHECK(plane.band_cells({2, {50, 1, 1}, 1}, 1) == 4);
  CHECK(plane.band_cells({2, {5, 4, 3}, 1}, 1) == 20);
  CHECK(plane.band_cells({2, {1, 1, 1}, 1}, 1) == 4);
  CHECK(Perceive<2, Zero, Centre>{}.band_cells({2, {7, 5, 1}, 1}, 1) == 7);
}

TEST_CASE("a perception refuses what it cannot take", "[unit][perceive]") {
  const Perceive<3, Reflect, Shift<0, 2>, Gradient<0>> perceive;
  CHECK_NOTHROW(perceive.check_shape({3, {2, 3, 1}, 1}));
  CHECK_THROWS_WITH(perceive.check_shape({4, {2, 3, 1}, 1}), "Perceive: number of features is 4, expected 3");
  CHECK_THROWS_WITH(perceive.check_shape({3, {2, 2, 1}, 1}),
                    "reflect boundary: extent of the grid is 2, expected more than the border, 2");
  CHECK_THROWS_WITH(perceive.check_shape({3, {1, 3, 1}, 1}),
                    "reflect boundary: extent of the grid is 1, expected more than the border, 1");
  CHECK_THROWS_WITH(perceive.check_shape({3, {0, 3, 1}, 1}),
                    "Perceive: extent of an axis of space is 0, expected at least 1");
}
