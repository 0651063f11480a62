#include "basin/train/roll_back.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <map>
#include <string>

#include "basin/train/optimizer.hpp"

namespace {

using namespace basin;

struct Model {
  static constexpr std::size_t param_count = 1;
  static void leaves(LeafList& list) { list.bias("bias", 1); }
};

/// A run whose parameter and moment count the steps.
struct Run {
  Parameters<Model, double> theta{};
  AdamState<Model, double> moments{};
  RollBack<Model, double, AdamState<Model, double>> guard;

  explicit Run(const RollBackOptions& options) : guard(theta, moments, options) {}

  bool step(double loss, double norm = 1) {
    const bool accepted = guard.accepts(loss, norm, theta, moments);
    if (accepted) {
      theta.span()[0] += 1;
      ++moments.steps;
    }
    return accepted;
  }
};

}  // namespace

TEST_CASE("an exploded loss brings back parameters and moments of the last copy", "[unit]") {
  Run run({.factor = 10, .decay = 0.5, .settle = 3, .every = 4});
  CHECK(run.step(1000));  // the mean needs three
  for (int i = 0; i < 6; ++i) CHECK(run.step(1));
  CHECK(run.theta.span()[0] == 7);
  // Mean: 1 + 999 / 2^6 = 16.6; copies were made before the steps 4 and 8.
  CHECK(run.step(160));
  CHECK(run.theta.span()[0] == 8);
  CHECK_FALSE(run.step(1000));
  CHECK(run.theta.span()[0] == 7);
  CHECK(run.moments.steps == 7);
  CHECK(run.guard.count() == 1);
  CHECK(run.guard.without_copy() == 1);
}

TEST_CASE("what is not finite explodes at once, and does not enter the mean", "[unit]") {
  Run run({.settle = 0});
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_FALSE(run.step(nan));
  CHECK_FALSE(run.step(1, infinity));
  CHECK(run.step(1));
  CHECK_FALSE(run.step(infinity));
  CHECK(run.step(9.9));
  CHECK(run.theta.span()[0] == 1);
  CHECK(run.guard.without_copy() == 3);
}

TEST_CASE("a copy ends the row, and a mean can begin anew", "[unit]") {
  Run run({.settle = 1, .every = 3});
  CHECK(run.step(1));
  CHECK_FALSE(run.step(11));
  run.guard.forget();
  CHECK(run.step(11));
  CHECK(run.guard.without_copy() == 1);
  CHECK(run.step(11));
  CHECK(run.step(11));
  CHECK(run.guard.without_copy() == 0);
  CHECK(run.guard.count() == 1);
  CHECK_FALSE(run.step(120));
  CHECK(run.theta.span()[0] == 2);
}

TEST_CASE("each() carries a roll-back from one run to another", "[unit]") {
  const RollBackOptions options{.settle = 1, .every = 2};
  Run run(options), other(options);
  for (const double loss : {1.0, 2.0, 3.0, 100.0}) run.step(loss);
  std::map<std::string, double> numbers;
  run.guard.each([&](std::string_view name, const auto& value) {
    if constexpr (requires { value.span(); }) {
      numbers[std::string(name)] = value.span()[0];
    } else {
      numbers[std::string(name)] = static_cast<double>(value);
    }
  });
  CHECK(numbers.size() == 9);
  other.guard.each([&](std::string_view name, auto& value) {
    if constexpr (requires { value.span(); }) {
      value.span()[0] = numbers.at(std::string(name));
    } else {
      value = static_cast<std::remove_reference_t<decltype(value)>>(numbers.at(std::string(name)));
    }
  });
  other.theta = run.theta;
  other.moments = run.moments;
  for (const double loss : {1.0, 2.0, 30.0, 1.0, 1.0, 1.0, 500.0}) CHECK(run.step(loss) == other.step(loss));
  CHECK(run.theta.span()[0] == other.theta.span()[0]);
  CHECK(run.guard.count() == other.guard.count());
}

TEST_CASE("options out of their range are refused", "[unit]") {
  CHECK_THROWS_WITH(Run({.factor = 1}), "RollBack: factor is 1, expected above 1, and finite");
  CHECK_THROWS_AS(Run({.factor = std::numeric_limits<double>::infinity()}), std::invalid_argument);
  CHECK_THROWS_AS(Run({.factor = std::nan("")}), std::invalid_argument);
  CHECK_THROWS_AS(Run({.decay = std::nan("")}), std::invalid_argument);
  CHECK_THROWS_WITH(Run({.settle = -1}), "RollBack: settle is -1, expected 0 or more");
  CHECK_THROWS_WITH(Run({.decay = 1}), "RollBack: decay is 1, expected 0 to below 1");
  CHECK_THROWS_WITH(Run({.every = 0}), "RollBack: every is 0, expected at least 1");
}
