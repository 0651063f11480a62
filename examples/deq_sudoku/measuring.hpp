#pragma once

// What deq_sudoku measures: puzzles that are solved, and certified, when their states are left to settle.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "../support/settling.hpp"
#include "basin/core/parallel.hpp"
#include "basin/io/progress.hpp"
#include "basin/train/value_and_gradient.hpp"
#include "data.hpp"
#include "model.hpp"
#include "settings.hpp"
#include "streams.hpp"

namespace deq_sudoku {

/// One solve of a puzzle.
struct Attempt {
  bool right = false;
  bool valid = false;  ///< a full grid by the rules, with all that was given
  Grid grid{};
  basin::SampleResult solve{};
  int agreeing = 0;  ///< solves of the puzzle up to this one that have converged to this grid; 0 if this one has not

  [[nodiscard]] bool converged() const { return solve.status == basin::Status::converged; }
};

/// The solves of a puzzle from one start after another, until --confirm of them have converged to the same grid.
using Attempts = std::vector<Attempt>;

/// Where start number `start` of puzzle n begins.
inline State<float> test_start(const Settings& settings, std::size_t n, int start) {
  const std::uint64_t seed = basin::fold_in(basin::fold_in(settings.test_seed, n), static_cast<std::uint64_t>(start));
  return basin::examples::random_start(candidates(features, 1), settings.start_noise, {seed, test_start_stream});
}

/// The x of some puzzles.
inline State<float> inputs_of(const std::vector<Puzzle>& puzzles, const std::vector<std::size_t>& which) {
  State<float> x(candidates(inputs, std::ssize(which)));
  for (std::size_t i = 0; i < which.size(); ++i) describe(puzzles[which[i]], x.view().sample(static_cast<Index>(i)));
  return x;
}

/// From start number `start`, of the puzzles that are named.
inline void attempt(const Settings& settings, const Theta& theta, const TestSet& set, int start,
                    const std::vector<std::size_t>& which, std::vector<Attempts>& attempts) {
  basin::Progress progress;
  const std::size_t at_once = 8 * static_cast<std::size_t>(basin::threads());
  std::size_t right = 0;
  for (std::size_t first = 0; first < which.size(); first += at_once) {
    const std::vector<std::size_t> now(which.begin() + static_cast<Index>(first),
                                       which.begin() + static_cast<Index>(std::min(first + at_once, which.size())));
    State<float> starts(candidates(features, std::ssize(now)));
    for (std::size_t i = 0; i < now.size(); ++i) {
      starts.view().sample(static_cast<Index>(i)).vector() = test_start(settings, now[i], start).values;
    }
    Settled model = settled_model(settings.max_evaluations);
    model.layer<equilibrium>().start = starts.view();
    const State<float> x = inputs_of(set.puzzles, now);
    const auto prediction = basin::predict(model, theta, x.view(), {.samples_per_part = 1});
    for (std::size_t i = 0; i < now.size(); ++i) {
      const Puzzle& puzzle = set.puzzles[now[i]];
      const Grid grid = answer(prediction.output.view().sample(static_cast<Index>(i)));
      const bool valid = is_solution(grid) && keeps_givens(grid, puzzle);
      Attempts& of_puzzle = attempts[now[i]];
      Attempt& one = of_puzzle.emplace_back();
      one = {grid == puzzle.solution, valid, grid, prediction.samples[i].forward.front()};
      if (one.converged()) {
        one.agreeing = static_cast<int>(std::count_if(of_puzzle.begin(), of_puzzle.end(), [&](const Attempt& other) {
          return other.converged() && other.grid == grid;
        }));
      }
      right += grid == puzzle.solution ? 1 : 0;
    }
    if (progress.due(first + at_once >= which.size())) {
      progress.show(set.name + ", start " + std::to_string(start + 1) + ": " + std::to_string(right) + " of " +
                    std::to_string(which.size()) + " right");
    }
  }
  progress.end();
}

/// All puzzles of a set from up to `breadth` starts each: whose answer is not certified gets another one.
inline std::vector<Attempts> attempts_of(const Settings& settings, const Theta& theta, const TestSet& set) {
  std::vector<Attempts> attempts(set.puzzles.size());
  for (int start = 0; start < settings.breadth; ++start) {
    std::vector<std::size_t> open;
    for (std::size_t n = 0; n < attempts.size(); ++n) {
      if (attempts[n].empty() || attempts[n].back().agreeing < settings.confirm) open.push_back(n);
    }
    attempt(settings, theta, set, start, open, attempts);
  }
  return attempts;
}

/// The best of the first so many: the one that certifies its answer, as `confirm` solves have converged to it, or the
/// one with the smallest residual.
inline const Attempt& best_of(const Attempts& attempts, std::size_t breadth, int confirm) {
  const auto end = attempts.begin() + static_cast<Index>(std::min(breadth, attempts.size()));
  const auto certifies =
      std::find_if(attempts.begin(), end, [&](const Attempt& one) { return one.agreeing >= confirm; });
  if (certifies != end) return *certifies;
  return *std::min_element(attempts.begin(), end,
                           [](const Attempt& a, const Attempt& b) { return a.solve.residual < b.solve.residual; });
}

/// With the best of so many starts; evaluations are those of all up to it, or of all.
inline basin::examples::Solved solved_with(const std::vector<Attempts>& attempts, std::size_t breadth, int confirm) {
  basin::examples::Solved solved;
  for (const Attempts& of_puzzle : attempts) {
    const Attempt& best = best_of(of_puzzle, breadth, confirm);
    const bool certified = best.agreeing >= confirm;
    std::int64_t evaluations = 0;
    for (std::size_t k = 0; k < std::min(breadth, of_puzzle.size()); ++k) {
      evaluations += of_puzzle[k].solve.evaluations;
      if (certified && &of_puzzle[k] == &best) break;
    }
    solved.add(best.right, certified, evaluations);
  }
  return solved;
}

/// The share of puzzles that are certified and right within `depth` evaluations from one of the first `breadth` starts.
inline double certified_within(const std::vector<Attempts>& attempts, std::size_t breadth, int depth) {
  std::int64_t certified = 0;
  for (const Attempts& of_puzzle : attempts) {
    const auto end = of_puzzle.begin() + static_cast<Index>(std::min(breadth, of_puzzle.size()));
    certified +=
        std::any_of(of_puzzle.begin(), end,
                    [&](const Attempt& one) { return one.right && one.converged() && one.solve.evaluations <= depth; })
            ? 1
            : 0;
  }
  return static_cast<double>(certified) / static_cast<double>(attempts.size());
}

/// Calls look(iteration, z, residual) for each state of a puzzle that settles from its first start.
template <class Look>
basin::SampleResult settle(const Settings& settings, const Theta& theta, const Puzzle& puzzle, std::size_t n,
                           int max_evaluations, const Look& look) {
  const Settled model = settled_model(max_evaluations);
  State<float> x(candidates(inputs, 1));
  describe(puzzle, x.view());
  State<float> u(candidates(injected, 1));
  (void)model.layer<0>().apply<float>(Settled::part<0>(theta.span()), x.view(), u.view());
  const State<float> start = test_start(settings, n, 0);
  const auto seen = [&](const basin::Iterate<float>& iterate) { look(iterate.iteration, iterate.z, iterate.residual); };
  return model.layer<equilibrium>()
      .solve<float>(Settled::part<equilibrium>(theta.span()), u.view(), start.view(), seen)
      .samples.front();
}

/// The logits of a state.
inline State<float> read(const Theta& theta, View<const float> z) {
  State<float> logits(candidates(1, 1));
  (void)basin::Dense<features, 1>{}.apply<float>(Settled::part<head>(theta.span()), z, logits.view());
  return logits;
}

/// The share of the first so many puzzles that are right after k evaluations, k = 0, 1, ..., `most`.
inline std::vector<double> solved_after(const Settings& settings, const Theta& theta, const TestSet& set,
                                        std::size_t count, int most) {
  std::vector<std::vector<bool>> right(std::min(count, set.puzzles.size()));
  basin::parallel_for(std::ssize(right), [&](Index n) {
    const auto at = static_cast<std::size_t>(n);
    (void)settle(settings, theta, set.puzzles[at], at, most, [&](int, View<const float> z, double) {
      const State<float> logits = read(theta, z);
      right[at].push_back(answer(logits.view()) == set.puzzles[at].solution);
    });
  });
  return basin::examples::right_after(right);
}

}  // namespace deq_sudoku
