#include "../../examples/support/axis.hpp"

#include <catch2/catch.hpp>

using namespace basin::examples;

namespace {

Axis axis(const AxisOptions& options, std::initializer_list<double> numbers, bool room = false) {
  Axis out(options);
  for (const double number : numbers) out.include(number);
  out.finish(room);
  return out;
}

/// The texts of the ticks, with a dash for each small one.
std::string texts(const Axis& of, int most = 6) {
  std::string out;
  for (const Tick& tick : of.ticks(most)) out += (out.empty() ? "" : " ") + (tick.text.empty() ? "-" : tick.text);
  return out;
}

constexpr double nothing = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("ticks are written as people write numbers", "[unit]") {
  CHECK(number_text(0) == "0");
  CHECK(number_text(-0.5) == "\u22120.5");
  CHECK(number_text(1500) == "1,500");
  CHECK(number_text(123456) == "123,456");
  CHECK(number_text(999) == "999");
  CHECK(number_text(2.5e7) == "2.5\u00d710^{7}");
  CHECK(number_text(1e-6) == "10^{\u22126}");
  CHECK(number_text(9.99999999e6) == "10^{7}");
  CHECK(rounded_text(0.0234, 1) == "0.02");
  CHECK(rounded_text(0.00000234, 2) == "2.3\u00d710^{\u22126}");
}

TEST_CASE("a linear axis has ticks at 1, 2 or 5 times a power of ten", "[unit]") {
  CHECK(texts(axis({}, {0, 1})) == "0 0.2 0.4 0.6 0.8 1.0");
  CHECK(texts(axis({}, {97, 98.9}, true)) == "97.0 97.5 98.0 98.5 99.0");
  CHECK(texts(axis({}, {-1, 1}), 5) == "\u22121.0 \u22120.5 0 0.5 1.0");
  CHECK(texts(axis({}, {0, 1463})) == "0 500 1,000");
  const Axis wider = axis({}, {0.3, 9.7}, true);
  CHECK((wider.low() == 0 && wider.high() == 10));
  const Axis given = axis({.low = 0, .high = 100}, {31, 42}, true);
  CHECK((given.low() == 0 && given.high() == 100));
}

TEST_CASE("counts have no ticks between whole numbers", "[unit]") {
  CHECK(texts(axis({}, {1, 3})) == "1.0 1.5 2.0 2.5 3.0");
  CHECK(texts(axis({.whole = true}, {1, 3})) == "1 2 3");
  CHECK(texts(axis({.whole = true}, {1, 2})) == "1 2");
  CHECK(texts(axis({.scale = Scale::logarithmic, .whole = true}, {1, 16})) == "1 2 - - 5 - - - - 10");
}

TEST_CASE("a logarithmic axis has the numbers themselves, not their logarithms", "[unit]") {
  const AxisOptions log{.scale = Scale::logarithmic};
  CHECK(texts(axis(log, {1e-6, 1})) == "10^{\u22126} 10^{\u22124} 10^{\u22122} 1");
  CHECK(texts(axis(log, {1e-30, 1e-5}), 6).find("10^{\u221230}") == 0);
  CHECK(axis(log, {1e-300, 1e300}).ticks(6).size() <= 7);
  // With few powers of ten: 2 and 5 times them as well, and small ticks at the others.
  CHECK(texts(axis(log, {0.02, 0.5})) == "0.02 - - 0.05 - - - - 0.1 0.2 - - 0.5");
  // Less than a power of ten is nearly linear.
  CHECK(texts(axis(log, {20, 30})) == "20 22 24 26 28 30");
  CHECK(axis(log, {1, 100}).place(10) == Approx(0.5));
  const Axis some = axis(log, {0, -3, nothing, infinity, 5, 50});
  CHECK((some.low() == 5 && some.high() == 50));
}

TEST_CASE("an axis from zero has room for the first few counts", "[unit]") {
  const Axis updates = axis({.scale = Scale::from_zero, .whole = true}, {0, 1000});
  CHECK(updates.place(0) == 0);
  CHECK(updates.place(1) == Approx(std::log(2.0) / std::log(1001.0)));
  std::string written;
  for (const Tick& tick : updates.ticks(6)) written += tick.text.empty() ? "" : tick.text + " ";
  CHECK(written == "0 1 10 100 1,000 ");
}

TEST_CASE("odd ranges have axes", "[unit]") {
  CHECK(axis({}, {}).ticks(6).size() >= 2);
  CHECK(axis({.scale = Scale::logarithmic}, {}).ticks(6).size() >= 2);
  for (const double value : {3.0, 0.0, 1e-30, 1e12, -1e300}) {
    const Axis one = axis({}, {value}, true);
    CHECK(one.low() < one.high());
    CHECK(one.ticks(6).size() <= 100);
  }
  const Axis wide = axis({}, {-1e300, 1e300}, true);
  CHECK(std::isfinite(wide.place(1e299)));
  const Axis point = axis({.scale = Scale::logarithmic}, {1e-9}, true);
  CHECK((point.low() < 1e-9 && point.high() > 1e-9));
}
