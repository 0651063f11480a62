// The puzzles of deq_sudoku, and what its model makes of them.

#include <catch2/catch.hpp>

#include "../../examples/deq_sudoku/measuring.hpp"
#include "basin/train/initial.hpp"

namespace {

using namespace deq_sudoku;

Grid grid_of(const char* digits) {
  Grid grid{};
  for (std::size_t i = 0; i < places; ++i) grid[i] = static_cast<std::uint8_t>(digits[i] == '.' ? 0 : digits[i] - '0');
  return grid;
}

// A puzzle and its solution, as another program made them.
const char* const given = ".8....1...71....56...4.5.3.4.87.....69.14.....5......7......6.3.1........4..9...5";
const char* const solved = "584637129371289456269415738438752961697143582152968347925874613713526894846391275";

}  // namespace

TEST_CASE("a search counts solutions, and finds the one there is", "[unit]") {
  Search search(grid_of(given));
  CHECK(search.count(3) == 1);
  CHECK(search.solution() == grid_of(solved));
  CHECK(!search.gave_up());
  CHECK((search.count(3, {1, 2, 3, 4, 5, 6, 7, 8, 9}, 10) == 0 && search.gave_up()));  // more than 10 places are empty
  CHECK((search.count(3) == 1 && !search.gave_up()));                                  // nothing of that is left
  CHECK(is_solution(grid_of(solved)));
  Grid open = grid_of(given);
  open[1] = 0;
  CHECK(Search(open).count(3) > 1);
  Grid wrong = grid_of(given);
  wrong[0] = 8;  // beside the other 8
  CHECK(Search(wrong).count(3) == 0);
  CHECK(!is_solution(wrong));
}

TEST_CASE("drawn puzzles have one solution, and need each of their givens", "[unit]") {
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    const Puzzle puzzle = random_puzzle({seed, 5});
    CHECK(puzzle.given == random_puzzle({seed, 5}).given);
    CHECK(puzzle.given != random_puzzle({seed + 1, 5}).given);
    Search search(puzzle.given);
    CHECK((search.count(2) == 1 && search.solution() == puzzle.solution && is_solution(puzzle.solution)));
    int needed = 0;
    for (std::size_t place = 0; place < places; ++place) {
      Grid fewer = puzzle.given;
      if (fewer[place] == 0) continue;
      fewer[place] = 0;
      needed += Search(fewer).count(2) == 2 ? 1 : 0;
    }
    CHECK(needed == puzzle.givens());
    const Puzzle easier = with_more_given(puzzle, 7, {seed, 6});
    CHECK((easier.givens() == puzzle.givens() + 7 && keeps_givens(easier.solution, easier)));
  }
}

TEST_CASE("symmetries of Sudoku are the model's own", "[unit]") {
  // Digits renamed, bands exchanged, rows within a band exchanged, and the grid transposed.
  const auto moved = [](int place, int digit) {
    const int row = place / 9, column = place % 9;
    const int other_row = (row + 3) % 9 / 3 * 3 + (row + 1) % 3;
    return std::pair(column * 9 + other_row, digit % 9 + 1);
  };
  const auto through = [&](const Grid& grid) {
    Grid other{};
    for (int place = 0; place < places; ++place) {
      const int digit = grid[static_cast<std::size_t>(place)];
      const auto [to, renamed] = moved(place, digit);
      other[static_cast<std::size_t>(to)] = static_cast<std::uint8_t>(digit == 0 ? 0 : renamed);
    }
    return other;
  };
  const Puzzle puzzle{grid_of(given), grid_of(solved)}, other{through(puzzle.given), through(puzzle.solution)};
  CHECK(is_solution(other.solution));
  const auto theta = basin::initial_parameters<float>(Settled{}, 3);
  const Settled model = settled_model(5);
  State<float> x(candidates(inputs, 2)), logits(candidates(1, 2));
  describe(puzzle, x.view().sample(0));
  describe(other, x.view().sample(1));
  CHECK(x.values.head(x.values.size() / 2) != x.values.tail(x.values.size() / 2));
  (void)model.apply<float>(theta.span(), x.view(), logits.view());
  float apart = 0;
  for (int place = 0; place < places; ++place) {
    for (int digit = 1; digit <= side; ++digit) {
      const auto [to, renamed] = moved(place, digit);
      apart = std::max(apart, std::abs(logits.values[place * side + digit - 1] -
                                       logits.values[places * side + to * side + renamed - 1]));
    }
  }
  CHECK(apart <= 1e-5f * logits.values.cwiseAbs().maxCoeff());
}

TEST_CASE("the best of several starts is the one that converged, or the one of the lowest residual", "[unit]") {
  const auto one = [](bool right, basin::Status status, double residual, int evaluations, int agreeing = 0) {
    Attempt made;
    made.right = right;
    made.agreeing = agreeing;
    made.solve.status = status;
    made.solve.residual = residual;
    made.solve.evaluations = evaluations;
    return made;
  };
  const std::vector<Attempts> attempts{{one(false, basin::Status::max_iterations, 0.5, 90),
                                        one(false, basin::Status::max_iterations, 0.2, 90),
                                        one(true, basin::Status::converged, 1e-4, 40, 1)}};
  CHECK(best_of(attempts[0], 1, 1).solve.residual == 0.5);
  CHECK(best_of(attempts[0], 2, 1).solve.residual == 0.2);
  CHECK(best_of(attempts[0], 16, 1).right);
  CHECK(solved_with(attempts, 3, 1).evaluations_mean() == 220);
  CHECK(solved_with(attempts, 3, 1).nonconverged_fraction() == 0);
  CHECK(solved_with(attempts, 2, 1).share() == 0);
  CHECK(certified_within(attempts, 3, 40) == 1);
  CHECK(certified_within(attempts, 3, 39) == 0);
  CHECK(certified_within(attempts, 2, 90) == 0);
}

TEST_CASE("an answer is certified once so many starts have converged to it", "[unit]") {
  const auto converged = [](bool right, double residual, int evaluations, int agreeing) {
    Attempt made;
    made.right = right;
    made.agreeing = agreeing;
    made.solve.status = basin::Status::converged;
    made.solve.residual = residual;
    made.solve.evaluations = evaluations;
    return made;
  };
  // A wrong answer, the right one, another wrong one, and the right one again.
  const std::vector<Attempts> attempts{{converged(false, 1e-5, 50, 1), converged(true, 1e-4, 60, 1),
                                        converged(false, 2e-4, 70, 1), converged(true, 3e-4, 80, 2)}};
  CHECK_FALSE(best_of(attempts[0], 4, 1).right);
  CHECK(best_of(attempts[0], 4, 2).solve.evaluations == 80);
  CHECK(best_of(attempts[0], 3, 2).solve.evaluations == 50);  // the smallest residual
  const auto first = solved_with(attempts, 4, 1), both = solved_with(attempts, 4, 2),
             too_few = solved_with(attempts, 3, 2);
  CHECK(first.evaluations_mean() == 50);
  CHECK(first.nonconverged_fraction() == 0);
  CHECK(first.solved_and_converged == 0);
  CHECK(both.evaluations_mean() == 260);
  CHECK(both.solved_and_converged == 1);
  CHECK(too_few.evaluations_mean() == 180);
  CHECK(too_few.nonconverged_fraction() == 1);
}
