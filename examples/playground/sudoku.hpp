#pragma once

// A puzzle of Sudoku that settles: what the page's scene "Sudoku" calls. The puzzles and the cell are those of
// deq_sudoku (examples/deq_sudoku), and so are its starts and what counts as settled.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "../deq_sudoku/model.hpp"
#include "../deq_sudoku/puzzles.hpp"
#include "basin/core/parameters.hpp"
#include "basin/core/random.hpp"
#include "settling.hpp"

namespace playground {

struct Sudoku {
  static constexpr int candidates = 729;
  static constexpr float start_noise = 0.5f;

  deq_sudoku::Theta theta{};
  Settling<deq_sudoku::Cell> settling{};
  std::array<int, deq_sudoku::places> given{}, answer{};
  std::array<float, candidates> shares{};

  Sudoku() {
    settling.cell.layers.layer<0>().inner.sets = deq_sudoku::sets();
    settling.begin(deq_sudoku::candidates(1, 1));
  }

  [[nodiscard]] deq_sudoku::Puzzle puzzle() const {
    deq_sudoku::Puzzle of;
    std::copy(given.begin(), given.end(), of.given.begin());
    return of;
  }

  void start(std::uint64_t number) {
    settling.begin(deq_sudoku::candidates(1, 1));
    const basin::Random random{number, 0};
    for (basin::Index i = 0; i < settling.z.values.size(); ++i) {
      settling.z.values[i] = start_noise * static_cast<float>(random.normal(static_cast<std::uint64_t>(i)));
    }
    tell();
  }

  /// Tells the candidates what is given now; their states stay as they are.
  void tell() {
    basin::State<float> x(deq_sudoku::candidates(deq_sudoku::inputs, 1));
    deq_sudoku::describe(puzzle(), x.view());
    using Sees = basin::Dense<deq_sudoku::inputs, deq_sudoku::injected>;
    (void)Sees{}.apply<float>(deq_sudoku::Settled::part<0>(theta.span()), x.view(), settling.u.view());
    settling.settled = false;
  }

  void evaluate(int count) {
    settling.evaluate(deq_sudoku::Settled::part<deq_sudoku::equilibrium>(theta.span()), count);
  }

  /// What the states say: of each place the shares of its nine digits, and the likeliest.
  void read() {
    basin::State<float> logits(deq_sudoku::candidates(1, 1));
    using Reads = basin::Dense<deq_sudoku::features, 1>;
    (void)Reads{}.apply<float>(deq_sudoku::Settled::part<deq_sudoku::head>(theta.span()), settling.z.view(),
                               logits.view());
    const deq_sudoku::Grid digits = deq_sudoku::answer(logits.view());
    std::copy(digits.begin(), digits.end(), answer.begin());
    for (int place = 0; place < deq_sudoku::places; ++place) {
      Eigen::Map<Eigen::Array<float, deq_sudoku::side, 1>> of_place(logits.values.data() + deq_sudoku::side * place);
      of_place = (of_place - of_place.maxCoeff()).exp();
      of_place /= of_place.sum();
    }
    std::copy_n(logits.values.data(), candidates, shares.begin());
  }

  static Sudoku& scene() {
    static Sudoku one;
    return one;
  }
};

}  // namespace playground

extern "C" {

/// Where the page writes the parameters, and how many there are.
[[gnu::used]] float* sudoku_theta() { return playground::Sudoku::scene().theta.span().data(); }
[[gnu::used]] int sudoku_theta_size() { return static_cast<int>(deq_sudoku::Settled::param_count); }

/// The 81 places, row by row, 0 for an empty one: the page writes and reads them.
[[gnu::used]] int* sudoku_given() { return playground::Sudoku::scene().given.data(); }

/// Puzzle `number` of those that the program draws, which need each of their givens, with so many more given.
[[gnu::used]] void sudoku_draw(int number, int more) {
  const auto seed = static_cast<std::uint64_t>(number);
  const deq_sudoku::Puzzle puzzle = deq_sudoku::with_more_given(deq_sudoku::random_puzzle({seed, 1}), more, {seed, 2});
  std::copy(puzzle.given.begin(), puzzle.given.end(), playground::Sudoku::scene().given.begin());
}

/// To be called when what is given has changed. How many solutions there are: 0, 1, or 2 for more; -1 if that was not
/// found within two million places filled.
[[gnu::used]] int sudoku_changed() {
  playground::Sudoku& sudoku = playground::Sudoku::scene();
  sudoku.tell();
  deq_sudoku::Search search(sudoku.puzzle().given);
  const int found = search.count(2, {1, 2, 3, 4, 5, 6, 7, 8, 9}, 2000000);
  return search.gave_up() ? -1 : found;
}

/// Begins at random numbers, others for each `number`.
[[gnu::used]] void sudoku_start(int number) { playground::Sudoku::scene().start(static_cast<std::uint64_t>(number)); }

/// Evaluates at most so often; none once it has settled.
[[gnu::used]] void sudoku_evaluate(int count) { playground::Sudoku::scene().evaluate(count); }
[[gnu::used]] int sudoku_settled() { return playground::Sudoku::scene().settling.settled ? 1 : 0; }

/// The relative residual of each evaluation since the start, and how many there were.
[[gnu::used]] const float* sudoku_residuals() { return playground::Sudoku::scene().settling.residuals.data(); }
[[gnu::used]] int sudoku_evaluations() {
  return static_cast<int>(playground::Sudoku::scene().settling.residuals.size());
}

/// How strong each candidate is: nine numbers a place that add up to 1.
[[gnu::used]] const float* sudoku_shares() {
  playground::Sudoku::scene().read();
  return playground::Sudoku::scene().shares.data();
}

/// Of the shares that were last asked for: the likeliest digit of each place, and whether they are a solution.
[[gnu::used]] const int* sudoku_answer() { return playground::Sudoku::scene().answer.data(); }
[[gnu::used]] int sudoku_right() {
  const playground::Sudoku& sudoku = playground::Sudoku::scene();
  deq_sudoku::Grid grid{};
  std::copy(sudoku.answer.begin(), sudoku.answer.end(), grid.begin());
  return deq_sudoku::is_solution(grid) && deq_sudoku::keeps_givens(grid, sudoku.puzzle()) ? 1 : 0;
}

}  // extern "C"
