#pragma once

// Patterns drawn in text, and a naive step of Life-like automata. For tests to compare with.

#include <array>
#include <string_view>
#include <vector>

#include "basin/core/parallel.hpp"
#include "basin/core/random.hpp"
#include "basin/nca/life_like.hpp"

namespace basin::test {

/// Rows of characters that are separated by line breaks; O is 1, anything else 0. All rows have the same length.
template <class S = float>
State<S> picture(std::string_view rows) {
  const auto end = rows.find('\n');
  const Index width = static_cast<Index>(end == rows.npos ? rows.size() : end);
  const Index height = (static_cast<Index>(rows.size()) + 1) / (width + 1);
  State<S> out(Shape{1, {width, height, 1}, 1});
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      out.values[y * width + x] = rows[static_cast<std::size_t>(y * (width + 1) + x)] == 'O' ? S(1) : S(0);
    }
  }
  return out;
}

/// A picture on a plane.
template <class Plane>
void place(Plane& plane, std::string_view rows, Index x, Index y) {
  const State<float> pattern = picture(rows);
  plane.place(pattern.view(), x, y);
}

inline constexpr std::string_view glider = ".O.\n..O\nOOO";
inline constexpr std::string_view spaceship = ".O..O\nO....\nO...O\nOOOO.";  // light weight; it moves to the left
inline constexpr std::string_view r_pentomino = ".OO\nOO.\n.O.";
inline constexpr std::string_view acorn = ".O.....\n...O...\nOO..OOO";
inline constexpr std::string_view diehard = "......O.\nOO......\n.O...OOO";
inline constexpr std::string_view pulsar =
    "..OOO...OOO..\n"
    ".............\n"
    "O....O.O....O\n"
    "O....O.O....O\n"
    "O....O.O....O\n"
    "..OOO...OOO..\n"
    ".............\n"
    "..OOO...OOO..\n"
    "O....O.O....O\n"
    "O....O.O....O\n"
    "O....O.O....O\n"
    ".............\n"
    "..OOO...OOO..";
inline constexpr std::string_view gosper_gun =
    "........................O...........\n"
    "......................O.O...........\n"
    "............OO......OO............OO\n"
    "...........O...O....OO............OO\n"
    "OO........O.....O...OO..............\n"
    "OO........O...O.OO....O.O...........\n"
    "..........O.....O.......O...........\n"
    "...........O...O....................\n"
    "............OO......................";

/// One thread while it lives: steps of a few microseconds are not worth sharing, least of all on a busy machine.
struct OneThread {
  OneThread() { set_threads(1); }
  ~OneThread() { set_threads(0); }
};

/// Zeros and ones, each 1 with the given probability.
template <class S = float>
State<S> random_bits(const Shape& shape, std::uint64_t seed, double density) {
  State<S> state(shape);
  const Random random{seed, 40};
  for (Index i = 0; i < state.values.size(); ++i) {
    state.values[i] = random.uniform(static_cast<std::uint64_t>(i)) < density ? S(1) : S(0);
  }
  return state;
}

/// Cells (1, X, Y, 1, 1) after one step, from the words of the rule's definition. source(i, n) is the cell that stands
/// at i, or -1.
template <class Source>
State<float> naive_life(const State<float>& z, const LifeLike& rule, const Source& source) {
  const Index width = z.shape.space[0], height = z.shape.space[1];
  State<float> out(z.shape);
  for (Index y = 0; y < height; ++y) {
    for (Index x = 0; x < width; ++x) {
      int neighbours = 0;
      for (Index v = y - 1; v <= y + 1; ++v) {
        for (Index u = x - 1; u <= x + 1; ++u) {
          const Index i = source(u, width), j = source(v, height);
          if ((u != x || v != y) && i >= 0 && j >= 0 && z.values[j * width + i] == 1.0f) ++neighbours;
        }
      }
      const bool alive = z.values[y * width + x] == 1.0f;
      out.values[y * width + x] = ((alive ? rule.survives : rule.born) >> neighbours & 1) != 0 ? 1.0f : 0.0f;
    }
  }
  return out;
}

/// Some steps of an automaton without parameters.
template <class A, class S>
State<S> after(const A& automaton, State<S> z, Index steps) {
  State<S> next(z.shape);
  std::vector<std::uint8_t> marks(static_cast<std::size_t>(z.shape.cells()));
  for (Index t = 0; t < steps; ++t) {
    static_cast<void>(automaton.template step<S>({}, z.view(), next.view(), marks.data()));
    std::swap(z.values, next.values);
  }
  return z;
}

}  // namespace basin::test
