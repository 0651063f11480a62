// What the cells of nca_inpaint are given, and what they are compared with.

#include <catch2/catch.hpp>

#include "../../examples/nca_inpaint/measuring.hpp"
#include "support/layer_checks.hpp"

using namespace nca_inpaint;

namespace {

/// Pixels 0.01, 0.02, ...: all of them differ.
State<float> numbered_image(Index width, Index height) {
  State<float> image(Shape{1, {width, height, 1}, 1});
  for (Index i = 0; i < image.values.size(); ++i) image.values[i] = 0.01f * static_cast<float>(i + 1);
  return image;
}

}  // namespace

TEST_CASE("squares of an image are hidden, and what cells have made stays", "[unit]") {
  const State<float> image = numbered_image(28, 28);
  for (const int side : sides) {
    State<float> state(image.shape.with_features(features));
    state.values.setConstant(7);
    give(state.view(), image.view(), {side, 0.5}, {1, 2}, 0);
    Index hidden = 0, edges = 0;
    std::array<bool, 2> starts{};  // whether squares begin at the first column, and elsewhere
    for (Index cell = 0; cell < 28 * 28; ++cell) {
      const float* here = state.values.data() + cell * features;
      CHECK((here[shown] == 0 || here[shown] == 1));
      CHECK(here[given] == (here[shown] > 0 ? image.values[cell] : 0));
      CHECK(here[restored] == 7);
      CHECK(here[features - 1] == 7);
      hidden += here[shown] > 0 ? 0 : 1;
      if (cell % 28 > 0 && here[shown] != here[shown - features]) {
        ++edges;
        starts[cell % 28 % side == 0 ? 0 : 1] = true;
      }
    }
    CAPTURE(side, hidden, edges);
    CHECK(hidden == Approx(392).margin(4 * 14 * side));  // four standard deviations
    CHECK_FALSE((starts[0] && starts[1]));               // one grid of squares
    // Half of the borders between squares are edges.
    CHECK(edges == Approx(0.5 * 28 * (28.0 / side - 1)).epsilon(0.4));
    // Another index hides others; the same one the same.
    State<float> again(state.shape), other(state.shape);
    give(again.view(), image.view(), {side, 0.5}, {1, 2}, 0);
    give(other.view(), image.view(), {side, 0.5}, {1, 2}, numbers_of_an_image);
    CHECK(again.view().matrix().row(shown) == state.view().matrix().row(shown));
    CHECK(other.view().matrix().row(shown) != state.view().matrix().row(shown));
  }
}

TEST_CASE("nothing or everything can be hidden", "[unit]") {
  const State<float> image = numbered_image(5, 3);
  State<float> state(image.shape.with_features(features));
  give(state.view(), image.view(), {2, 0.0}, {1, 2}, 0);
  CHECK(state.view().matrix().row(shown).sum() == 15);
  give(state.view(), image.view(), {2, 1.0}, {1, 2}, 0);
  CHECK(state.values.isZero());
}

TEST_CASE("steps and damage change nothing of what cells are given", "[unit]") {
  const State<float> image = numbered_image(8, 8);
  State<float> state(image.shape.with_features(features)), next(state.shape);
  give(state.view(), image.view(), {1, 0.5}, {1, 2}, 0);
  const State<float> start = state;
  const auto theta = basin::test::random_parameters<Attention::Model, float>(1, 0.3);
  (void)Attention::Model{.steps = 3}.apply(theta.span(), state.view(), next.view());
  CHECK(next.view().matrix().middleRows(given, 2) == start.view().matrix().middleRows(given, 2));
  CHECK_FALSE(next.view().matrix().row(restored).isZero());
  forget(next.view(), basin::Circle{0, 0, 9});
  CHECK(next.values == start.values);
}

TEST_CASE("the smoothest image between shown pixels is linear where they are", "[unit]") {
  // A plane is the mean of its neighbours everywhere, so that its border determines it.
  constexpr Index side = 9;
  State<float> state(Shape{features, {side, side, 1}, 1});
  const auto plane = [](Index x, Index y) {
    return 0.1f + 0.05f * static_cast<float>(x) + 0.03f * static_cast<float>(y);
  };
  for (Index y = 0; y < side; ++y) {
    for (Index x = 0; x < side; ++x) {
      if (x > 0 && x + 1 < side && y > 0 && y + 1 < side) continue;
      state.view().matrix().col(y * side + x)[given] = plane(x, y);
      state.view().matrix().col(y * side + x)[shown] = 1;
    }
  }
  const State<float> image = smoothed(std::as_const(state).view());
  for (Index y = 0; y < side; ++y) {
    for (Index x = 0; x < side; ++x) CHECK(image.values[y * side + x] == Approx(plane(x, y)).margin(1e-4));
  }
  // One shown pixel is all that there is.
  state.values.setZero();
  state.view().matrix().col(4)[given] = 0.6f;
  state.view().matrix().col(4)[shown] = 1;
  const State<float> flat = smoothed(std::as_const(state).view());
  CHECK(flat.values.minCoeff() == Approx(0.6).margin(1e-2));
  CHECK(flat.values.maxCoeff() == Approx(0.6).margin(1e-2));
}

TEST_CASE("errors are those of hidden pixels", "[unit]") {
  const State<float> image = numbered_image(2, 2);
  State<float> state(image.shape.with_features(features));
  for (const Index cell : {0, 3}) state.view().matrix().col(cell)[shown] = 1;
  const Errors errors =
      errors_of(std::as_const(state).view(), image.view(), [](Index, Index cell) { return cell == 1 ? 0.02f : 0.53f; });
  CHECK(errors.hidden == 2);
  CHECK(errors.mean() == Approx(0.125).epsilon(1e-5));    // (0 + 0.5^2) / 2
  CHECK(errors.psnr() == Approx(12.0412).epsilon(1e-5));  // 10 log10(4 / 0.5^2)
  CHECK(mean_of(image.view()).values == image.values);
  state.view().matrix().col(1)[restored] = 1.5f;
  state.view().matrix().col(2)[restored] = -3;
  CHECK(pixel(state.values.data() + features) == 1);
  CHECK(pixel(state.values.data() + 2 * features) == 0);
}
