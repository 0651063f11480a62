#pragma once

// The systems that have no patterns of others, and what a run of one starts from: Lenia of several kernels, Flow-Lenia,
// Particle Lenia, and the automaton that finds ways through mazes.

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "../support/process.hpp"
#include "basin/core/random.hpp"
#include "basin/nca/expanded_lenia.hpp"
#include "basin/nca/tessellatium.hpp"
#include "chosen.hpp"
#include "mazes.hpp"
#include "settings.hpp"

namespace automata {

inline constexpr int channels = 3, flow_kernels = 9;

/// Kernels of Flow-Lenia, drawn from the ranges of its paper (arXiv 2212.07906, table 1): one from each channel to
/// each, with three rings. (Eight further on, so that the default seed has lively ones.)
[[nodiscard]] inline std::vector<basin::LeniaKernel> random_flow_kernels(std::uint64_t seed) {
  const basin::Random random{seed + 8, 5};
  std::uint64_t next = 0;
  const auto uniform = [&](double low, double high) { return random.uniform(next++, low, high); };
  const double scale = uniform(2, 25);
  std::vector<basin::LeniaKernel> kernels;
  for (int k = 0; k < flow_kernels; ++k) {
    std::array<double, 3> at{}, height{}, width{};
    for (std::size_t ring = 0; ring < 3; ++ring) {
      at[ring] = uniform(0, 1);
      height[ring] = uniform(0.001, 1);
      width[ring] = uniform(0.01, 0.5);
    }
    kernels.push_back({.source = k / channels,
                       .target = k % channels,
                       .radius = std::max(2.0, scale * uniform(0.2, 1)),
                       .profile =
                           [=](double r) {
                             double sum = 0;
                             for (std::size_t ring = 0; ring < 3; ++ring) {
                               const double off = r - at[ring];
                               sum += height[ring] * std::exp(-off * off / width[ring]);
                             }
                             return sum / (1 + std::exp(10 * (r - 1)));
                           },
                       .centre = uniform(0.05, 0.5),
                       .width = uniform(0.001, 0.18),
                       .weight = uniform(0, 1)});
  }
  return kernels;
}

namespace detail {

/// Creatures of Lenia at random places, as many as there is room for.
[[nodiscard]] inline State<float> tessellatia(Index size, std::uint64_t seed) {
  const State<float> creature = basin::tessellatium();
  const Index width = creature.shape.space[0], height = creature.shape.space[1];
  const Index side = std::max<Index>(1, size / 64), room = size / side;
  const basin::Random random{seed, 6};
  State<float> out(basin::Shape{channels, {size, size, 1}, 1});
  for (Index k = 0; k < side * side; ++k) {
    const auto within = [&](Index extent, std::uint64_t axis) {
      const auto free = static_cast<std::uint64_t>(std::max<Index>(1, room - extent));
      return static_cast<Index>(random.below(2 * static_cast<std::uint64_t>(k) + axis, free));
    };
    const Index x = k % side * room + within(width, 0), y = k / side * room + within(height, 1);
    for (Index j = 0; j < height; ++j) {
      out.values.segment(channels * ((y + j) * size + x), channels * width) =
          creature.values.segment(channels * j * width, channels * width);
    }
  }
  return out;
}

/// A square of noise in the middle.
[[nodiscard]] inline State<float> lump(Index size, std::uint64_t seed) {
  State<float> out(basin::Shape{channels, {size, size, 1}, 1});
  const basin::Random random{seed, 7};
  const Index side = std::max<Index>(1, size * 5 / 16), first = (size - side) / 2;
  for (Index k = 0; k < side * side; ++k) {
    for (Index c = 0; c < channels; ++c) {
      const Index cell = (first + k / side) * size + first + k % side;
      out.values[channels * cell + c] =
          static_cast<float>(random.uniform(static_cast<std::uint64_t>(channels * k + c)));
    }
  }
  return out;
}

/// Particles in a square, as dense as 200 in one of 12 units.
[[nodiscard]] inline State<float> swarm(Index count, std::uint64_t seed) {
  State<float> out(basin::Shape{2, {count, 1, 1}, 1});
  const basin::Random random{seed, 8};
  const double side = 12 * std::sqrt(static_cast<double>(count) / 200);
  for (Index i = 0; i < out.values.size(); ++i) {
    out.values[i] = static_cast<float>(side * random.uniform(static_cast<std::uint64_t>(i), -0.5, 0.5));
  }
  return out;
}

}  // namespace detail

/// The run of a system of these, if the rule is the name of one. Throws std::invalid_argument for options that do not
/// go with it.
[[nodiscard]] inline std::optional<Chosen> choose_system(const Settings& settings) {
  static const std::map<std::string, Family> names{{"expanded-lenia", Family::expanded},
                                                   {"flow-lenia", Family::flow},
                                                   {"particle-lenia", Family::particles},
                                                   {"path", Family::path}};
  const auto named = names.find(settings.rule);
  if (named == names.end()) return std::nullopt;
  Chosen chosen;
  chosen.family = named->second;
  chosen.rule = settings.rule;
  chosen.fills = true;
  const bool particles = chosen.family == Family::particles, path = chosen.family == Family::path;
  const std::string of_rule = " of rule " + chosen.rule;
  basin::examples::check_option(settings.save.empty(), "--save", settings.save,
                                "none: an RLE file holds cells of two states");
  const bool grid = chosen.family == Family::expanded || chosen.family == Family::flow;
  basin::examples::check_option(settings.boundary == "periodic" || (grid && settings.boundary == "zero"),
                                "--boundary" + of_rule, settings.boundary,
                                grid ? "periodic or zero" : "periodic, the default, which has no part in it");
  chosen.pattern = path ? "maze" : particles ? "swarm" : chosen.family == Family::flow ? "lump" : "tessellatium";
  basin::examples::check_option(settings.pattern.empty() || settings.pattern == chosen.pattern, "--pattern" + of_rule,
                                settings.pattern, chosen.pattern);
  chosen.size = settings.size > 0 ? settings.size : path ? 41 : particles ? 200 : 128;
  const Index least = path ? 5 : particles ? 1 : 24;
  basin::examples::check_option(chosen.size >= least, "--size" + of_rule, chosen.size,
                                std::to_string(least) + " or more");
  const double size = static_cast<double>(chosen.size), cells = particles ? size : size * size;
  const double solved = path && settings.mazes > 0 ? mazes_at_once : 0;
  basin::examples::check_memory("--size " + std::to_string(chosen.size),
                                cells * (300 * (1 + solved) + 6.0 * settings.scale * settings.scale));
  chosen.steps = particles ? 3000 : chosen.family == Family::flow ? 600 : 300;
  switch (chosen.family) {
    case Family::path: {
      const Maze maze = film_maze(settings, chosen.size);
      chosen.start = states_of<float>({maze});
      chosen.steps = last_change(maze) + 1;  // one more, which changes nothing
      chosen.quantity.label = "cells that know their way, and those of the path";
      break;
    }
    case Family::particles:
      chosen.quantity = {"energy", "energy", true, false};
      chosen.start = detail::swarm(chosen.size, settings.seed);
      break;
    case Family::flow:
      chosen.quantity = {"mass", "mass", true};
      chosen.start = detail::lump(chosen.size, settings.seed);
      break;
    default:
      chosen.quantity = {"mass", "mass", true};
      chosen.start = detail::tessellatia(chosen.size, settings.seed);
  }
  if (settings.steps > 0) chosen.steps = settings.steps;
  return chosen;
}

}  // namespace automata
