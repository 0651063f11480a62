#include "basin/train/average.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/layers/dense.hpp"
#include "basin/train/best.hpp"

using namespace basin;

namespace {

using Model = Dense<2, 1>;
using Theta = Parameters<Model, double>;

Theta filled(double value) {
  Theta theta;
  theta.vector().setConstant(value);
  return theta;
}

/// Keeps what each() visits, and gives it back.
struct Store {
  std::map<std::string, std::vector<double>> values;

  auto keep() {
    return [this](std::string_view name, const auto& value) {
      if constexpr (requires { value.vector(); }) {
        values[std::string(name)].assign(value.vector().begin(), value.vector().end());
      } else {
        values[std::string(name)] = {static_cast<double>(value)};
      }
    };
  }
  auto give() {
    return [this](std::string_view name, auto& value) {
      const std::vector<double>& from = values.at(std::string(name));
      if constexpr (requires { value.vector(); }) {
        std::copy(from.begin(), from.end(), value.vector().begin());
      } else {
        value = static_cast<std::remove_cvref_t<decltype(value)>>(from[0]);
      }
    };
  }
};

}  // namespace

TEST_CASE("the average follows the formula of its page, and forgets the start", "[unit]") {
  WeightAverage average(filled(5), 0.9);
  double expected = 5;
  for (int t = 1; t <= 200; ++t) {
    const double theta = std::sin(t);
    average.take(filled(theta));
    const double kept = std::min(0.9, t / (t + 9.0));
    expected = kept * expected + (1 - kept) * theta;
    CHECK(average.parameters().vector()[0] == Approx(expected).epsilon(1e-12));
  }
  CHECK(average.steps() == 200);
  for (int t = 0; t < 400; ++t) average.take(filled(2));
  CHECK(average.parameters().vector()[2] == Approx(2).epsilon(1e-12));
  CHECK_THROWS_WITH(WeightAverage(filled(0), 1.0), "decay of WeightAverage is 1, expected 0 to below 1");
}

TEST_CASE("an average that was kept goes on as it would have", "[unit]") {
  WeightAverage whole(filled(1)), first(filled(1)), second(filled(0));
  for (int t = 0; t < 20; ++t) {
    if (t == 8) {
      Store store;
      std::as_const(first).each(store.keep());
      second.each(store.give());
    }
    whole.take(filled(t));
    (t < 8 ? first : second).take(filled(t));
  }
  CHECK(second.parameters().vector() == whole.parameters().vector());
  CHECK(second.steps() == 20);
}

TEST_CASE("the best parameters are kept, and the offers since then counted", "[unit]") {
  Best lowest(filled(0));
  CHECK(std::isnan(lowest.value()));
  CHECK_FALSE(lowest.offer(std::nan(""), filled(9)));
  CHECK(lowest.since() == 1);
  CHECK(lowest.offer(3, filled(1)));
  CHECK(lowest.since() == 0);
  CHECK_FALSE(lowest.offer(3, filled(2)));
  CHECK_FALSE(lowest.offer(std::nan(""), filled(3)));
  CHECK(lowest.since() == 2);
  CHECK(lowest.offer(2.5, filled(4)));
  CHECK(lowest.parameters().vector()[0] == 4);

  Best highest(filled(0), Better::higher, 0.1);
  CHECK(highest.offer(-1, filled(1)));
  CHECK_FALSE(highest.offer(-0.95, filled(2)));  // not by more than a tenth
  CHECK(highest.offer(-0.5, filled(3)));
  CHECK_FALSE(highest.offer(-2, filled(4)));

  Store store;
  std::as_const(highest).each(store.keep());
  Best again(filled(0), Better::higher, 0.1);
  again.each(store.give());
  CHECK(again.value() == -0.5);
  CHECK(again.since() == 1);
  CHECK(again.parameters().vector()[0] == 3);
  CHECK_THROWS_WITH(Best(filled(0), Better::lower, -1), "least change of Best is -1, expected 0 or more");
}
