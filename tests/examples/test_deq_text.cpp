#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "../../examples/deq_text/stack.hpp"
#include "../../examples/deq_text/text.hpp"
#include "basin/deq/injected.hpp"
#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "support/layer_checks.hpp"

using namespace basin;

namespace {

using SmallCell = Injected<Sequential<Dense<3, 3>, Tanh>>;
using SmallStack = deq_text::Stack<SmallCell, 3>;

}  // namespace

TEST_CASE("deq_text: a stack of cells is a layer with right derivatives", "[unit]") {
  test::check_linearization(SmallStack{}, Shape{3, {2, 1, 1}, 2});
}

TEST_CASE("deq_text: a stack makes a step with each of its cells, from its start", "[unit]") {
  const auto theta = test::random_parameters<SmallStack>(7);
  const State<double> u = test::random_state(Shape{3, {2, 1, 1}, 2}, 1), start = test::random_state(u.shape, 2);
  SmallStack stack;
  stack.start = start;
  State<double> y(u.shape), z = start;
  stack.apply<double>(theta.span(), u.view(), y.view());
  for (std::size_t l = 0; l < 3; ++l) {
    State<double> next(u.shape);
    const std::span<const double, SmallCell::param_count> own(theta.span().data() + l * SmallCell::param_count,
                                                              SmallCell::param_count);
    (void)SmallCell{}.apply<double>(own, z.view(), u.view(), next.view());
    z = next;
  }
  CHECK((y.values - z.values).cwiseAbs().maxCoeff() < 1e-12);
}

TEST_CASE("deq_text: characters are numbers and back", "[unit]") {
  const std::string text = "To be, or\n~ not";
  const std::vector<Token> tokens = deq_text::tokens_of("text", text);
  CHECK(tokens[9] == 0);
  CHECK(tokens[10] == deq_text::alphabet - 1);
  CHECK(tokens[2] == 1);
  CHECK(deq_text::text_of(tokens) == text);
  CHECK_THROWS_WITH(deq_text::tokens_of("a text", "caf\xc3\xa9"),
                    "byte 3 of a text is 195, expected 32 to 126, or 10, the end of a line");
  CHECK_THROWS(deq_text::tokens_of("a text", "a\tb"));
}

TEST_CASE("deq_text: windows are cut from where they should be, and the last tenth is kept", "[unit]") {
  std::string all;
  for (int i = 0; i < 1000; ++i) all += static_cast<char>('a' + i % 26);
  deq_text::Text text = deq_text::split_text("letters", all, 16);
  CHECK(text.training.size() == 900);
  CHECK(text.validation.size() == 100);
  const deq_text::Windows windows = deq_text::windows_in_order(text.validation, 16, 16, 1000);
  CHECK(windows.count() == 6);  // 96 characters and one more to foresee
  bool right = true;
  for (Index i = 0; i < 96; ++i) {
    right = right && windows.tokens.values[i] == text.validation[static_cast<std::size_t>(i)] &&
            windows.labels[static_cast<std::size_t>(i)] == text.validation[static_cast<std::size_t>(i) + 1];
  }
  CHECK(right);
  CHECK(deq_text::windows_in_order(text.validation, 16, 16, 3).tokens.values[16] == text.validation[32]);
  const deq_text::Windows drawn = deq_text::random_windows(text.training, 16, 50, {1, 2});
  bool follows = true;
  for (Index i = 0; i < 50 * 16; ++i) {
    if (i % 16 != 15) follows = follows && drawn.labels[static_cast<std::size_t>(i)] == drawn.tokens.values[i + 1];
  }
  CHECK(follows);
  deq_text::hold_back(text, 0.1);
  CHECK(text.training.size() == 810);
  CHECK(text.validation.size() == 90);
  CHECK(text.validation.front() == deq_text::token_of(all[810]));
  CHECK_THROWS_WITH(deq_text::split_text("short", all, 100), Catch::Contains("characters of short is 1000"));
}

TEST_CASE("deq_text: a tale ends where it began", "[unit]") {
  const std::string text = deq_text::tales(2000, 1);
  CHECK(text.size() >= 2000);
  CHECK(deq_text::tales(2000, 1) == text);
  CHECK(deq_text::tales(2000, 2) != text);
  CHECK(deq_text::tokens_of("tales", text).size() == text.size());
  const std::string tale = text.substr(0, text.find("\n\n"));
  const auto lived = tale.find(" lived at ");
  const std::string who = tale.substr(0, lived), home = tale.substr(lived + 10, tale.find(',') - lived - 10);
  CHECK(tale.find(who + " was back at " + home) != std::string::npos);
}
