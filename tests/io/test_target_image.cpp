#include <catch2/catch.hpp>
#include <limits>

#include "basin/core/random.hpp"
#include "basin/io/target_image.hpp"
#include "hostile.hpp"

using namespace basin;
using test::Bytes;

namespace {

Image noise(Index width, Index height, Index channels) {
  Image image{width, height, channels, Bytes(static_cast<std::size_t>(width * height * channels))};
  const Random random{.seed = 9};
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    image.pixels[i] = static_cast<std::uint8_t>(random.below(i, 256));
  }
  return image;
}

/// The four features of a cell.
template <class S>
std::vector<double> cell(const State<S>& state, Index x, Index y) {
  const S* at = state.values.data() + state.shape.features * (y * state.shape.space[0] + x);
  return {static_cast<double>(at[0]), static_cast<double>(at[1]), static_cast<double>(at[2]),
          static_cast<double>(at[3])};
}

void check_close(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).margin(1e-12));
}

}  // namespace

TEST_CASE("a target of the picture's own size is its premultiplied pixels, with empty cells around", "[io]") {
  const Image image = noise(5, 5, 4);
  const State<double> target = target_state<double>(image, {.size = 5, .padding = 2});
  REQUIRE(target.shape == Shape{4, {9, 9, 1}, 1});
  for (Index y = 0; y < 9; ++y) {
    for (Index x = 0; x < 9; ++x) {
      INFO("cell " << x << ", " << y);
      if (x < 2 || x >= 7 || y < 2 || y >= 7) {
        CHECK(cell(target, x, y) == std::vector<double>{0, 0, 0, 0});
      } else {
        const std::uint8_t* p = image.at(x - 2, y - 2);
        const double a = p[3] / 255.0;
        check_close(cell(target, x, y), {p[0] / 255.0 * a, p[1] / 255.0 * a, p[2] / 255.0 * a, a});
      }
    }
  }
}

TEST_CASE("targets are means over areas", "[io]") {
  SECTION("whole pixels: two by two become one") {
    const Image image = noise(6, 6, 3);
    const State<double> target = target_state<double>(image, {.size = 3, .padding = 0});
    for (Index y = 0; y < 3; ++y) {
      for (Index x = 0; x < 3; ++x) {
        std::vector<double> mean{0, 0, 0, 1};
        for (std::size_t c = 0; c < 3; ++c) {
          for (Index j = 0; j < 2; ++j) {
            for (Index i = 0; i < 2; ++i) mean[c] += image.at(2 * x + i, 2 * y + j)[c] / 255.0 / 4.0;
          }
        }
        check_close(cell(target, x, y), mean);
      }
    }
  }
  SECTION("parts of pixels: three become two, the middle one shared") {
    const Image image{3, 3, 1, {0, 255, 0, 0, 255, 0, 0, 255, 0}};
    const State<double> target = target_state<double>(image, {.size = 2, .padding = 0});
    for (Index y = 0; y < 2; ++y) {
      for (Index x = 0; x < 2; ++x) check_close(cell(target, x, y), {1.0 / 3, 1.0 / 3, 1.0 / 3, 1});
    }
  }
  SECTION("the sum over all cells is that over the picture, whatever the sizes") {
    const Image image = noise(17, 17, 4);
    std::vector<double> expected(4);
    for (Index y = 0; y < 17; ++y) {
      for (Index x = 0; x < 17; ++x) {
        const auto colour = detail::premultiplied(image.at(x, y), 4);
        for (std::size_t c = 0; c < 4; ++c) expected[c] += colour[c] / (17.0 * 17.0);
      }
    }
    for (const Index size : {1, 5, 16, 17, 40}) {
      const State<double> target = target_state<double>(image, {.size = size, .padding = 3});
      std::vector<double> mean(4);
      for (Index i = 0; i < target.values.size(); ++i) {
        mean[static_cast<std::size_t>(i % 4)] += target.values[i] / static_cast<double>(size * size);
      }
      check_close(mean, expected);
    }
  }
  SECTION("what is transparent lends no colour") {
    const Image image{2, 2, 4, {255, 0, 0, 255, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0}};  // one red pixel
    check_close(cell(target_state<double>(image, {.size = 1, .padding = 0}), 0, 0), {0.25, 0, 0, 0.25});
  }
}

TEST_CASE("targets keep proportions and are centred", "[io]") {
  const Image wide{8, 3, 1, Bytes(24, 255)};
  const State<float> target = target_state(wide, {.size = 4, .padding = 1});  // 3 * 4 / 8 is rounded to 2 rows
  REQUIRE(target.shape == Shape{4, {6, 6, 1}, 1});
  for (Index y = 0; y < 6; ++y) {
    for (Index x = 0; x < 6; ++x) {
      const double expected = x >= 1 && x < 5 && (y == 2 || y == 3) ? 1 : 0;
      CHECK(cell(target, x, y) == std::vector<double>(4, expected));
    }
  }
  const State<float> thin = target_state(Image{1, 100, 1, Bytes(100, 255)}, {.size = 5, .padding = 0});
  CHECK(thin.values.sum() == Approx(20));  // one column of five cells
  CHECK(cell(thin, 2, 0)[3] == Approx(1));
}

