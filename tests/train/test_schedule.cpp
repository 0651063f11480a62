#include "basin/train/schedule.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace basin;

static_assert(Schedule<Constant> && Schedule<StepDecay> && Schedule<MilestoneDecay> && Schedule<Cosine> &&
              Schedule<WarmUp<Cosine>> && Schedule<OneCycle>);
static_assert(!Schedule<int>);

}  // namespace

TEST_CASE("schedules have their values at known steps", "[unit]") {
  CHECK(Constant{}(123456) == 1.0);

  const StepDecay decay{.period = 10, .factor = 0.5};
  CHECK(decay(0) == 1.0);
  CHECK(decay(9) == 1.0);
  CHECK(decay(10) == 0.5);
  CHECK(decay(39) == 0.125);

  const MilestoneDecay milestones{.milestones = {30, 10}, .factor = 0.1};
  CHECK(milestones(9) == 1.0);
  CHECK(milestones(10) == Approx(0.1));
  CHECK(milestones(30) == Approx(0.01));

  const Cosine cosine{.total = 100, .final = 0.2};
  CHECK(cosine(0) == 1.0);
  CHECK(cosine(50) == Approx(0.6));
  CHECK(cosine(25) == Approx(0.2 + 0.8 * (1 + std::sqrt(0.5)) / 2));
  CHECK(cosine(100) == Approx(0.2));
  CHECK(cosine(1000) == Approx(0.2));

  const OneCycle cycle{.total = 100, .warm_fraction = 0.25, .start = 0.1, .final = 0.01};
  CHECK(cycle(0) == Approx(0.1));
  CHECK(cycle(25) == 1.0);
  CHECK(cycle(100) == Approx(0.01));
  CHECK(cycle(500) == Approx(0.01));
  for (Index step = 1; step <= 100; ++step) CHECK((cycle(step) > cycle(step - 1)) == (step <= 25));
  CHECK(OneCycle{.total = 100, .warm_fraction = 0.5, .start = 0.1}(25) == Approx(0.55));  // half of the way up
  CHECK(OneCycle{.total = 100, .warm_fraction = 0.5, .final = 0.2}(75) == Approx(0.6));   // and down
  CHECK(OneCycle{.total = 10, .warm_fraction = 0}(0) == 1.0);
  CHECK(OneCycle{.total = 10, .warm_fraction = 1}(10) == 1.0);
}

TEST_CASE("a warm-up rises in a line to what follows", "[unit]") {
  const WarmUp warm{4, Cosine{.total = 10, .final = 0}};
  CHECK(warm(0) == 0.25);
  CHECK(warm(3) == 1.0);
  CHECK(warm(4) == 1.0);
  CHECK(warm(9) == Approx(0.5));
  CHECK(WarmUp<>{.steps = 0}(0) == 1.0);
  CHECK(WarmUp<OneCycle>{.steps = 2, .inner = {.start = 0.5}}(0) == Approx(0.25));
}

TEST_CASE("schedules refuse lengths that make no sense", "[unit]") {
  CHECK_THROWS_WITH(Cosine{.total = 0}(1), "total number of steps of a schedule is 0, expected at least 1");
  CHECK_THROWS_WITH(StepDecay{.period = 0}(1), "period of StepDecay is 0, expected at least 1");
  CHECK_THROWS_WITH(OneCycle{.warm_fraction = 2}(1), "warm fraction of OneCycle is 2, expected 0 to 1");
  CHECK_THROWS_WITH(WarmUp<>{.steps = -1}(1), "steps of a warm-up is -1, expected 0 or more");
}

TEST_CASE("schedules refuse scales that are not finite or negative, and steps before the first", "[unit]") {
  for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity(), -0.5}) {
    CHECK_THROWS_AS(StepDecay{.factor = bad}(1), std::invalid_argument);
    CHECK_THROWS_AS(MilestoneDecay{.factor = bad}(1), std::invalid_argument);
    CHECK_THROWS_AS(Cosine{.final = bad}(1), std::invalid_argument);
    CHECK_THROWS_AS(OneCycle{.start = bad}(1), std::invalid_argument);
    CHECK_THROWS_AS(OneCycle{.final = bad}(1), std::invalid_argument);
  }
  CHECK_THROWS_AS(OneCycle{.warm_fraction = std::nan("")}(1), std::invalid_argument);
  CHECK_THROWS_WITH(StepDecay{.factor = -0.5}(1), "factor of StepDecay is -0.5, expected 0 or more, and finite");
  const auto refuses = [](const auto& schedule) {
    CHECK_THROWS_WITH(schedule(-1), "step of a schedule is -1, expected 0 or more");
  };
  refuses(Constant{});
  refuses(StepDecay{});
  refuses(MilestoneDecay{});
  refuses(Cosine{});
  refuses(WarmUp<>{});
  refuses(OneCycle{});
}
