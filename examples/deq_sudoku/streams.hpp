#pragma once

#include <cstdint>

namespace deq_sudoku {

/// The streams of random numbers, one a use.
enum Stream : std::uint64_t {
  puzzle_stream = 1,
  steps_stream,
  start_stream,
  test_stream,
  test_given_stream,
  test_start_stream
};

}  // namespace deq_sudoku
