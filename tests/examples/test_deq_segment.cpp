// The images of deq_segment, and what is measured of answers.

#include <catch2/catch.hpp>
#include <set>

#include "../../examples/deq_segment/measuring.hpp"

namespace {

using namespace deq_segment;

/// Answers that say the truth of some scenes.
State<float> truth(const Scenes& scenes) {
  State<float> answers(Answers::shape(scenes.images.shape.samples));
  for (Index n = 0; n < answers.shape.samples; ++n) {
    const auto one = answers.view().sample(n);
    for (Index i = 0; i < pixels; ++i) {
      Answers::plane<0>(one).matrix()(scenes.pixels[static_cast<std::size_t>(n * pixels + i)], i) = 1;
    }
    Answers::plane<1>(one).vector()[scenes.kinds[static_cast<std::size_t>(n)]] = 1;
  }
  return answers;
}

}  // namespace

TEST_CASE("a scene depends on its seed and number alone, and shows what it says", "[unit]") {
  const Source shapes = source_of("shapes", "");
  const Scenes some = shapes.make(1, 0, 40), later = shapes.make(1, 30, 10), others = shapes.make(2, 30, 10);
  CHECK(some.images.view().samples(30, 10).vector() == later.images.values);
  CHECK(std::equal(later.pixels.begin(), later.pixels.end(), some.pixels.begin() + 30 * pixels));
  CHECK(later.images.values != others.images.values);
  CHECK(std::set<int>(some.pixels.begin(), some.pixels.end()) == std::set<int>{0, 1, 2, 3});
  bool right = true;
  for (Index n = 0; n < 40; ++n) {
    const auto begin = some.pixels.begin() + n * pixels;
    for (int shape = 1; shape <= 3; ++shape) {
      const bool seen = std::count(begin, begin + pixels, shape) >= 12;
      right = right && seen == ((some.kinds[static_cast<std::size_t>(n)] >> (shape - 1)) % 2 == 1);
    }
  }
  CHECK(right);
}

TEST_CASE("digits in clutter keep their label, and their ink is theirs or the clutter's", "[unit]") {
  const Source digits{"drawn", 3, 10, basin::examples::drawn_digits(20, 1), basin::examples::drawn_digits(5, 2)};
  const Scenes scenes = digits.make(3, 0, 20);
  CHECK(std::set<int>(scenes.pixels.begin(), scenes.pixels.end()) == std::set<int>{0, 1, 2});
  bool right = true;
  for (std::size_t i = 0; i < scenes.pixels.size(); ++i) {
    const float ink = scenes.images.values[static_cast<Index>(i)];
    right = right && (scenes.pixels[i] == 0 ? ink <= 0.3f : ink > 0.3f);
  }
  CHECK(right);
  CHECK(digits.make(3, 0, 5, true).images.values != scenes.images.view().samples(0, 5).vector());
}

TEST_CASE("agreement is whole with the truth, and intersections over unions are counted by hand", "[unit]") {
  const Scenes scenes = source_of("shapes", "").make(1, 0, 3);
  State<float> answers = truth(scenes);
  const Agreement whole = agreement(answers.view(), scenes, 4);
  CHECK(whole.pixel_accuracy == 1);
  CHECK(whole.image_accuracy == 1);
  CHECK(whole.mean_intersection_over_union == 1);
  // All is ground, and of the first kind.
  answers.values.setZero();
  const Agreement none = agreement(answers.view(), scenes, 4);
  const double ground = static_cast<double>(std::count(scenes.pixels.begin(), scenes.pixels.end(), 0));
  CHECK(none.pixel_accuracy == Approx(ground / (3.0 * pixels)));
  CHECK(none.intersection_over_union[0] == Approx(ground / (3.0 * pixels)));
  CHECK(none.intersection_over_union[1] == 0);
  CHECK(none.image_accuracy == 0);
}
