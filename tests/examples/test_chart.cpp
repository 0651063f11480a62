#include "../../examples/support/chart.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <limits>

#include "../../examples/support/raster.hpp"
#include "../../examples/support/recording.hpp"
#include "../../examples/support/sheet.hpp"
#include "io/hostile.hpp"

using namespace basin;
using namespace basin::examples;

namespace {

Colour at(const Image& image, double x, double y) {
  const std::uint8_t* pixel = image.at(static_cast<Index>(std::lround(x)), static_cast<Index>(std::lround(y)));
  return {pixel[0], pixel[1], pixel[2]};
}

Index count(const Image& image, Colour colour) {
  Index number = 0;
  for (Index y = 0; y < image.height; ++y) {
    for (Index x = 0; x < image.width; ++x) {
      number += at(image, static_cast<double>(x), static_cast<double>(y)) == colour ? 1 : 0;
    }
  }
  return number;
}

/// Pixels of a colour that is no grey, smoothed edges among them.
Index count_coloured(const Image& image) {
  Index number = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    number += std::abs(image.pixels[i] - image.pixels[i + 2]) > 40 ? 1 : 0;
  }
  return number;
}

/// Whether anything is drawn outside of a drawing's size, where it would be cut off.
bool is_cut(const Drawing& drawing) {
  constexpr Index margin = 40;
  const Image image = image_of(drawing, 1, margin);
  Index outside = 0;
  for (Index y = 0; y < image.height; ++y) {
    for (Index x = 0; x < image.width; ++x) {
      const bool inside =
          x >= margin - 2 && y >= margin - 2 && x < image.width - margin + 2 && y < image.height - margin + 2;
      if (!inside && !(at(image, static_cast<double>(x), static_cast<double>(y)) == white)) ++outside;
    }
  }
  return outside > 0;
}

/// Whether tags are closed in the order in which they were opened, attributes are in quotes, and "&" begins an entity.
bool is_well_formed(const std::string& xml) {
  std::vector<std::string> open;
  std::size_t at = 0, elements = 0;
  while ((at = xml.find('<', at)) != xml.npos) {
    const std::size_t end = xml.find('>', at);
    if (end == xml.npos) return false;
    const std::string tag = xml.substr(at + 1, end - at - 1);
    if (tag.find('<') != tag.npos || std::count(tag.begin(), tag.end(), '"') % 2 != 0) return false;
    const std::string name = tag.substr(tag[0] == '/' ? 1 : 0, tag.find_first_of(" \n/", 1) - (tag[0] == '/' ? 1 : 0));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1)) return false;
      open.pop_back();
    } else if (tag[0] != '?' && tag[0] != '!') {
      ++elements;
      if (tag.back() != '/') open.push_back(name);
    }
    at = end + 1;
  }
  for (at = xml.find('&'); at != xml.npos; at = xml.find('&', at + 1)) {
    if (xml.find(';', at) > at + 6) return false;
  }
  return open.empty() && elements > 0;
}

constexpr double nothing = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("colour maps reach their ends, cut what is outside, and mark NaN", "[unit]") {
  for (const ColourMap map : {grey, heat, blue_red}) {
    CHECK(map(-1) == map(0));
    CHECK(map(2) == map(1));
    CHECK(map(nothing) == not_a_number);
  }
  CHECK(grey(0.5).green == 128);
  CHECK(readable_on(heat(0)) == white);
  CHECK(readable_on(heat(1)) == ink);
}

TEST_CASE("marks of a chart are where its axes say", "[unit]") {
  // Without texts: the area between the axes is at the left below a line's height of room, as wide as asked for.
  Series points{"", {0, 1, 2}, {1, 10, 100}};
  points.joined = false;
  const Drawing chart = line_chart({points}, {.x = {.low = 0, .high = 2},
                                              .y = {.scale = Scale::logarithmic, .low = 1, .high = 100},
                                              .width = 400,
                                              .height = 200});
  const Image image = image_of(chart, 1, 0);
  // Where the first mark is; the others are half the width and height on.
  const Colour colour = distinct_colours[0];
  double left = 1e9, low = 0;
  for (Index y = 0; y < image.height; ++y) {
    for (Index x = 0; x < image.width; ++x) {
      if (!(at(image, static_cast<double>(x), static_cast<double>(y)) == colour)) continue;
      left = std::min(left, static_cast<double>(x));
      low = std::max(low, static_cast<double>(y));
    }
  }
  const double x = left + 3, y = low - 3;
  for (const double k : {0.0, 1.0, 2.0}) CHECK(at(image, x + 200 * k, y - 100 * k) == colour);
  CHECK_FALSE(at(image, x + 100, y - 50) == colour);  // not joined
  points.joined = true;
  const Image joined = image_of(line_chart({points}, {.x = {.low = 0, .high = 2},
                                                      .y = {.scale = Scale::logarithmic, .low = 1, .high = 100},
                                                      .width = 400,
                                                      .height = 200}),
                                1, 0);
  CHECK(at(joined, x + 100, y - 50) == colour);
}

