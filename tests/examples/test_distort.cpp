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
  Image bar = Image::Zero();
  bar.block<3, 1>(3, 6).setOnes();  // right of the centre by two
  double least = 10, most = -10, angle = 0;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const Eigen::Vector2d shifted =
        centre_of(distorted(bar, 0, {.turn = 0, .shear = 0, .scale = 0, .shift = 1}, 1, seed));
    least = std::min(least, shifted[0]);
    most = std::max(most, shifted[0]);
    const Eigen::Vector2d turned =
        centre_of(distorted(bar, 0, {.turn = 0.5, .shear = 0, .scale = 0, .shift = 0}, 1, seed));
    angle = std::max(angle, std::abs(std::atan2(turned[1], turned[0])));
    const Eigen::Vector2d sheared =
        centre_of(distorted(bar, 0, {.turn = 0, .shear = 0.5, .scale = 0, .shift = 0}, 1, seed));
    CHECK(std::abs(sheared[1]) < 1e-4);  // the shear moves columns a line, and the bar lies about the middle line
  }
  CHECK(least == Approx(1).margin(0.05));
  CHECK(most == Approx(3).margin(0.05));
  CHECK(angle == Approx(0.5).margin(0.08));
}

TEST_CASE("a distortion depends on its random numbers alone, and sees what is beyond the edge", "[repeatable]") {
  const Image image = Image::NullaryExpr([](Index i, Index j) { return static_cast<float>(i + j); });
  CHECK(distorted(image, 0, {}, 1, 1) == distorted(image, 0, {}, 1, 1));
  CHECK(distorted(image, 0, {}, 1, 1) != distorted(image, 0, {}, 1, 2));
  const Image far = distorted(image, -7, {.turn = 0, .shear = 0, .scale = 0, .shift = 100}, 1, 1);
  CHECK(far == Image::Constant(-7));
}
