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

/// The examples have two, three and three places, what is asked has four. The third example alone has a 7.
Task small_task() {
  Task task{.family = "small", .examples = {}, .test = {{0, 3, 3, 0}, {0, 3, 0, 0}}};
  task.examples = {{{{1, 0}, {0, 1}}, {{5, 5, 0}, {0, 5, 5}}, {{7, 1, 0}, {0, 7, 1}}}};
  return task;
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
  const Task task = small_task();
  const Batch batch = batch_of({question_of(task, task.test, 2), question_of(task, task.test, 0)});
  REQUIRE(batch.told.shape == Shape{told_features, {5, rows, colours}, 2});
  REQUIRE(batch.start.shape == Shape{features, {5, rows, colours}, 2});
  CHECK(batch.answers[0] == Line{0, 3, 0, 0});
  CHECK(batch.weights[0] == std::vector<double>{0.5 / 3, 0.5 / 3, 0.5, 0.5 / 3});
  // A place of the first question, in the plane of a colour.
  const auto told = [&](Index row, Index x, Index colour) {
    const auto cell = batch.told.view().sample(0).matrix().col((colour * rows + row) * 5 + x);
    return std::vector<float>(cell.begin(), cell.end());
  };
  const auto part = [&](Index row, Index x, Index colour) {
    return batch.start.view().sample(0).matrix()(takes_part, (colour * rows + row) * 5 + x);
  };
  CHECK(told(0, 0, 1) == std::vector<float>{1, 0, 0, 0});
  CHECK(told(0, 1, 1) == std::vector<float>{0, 1, 0, 0});
  CHECK(told(0, 1, 0) == std::vector<float>{1, 0, 0, 1});
  CHECK(told(0, 0, 5) == std::vector<float>{0, 0, 0, 0});
  CHECK(told(2, 2, 3) == std::vector<float>{1, 0, 1, 0});
  CHECK(told(2, 0, 0) == std::vector<float>{1, 0, 1, 1});
  CHECK(told(2, 1, 5) == std::vector<float>{0, 0, 1, 0});
  CHECK(part(0, 1, 5) == 1);
  CHECK(part(0, 2, 1) == 0);  // the first example has two places
  CHECK(told(0, 2, 1) == std::vector<float>(4, 0));
  CHECK(part(2, 4, 3) == 0);  // no line has that place
  for (const Index absent : {2, 4, 6, 7, 8, 9}) CHECK(part(2, 0, absent) == 0);
  CHECK(batch.start.values.sum() == Approx(4 * (2 + 3 + 4) + 5 * (3 + 3 + 4)));  // four colours, and five with 7
}

TEST_CASE("a pair is carried around as far as its coloured cells have room", "[unit]") {
  const Pair pair{{0, 0, 3, 3, 0}, {0, 3, 3, 0, 0}};
  const Room room = room_of(pair);
  CHECK(room.left == 1);
  CHECK(room.right == 1);
  const auto line = [](const Placed& placed) {
    Line all;
    for (std::size_t x = 0; x < placed.size(); ++x) all.push_back(placed.input(x));
    return all;
  };
  CHECK(line({&pair, 1}) == Line{0, 0, 0, 3, 3});
  CHECK(line({&pair, 4}) == Line{0, 3, 3, 0, 0});  // by one to the left
}

TEST_CASE("answers depend on no order of examples, no name of a colour and no width of the grid", "[unit]") {
  const Task task = small_task();
  const auto theta = basin::test::random_parameters<Model, float>(1, 0.1);
  const auto answers = [&](const std::vector<Question>& questions) {
    const Batch batch = batch_of(questions);
    State<float> end(batch.start.shape);
    (void)Model{.steps = 6}.apply(theta.span(), batch.start.view(), batch.told.view(), end.view());
    std::vector<std::array<double, colours>> all;
    for (Index x = 0; x < 4; ++x) all.push_back(answers_at(View<const float>(end.view().sample(0)), x));
    return all;
  };
  const Question question = question_of(task, task.test, 2);
  const auto expected = answers({question});
  CHECK(std::abs(expected[1][3]) > 0.01);
  // A wider line in the same batch.
  Task wide = task;
  wide.test = {Line(17, 1), Line(17, 1)};
  CHECK(answers({question, question_of(wide, wide.test, 2)}) == expected);
  Question swapped = question;
  std::swap(swapped.examples[0], swapped.examples[1]);
  // 3 and 8 change places, of which the question has no 8.
  Task renamed = task;
  for (Pair* pair : {&renamed.examples[0], &renamed.examples[1], &renamed.test}) {
    for (Line* line : {&pair->input, &pair->output}) std::replace(line->begin(), line->end(), 3, 8);
  }
  const auto of_swapped = answers({swapped}), of_renamed = answers({question_of(renamed, renamed.test, 2)});
  for (std::size_t x = 0; x < 4; ++x) {
    for (std::size_t k = 0; k < colours; ++k) {
      CAPTURE(x, k);
      CHECK(of_swapped[x][k] == Approx(expected[x][k]).margin(1e-5));
      CHECK(of_renamed[x][k == 3 ? 8 : k == 8 ? 3 : k] == Approx(expected[x][k]).margin(1e-5));
    }
  }
}

TEST_CASE("the loss of answers has the gradient that it says", "[gradient]") {
  const std::vector<Line> answers{{1, 0, 3}, {9}};
  const std::vector<std::vector<double>> weights{{0.5, 0.25, 0.25}, {1}};
  const State<double> y = basin::test::random_state({features, {4, rows, colours}, 2}, 1);
  State<double> dy(y.shape);
  const AnswerLoss loss{answers, weights};
  const double value = loss.value_and_gradient<double>(y.view(), 0, 2, dy.view());
  CHECK(value > 1);
  State<double> at = y;
  for (const auto [n, x, colour] : {std::array{0, 0, 1}, {0, 2, 5}, {0, 1, 0}, {1, 0, 9}, {1, 0, 4}, {1, 1, 4}}) {
    CAPTURE(n, x, colour);
    const Index i = &answer_at(y.view().sample(n), x, colour) - y.values.data();
    const double h = 1e-6;
    at.values[i] = y.values[i] + h;
    const double above = loss.value_and_gradient<double>(at.view(), 0, 2, View<double>{});
    at.values[i] = y.values[i] - h;
    const double below = loss.value_and_gradient<double>(at.view(), 0, 2, View<double>{});
    at.values[i] = y.values[i];
    CHECK(dy.values[i] == Approx((above - below) / (2 * h)).margin(1e-9));
    CHECK((dy.values[i] == 0) == (x == 1 && n == 1));  // behind the end of the second line
  }
  CHECK(dy.values.sum() == Approx(0).margin(1e-12));
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
