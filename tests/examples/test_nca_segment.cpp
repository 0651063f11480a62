// The images of nca_segment, what is measured of answers, an image step by step, and the memory of a U-Net.

#include <catch2/catch.hpp>
#include <set>

#include "../../examples/nca_segment/climbing.hpp"
#include "../../examples/nca_segment/memory.hpp"
#include "../../examples/support/overlap.hpp"
#include "../../examples/support/shape_scenes.hpp"

namespace {

using namespace nca_segment;
using basin::examples::Overlap;
using basin::examples::ShapeScene;

struct Drawn {
  std::vector<float> pixels;
  std::vector<int> labels;
};

Drawn drawn(const ShapeScene& scene, std::uint64_t seed, std::uint64_t number) {
  const auto size = static_cast<std::size_t>(scene.pixels());
  Drawn one{std::vector<float>(size), std::vector<int>(size)};
  basin::examples::draw_shapes(scene, seed, number, one.pixels.data(), one.labels.data());
  return one;
}

/// The share of pixels that are of a class.
double share(const ShapeScene& scene, int label, std::uint64_t images) {
  std::int64_t count = 0;
  for (std::uint64_t n = 0; n < images; ++n) {
    const Drawn one = drawn(scene, 1, n);
    count += std::count(one.labels.begin(), one.labels.end(), label);
  }
  return static_cast<double>(count) / static_cast<double>(scene.pixels() * static_cast<Index>(images));
}

}  // namespace

TEST_CASE("an image of shapes depends on its seed and number alone, at any size", "[unit]") {
  const ShapeScene scene{.side = 64, .scale = 2};
  const Drawn one = drawn(scene, 1, 7);
  CHECK((drawn(scene, 1, 7).pixels == one.pixels));
  CHECK((drawn(scene, 1, 7).labels == one.labels));
  CHECK((drawn(scene, 1, 8).labels != one.labels));
  CHECK((drawn(scene, 2, 7).labels != one.labels));
  const Drawn large = drawn({.side = 128, .scale = 2}, 1, 7);
  CHECK(std::set<int>(large.labels.begin(), large.labels.end()) == std::set<int>{0, 1, 2, 3});
  // Larger shapes on a larger image cover as much of it. With more of them on 16 times as many pixels fewer are cut by
  // the edge, and more are hidden.
  const double ground = share({}, 0, 100);
  CHECK(ground > 0.4);
  CHECK(ground < 0.9);
  CHECK(share({.side = 96, .scale = 3}, 0, 100) == Approx(ground).margin(0.02));
  CHECK(share({.side = 128}, 0, 20) == Approx(ground).margin(0.15));
  CHECK_THROWS_WITH(drawn({.side = 160}, 1, 0),
                    "areas of 32 x 32 pixels of an image of shapes is 25, expected at most 16");
}

TEST_CASE("noise is what is added to an image of shapes", "[unit]") {
  const Drawn none = drawn({.side = 64, .scale = 2, .noise = 0}, 1, 3),
              some = drawn({.side = 64, .scale = 2, .noise = 0.1}, 1, 3);
  CHECK((none.labels == some.labels));
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < none.pixels.size(); ++i) {
    const double difference = static_cast<double>(some.pixels[i]) - static_cast<double>(none.pixels[i]);
    sum += difference;
    squares += difference * difference;
  }
  const auto count = static_cast<double>(none.pixels.size());
  CHECK(std::abs(sum / count) < 0.006);  // 4 standard errors
  CHECK(std::sqrt(squares / count) == Approx(0.1).epsilon(0.05));
}

TEST_CASE("overlaps are counted as by hand", "[unit]") {
  Overlap overlap(4);
  overlap.add(std::array{0, 0, 1, 2}, std::array{0, 1, 1, 2});
  CHECK(overlap.intersection_over_union(0) == 1.0 / 2);
  CHECK(overlap.intersection_over_union(1) == 1.0 / 2);
  CHECK(overlap.intersection_over_union(2) == 1);
  CHECK(overlap.intersection_over_union(3) == 1);  // nobody says so, and nothing is
  CHECK(overlap.dice(0) == 2.0 / 3);
  CHECK(overlap.dice(2) == 1);
  CHECK(overlap.accuracy() == 3.0 / 4);
  overlap.add(3, 0);
  CHECK(overlap.dice(3) == 0);
  CHECK(overlap.dice(0) == 1.0 / 2);
  overlap.add(7, 0);  // no class
  CHECK(overlap.dice(0) == 2.0 / 5);
  CHECK_THROWS_WITH(overlap.add(std::array{0, 1}, std::array{0}), "pixels of an answer is 2, expected 1");
}

TEST_CASE("an image that is watched step by step ends as the pyramid says", "[unit]") {
  const Model model = model_of("2,1,0,3");
  Theta theta = initial_theta(1);
  for (Index i = 0; i < theta.vector().size(); ++i) theta.vector()[i] *= 1.0f + 0.1f * static_cast<float>(i % 7);
  const Drawn one = drawn({.side = 32}, 1, 0);
  State<float> image(Shape{1, {32, 32, 1}, 1});
  std::copy(one.pixels.begin(), one.pixels.end(), image.values.data());
  Climb climb(model, theta, image.view());
  std::vector<Index> blocks;
  for (int step = 0; step < 6; ++step) {
    climb.step();
    blocks.push_back(climb.block());
  }
  CHECK(blocks == std::vector<Index>{8, 8, 4, 1, 1, 1});
  CHECK(climb.level_done());
  const State<float> end = answers(model, theta, image.view());
  // Means over blocks are summed in another order.
  CHECK((climb.state().values - end.values).cwiseAbs().maxCoeff() < 1e-5f * end.values.cwiseAbs().maxCoeff());
  CHECK((climb.said() == basin::examples::classes_of(climb.state().view(), classes)));
}

TEST_CASE("steps of grids are numbers with commas", "[unit]") {
  CHECK(model_of("1,2,3,4").levels[3].steps == 4);
  CHECK_THROWS_WITH(model_of("1,2"), "number of grids of --steps is 2, expected 4");
  CHECK_THROWS_WITH(model_of("1,2,3,4,5"), "number of grids of --steps is 5, expected 4");
  CHECK_THROWS_WITH(model_of("1,x,3,4"), "a number of --steps is 'x', expected a whole number from 0 to 100000");
  CHECK_THROWS_WITH(model_of("1,,3,4"), "a number of --steps is '', expected a whole number from 0 to 100000");
}

TEST_CASE("the parameters and the memory of a U-Net", "[unit]") {
  // As programs of that network count them, for images of one channel and two classes.
  CHECK(UNet{.classes = 2}.parameters() == 31030658);
  // Of two levels, layer by layer, on 8 x 8 pixels.
  const UNet small{.channels = 3, .levels = 2, .in = 1, .classes = 2};
  const double down = (9 * 1 + 1) * 3 + (9 * 3 + 1) * 3, bottom = (9 * 3 + 1) * 6 + (9 * 6 + 1) * 6,
               up = (4 * 6 + 1) * 3 + (9 * 6 + 1) * 3 + (9 * 3 + 1) * 3, end = (3 + 1) * 2;
  CHECK(small.parameters() == down + bottom + up + end);
  CHECK(small.training_numbers(8) == 5 * 3 * 64 + 2 * 6 * 16);
  CHECK(small.inference_numbers(8) == 3 * 3 * 64);
}
