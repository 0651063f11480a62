// The tissue of nca_tissue, what is measured of it, and the two forms of its networks.

#include <catch2/catch.hpp>
#include <cmath>

#include "../../examples/nca_tissue/measuring.hpp"

using namespace nca_tissue;

namespace {

/// 5 x 5 places: a stem cell and two dividing ones in the middle row, a mature one in a corner.
Tissue small() {
  Tissue tissue = seed_of(5);
  tissue.kind[11] = tissue.kind[13] = dividing;
  tissue.kind[0] = mature;
  return tissue;
}

}  // namespace

TEST_CASE("what a place becomes follows from its neighbours", "[unit]") {
  const Tissue tissue = small();
  CHECK(next_of(tissue, 2, 2) == Probabilities{0, 0.95, 0, 0.05});
  CHECK(next_of(tissue, 1, 2) == Probabilities{0, 0, 0.9, 0.1});
  CHECK(next_of(tissue, 0, 0) == Probabilities{0.04, 0, 0, 0.96});
  CHECK(next_of(tissue, 4, 4) == Probabilities{1, 0, 0, 0});
  // Above the middle: one stem cell and two dividing ones.
  const Probabilities p = next_of(tissue, 2, 1);
  CHECK(p[stem] == Approx(0.03));
  CHECK(p[dividing] == Approx(0.07 + 0.12));
  CHECK(p[mature] == Approx(0.08));
  CHECK(p[empty] == Approx(0.7));
}

TEST_CASE("surroundings are a place's kind, and the kinds beside it", "[unit]") {
  const Tissue tissue = small();
  const auto of = [&](std::size_t x, std::size_t y) { return context_of(tissue, 5 * y + x); };
  constexpr std::size_t beside_stem = 1, beside_dividing = 2, beside_mature = 4;
  CHECK(of(2, 2) == 8 * stem + beside_dividing);
  CHECK(of(1, 2) == 8 * dividing + beside_stem);
  CHECK(of(0, 0) == 8 * mature);  // nothing beyond the corner
  CHECK(of(4, 4) == 8 * empty);
  CHECK(of(1, 1) == 8 * empty + beside_stem + beside_dividing + beside_mature);
  CHECK(of(3, 1) == 8 * empty + beside_stem + beside_dividing);
  CHECK(of(4, 2) == 8 * empty + beside_dividing);  // and not what a line above begins with
  static_assert(8 * mature + 7 < contexts);
}

TEST_CASE("tissues are drawn by those probabilities", "[unit]") {
  const Tissue tissue = small();
  constexpr int draws = 4000;
  std::array<double, kinds> of_place{};
  const basin::Random random{3, 4};
  for (std::uint64_t i = 0; i < draws; ++i) {
    const Tissue next = step_of(tissue, random, i << 32);
    of_place[next.kind[7]] += 1.0 / draws;
    CHECK(next.kind[24] == empty);
    CHECK(next.kind[12] != dividing);
  }
  const Probabilities expected = next_of(tissue, 2, 1);
  for (std::size_t c = 0; c < kinds; ++c) {
    CHECK(std::abs(of_place[c] - expected[c]) < 5 * std::sqrt(expected[c] * (1 - expected[c]) / draws));
  }
}

TEST_CASE("a recording is a function of its number, and begins with one stem cell", "[unit]") {
  const auto one = recording(16, 20, 1, 2, 3), same = recording(16, 20, 1, 2, 3), other = recording(16, 20, 1, 2, 4);
  CHECK(one == same);
  CHECK(one.back() != other.back());
  CHECK(one.front() == seed_of(16));
  REQUIRE(one.size() == 21);
  State<float> state(Shape{kinds, {16, 16, 1}, 1});
  write(one.back(), state.view());
  CHECK(state.values.sum() == 256);
  CHECK(read(state.view()) == one.back());
  CHECK(size_of(one.back()) == 256 - counts_of(one.back())[empty]);
}

TEST_CASE("an automaton of drawn rules does what its convolutions say", "[unit]") {
  Settings settings;
  const Trainer trainer(settings);
  const Tissue tissue = recording(12, 20, 1, 2, 0).back();
  State<float> state(Shape{kinds, {12, 12, 1}, 1}), drawn(state.shape), mean(state.shape);
  write(tissue, state.view());
  const State<float> answers = answers_of<Mixture>(trainer.mixture(), tissue);
  Drawing drawing{.steps = 1};
  const auto rule = rule_of<Drawing>(trainer.mixture());
  static_cast<void>(drawing.apply<float>(rule.span(), state.view(), drawn.view()));
  static_cast<void>(Meaning{.steps = 1}.apply<float>(rule.span(), state.view(), mean.view()));
  std::array<int, rules> times{};
  for (Index cell = 0; cell < 144; ++cell) {
    const float* numbers = answers.values.data() + cell * (rules + rules * kinds);
    const auto p = choices_of(numbers);
    Eigen::Vector4f expected = state.view().matrix().col(cell);
    int same = 0;
    for (std::size_t k = 0; k < rules; ++k) {
      const Eigen::Map<const Eigen::Vector4f> answer(numbers + rules + k * kinds);
      expected += static_cast<float>(p[k]) * answer;
      if ((state.view().matrix().col(cell) + answer - drawn.view().matrix().col(cell)).norm() < 1e-5f) {
        ++same;
        ++times[k];
      }
    }
    CHECK(same == 1);
    CHECK((mean.view().matrix().col(cell) - expected).norm() < 1e-5f);
  }
  for (const int count : times) CHECK(count > 0);
}

TEST_CASE("distances of distributions", "[unit]") {
  const Sizes one{.size = {0, 10, 20}}, other{.size = {3, 10, 26}};
  CHECK(distance(one, one) == 0);
  CHECK(distance(one, other) == Approx(9.0 / 3 / 13));
  CHECK(one.mean() == 10);
  CHECK(one.gone() == Approx(1.0 / 3));
  // A cell that stays for sure does not count, and one that is wrongly sure counts by what it leaves out.
  Tissue tissue = seed_of(8);
  std::vector<Probabilities> learned(64, Probabilities{1, 0, 0, 0});
  learned[4 * 8 + 4] = {0, 1, 0, 0};
  Distance away;
  away.add(tissue, learned);
  CHECK(away.mean() == Approx((0.05 + 8 * 0.1) / 9));
}

TEST_CASE("a wound empties what it cuts off, and leaves all else as it is", "[unit]") {
  Settings settings;
  const Trainer trainer(settings);
  for (const Grower grower : {Grower::recorded, Grower::mean}) {
    Colony colony(trainer, grower, 0, 12, 2, 1, test_stream);
    colony.run(3);
    const double vague = colony.vagueness();
    colony.remove(0.5, 0.5, 0.9);
    CHECK(colony.vagueness() == vague);
    CHECK((vague > 0) == (grower == Grower::mean));
    colony.wound();
    for (const Tissue& tissue : colony.tissues()) {
      for (Index place = 0; place < 144; ++place) {
        if (place % 12 >= 6) CHECK(tissue.kind[static_cast<std::size_t>(place)] == empty);
      }
    }
  }
}
