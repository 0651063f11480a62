#pragma once

// What the programs of this folder share: their command line, numbers that are the same in C++ and in Python, the
// memory of the process, and the lines that compare.py reads.
//
// A program prints one JSON object a line, for each piece of work that it measured:
//
//   {"work": "...", "variant": "...", "unit": "ms", "value": 1.23}
//
// Less is better in every unit. Further numbers may follow. Two of them mean something to compare.py: "check", which
// must agree between all who do the same work, relative to "check_tolerance"; and "share_of_peak".

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../support/timing.hpp"
#include "basin/core/parallel.hpp"

namespace basin::benchmarks {

struct Options {
  int threads = 1;
  bool smoke = false;  ///< shows only that everything runs: times mean nothing
  std::string what;    ///< the part of the work that is wanted, where a program has parts
  std::string folder;  ///< of the solver's problems
};

/// Ends the program with a message that names the option and what it takes.
[[noreturn]] inline void refuse(const char* program, const std::string& option, const std::string& given,
                                const std::string& expected) {
  std::fprintf(stderr, "%s: %s is '%s', expected %s\n", program, option.c_str(), given.c_str(), expected.c_str());
  std::exit(2);
}

inline Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--smoke") {
      options.smoke = true;
      continue;
    }
    if (option != "--threads" && option != "--what" && option != "--folder") {
      refuse(argv[0], "an option", option, "--threads N, --smoke, --what PART or --folder FOLDER");
    }
    if (i + 1 == argc) refuse(argv[0], option, "", "a value after it");
    const std::string value = argv[++i];
    if (option == "--threads") {
      char* end = nullptr;
      const long threads = std::strtol(value.c_str(), &end, 10);
      if (*end != '\0' || threads < 1 || threads > 4096) refuse(argv[0], option, value, "a number from 1 to 4096");
      options.threads = static_cast<int>(threads);
    } else if (option == "--what") {
      options.what = value;
    } else {
      options.folder = value;
    }
  }
  return options;
}

/// Median seconds of one call of `work`.
template <class Work>
double seconds_of(const Options& options, const Work& work) {
  return options.smoke ? median_seconds(work, 1, 1e-6) : median_seconds(work, 9, 0.03);
}

/// Seconds of one call of each of two works.
struct Pair {
  double seconds;
  double other_seconds;
};

/// The same for two works in turn, round by round, for what is a small difference of two large times.
template <class Work, class Other>
std::vector<Pair> pairs_of(const Options& options, const Work& work, const Other& other) {
  std::vector<Pair> rounds;
  for (int round = 0; round < (options.smoke ? 1 : 11); ++round) {
    const double round_seconds = options.smoke ? 1e-6 : 0.03;
    rounds.push_back({median_seconds(work, 1, round_seconds), median_seconds(other, 1, round_seconds)});
  }
  return rounds;
}

/// The median over the rounds of what `value` makes of a pair.
template <class Value>
double median_of(const std::vector<Pair>& rounds, const Value& value) {
  std::vector<double> values;
  for (const Pair& pair : rounds) values.push_back(value(pair));
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

using Details = std::initializer_list<std::pair<const char*, double>>;

inline void print_result(const std::string& work, const std::string& variant, const char* unit, double value,
                         Details details = {}) {
  std::printf(R"({"work": "%s", "variant": "%s", "unit": "%s", "value": %.9g)", work.c_str(), variant.c_str(), unit,
              value);
  for (const auto& [name, number] : details) {
    if (std::isfinite(number)) {
      std::printf(R"(, "%s": %.9g)", name, number);
    } else {
      std::printf(R"(, "%s": null)", name);
    }
  }
  std::printf("}\n");
  std::fflush(stdout);
}

/// What stands at the head of the table about a package.
inline void print_version(const std::string& package, const std::string& version) {
  std::printf(R"({"package": "%s", "version": "%s"})"
              "\n",
              package.c_str(), version.c_str());
}

/// Number `index` of stream `seed`, uniform in [low, high). peer.py makes the same.
inline double uniform_number(std::uint32_t seed, std::uint32_t index, double low, double high) {
  std::uint32_t bits = index * 2654435761u + seed * 40503u;
  bits ^= bits >> 16;
  bits *= 0x85ebca6bu;
  bits ^= bits >> 13;
  bits *= 0xc2b2ae35u;
  bits ^= bits >> 16;
  return low + (high - low) * static_cast<double>(bits) * 0x1p-32;
}

/// Fills anything with data() and size().
template <class Values>
void fill_uniform(Values&& values, std::uint32_t seed, double low, double high) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(values.size()); ++i) {
    values.data()[i] = static_cast<float>(uniform_number(seed, static_cast<std::uint32_t>(i), low, high));
  }
}

/// The length of a vector, as a number that two programs can compare.
template <class Values>
double length_of(const Values& values) {
  double squares = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(values.size()); ++i) {
    squares += static_cast<double>(values.data()[i]) * static_cast<double>(values.data()[i]);
  }
  return std::sqrt(squares);
}

/// A line of /proc/self/status in MB: "VmRSS", what this process has in memory, or "VmHWM", the most that it had.
/// getrusage is of no use here, because a process inherits the most of the one that started it.
inline double memory_megabytes(std::string_view line) {
  std::ifstream status("/proc/self/status");
  std::string text;
  while (std::getline(status, text)) {
    if (text.compare(0, line.size(), line) == 0) return std::stod(text.substr(line.size() + 1)) / 1024;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

/// Contiguous parts of a batch, shared out to the threads: task(part, first sample, count). Which parts there are
/// depends on the batch alone, so that results do not depend on the number of threads.
inline constexpr Index parts_of_batch = 8;

template <class Task>
void for_parts(Index samples, const Task& task) {
  parallel_for(parts_of_batch, [&](Index part) {
    const Index first = part * samples / parts_of_batch;
    const Index last = (part + 1) * samples / parts_of_batch;
    if (first < last) task(part, first, last - first);
  });
}

}  // namespace basin::benchmarks
