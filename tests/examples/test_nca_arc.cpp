// The tasks of nca_arc, and what its cells are told of them.

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>

#include "../../examples/nca_arc/trainer.hpp"
#include "basin/io/atomic_file.hpp"
#include "io/hostile.hpp"
#include "support/layer_checks.hpp"

using namespace nca_arc;

namespace {

/// First cell that is not background, and how many there are.
std::pair<std::size_t, std::size_t> block_of(const Line& line) {
  const auto filled = [](std::uint8_t colour) { return colour != 0; };
  const auto first = std::find_if(line.begin(), line.end(), filled);
  return {static_cast<std::size_t>(first - line.begin()),
          static_cast<std::size_t>(std::count_if(line.begin(), line.end(), filled))};
}

std::string message_of(const std::string& text) {
  const basin::test::TemporaryFolder folder;
  const std::string path = folder.file("tasks.jsonl");
  basin::write_file(path, text);
  try {
    static_cast<void>(read_tasks(path));
  } catch (const basin::FileError& error) {
    return std::string(error.what()).substr(path.size() - 11);  // from the name of the file on
  }
  return "";
}

}  // namespace

TEST_CASE("drawn tasks follow the rule of their family", "[unit]") {
  const std::vector<Task> tasks = drawn_tasks(40, 14, 3);
  REQUIRE(tasks.size() == 160);
  for (const Task& task : tasks) {
    std::size_t by = 0;
    for (std::size_t i = 0; i <= shown; ++i) {
      const Pair& pair = i < shown ? task.examples[i] : task.test;
      CAPTURE(task.family, i);
      REQUIRE(pair.input.size() == pair.output.size());
      CHECK(pair.input != pair.output);
      const auto [at, length] = block_of(pair.input);
      const auto [to, same] = block_of(pair.output);
      if (task.family == "move") {
        CHECK(same == length);
        if (i == 0) by = to - at;
        CHECK(to - at == by);  // as in the other examples
      } else if (task.family == "flip") {
        CHECK(to == at);
        Line block(pair.input.begin() + static_cast<std::ptrdiff_t>(at),
                   pair.input.begin() + static_cast<std::ptrdiff_t>(at + length));
        std::rotate(block.begin(), block.begin() + 1, block.end());
        CHECK(std::equal(block.begin(), block.end(), pair.output.begin() + static_cast<std::ptrdiff_t>(at)));
      } else {
        const bool fill = task.family == "fill";
        const Line &whole = fill ? pair.output : pair.input, &ends = fill ? pair.input : pair.output;
        const auto [first, count] = block_of(whole);
        CHECK(block_of(ends) == std::pair<std::size_t, std::size_t>(first, 2));
        CHECK(ends[first + count - 1] == whole[first]);
      }
    }
  }
  CHECK(drawn_tasks(2, 14, 3)[1].test.input == drawn_tasks(40, 14, 3)[1].test.input);
  CHECK(drawn_tasks(2, 14, 4)[1].test.input != drawn_tasks(40, 14, 3)[1].test.input);
}