TEST_CASE("a chart survives odd data, and breaks its curve where there is none", "[unit]") {
  CHECK(count_coloured(image_of(line_chart({}))) == 0);
  std::vector<double> x(100), y(100, 1.0);
  for (std::size_t i = 0; i < 100; ++i) x[i] = static_cast<double>(i);
  const Index whole = count_coloured(image_of(line_chart({{"", x, y}})));
  for (std::size_t i = 25; i < 75; ++i) y[i] = i % 2 == 0 ? nothing : -1;
  const Index broken = count_coloured(image_of(line_chart({{"", x, y}}, {.y = {.scale = Scale::logarithmic}})));
  CHECK(10 * broken > 4 * whole);
  CHECK(10 * broken < 6 * whole);
  CHECK_NOTHROW(image_of(line_chart({{"a", {0, 1}, {infinity, nothing}}})));
  CHECK_NOTHROW(image_of(line_chart({{"a", {3}, {1e-30}}})));
  CHECK_NOTHROW(image_of(line_chart({{"a", {1e9, 1e9 + 1}, {-1e300, 1e300}}})));
  CHECK_NOTHROW(image_of(line_chart({{"\xff\xfe", {1, 2}, {1, 2}}, {"b\n", {1, 2}, {1, 2}}}, {.title = "\xc3"})));
  CHECK_THROWS_WITH(line_chart({{"a", {1, 2}, {1}}}), "number of y of series 'a' is 1, expected 2");
}

TEST_CASE("nothing of a figure is cut off", "[unit]") {
  const std::string words = "as many words as somebody may well write about a matter that is not at all simple";
  std::vector<Series> many;
  for (int k = 0; k < 12; ++k) many.push_back({words, {0, 1e7}, {1, 1 + 1e-3 * k}});
  Series labelled{"", {1, 2}, {1e5, 2e5}};
  labelled.joined = false;
  labelled.texts = {words, words};
  State<float> tiles(Shape{1, {9, 7, 1}, 5});
  const std::vector<Image> images = images_of(tiles.view(), heat);
  for (const Drawing& drawing :
       {line_chart(many, {.title = words, .x = {.label = words + words}, .y = {.label = words + words}, .width = 60}),
        line_chart({labelled}, {.width = 100}),
        line_chart({{"", {0, 999999}, {0, 999999}}}, {.uprights = {{3, words}, {4, ""}}}),
        table({{1, 2}, {3, nothing}}, {.title = words,
                                      .x_label = words,
                                      .y_label = words,
                                      .bar = {heat, 1, 3, words},
                                      .columns = {"1", words},
                                      .rows = {"a", words},
                                      .framed = {{true, true}, {false, true}},
                                      .texts = {{"1", "2"}, {words, "4"}}}),
        sheet(images, {.title = words,
                      .scale = 3,
                      .captions = {words, "a", "b", "c", "d"},
                      .bar = ScaleBar{heat, 0, 1e-5, words},
                      .key = {{white, words}, {ink, words}}}),
        sheet(images, {.columns = 3, .row_captions = {words, "b"}, .column_captions = {"a", words, "c"}}),
        over_axes(blank(1000, 30), 1, words, words), panels(words, {line_chart({}), line_chart({})})}) {
    CAPTURE(drawing.size.width, drawing.size.height);
    CHECK_FALSE(is_cut(drawing));
  }
}

TEST_CASE("names beside curves stand in their order, apart, and within the height that they need", "[unit]") {
  std::vector<basin::examples::detail::LegendEntry> entries;
  for (const double wanted : {195.0, 10.0, 12.0, 11.0, 199.0, 100.0}) entries.push_back({{"name"}, 0, wanted});
  CHECK(basin::examples::detail::place_entries(entries, 200) <= 200 + 1e-9);
  double free = 0;
  for (const auto& entry : entries) {
    CHECK(entry.top >= free - 1e-9);
    free = entry.top + entry.height();
  }
  CHECK(entries[3].top + entries[3].height() / 2 == Approx(100));  // which has room where it wants to be
  // More than there is room for: from the top down, as far as it takes.
  for (int k = 0; k < 10; ++k) entries.push_back({{"name"}, 0, 50});
  CHECK(basin::examples::detail::place_entries(entries, 200) == Approx(16 * entries[0].height()));
}

TEST_CASE("a sheet has each picture at its place, its squares sharp", "[unit]") {
  State<float> tiles(Shape{1, {2, 3, 1}, 5});
  tiles.view().sample(3).data()[1 + 2 * 2] = 1.0f;  // x 1, y 2 of the first tile in the second row
  const Image image = image_of(sheet(images_of(tiles.view(), grey), {.columns = 3, .scale = 4, .gap = 1}), 2, 0);
  CHECK(image.width == 2 * (3 * 9 - 1));
  CHECK(image.height == 2 * (2 * 13 - 1));
  CHECK(at(image, 8, 26 + 16) == white);
  CHECK(at(image, 15, 26 + 23) == white);
  CHECK(at(image, 7, 26 + 16) == Colour{0, 0, 0});
  CHECK(at(image, 8, 26 + 15) == Colour{0, 0, 0});
  CHECK(count(image, {0, 0, 0}) == (5 * 6 - 1) * 64);

  const State<float> coloured(Shape{2, {2, 3, 1}, 5});
  CHECK_THROWS_WITH(images_of(coloured.view(), grey),
                    "shape of the tiles of a sheet is (2, 2, 3, 1, 5), expected (1, width, height, 1, N)");
  CHECK_THROWS_WITH(sheet({}), "number of pictures of a sheet is 0, expected at least 1");
  CHECK_THROWS_WITH(sheet({blank(1, 1)}, {.captions = {"a", "b"}}), "number of captions of a sheet is 2, expected 1");
}

