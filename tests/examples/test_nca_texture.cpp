#include <catch2/catch.hpp>

#include "../../examples/nca_texture/model.hpp"
#include "support/layer_checks.hpp"

namespace {

using namespace nca_texture;
using basin::test::random_state;

}  // namespace

TEST_CASE("features with their magnitudes are a layer", "[gradient]") {
  basin::test::check_linearization(WithMagnitude<3>{}, random_state(Shape{3, {4, 2, 1}, 2}, 1));
  State<double> x(Shape{2, {1, 1, 1}, 1}), y(Shape{4, {1, 1, 1}, 1});
  x.values << 3, -2;
  WithMagnitude<2>{}.apply<double>(std::span<const double, 0>{}, x.view(), y.view());
  CHECK(y.values == Eigen::Vector4d(3, -2, 3, 2));
}

TEST_CASE("the micro rule sees each feature through the stencil of its group", "[unit]") {
  const State<double> z = random_state(Shape{features, {5, 4, 1}, 1}, 2);
  basin::Scratch scratch;
  Micro::Sees::Sight<double> sight(Micro::Sees{}, {}, z.view(), scratch);
  basin::Vector<double> seen(2 * features);
  for (Index cell = 0; cell < 20; ++cell) {
    sight(&cell, 1, seen.data());
    const auto filtered = [&](const auto& taps, Index c) {
      double sum = 0;
      for (const basin::Tap& tap : taps) {
        const Index x = (cell % 5 + tap.x + 5) % 5, y = (cell / 5 + tap.y + 4) % 4;
        sum += tap.weight * z.view().matrix()(c, 5 * y + x);
      }
      return sum;
    };
    for (Index c = 0; c < features; ++c) {
      CHECK(seen[c] == z.view().matrix()(c, cell));
      const double expected = c < 4   ? filtered(Curvature::taps, c)
                              : c < 8 ? filtered(SlopeX::taps, c)
                                      : filtered(SlopeY::taps, c);
      CHECK(seen[features + c] == Approx(expected).epsilon(1e-13).margin(1e-13));
    }
  }
}

TEST_CASE("both rules have the right gradients over some steps", "[gradient]") {
  // Small parameters: the stencils are not scaled, and a few steps must not run away.
  const auto check_kind = [](auto kind) {
    Texture<decltype(kind)> model;
    model.steps = 3;
    model.automaton.fire.seed = 5;
    const auto theta = basin::test::random_parameters<Texture<decltype(kind)>>(3, 0.02);
    const auto z = random_state(Shape{features, {5, 4, 1}, 1}, 4);
    const auto check = basin::check_gradients(model, theta.span(), z.view(), {.most = 300});
    INFO(check.to_string());
    CHECK(check.passed);
  };
  check_kind(Micro{});
  check_kind(Large{});
}