TEST_CASE("cells are told the examples, and not what is asked", "[unit]") {
  Task task{.family = "one", .examples = {}, .test = {{0, 3, 3}, {0, 3, 0}}};
  task.examples[0] = {{1, 0}, {0, 1}};
  Question question = question_of(task, task.test, 2);
  question.examples.resize(1);
  question.as = {0, 2, 1, 4, 3, 5, 6, 7, 8, 9};
  const Batch batch = batch_of({question, question});
  REQUIRE(batch.told.shape == Shape{told_features, {4, rows, 1}, 2});
  CHECK(batch.answers[1] == Line{0, 4, 0});
  const auto told = [&](Index row, Index x) {
    std::vector<int> all;
    const auto cell = batch.told.view().sample(1).matrix().col(row * 4 + x);
    for (int k = 0; k < told_features; ++k) {
      if (cell[k] != 0) all.push_back(k);
    }
    return all;
  };
  CHECK(told(0, 0) == std::vector<int>{2, colours});
  CHECK(told(0, 1) == std::vector<int>{0, colours + 2});
  CHECK(told(0, 2) == std::vector<int>{outside});
  CHECK(told(1, 0) == std::vector<int>{outside});  // no second example
  CHECK(told(3, 0) == std::vector<int>{0, asked});
  CHECK(told(3, 1) == std::vector<int>{4, asked});
  CHECK(told(3, 3) == std::vector<int>{outside});
  // The order of the examples does not matter to the automaton.
  Question other = question_of(task, task.test, 2), swapped = other;
  task.examples[1] = {{5, 5, 0}, {0, 5, 5}};
  std::swap(swapped.examples[0], swapped.examples[1]);
  const Batch both = batch_of({other, swapped});
  const auto theta = basin::test::random_parameters<Model, float>(1, 0.1);
  State<float> end(both.start.shape);
  (void)Model{.steps = 6}.apply(theta.span(), both.start.view(), both.told.view(), end.view());
  double apart = 0;
  for (Index x = 0; x < 3; ++x) {
    for (int k = 0; k < features; ++k) {
      apart = std::max(apart, std::abs(static_cast<double>(answer_at(end.view().sample(0), x)[k]) -
                                       answer_at(end.view().sample(1), x)[k]));
    }
  }
  CHECK(end.values.cwiseAbs().maxCoeff() > 0.1f);
  CHECK(apart < 1e-4);
}

TEST_CASE("the loss of answers has the gradient that it says", "[gradient]") {
  const std::vector<Line> answers{{1, 0, 3}, {9}};
  const State<double> y = basin::test::random_state({features, {4, rows, 1}, 2}, 1);
  State<double> dy(y.shape);
  const AnswerLoss loss{answers};
  const double value = loss.value_and_gradient<double>(y.view(), 0, 2, dy.view());
  CHECK(value > 1);
  State<double> at = y;
  for (const Index i : {12 * features + 1, 12 * features + 5, 14 * features + 3, 28 * features + 9, 29 * features}) {
    CAPTURE(i);
    const double h = 1e-6;
    at.values[i] = y.values[i] + h;
    const double above = loss.value_and_gradient<double>(at.view(), 0, 2, View<double>{});
    at.values[i] = y.values[i] - h;
    const double below = loss.value_and_gradient<double>(at.view(), 0, 2, View<double>{});
    at.values[i] = y.values[i];
    CHECK(dy.values[i] == Approx((above - below) / (2 * h)).margin(1e-9));
  }
  // Parts of a batch add up.
  const View<const double> one = y.view().sample(0), two = y.view().sample(1);
  CHECK(loss.value_and_gradient<double>(one, 0, 2, View<double>{}) +
            loss.value_and_gradient<double>(two, 1, 2, View<double>{}) ==
        Approx(value));
}

TEST_CASE("a file of tasks that is none is refused with the line", "[errors]") {
  const std::string pair = R"({"input":[[1,0]],"output":[[0,1]]})";
  const auto task = [](const std::string& train, const std::string& test) {
    return R"({"family":"a","train":[)" + train + R"(],"test":[)" + test + "]}\n";
  };
  const std::string good = task(pair + "," + pair + "," + pair, pair);
  CHECK(message_of(good).empty());
  CHECK(message_of(good + "\n" + good).empty());
  const std::string file = "tasks.jsonl";
  CHECK(message_of("") == file + ": number of tasks is 0, expected 1 or more");
  CHECK(message_of(good + "{").find(file + ", line 2: not valid JSON") == 0);
  CHECK(message_of("[]") == file + ": line 1 is array, expected an object with family, train and test");
  CHECK(message_of(task(pair + "," + pair, pair)) ==
        file + ": line 1: pairs is 2 and 1, expected 3 in train and 1 in test");
  CHECK(message_of(task(pair + "," + pair + "," + pair, R"({"input":[[1,10]],"output":[[0,1]]})")) ==
        file + ": line 1, test, input: a colour is 10, expected a whole number from 0 to 9");
  CHECK(message_of(task(pair + "," + pair + R"(,{"input":[[1]],"output":[[0,1]]})", pair)) ==
        file + ": line 1, train 3: cells of the output is 2, expected as many as the input has, 1");
}
