#include <catch2/catch.hpp>
#include <limits>

#include "basin/io/image.hpp"

using namespace basin;

TEST_CASE("an image is a state with the channels first", "[unit][io]") {
  Image image{3, 2, 4, {}};
  for (int i = 0; i < 24; ++i) image.pixels.push_back(static_cast<std::uint8_t>(10 * i));
  const State<float> state = to_state(image);
  REQUIRE(state.shape == Shape{4, {3, 2, 1}, 1});
  CHECK(state.view().matrix()(3, 3 * 1 + 2) == static_cast<float>(image.at(2, 1)[3]) / 255.0f);
  const Image back = to_image(state);
  CHECK(back.width == 3);
  CHECK(back.height == 2);
  CHECK(back.channels == 4);
  CHECK(back.pixels == image.pixels);
}

TEST_CASE("all 256 values come back, and others are cut", "[unit][io]") {
  Image image{256, 1, 1, {}};
  for (int i = 0; i < 256; ++i) image.pixels.push_back(static_cast<std::uint8_t>(i));
  CHECK(to_image(to_state<float>(image)).pixels == image.pixels);
  CHECK(to_image(to_state<double>(image)).pixels == image.pixels);

  State<float> state(Shape{1, {5, 1, 1}, 1});
  constexpr float infinity = std::numeric_limits<float>::infinity();
  state.values << -1.0f, 2.0f, std::numeric_limits<float>::quiet_NaN(), infinity, -infinity;
  CHECK(to_image(state).pixels == std::vector<std::uint8_t>{0, 255, 0, 255, 0});
}

TEST_CASE("states of other shapes are no images", "[unit][io]") {
  CHECK_THROWS_WITH(
      to_image(State<float>(Shape{5, {2, 2, 1}, 1})),
      "shape of a state that is to be an image is (5, 2, 2, 1, 1), expected (1 to 4, width, height, 1, 1)");
  CHECK_THROWS_AS(to_image(State<float>(Shape{1, {2, 2, 2}, 1})), std::invalid_argument);
  CHECK_THROWS_AS(to_image(State<float>(Shape{1, {2, 2, 1}, 2})), std::invalid_argument);
  CHECK_THROWS_WITH(to_state(Image{2, 2, 1, std::vector<std::uint8_t>(3)}),
                    "number of bytes of an image is 3, expected 4");
}
