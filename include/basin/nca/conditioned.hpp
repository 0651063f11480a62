#pragma once

// An automaton whose cells are told something: at every step a cell sees the grid, and U numbers beside it,
//
//   z' = f(z, u),   what the rule sees of cell p:   (what P sees around p, u at p),
//
// such as the goal of growing: one rule then grows many pictures, and changes from one to another while it lives (S.
// Sudhakaran, E. Najarro, S. Risi, "Goal-Guided Neural Cellular Automata", 2022). u is an injection: it is no part of
// the state, the same at every step of a rollout, and has a gradient. Its shape is one of
//
//   (U, X, Y, Z, N)   each cell is told something of its own, on the state's grid
//   (U, 1, 1, 1, N)   all cells of a sample are told the same
//
// (What finds the space of the state in u, as equilibria and attractors do, needs the first.)
//
// It stands for the perception of an Automaton: Automaton<Conditioned<Perceive<16, Zero, Centre, SobelX, SobelY>, 8>,
// Rule, ...>, where the rule takes 48 + 8 features. The automaton is then a cell (core/layer.hpp) with an injection,
// and a Rollout of it is too (nca/rollout.hpp).

#include <algorithm>
#include <string>

#include "basin/nca/perception.hpp"

namespace basin {

template <class P, int U>
struct Conditioned {
  static_assert(U > 0, "Conditioned: the number of features that cells are told must be positive");
  static constexpr int state_features = P::state_features;
  static constexpr int seen_features = P::seen_features + U;  ///< those of the grid first

  P grid{};  ///< what a cell sees of the grid
};

namespace detail {

/// The perception of the grid in that of an automaton, and how many features its cells are told: none.
template <class P>
struct Told {
  using Grid = P;
  static constexpr int features = 0;
  static const P& grid(const P& perception) { return perception; }
};
template <class P, int U>
struct Told<Conditioned<P, U>> {
  using Grid = P;
  static constexpr int features = U;
  static const P& grid(const Conditioned<P, U>& perception) { return perception.grid; }
};

/// What all cells of a sample are told is there once.
[[nodiscard]] inline bool told_alike(const Shape& u) { return u.cells_per_sample() == 1; }

/// Throws std::invalid_argument for an injection of U features that does not fit the state.
inline void check_told(const Shape& u, const Shape& z, int U) {
  const Shape of_cells = z.with_features(U);
  if (u == of_cells || u == Shape{U, {1, 1, 1}, z.samples}) return;
  check(false, "Automaton: shape of the injection", u,
        of_cells.to_string() + ", or " + Shape{U, {1, 1, 1}, z.samples}.to_string() + " for all cells alike");
}

/// u of a cell, of one sample of U features.
template <int U, class S>
[[nodiscard]] S* told_to(View<S> u, Index cell) {
  return u.data() + (told_alike(u.shape()) ? 0 : cell * U);
}

/// Columns of what cells saw of the grid (G numbers each) and of what they are told (U) as one: `seen`. Without `grid`
/// or u there are zeros in their place.
template <int G, int U, class S>
void join_told(const S* grid, View<const S> u, const Index* cells, Index count, S* seen) {
  for (Index i = 0; i < count; ++i, seen += G + U) {
    if (grid != nullptr) {
      std::copy_n(grid + i * G, G, seen);
    } else {
      std::fill_n(seen, G, S(0));
    }
    if (u) {
      std::copy_n(told_to<U>(u, cells[i]), U, seen + G);
    } else {
      std::fill_n(seen + G, U, S(0));
    }
  }
}

/// The transpose: g of both is cut into that of the grid and that of what was told, which is added to du, at the cells
/// or, if du is of one cell, there. Either may be not wanted.
template <int G, int U, class S>
void part_told(const S* g, const Index* cells, Index count, S* grid, View<S> du) {
  for (Index i = 0; i < count; ++i, g += G + U) {
    if (grid != nullptr) std::copy_n(g, G, grid + i * G);
    if (!du) continue;
    S* to = told_to<U>(du, cells[i]);
    for (int k = 0; k < U; ++k) to[k] += g[G + k];
  }
}

}  // namespace detail

}  // namespace basin
