#pragma once

// Which automaton a run is of, and the pattern that it starts from.

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "../support/process.hpp"
#include "basin/core/random.hpp"
#include "basin/io/life_rle.hpp"
#include "basin/nca/orbium.hpp"
#include "chosen.hpp"
#include "settings.hpp"
#include "systems.hpp"

namespace automata {

namespace detail {

/// Patterns of Life that everyone knows, by name, as RLE.
inline constexpr std::array<std::pair<std::string_view, std::string_view>, 5> classics{{
    {"cell", "x = 1, y = 1\no!"},
    {"glider", "x = 3, y = 3\nbob$2bo$3o!"},      // R. Guy, 1969
    {"r-pentomino", "x = 3, y = 3\nb2o$2o$bo!"},  // J. Conway, 1969
    {"acorn", "x = 7, y = 3\nbo$3bo$2o2b3o!"},    // C. Corderman
    {"gosper-gun",                                // B. Gosper, 1970
     "x = 36, y = 9\n24bo$22bobo$12b2o6b2o12b2o$11bo3bo4b2o12b2o$2o8bo5bo3b2o$2o8bo3bob2o4bobo$10bo5bo7bo$11bo3bo$"
     "12b2o!"},
}};

[[nodiscard]] inline State<float> to_state(const basin::LifePattern& pattern) {
  State<float> out(basin::Shape{1, {pattern.width, pattern.height, 1}, 1});
  for (std::size_t i = 0; i < pattern.cells.size(); ++i) out.values[static_cast<Index>(i)] = pattern.cells[i];
  return out;
}

/// Each cell alive with the probability `density`.
[[nodiscard]] inline State<float> noise(Index width, Index height, double density, std::uint64_t seed) {
  State<float> out(basin::Shape{1, {width, height, 1}, 1});
  const basin::Random random{seed, 0};
  for (Index i = 0; i < out.values.size(); ++i) {
    out.values[i] = random.uniform(static_cast<std::uint64_t>(i)) < density ? 1.0f : 0.0f;
  }
  return out;
}

/// A quarter of a turn.
[[nodiscard]] inline State<float> turned(const State<float>& square) {
  const Index side = square.shape.space[0];
  State<float> out(square.shape);
  for (Index y = 0; y < side; ++y) {
    for (Index x = 0; x < side; ++x) out.values[y * side + x] = square.values[x * side + side - 1 - y];
  }
  return out;
}

/// Orbia at random quarter-turns, as many as there is room for without their touching.
[[nodiscard]] inline State<float> shoal(Index size, std::uint64_t seed) {
  constexpr Index room = 42;
  const Index side = std::max<Index>(1, size / room), step = size / side;
  const basin::Random random{seed, 1};
  State<float> out(basin::Shape{1, {size, size, 1}, 1});
  for (Index k = 0; k < side * side; ++k) {
    State<float> one = basin::orbium();
    for (std::uint64_t turns = random.below(static_cast<std::uint64_t>(k), 4); turns > 0; --turns) one = turned(one);
    for (Index y = 0; y < 20; ++y) {
      const Index at = (k / side * step + (step - 20) / 2 + y) * size + k % side * step + (step - 20) / 2;
      out.values.segment(at, 20) = one.values.segment(y * 20, 20);
    }
  }
  return out;
}

/// Squares of smooth noise, from which Lenia's creatures can form.
[[nodiscard]] inline State<float> soup(Index size, std::uint64_t seed) {
  State<float> out(basin::Shape{1, {size, size, 1}, 1});
  const basin::Random places{seed, 2}, numbers{seed, 3};
  const auto within = [&](std::uint64_t i) {
    return static_cast<Index>(places.below(i, static_cast<std::uint64_t>(size)));
  };
  const Index patch = std::min<Index>(16, size), patches = std::max<Index>(1, size * size / 1200);
  for (Index k = 0; k < patches; ++k) {
    const Index x = within(static_cast<std::uint64_t>(2 * k)), y = within(static_cast<std::uint64_t>(2 * k + 1));
    for (Index i = 0; i < patch * patch; ++i) {
      out.values[(y + i / patch) % size * size + (x + i % patch) % size] =
          static_cast<float>(numbers.uniform(static_cast<std::uint64_t>(k * patch * patch + i)));
    }
  }
  return out;
}

}  // namespace detail

/// Pixels of a cell in the picture of an elementary automaton.
[[nodiscard]] inline Index scale_of_line(const Settings& settings, Index width) {
  return settings.scale > 0 ? settings.scale : std::clamp<Index>(1024 / std::max<Index>(1, width), 1, 16);
}

/// Before a random pattern is drawn: throws UsageError for a run that the machine has no memory for.
inline void check_sizes(const Settings& settings, const Chosen& chosen) {
  // Counts of a step, as they are kept and as they are written.
  const double steps = static_cast<double>(chosen.steps), size = static_cast<double>(chosen.size);
  double bytes = 300 * steps;
  if (chosen.family == Family::elementary) {
    const double width = chosen.unbounded ? size + 2 * steps : size;
    const auto scale = static_cast<double>(scale_of_line(settings, static_cast<Index>(width)));
    bytes += width * steps * (1 + 3 * scale * scale);
  } else if (!chosen.unbounded || chosen.pattern == "random") {
    bytes += size * size * (28 + 6.0 * settings.scale * settings.scale);
  }
  basin::examples::check_memory(
      "--size " + std::to_string(chosen.size) + " and --steps " + std::to_string(chosen.steps), bytes);
}

/// Throws std::invalid_argument for a rule or a pattern that there is not, or that do not go together; FileError for a
/// file that cannot be used.
[[nodiscard]] inline Chosen choose(const Settings& settings) {
  if (const std::optional<Chosen> system = choose_system(settings)) return *system;
  Chosen chosen;
  chosen.pattern = settings.pattern;
  basin::LifePattern file;
  const auto classic = std::find_if(detail::classics.begin(), detail::classics.end(),
                                    [&](const auto& one) { return one.first == chosen.pattern; });
  const bool from_file = !chosen.pattern.empty() && classic == detail::classics.end() && chosen.pattern != "random" &&
                         chosen.pattern != "orbium";
  if (from_file) file = basin::read_life_rle(chosen.pattern);
  if (classic != detail::classics.end()) file = basin::parse_life_rle(classic->second, chosen.pattern);

  const bool of_life = from_file || (classic != detail::classics.end() && chosen.pattern != "cell");
  const std::string rule = !settings.rule.empty() ? settings.rule : of_life ? file.rule : "lenia";
  int number = 0;
  const auto [end, error] = std::from_chars(rule.data(), rule.data() + rule.size(), number);
  if (rule == "lenia") {
    chosen.family = Family::lenia;
    chosen.rule = rule;
    chosen.quantity = {"mass", "mass", true};
  } else if (error == std::errc{} && end == rule.data() + rule.size()) {
    chosen.family = Family::elementary;
    chosen.elementary = basin::Elementary::numbered(number);
    chosen.rule = std::to_string(number);
  } else {
    chosen.family = Family::life_like;
    chosen.life = basin::LifeLike::parse(rule);
    chosen.rule = chosen.life.to_string();
  }

  const bool line = chosen.family == Family::elementary, soft = chosen.family == Family::lenia;
  chosen.unbounded = settings.boundary == "unbounded";
  const bool worldly = file.world != basin::LifeWorld::endless;
  chosen.sized = worldly;
  chosen.size = settings.size > 0 ? settings.size : worldly ? file.width : line ? 401 : 128;
  chosen.steps = settings.steps > 0 ? settings.steps : line ? 200 : soft ? 300 : 450;
  if (chosen.pattern.empty()) {
    const bool life = chosen.family == Family::life_like && chosen.life == basin::LifeLike{};
    chosen.pattern = line ? "cell" : soft ? "orbium" : life ? "gosper-gun" : "random";
    if (line || life) {
      const auto of_name = [&](const auto& one) { return one.first == chosen.pattern; };
      file = basin::parse_life_rle(std::find_if(detail::classics.begin(), detail::classics.end(), of_name)->second, "");
    }
  }
  check_sizes(settings, chosen);
  basin::examples::check_option(soft || chosen.pattern != "orbium", "--pattern of rule " + chosen.rule, chosen.pattern,
                                "one of two states");
  basin::examples::check_option(!soft || chosen.pattern == "orbium" || chosen.pattern == "random", "--pattern of lenia",
                                chosen.pattern, "orbium or random");
  basin::check(file.states() == 2, "number of states of pattern " + chosen.pattern, file.states(), 2);
  if (worldly) {
    const bool torus = file.world == basin::LifeWorld::torus;
    const std::string size = std::to_string(file.width) + "x" + std::to_string(file.height);
    basin::examples::check_option(settings.boundary == (torus ? "periodic" : "zero"),
                                  "--boundary of pattern " + chosen.pattern, settings.boundary,
                                  torus ? "periodic: it lives on a torus" : "zero: it lives in a bounded plane");
    basin::check(file.width == chosen.size && file.height == chosen.size, "world of pattern " + chosen.pattern, size,
                 "as many cells either way as --size, " + std::to_string(chosen.size));
  }
  if (chosen.pattern == "random") {
    chosen.start = soft ? detail::soup(chosen.size, settings.seed)
                        : detail::noise(chosen.size, line ? 1 : chosen.size, settings.density, settings.seed);
    chosen.fills = true;
  } else if (chosen.pattern == "orbium") {
    chosen.fills = chosen.size >= 20;
    chosen.start = chosen.fills ? detail::shoal(chosen.size, settings.seed) : basin::orbium();
  } else {
    chosen.start = detail::to_state(file);
  }
  const Index width = chosen.start.shape.space[0], height = chosen.start.shape.space[1];
  const std::string extent = std::to_string(width) + "x" + std::to_string(height) + " cells";
  basin::check(!line || height == 1, "pattern " + chosen.pattern, extent, "one row, for an elementary rule");
  basin::check(chosen.unbounded || std::max(width, height) <= chosen.size, "pattern " + chosen.pattern, extent,
               "at most --size " + std::to_string(chosen.size) + " either way");
  if (line)
    basin::examples::check_option(settings.save.empty(), "--save", settings.save, "none, for an elementary rule");
  if (soft) {
    basin::examples::check_option(settings.save.empty(), "--save", settings.save,
                                  "none: an RLE file holds cells of two states");
  }
  return chosen;
}

}  // namespace automata
