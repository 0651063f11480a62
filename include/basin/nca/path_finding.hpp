#pragma once

// The shortest way through a maze by an automaton whose weights are written down, not learned: what a rule of the kind
// that is trained elsewhere (a neighbourhood of five, a dense layer, ReLU, a dense layer) can express, exactly. The
// idea, that breadth-first search fits into such a rule, is of S. Earle, O. Yildiz, J. Togelius, C. Hegde,
// "Pathfinding neural cellular automata", 2023, arXiv 2301.06820; these weights are another, smaller set.
//
// A wave floods the open cells from the goal. A cell that it reaches keeps a pointer to the first of its neighbours
// (west, east, north, south) that was flooded before: a step of a shortest way. When the start is flooded, the path
// grows from it along the pointers. Each increment is the conjunction of bits a_1 ... a_m and not b_1 ... b_n, which
// one hidden number says,
//
//   relu(a_1 + ... + a_m - b_1 - ... - b_n - (m - 1)),
//
// in whole numbers, so that there is no rounding in any scalar, and a maze may be of any size. A maze whose start is d
// steps from the goal, and whose cells are at most e, has its path after 2 d + 1 steps and stands still after
// max(e, 2 d + 1): the fixed point of the cell, which a solve by Picard finds with both tolerances of its Stop 0. If
// there is no way, there is no path. Where some cells do not fire (nca/fire.hpp) the path is still a way, and may not
// be a shortest.

#include <array>

#include "basin/layers/activation.hpp"
#include "basin/layers/dense.hpp"
#include "basin/layers/sequential.hpp"
#include "basin/nca/automaton.hpp"
#include "basin/nca/perceive.hpp"

namespace basin {

/// The features of a cell, each 0 or 1. The caller sets the first three, which stay; the others begin as 0.
enum PathFeature : int {
  path_open,      ///< not a wall
  path_start,     ///< open as well; one cell of a sample
  path_goal,      ///< open as well; one cell of a sample, or several: the nearest
  path_to_west,   ///< flooded, and the way to the goal leads to x - 1
  path_to_east,   ///< x + 1
  path_to_north,  ///< y - 1
  path_to_south,  ///< y + 1
  path_found,     ///< on the path
  path_features
};

/// States are (8, X, Y, 1, N); beyond the edge is wall. 419 parameters, of which path_finder_parameters sets 111.
using PathFinder =
    Automaton<Perceive<path_features, Zero, Centre, Shift<-1, 0>, Shift<1, 0>, Shift<0, -1>, Shift<0, 1>>,
              Sequential<Dense<5 * path_features, 9>, Relu, Dense<9, 5>>, EveryCell, Everywhere,
              Keeping<Features<path_open, path_start, path_goal>>>;

/// The weights that find shortest ways.
template <class S = float>
[[nodiscard]] Parameters<PathFinder, S> path_finder_parameters() {
  constexpr int hidden = 9, increments = 5;
  constexpr std::array<int, 4> pointers{path_to_west, path_to_east, path_to_north, path_to_south};
  Parameters<PathFinder, S> theta;
  const std::span<S> in = theta.leaf("0.weight"), bias = theta.leaf("0.bias"), out = theta.leaf("2.weight");
  // Adds a feature of the cell itself, or of neighbour 1 to 4, to a hidden number.
  const auto add = [&](int to, int where, int feature, S weight) {
    in[static_cast<std::size_t>((where * path_features + feature) * hidden + to)] += weight;
  };
  const auto add_flooded = [&](int to, int where, S weight) {
    add(to, where, path_goal, weight);
    for (const int pointer : pointers) add(to, where, pointer, weight);
  };
  const auto answers = [&](int from, int feature) {
    out[static_cast<std::size_t>(from * increments + feature - path_to_west)] = S(1);
  };
  for (int k = 0; k < 4; ++k) {
    // A pointer to neighbour k: open, not flooded, that neighbour is flooded, and none before it.
    add(k, 0, path_open, S(1));
    add_flooded(k, 0, S(-1));
    add_flooded(k, 1 + k, S(1));
    for (int before = 0; before < k; ++before) add_flooded(k, 1 + before, S(-1));
    bias[static_cast<std::size_t>(k)] = S(-1);
    answers(k, pointers[static_cast<std::size_t>(k)]);
    // On the path: not so far, neighbour k is, and points here: where it lies to the west, to the east.
    const int from = 4 + k;
    add(from, 1 + k, path_found, S(1));
    add(from, 1 + k, pointers[static_cast<std::size_t>(k ^ 1)], S(1));
    add(from, 0, path_found, S(-1));
    bias[static_cast<std::size_t>(from)] = S(-1);
    answers(from, path_found);
  }
  // The path begins at the start, when that is flooded.
  add(8, 0, path_start, S(1));
  add_flooded(8, 0, S(1));
  add(8, 0, path_found, S(-1));
  bias[8] = S(-1);
  answers(8, path_found);
  return theta;
}

}  // namespace basin
