// Products of all that a tile can leave over, of outputs and of cells. This file is also built for processors with
// shorter vectors than this one's (tests/CMakeLists.txt).

#include <utility>

#include "kernels/products.hpp"

using namespace basin;
using test::check_product;

#ifdef BASIN_TEST_REGISTER_BYTES
static_assert(kernels::register_bytes == BASIN_TEST_REGISTER_BYTES);
#endif

namespace {

/// The most outputs that are tried. Outputs are cut into blocks of one register or two, so that this is at least two
/// blocks and each rest; of registers of 64 bytes, and so of floats, 70.
template <class S>
constexpr int most = 4 * kernels::register_bytes / static_cast<int>(sizeof(S)) + 6;

template <int Run, int Step, class S, int Outputs>
void check_one() {
  if constexpr (Outputs <= most<S>) check_product<Run, Step, Outputs, S>();
}

template <int Run, int Step, class S, int... Outputs>
void check_outputs(std::integer_sequence<int, Outputs...>) {
  (check_one<Run, Step, S, Outputs>(), ...);
}

template <int... I>
constexpr auto from_one(std::integer_sequence<int, I...>) {
  return std::integer_sequence<int, (I + 1)...>{};
}

}  // namespace

// Cells side by side that share their inputs, an even number of features each: a kernel of 3 cells.
TEST_CASE("products of floats that cells share, 1 to 70 outputs", "[unit][kernels]") {
  check_outputs<6, 2, float>(from_one(std::make_integer_sequence<int, 70>{}));
}

// The others, around each multiple of a vector of 2 to 16 numbers.
TEST_CASE("products of floats of each cell's own", "[unit][kernels]") {
  check_outputs<3, 3, float>(
      std::integer_sequence<int, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20, 31, 32, 33, 48, 50, 70>{});
}

TEST_CASE("products of doubles", "[unit][kernels]") {
  check_outputs<3, 1, double>(std::integer_sequence<int, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33>{});
  check_outputs<2, 2, double>(std::integer_sequence<int, 1, 4, 6, 8, 33>{});
}
