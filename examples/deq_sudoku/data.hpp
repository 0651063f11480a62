#pragma once

// The puzzles that deq_sudoku trains on, and those that it is tested on: from files, or drawn.

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "basin/io/file_error.hpp"
#include "puzzle_file.hpp"
#include "settings.hpp"
#include "streams.hpp"

namespace deq_sudoku {

/// Puzzles that are reported together.
struct TestSet {
  std::string name;
  std::vector<Puzzle> puzzles;
};

struct Data {
  std::vector<Puzzle> training;  ///< none: the trainer draws them
  std::vector<TestSet> tests;
};

/// "simple" of "data/test_simple.csv.gz".
inline std::string name_of(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  name.resize(std::min(name.size(), name.find('.')));
  return name.starts_with("test_") ? name.substr(5) : name;
}

/// Where a test set stands among others: ratings from the easiest to the hardest, then other names.
inline std::ptrdiff_t place_of(const TestSet& set) {
  constexpr std::array<std::string_view, 4> ratings{"simple", "easy", "intermediate", "expert"};
  return std::find(ratings.begin(), ratings.end(), set.name) - ratings.begin();
}

inline TestSet first_of(std::string name, std::vector<Puzzle> puzzles, int count) {
  puzzles.resize(std::min(puzzles.size(), static_cast<std::size_t>(count)));
  return {std::move(name), std::move(puzzles)};
}

/// Puzzles drawn by the program: minimal ones, and the same with 6 and 12 more places given.
inline std::vector<TestSet> drawn_sets(const Settings& settings) {
  std::vector<TestSet> sets;
  for (const int more : {12, 6, 0}) {
    TestSet set{more > 0 ? "minimal and " + std::to_string(more) : "minimal", {}};
    for (int n = 0; n < settings.count; ++n) {
      const std::uint64_t seed = basin::fold_in(settings.test_seed, static_cast<std::uint64_t>(n));
      set.puzzles.push_back(with_more_given(random_puzzle({seed, test_stream}), more, {seed, test_given_stream}));
    }
    sets.push_back(std::move(set));
  }
  return sets;
}

/// Of a folder test_*.csv, by rating and name, and, to train on, train_*.csv, with or without .gz. Of a file all, if it
/// is only tested on; else the last `held_back` (or a tenth, if that is less) are for tests, and the others to train
/// on. Without --data drawn ones. Throws basin::FileError if there is nothing, or no puzzles.
inline Data load(const Settings& settings) {
  namespace fs = std::filesystem;
  const bool trains = settings.evaluate.empty();
  if (settings.data.empty()) return {{}, drawn_sets(settings)};
  Data data;
  if (!fs::is_directory(settings.data)) {
    std::vector<Puzzle> puzzles = read_puzzles(settings.data);
    if (trains) {
      const std::size_t tests = std::min(static_cast<std::size_t>(settings.count), (puzzles.size() + 9) / 10);
      data.training.assign(puzzles.begin(), puzzles.end() - static_cast<std::ptrdiff_t>(tests));
      puzzles.erase(puzzles.begin(), puzzles.end() - static_cast<std::ptrdiff_t>(tests));
      basin::check_file(!data.training.empty(), settings.data, "number of puzzles to train on", 0, "1 or more");
    }
    data.tests.push_back(first_of(name_of(settings.data), std::move(puzzles), settings.count));
    return data;
  }
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(settings.data)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".csv") || name.ends_with(".csv.gz")) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    const std::string name = file.filename().string();
    if (name.starts_with("test_")) {
      data.tests.push_back(first_of(name_of(file), read_puzzles(file.string()), settings.count));
    } else if (name.starts_with("train_") && trains) {
      const std::vector<Puzzle> more = read_puzzles(file.string());
      data.training.insert(data.training.end(), more.begin(), more.end());
    }
  }
  std::stable_sort(data.tests.begin(), data.tests.end(),
                   [](const TestSet& a, const TestSet& b) { return place_of(a) < place_of(b); });
  basin::check_file(!data.tests.empty(), settings.data, "number of files test_*.csv", 0, "1 or more");
  basin::check_file(!trains || !data.training.empty(), settings.data, "number of files train_*.csv", 0, "1 or more");
  return data;
}

}  // namespace deq_sudoku
