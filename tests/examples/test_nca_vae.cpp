// The pixels of nca_vae, and its automaton step by step.

#include <catch2/catch.hpp>
#include <cmath>

#include "../../examples/nca_vae/measuring.hpp"

using namespace nca_vae;

TEST_CASE("pixels are ink as often as their grey values say, and drawn anew for each index", "[unit]") {
  State<float> grey(Shape{1, {image_side, image_side, 1}, 1}), pixels(grey.shape), others(grey.shape);
  grey.values.head(392).setConstant(0.3f);
  grey.values.tail(196).setOnes();
  const basin::Random random{1, pixel_stream};
  double sum = 0;
  for (std::uint64_t index = 0; index < 20; ++index) {
    draw_pixels(grey.view(), random, index, pixels.view());
    CHECK(pixels.values.segment(392, 196).isZero());
    CHECK(pixels.values.tail(196).isOnes());
    sum += static_cast<double>(pixels.values.head(392).sum()) / (20 * 392);
  }
  CHECK(std::abs(sum - 0.3) < 5 * std::sqrt(0.3 * 0.7 / (20 * 392)));
  draw_pixels(grey.view(), random, 3, pixels.view());
  draw_pixels(grey.view(), random, 4, others.view());
  CHECK(pixels.values != others.values);
}

TEST_CASE("images that are watched while they grow end as the model's", "[unit]") {
  Settings settings;
  settings.steps = "2,1,2,1,2";
  settings.pool = 2;
  const State<float> images(Shape{1, {image_side, image_side, 1}, 3});
  const Trainer trainer(settings, images);
  const State<float> codes = prior_codes(5, 0, 2);
  Life life(trainer, codes);
  life.grow();
  const basin::Grown<Growth> decoder = growing(trainer.steps()).layer<2>();
  State<float> grown(decoder.out_shape(codes.shape));
  const auto rules = trainer.parameters().span().last<Growth::param_count>();
  static_cast<void>(decoder.apply(rules, codes.view(), grown.view()));
  CHECK(life.block() == 1);
  CHECK((std::as_const(life).view().vector() - grown.values).cwiseAbs().maxCoeff() < 1e-6f);
  CHECK(grown.values.cwiseAbs().maxCoeff() > 0);
}

TEST_CASE("the margin of a state is no part of the image", "[gradient]") {
  State<float> pixels(Shape{1, {image_side, image_side, 1}, 2}), dy(Shape{features, {side, side, 1}, 2});
  const State<float> y(dy.shape);
  const PixelLoss loss{{pixels}};
  // Pixels that are as likely as not.
  CHECK(loss.value_and_gradient(View<const float>(y.view()), 0, 2, dy.view()) == Approx(784 * std::log(2.0)));
  Index moved = 0;
  for (Index cell = 0; cell < side * side; ++cell) {
    const Index x = cell % side, row = cell / side;
    const bool inside = std::min(x, row) >= margin && std::max(x, row) < side - margin;
    CHECK((dy.values[cell * features] != 0) == inside);
    moved += inside ? 1 : 0;
  }
  CHECK(moved == 784);
  CHECK(dy.values[(margin * side + margin) * features] == Approx(contrast * 0.5 / 2));
}
