#include "basin/nca/elementary.hpp"

#include <bit>
#include <catch2/catch.hpp>

#include "basin/nca/unbounded.hpp"
#include "nca/pictures.hpp"

using namespace basin;
using namespace basin::test;

namespace {

using Line = UnboundedPlane<ElementaryAutomaton<Zero>>;

Line from_one_cell(int number) {
  Line line(ElementaryAutomaton<Zero>{.rule = Elementary::numbered(number)});
  place(line, "O", 0, 0);
  return line;
}

/// Cells first ... last of a line as digits of a binary number.
std::uint64_t number_of(const Line& line, Index first, Index last) {
  const State<float> row = line.crop({first, 0, last - first + 1, 1});
  std::uint64_t number = 0;
  for (Index i = 0; i < row.values.size(); ++i) number = 2 * number + (row.values[i] == 1.0f ? 1 : 0);
  return number;
}

template <class S, Boundary Edge>
void check_all_rules(Index width) {
  const State<S> start = random_bits<S>(Shape{1, {width, 1, 1}, 2}, 3, 0.5);
  for (int number = 0; number < 256; ++number) {
    const ElementaryAutomaton<Edge> automaton{.rule = Elementary::numbered(number)};
    const State<S> next = after(automaton, start, 1);
    bool right = true;
    for (Index n = 0; n < 2; ++n) {
      for (Index x = 0; x < width; ++x) {
        const auto at = [&](Index i) {
          const Index from = Edge::source(i, width);
          return from == nothing ? 0 : static_cast<int>(start.values[n * width + from]);
        };
        const int bit = 4 * at(x - 1) + 2 * at(x) + at(x + 1);
        right = right && next.values[n * width + x] == static_cast<S>(number >> bit & 1);
      }
    }
    CAPTURE(number, width, Edge::label);
    CHECK(right);
  }
}

}  // namespace

TEST_CASE("elementary: each of the 256 rules is the table that its number spells", "[unit]") {
  check_all_rules<float, Periodic>(200);
  check_all_rules<float, Zero>(200);
  check_all_rules<double, Periodic>(1);
  check_all_rules<float, Replicate>(2);
}

TEST_CASE("elementary: rule 30 from one cell", "[exam]") {
  Line line = from_one_cell(30);
  const std::vector<std::uint64_t> rows{1, 7, 25, 111, 401, 1783, 6409, 28479, 102849};  // OEIS A110240
  std::string centre;
  for (Index t = 0; t < 16; ++t) {
    if (static_cast<std::size_t>(t) < rows.size()) CHECK(number_of(line, -t, t) == rows[static_cast<std::size_t>(t)]);
    centre += number_of(line, 0, 0) == 1 ? '1' : '0';
    static_cast<void>(line.advance(1));
  }
  CHECK(centre == "1101110011000101");  // OEIS A051023
}

TEST_CASE("elementary: rule 110 from one cell grows to the left", "[exam]") {
  Line line = from_one_cell(110);
  Index t = 0;
  for (const std::uint64_t row : {1, 3, 7, 13, 31, 49, 115, 215, 509, 775, 1805, 3359}) {  // OEIS A117999, halved
    CAPTURE(t);
    CHECK(number_of(line, -t, 0) == row);
    const Box box = line.bounds();
    CHECK(box.x + box.width == 1);
    static_cast<void>(line.advance(1));
    ++t;
  }
}

TEST_CASE("elementary: rule 90 from one cell is Pascal's triangle modulo 2", "[exam]") {
  Line line = from_one_cell(90);
  const std::vector<std::uint64_t> rows{1, 5, 17, 85, 257, 1285};
  for (Index t = 0; t < 256; ++t) {
    CAPTURE(t);
    if (static_cast<std::size_t>(t) < rows.size()) CHECK(number_of(line, -t, t) == rows[static_cast<std::size_t>(t)]);
    CHECK(line.population() == Index{1} << std::popcount(static_cast<unsigned>(t)));
    static_cast<void>(line.advance(1));
  }
}

TEST_CASE("elementary: what is wrong is refused", "[unit]") {
  using Catch::Matchers::Message;
  CHECK_THROWS_MATCHES(Elementary::numbered(256), std::invalid_argument,
                       Message("number of an elementary rule is 256, expected 0 to 255"));
  CHECK_THROWS_AS(Elementary::numbered(-1), std::invalid_argument);
  CHECK_THROWS_MATCHES(Elementary{}.out_shape(Shape{2, {4, 1, 1}, 1}), std::invalid_argument,
                       Message("Elementary: number of features is 2, expected 3"));
  // Odd rules make something of an empty line.
  CHECK_NOTHROW(Line(ElementaryAutomaton<Zero>{.rule = Elementary::numbered(254)}));
  CHECK(Elementary::numbered(45).born_of_nothing());
  CHECK_THROWS_AS(Line(ElementaryAutomaton<Zero>{.rule = Elementary::numbered(45)}), std::invalid_argument);
}
