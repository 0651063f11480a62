#pragma once

// Tasks as 1D-ARC has them (Xu, Li, Vaezipoor, Sanner, Khalil, "LLMs and the Abstraction and Reasoning Corpus", 2023):
// lines of cells in ten colours, of which 0 is the background; three pairs of a line and what becomes of it show a
// rule, and the same is to be done to a fourth. They come from a file, or are drawn by the program.

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../support/dice.hpp"
#include "basin/io/atomic_file.hpp"
#include "basin/io/json.hpp"

namespace nca_arc {

using basin::Index;

inline constexpr int colours = 10, shown = 3;

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t { task_stream = 1, draw_stream, steps_stream };

using Line = std::vector<std::uint8_t>;

struct Pair {
  Line input, output;  ///< of the same length
};

struct Task {
  std::string family;
  std::array<Pair, shown> examples;
  Pair test;

  [[nodiscard]] Index width() const {
    std::size_t most = test.input.size();
    for (const Pair& pair : examples) most = std::max(most, pair.input.size());
    return static_cast<Index>(most);
  }
};

// From a file.

inline constexpr Index longest_line = 1000;

inline Line line_of(const basin::Json& value, const std::string& path, const std::string& where) {
  // A grid of one row.
  basin::check_file(value.is_array() && value.size() == 1 && value[0].is_array(), path, where, value.type_name(),
                    "an array of one row, which is an array of colours");
  const basin::Json& row = value[0];
  basin::check_file(!row.empty() && row.size() <= longest_line, path, where + ": cells", row.size(),
                    "1 to " + std::to_string(longest_line));
  Line line;
  for (const basin::Json& cell : row) {
    basin::check_file(cell.is_number_unsigned() && cell.get<std::uint64_t>() < colours, path, where + ": a colour",
                      cell.dump(), "a whole number from 0 to 9");
    line.push_back(cell.get<std::uint8_t>());
  }
  return line;
}

inline Pair pair_of(const basin::Json& value, const std::string& path, const std::string& where) {
  basin::check_file(value.is_object() && value.contains("input") && value.contains("output"), path, where,
                    value.type_name(), "an object with input and output");
  Pair pair{line_of(value["input"], path, where + ", input"), line_of(value["output"], path, where + ", output")};
  basin::check_file(pair.input.size() == pair.output.size(), path, where + ": cells of the output", pair.output.size(),
                    "as many as the input has, " + std::to_string(pair.input.size()));
  return pair;
}

/// Lines of JSON, each an object with "family", three pairs "train" and one pair "test". Throws basin::FileError for a
/// file that cannot be read or is not like that.
inline std::vector<Task> read_tasks(const std::string& path) {
  const std::vector<std::uint8_t> bytes = basin::read_file(path, std::uint64_t{1} << 26);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<Task> tasks;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view one = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    if (one.find_first_not_of(" \t\r") == one.npos) continue;
    const std::string where = "line " + std::to_string(number);
    const basin::Json value = basin::parse_json(one, path + ", " + where);
    basin::check_file(value.is_object() && value.contains("family") && value["family"].is_string() &&
                          value.contains("train") && value["train"].is_array() && value.contains("test") &&
                          value["test"].is_array(),
                      path, where, value.type_name(), "an object with family, train and test");
    basin::check_file(value["train"].size() == shown && value["test"].size() == 1, path, where + ": pairs",
                      std::to_string(value["train"].size()) + " and " + std::to_string(value["test"].size()),
                      "3 in train and 1 in test");
    Task& task = tasks.emplace_back();
    task.family = value["family"].get<std::string>();
    for (std::size_t i = 0; i < shown; ++i) {
      task.examples[i] = pair_of(value["train"][i], path, where + ", train " + std::to_string(i + 1));
    }
    task.test = pair_of(value["test"][0], path, where + ", test");
  }
  basin::check_file(!tasks.empty(), path, "number of tasks", 0, "1 or more");
  return tasks;
}

/// All numbers of some tasks, by which one set of tasks is told from another.
inline std::vector<std::uint8_t> numbers_of(const std::vector<Task>& tasks) {
  std::vector<std::uint8_t> all;
  const auto add = [&](const Pair& pair) {
    for (const Line* line : {&pair.input, &pair.output}) {
      all.insert(all.end(), line->begin(), line->end());
      all.push_back(colours);  // the end of a line
    }
  };
  for (const Task& task : tasks) {
    for (const Pair& pair : task.examples) add(pair);
    add(task.test);
  }
  return all;
}

// Drawn.

/// A line of `width` cells with one block from `at` on.
inline Line block_line(Index width, Index at, Index length, std::uint8_t colour) {
  Line line(static_cast<std::size_t>(width), 0);
  std::fill_n(line.begin() + at, length, colour);
  return line;
}

/// One pair of a family, on a line of `width` cells; `by` says what the examples of a task have in common.
inline Pair drawn_pair(const std::string& family, Index width, Index by, basin::examples::Dice& dice) {
  const auto below = [&](Index count) { return static_cast<Index>(dice.below(static_cast<std::uint64_t>(count))); };
  const auto colour = [&] { return static_cast<std::uint8_t>(1 + below(colours - 1)); };
  if (family == "move") {  // `by` cells to the right
    const Index length = 2 + below(width / 2 - 2), at = below(width - length - by + 1);
    const std::uint8_t c = colour();
    return {block_line(width, at, length, c), block_line(width, at + by, length, c)};
  }
  const Index length = 3 + below(width - 5), at = below(width - length + 1);
  const std::uint8_t c = colour();
  const Line block = block_line(width, at, length, c);
  Line ends(block.size(), 0);
  ends[static_cast<std::size_t>(at)] = ends[static_cast<std::size_t>(at + length - 1)] = c;
  if (family == "fill") return {ends, block};
  if (family == "hollow") return {block, ends};
  // "flip": the first cell of a block has another colour, and goes to its end.
  Line first = block, last = block;
  const auto head = static_cast<std::uint8_t>(1 + (c + below(colours - 2)) % (colours - 1));
  first[static_cast<std::size_t>(at)] = last[static_cast<std::size_t>(at + length - 1)] = head;
  return {first, last};
}

/// `count` tasks of each of four families, on lines of up to `width` cells; a function of the seed.
inline std::vector<Task> drawn_tasks(int count, Index width, std::uint64_t seed) {
  std::vector<Task> tasks;
  for (const char* const family : {"move", "fill", "hollow", "flip"}) {
    for (int i = 0; i < count; ++i) {
      basin::examples::Dice dice(seed, task_stream, tasks.size());
      const auto below = [&](Index most) { return static_cast<Index>(dice.below(static_cast<std::uint64_t>(most))); };
      const Index cells = width - below(width / 3), by = 1 + below(3);
      Task task{.family = family, .examples = {}, .test = {}};
      for (Pair& pair : task.examples) pair = drawn_pair(family, cells, by, dice);
      task.test = drawn_pair(family, cells, by, dice);
      tasks.push_back(std::move(task));
    }
  }
  return tasks;
}

}  // namespace nca_arc
