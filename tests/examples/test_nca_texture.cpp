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

TEST_CASE("a refined rule steps as its differential equation does", "[unit]") {
  const auto check_kind = [](auto kind) {
    using Kind = decltype(kind);
    using Sees = typename Kind::Sees;
    const auto theta = basin::test::random_parameters<typename Kind::Rule, float>(3, 0.02f);
    // By the definition: the first derivatives that a cell sees divided by the size of a cell, the second by its
    // square, and the mean part of the answer added.
    State<float> z(Shape{features, {5, 4, 1}, 1});
    z.values = random_state(z.shape, 4).values.cast<float>();
    basin::Scratch scratch;
    typename Sees::template Sight<float> sight(Sees{}, {}, z.view(), scratch);
    Refined<Kind> model;
    model.steps = 1;
    model.automaton.fire.rate = 0.25;
    State<float> next(z.shape), seen(Shape{Sees::seen_features, {1, 1, 1}, 1}), answer(Shape{features, {1, 1, 1}, 1});
    const auto of_cells = refined_theta<Kind>(theta, 0.5);
    const auto refined = of_cells.template as<Refined<Kind>>();
    (void)model.apply(refined.span(), z.view(), next.view());
    const Index cell = 7;
    sight(&cell, 1, seen.values.data());
    for (Index k = 0; k < Sees::seen_features; ++k) {
      const bool first = std::is_same_v<Kind, Large> ? k >= 12 && k < 36 : k >= 16;
      const bool second = std::is_same_v<Kind, Large> ? k >= 36 : k >= 12 && k < 16;
      seen.values[k] *= first ? 2.0f : second ? 4.0f : 1.0f;
    }
    (void)typename Kind::Rule{}.template apply<float>(theta.span(), seen.view(), answer.view());
    for (Index c = 0; c < features; ++c) {
      CHECK(next.view().matrix()(c, cell) ==
            Approx(z.view().matrix()(c, cell) + 0.25 * answer.values[c]).epsilon(1e-5));
    }
  };
  check_kind(Micro{});
  check_kind(Large{});
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