TEST_CASE("a frame of an animation is the middle of a picture over a line of text", "[unit]") {
  Image picture = blank(40, 30);
  fill(picture, 5, 5, 1, 1, ink);
  const Image middle = middle_of(picture, 5);
  CHECK(middle.width == 30);
  CHECK(middle.height == 20);
  CHECK(at(middle, 0, 0) == ink);
  CHECK(count(middle, ink) == 1);
  CHECK_THROWS_WITH(middle_of(picture, 15),
                    "border that is cut off an image is 15, expected at least 0, and less than half of it");
  const Image frame = captioned(middle, "1");
  CHECK(frame.width == 30);
  CHECK(frame.height > 20 + 13);
  CHECK(at(frame, 0, 0) == ink);
  CHECK(count(frame, white) < 30 * frame.height - 5);
}

TEST_CASE("a table's cells have the colours of their numbers", "[unit]") {
  const Drawing drawing =
      table({{0, 1}, {0.5, 0.25}}, {.bar = {grey, 0, 1, ""}, .columns = {"a", "b"}, .rows = {"c", "d"}});
  const Image image = image_of(drawing, 1, 0);
  // A cell is 22 x 22; the bar has a column of each grey.
  CHECK(count(image, grey(0.5)) >= 22 * 22 - 8);
  CHECK(count(image, grey(0.25)) >= 22 * 22 - 8);
  CHECK_THROWS_WITH(table({{1, 2}}, {.columns = {"a"}, .rows = {"b"}}),
                    "number of columns of a table is 2, expected 1");
}

TEST_CASE("channels become tiles", "[unit]") {
  State<float> state(Shape{3, {2, 2, 1}, 1});
  for (Index i = 0; i < 12; ++i) state.values[i] = static_cast<float>(i);
  const State<float> tiles = channels_as_tiles(state.view());
  CHECK(tiles.shape == Shape{1, {2, 2, 1}, 3});
  for (Index c = 0; c < 3; ++c) {
    for (Index cell = 0; cell < 4; ++cell) {
      CHECK(tiles.view().sample(c).data()[cell] == state.view().matrix()(c, cell));
    }
  }
}

TEST_CASE("figures are written as PNG and SVG, or there is a sentence", "[unit]") {
  const test::TemporaryFolder folder;
  const Drawing chart =
      line_chart({{"a & b", {0, 1}, {0, 1}}, {"<c>", {0, 1}, {1, 0}}}, {.title = "\"quoted\" & <so>"});
  write_png_and_svg(folder.file("chart.png"), chart);
  const Image image = read_png(folder.file("chart.png"));
  CHECK(image.width == Approx(2 * (chart.size.width + 2 * page_margin)).margin(1));
  CHECK(at(image, 0, 0) == white);  // opaque, so that a dark page does not shine through
  const std::vector<std::uint8_t> bytes = read_file(folder.file("chart.svg"), 1 << 20);
  const std::string svg(bytes.begin(), bytes.end());
  CHECK(is_well_formed(svg));
  CHECK(svg.find("<svg ") != svg.npos);
  CHECK_FALSE(is_well_formed(svg.substr(0, svg.size() / 2)));
  CHECK_FALSE(is_well_formed("<a><b></a></b>"));

  CHECK_THROWS_WITH(write_png_and_svg(folder.file("missing/chart.png"), chart),
                    Catch::Matchers::Contains("cannot write: there is no folder"));
  std::filesystem::create_directory(folder.file("taken.svg"));
  CHECK_THROWS_WITH(write_png_and_svg(folder.file("taken.png"), chart),
                    Catch::Matchers::Contains("taken.svg: cannot write: it is a folder"));
  CHECK(std::filesystem::is_directory(folder.file("taken.svg")));
}

TEST_CASE("a record of nothing is none", "[unit]") {
  const test::TemporaryFolder folder;
  Recording nothing_seen(folder.file("none"), {});
  CHECK(nothing_seen.finish().empty());
  CHECK_FALSE(std::filesystem::exists(folder.file("none.gif")));
  Recording one(folder.file("one.gif"), {});
  one.add(blank(4, 2), 3, 0);
  CHECK(one.finish() == folder.file("one.gif") + " and " + folder.file("one.png"));
  CHECK(std::filesystem::exists(folder.file("one.gif")));
}
