#include "../../examples/support/distort.hpp"

#include <catch2/catch.hpp>

using namespace basin;
using examples::distort;
using examples::Distortion;

namespace {

constexpr int side = 9;
using Image = Eigen::Matrix<float, side, side, Eigen::RowMajor>;

Image distorted(const Image& image, float beyond, const Distortion& most, double strength, std::uint64_t seed) {
  Image out;
  distort<side>(image.data(), beyond, most, strength, {seed, 0}, out.data());
  return out;
}

/// Column and line of the centre of mass, from the middle.
Eigen::Vector2d centre_of(const Image& image) {
  Eigen::Vector2d sum{0, 0};
  double mass = 0;
  for (int i = 0; i < side; ++i) {
    for (int j = 0; j < side; ++j) {
      const double ink = static_cast<double>(image(i, j));
      sum += ink * Eigen::Vector2d{j - 4.0, i - 4.0};
      mass += ink;
    }
  }
  return sum / mass;
}

}  // namespace

TEST_CASE("an image that is distorted by nothing stays as it is", "[unit]") {
  const Image image = Image::NullaryExpr([](Index i, Index j) { return static_cast<float>((i * 7 + j * 3) % 11); });
  CHECK((distorted(image, -1, {}, 0, 5) - image).cwiseAbs().maxCoeff() < 1e-4f);
}

TEST_CASE("a plane is its own image but for the edge, through any map of the right slope", "[unit]") {
  const Image flat = Image::Constant(2.5f);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Image out = distorted(flat, 2.5f, {}, 4, seed);
    CHECK((out - flat).cwiseAbs().maxCoeff() < 1e-5f);
  }
  // With a sloping one only the shift shows, the same everywhere inside.
  const Image slope = Image::NullaryExpr([](Index, Index j) { return static_cast<float>(j); });
  const Image moved = distorted(slope, 0, {.turn = 0, .shear = 0, .scale = 0, .shift = 1}, 1, 3);
  const float shift = moved(4, 4) - slope(4, 4);
  CHECK(std::abs(shift) > 0.01f);
  CHECK(((moved - slope).block<5, 5>(2, 2).array() - shift).abs().maxCoeff() < 1e-4f);
}

TEST_CASE("each bound bounds what it names, and random numbers fill it", "[unit]") {
  Image dot = Image::Zero(), bar = Image::Zero(), block = Image::Zero();
  dot.block<3, 1>(3, 6).setOnes();  // right of the centre by two
  bar.col(4).setOnes();
  block.block<3, 3>(3, 3).setOnes();
  Eigen::Array2d least_shift{10, 10}, most_shift{-10, -10}, least_size{10, 10}, most_size{0, 0};
  double least_angle = 10, most_angle = -10, least_slant = 10, most_slant = -10;
  bool apart = false;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Eigen::Vector2d shifted =
        centre_of(distorted(dot, 0, {.turn = 0, .shear = 0, .scale = 0, .shift = 1}, 1, seed));
    least_shift = least_shift.min(shifted.array());
    most_shift = most_shift.max(shifted.array());
    const Eigen::Vector2d turned =
        centre_of(distorted(dot, 0, {.turn = 0.5, .shear = 0, .scale = 0, .shift = 0}, 1, seed));
    const double angle = std::atan2(turned[1], turned[0]);
    least_angle = std::min(least_angle, angle);
    most_angle = std::max(most_angle, angle);
    // A shear moves columns a line: the ends of a bar go to opposite sides, its middle stays.
    const Image slanted = distorted(bar, 0, {.turn = 0, .shear = 0.5, .scale = 0, .shift = 0}, 1, seed);
    const auto at = [&](int line) {
      double sum = 0;
      for (int j = 0; j < side; ++j) sum += static_cast<double>(slanted(line, j)) * j;
      return sum - 4;
    };
    CHECK(at(4) == Approx(0).margin(1e-5));
    CHECK(at(0) == Approx(-at(8)).margin(1e-5));
    least_slant = std::min(least_slant, at(0));
    most_slant = std::max(most_slant, at(0));
    const Image scaled = distorted(block, 0, {.turn = 0, .shear = 0, .scale = 0.3, .shift = 0}, 1, seed);
    const Eigen::Array2d size{scaled.row(4).sum(), scaled.col(4).sum()};
    least_size = least_size.min(size);
    most_size = most_size.max(size);
    apart = apart || (size[0] > 3.3 && size[1] < 2.7);
  }
  CHECK(least_shift[0] == Approx(1).margin(0.05));
  CHECK(most_shift[0] == Approx(3).margin(0.05));
  CHECK(least_shift[1] == Approx(-1).margin(0.05));
  CHECK(most_shift[1] == Approx(1).margin(0.05));
  CHECK(least_angle == Approx(-0.5).margin(0.08));
  CHECK(most_angle == Approx(0.5).margin(0.08));
  CHECK(least_slant == Approx(-2).margin(0.1));
  CHECK(most_slant == Approx(2).margin(0.1));
  for (const int k : {0, 1}) {
    CHECK(least_size[k] == Approx(3 / 1.3).margin(0.2));
    CHECK(most_size[k] == Approx(3 / 0.7).margin(0.3));
  }
  CHECK(apart);
}