TEST_CASE("every kind of image can be a target", "[io]") {
  const TargetOptions one{.size = 1, .padding = 0};
  check_close(cell(target_state<double>(Image{1, 1, 1, {51}}, one), 0, 0), {.2, .2, .2, 1});
  check_close(cell(target_state<double>(Image{1, 1, 2, {51, 102}}, one), 0, 0), {.08, .08, .08, .4});
  check_close(cell(target_state<double>(Image{1, 1, 3, {51, 102, 153}}, one), 0, 0), {.2, .4, .6, 1});
  check_close(cell(target_state<double>(Image{1, 1, 4, {51, 102, 153, 102}}, one), 0, 0), {.08, .16, .24, .4});
}

TEST_CASE("a target comes from a PNG file, by default of 72 x 72 cells", "[io]") {
  const test::TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  const Image image = noise(128, 128, 4);
  write_png(path, image);
  const State<float> target = read_target_image(path);
  CHECK(target.shape == Shape{4, {72, 72, 1}, 1});
  CHECK(target.values == target_state(image).values);
  CHECK(target.values.minCoeff() >= 0.0f);
  CHECK(target.values.maxCoeff() <= 1.0f);
  CHECK_THROWS_AS(read_target_image(folder.file("none.png")), FileError);
}

TEST_CASE("a state shows over white", "[unit][io]") {
  State<float> state(Shape{5, {2, 3, 1}, 1});
  const auto set = [&](Index x, Index y, std::vector<float> values) {
    for (std::size_t c = 0; c < values.size(); ++c) state.values[5 * (2 * y + x) + static_cast<Index>(c)] = values[c];
  };
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  set(1, 0, {0.2f, 0.4f, 0.6f, 1.0f, 9.0f});   // opaque: its colour
  set(0, 1, {0.5f, 0.0f, 0.0f, 0.5f, 9.0f});   // half red
  set(1, 1, {3.0f, -2.0f, 0.0f, 0.5f, 9.0f});  // out of range: cut
  set(0, 2, {0.0f, 0.0f, 0.0f, 1.5f, 9.0f});
  set(1, 2, {nan, 0.5f, 0.0f, 1.0f, 9.0f});
  const Image image = image_over_white(state);
  CHECK(image.width == 2);
  CHECK(image.height == 3);
  CHECK(image.channels == 3);
  CHECK(image.pixels == Bytes{255, 255, 255, 51, 102, 153, 255, 128, 128, 255, 0, 128, 0, 0, 0, 0, 128, 0});

  const Image large = image_over_white(state.view(), 3);
  CHECK(large.width == 6);
  CHECK(large.height == 9);
  for (Index y = 0; y < 9; ++y) {
    for (Index x = 0; x < 6; ++x) {
      for (Index c = 0; c < 3; ++c) CHECK(large.at(x, y)[c] == image.at(x / 3, y / 3)[c]);
    }
  }
}

TEST_CASE("an opaque picture comes back from a target as it was", "[io]") {
  const Image image = noise(12, 12, 3);
  CHECK(image_over_white(target_state(image, {.size = 12, .padding = 0})).pixels == image.pixels);
}

TEST_CASE("what cannot be a target or an image over white is refused", "[unit][io]") {
  const Image image = noise(4, 4, 3);
  CHECK_THROWS_WITH(target_state(Image{4, 0, 3, {}}), "size of an image is 4x0, expected 1 or more either way");
  CHECK_THROWS_WITH(target_state(Image{1, 1, 5, Bytes(5)}), "number of channels of an image is 5, expected 1 to 4");
  CHECK_THROWS_WITH(target_state(Image{2, 2, 3, Bytes(11)}), "number of bytes of an image is 11, expected 12");
  CHECK_THROWS_WITH(target_state(image, {.size = 0}), "size of a target is 0, expected 1 or more");
  CHECK_THROWS_WITH(target_state(image, {.padding = -1}), "padding of a target is -1, expected 0 or more");
  const State<float> rgb(Shape{3, {2, 2, 1}, 1}), two(Shape{4, {2, 2, 1}, 2}), fine(Shape{4, {2, 2, 1}, 1});
  CHECK_THROWS_WITH(image_over_white(rgb),
                    "shape of a state that is to be an image over white is (3, 2, 2, 1, 1), expected (4 or more, "
                    "width, height, 1, 1)");
  CHECK_THROWS_AS(image_over_white(two), std::invalid_argument);
  CHECK_THROWS_WITH(image_over_white(fine, 0), "scale of an image is 0, expected 1 or more");
}
