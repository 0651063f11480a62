#include "../../examples/support/plot.hpp"

#include <catch2/catch.hpp>
#include <limits>

using namespace basin;
using namespace basin::examples;

namespace {

bool is(const Image& image, Index x, Index y, Colour colour) {
  const std::uint8_t* pixel = image.at(x, y);
  return pixel[0] == colour.red && pixel[1] == colour.green && pixel[2] == colour.blue;
}

Index count(const Image& image, Colour colour) {
  Index number = 0;
  for (Index y = 0; y < image.height; ++y) {
    for (Index x = 0; x < image.width; ++x) number += is(image, x, y, colour) ? 1 : 0;
  }
  return number;
}

}  // namespace

TEST_CASE("colour maps reach their ends, cut what is outside, and mark NaN", "[unit][plot]") {
  for (const ColourMap map : {grey, heat, blue_red}) {
    CHECK(map(-1).red == map(0).red);
    CHECK(map(2).blue == map(1).blue);
    const Colour nan = map(std::numeric_limits<double>::quiet_NaN());
    CHECK((nan.red == 0 && nan.green == 255 && nan.blue == 0));
  }
  CHECK(grey(0.5).green == 128);
}

TEST_CASE("a sheet has each tile at its place", "[unit][plot]") {
  State<float> tiles(Shape{1, {2, 3, 1}, 5});
  tiles.view().sample(3).data()[1 + 2 * 2] = 1.0f;  // x 1, y 2 of the first tile in the second row
  const Image sheet = image_sheet(tiles, {.columns = 3, .scale = 4, .gap = 1});
  CHECK(sheet.width == 1 + 3 * 9);
  CHECK(sheet.height == 1 + 2 * 13);
  CHECK(is(sheet, 1 + 4, 14 + 8, {255, 255, 255}));
  CHECK(is(sheet, 1 + 7, 14 + 11, {255, 255, 255}));
  CHECK(is(sheet, 1 + 3, 14 + 8, {0, 0, 0}));
  CHECK(is(sheet, 1 + 4, 14 + 7, {0, 0, 0}));
  CHECK(count(sheet, {0, 0, 0}) == (5 * 6 - 1) * 16);

  const State<float> coloured(Shape{2, {2, 3, 1}, 5});
  CHECK_THROWS_WITH(image_sheet(coloured),
                    "shape of a sheet's tiles is (2, 2, 3, 1, 5), expected (1, width, height, 1, N)");
  CHECK_THROWS_AS(image_sheet(tiles, {.columns = 0}), std::invalid_argument);
}

TEST_CASE("channels become tiles", "[unit][plot]") {
  State<float> state(Shape{3, {2, 2, 1}, 1});
  for (Index i = 0; i < 12; ++i) state.values[i] = static_cast<float>(i);
  const State<float> tiles = channels_as_tiles(state);
  CHECK(tiles.shape == Shape{1, {2, 2, 1}, 3});
  for (Index c = 0; c < 3; ++c) {
    for (Index cell = 0; cell < 4; ++cell) {
      CHECK(tiles.view().sample(c).data()[cell] == state.view().matrix()(c, cell));
    }
  }
}

TEST_CASE("a chart draws its series and survives odd data", "[unit][plot]") {
  const Colour first = basin::examples::detail::series_colours[0];
  const Image empty = line_chart({});
  CHECK(count(empty, first) == 0);
  const Image chart = line_chart({{"a", {0, 1, 2}, {0, 1, 0}}}, {.title = "title", .x_label = "x", .y_label = "y"});
  CHECK(chart.width == 760);
  CHECK(count(chart, first) > 700);  // two slopes across the chart

  constexpr double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const Image broken = line_chart({{"a", {0, 1, 2}, {0, nan, 0}}});
  CHECK(count(broken, first) < 200);  // the points and the legend, no slope
  CHECK_NOTHROW(line_chart({{"a", {0, 1}, {infinity, nan}}}));
  CHECK_NOTHROW(line_chart({{"a", {3}, {1e-30}}}));
  CHECK_NOTHROW(line_chart({{"a", {1e9, 1e9 + 1}, {-1e300, 1e300}}}));
  CHECK_THROWS_WITH(line_chart({{"a", {1, 2}, {1}}}), "number of y of series 'a' is 1, expected 2");
}