TEST_CASE("an image is seen through the map that was drawn, number by number", "[unit]") {
  constexpr int wide = 28;
  using Wide = Eigen::Matrix<float, wide, wide, Eigen::RowMajor>;
  const Wide image = Wide::NullaryExpr([](Index i, Index j) { return static_cast<float>((i * 5 + j * 11) % 17); });
  const Distortion most{.turn = 0.4, .shear = 0.3, .scale = 0.2, .shift = 3};
  constexpr double strength = 0.8;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const Random random{seed, 0};
    const auto draw = [&](std::uint64_t index, double bound) {
      return strength * bound * (2 * random.uniform(index) - 1);
    };
    const double turn = draw(0, most.turn), cosine = std::cos(turn), sine = std::sin(turn);
    Eigen::Matrix2d map;
    map << cosine * (1 + draw(2, most.scale)), draw(1, most.shear) - sine, sine, cosine * (1 + draw(3, most.scale));
    const Eigen::Vector2d shift{draw(4, most.shift), draw(5, most.shift)};
    const auto pixel = [&](int line, int column) {
      const bool inside = line >= 0 && line < wide && column >= 0 && column < wide;
      return inside ? static_cast<double>(image(line, column)) : -1.0;
    };
    Wide out;
    distort<wide>(image.data(), -1, most, strength, random, out.data());
    double worst = 0;
    for (int i = 0; i < wide; ++i) {
      for (int j = 0; j < wide; ++j) {
        const Eigen::Vector2d at = map * Eigen::Vector2d(j - 13.5, i - 13.5) + shift + Eigen::Vector2d(13.5, 13.5);
        const int left = static_cast<int>(std::floor(at[0])), above = static_cast<int>(std::floor(at[1]));
        const double x = at[0] - left, y = at[1] - above;
        const double expected = (1 - y) * ((1 - x) * pixel(above, left) + x * pixel(above, left + 1)) +
                                y * ((1 - x) * pixel(above + 1, left) + x * pixel(above + 1, left + 1));
        worst = std::max(worst, std::abs(static_cast<double>(out(i, j)) - expected));
      }
    }
    CHECK(worst < 2e-4);  // 17 times the rounding of a position in float, some 6e-6
  }
}

TEST_CASE("a distortion depends on its random numbers alone, and sees what is beyond the edge", "[repeatable]") {
  const Image image = Image::NullaryExpr([](Index i, Index j) { return static_cast<float>(i + j); });
  CHECK(distorted(image, 0, {}, 1, 1) == distorted(image, 0, {}, 1, 1));
  CHECK(distorted(image, 0, {}, 1, 1) != distorted(image, 0, {}, 1, 2));
  const Image far = distorted(image, -7, {.turn = 0, .shear = 0, .scale = 0, .shift = 100}, 1, 1);
  CHECK(far == Image::Constant(-7));
}
