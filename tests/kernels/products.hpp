#pragma once

// The products of kernels/product.hpp against the sums that they stand for.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "basin/kernels/product.hpp"

namespace basin::test {

/// Whole numbers from -3 to 3: their products and sums are exact in every scalar, so results are compared exactly.
template <class S>
std::vector<S> whole_numbers(Index count, std::uint32_t seed) {
  std::vector<S> numbers(static_cast<std::size_t>(count));
  for (S& number : numbers) {
    seed = seed * 1664525u + 1013904223u;
    number = static_cast<S>(static_cast<int>((seed >> 16) % 7) - 3);
  }
  return numbers;
}

constexpr int guard = 40;  // numbers before and after a result that must stay

/// A result between guards, so that a store beside it shows.
template <class S>
struct Guarded {
  std::vector<S> numbers;
  explicit Guarded(Index count, S value = S(99)) : numbers(static_cast<std::size_t>(count) + 2 * guard, S(99)) {
    std::fill(numbers.begin() + guard, numbers.end() - guard, value);
  }
  S* data() { return numbers.data() + guard; }
  bool intact() const {
    const auto is_guard = [](S a) { return a == S(99); };
    return std::all_of(numbers.begin(), numbers.begin() + guard, is_guard) &&
           std::all_of(numbers.end() - guard, numbers.end(), is_guard);
  }
};

/// What the kernels are given and what they made of it.
template <class S>
struct Product {
  int run, step, outputs, rows;
  Index cells;
  // The inputs have no room to spare, for the address sanitizer.
  Index line = cells == 0 ? 0 : (cells - 1) * step + run, row_step = line + 3;
  std::vector<S> in = whole_numbers<S>((rows - 1) * row_step + line, 1), w = whole_numbers<S>(rows * run * outputs, 2),
                 start = whole_numbers<S>(outputs, 3), g = whole_numbers<S>(cells * outputs, 4),
                 g_lines = whole_numbers<S>(rows * cells * outputs, 5);
  Guarded<S> with_start{cells * outputs}, without{cells * outputs};
  // Gradients that accumulate start at 5.
  Guarded<S> dw{rows * run * outputs, S(5)};                            // one call a row, all with g
  Guarded<S> over_lines{run * outputs, S(5)}, of_lines{outputs, S(5)};  // one call over all rows, with g_lines

  /// Against the sums that the kernels stand for.
  bool right() {
    bool same = with_start.intact() && without.intact() && dw.intact() && over_lines.intact() && of_lines.intact();
    const auto at = [](const std::vector<S>& numbers, Index i) { return numbers.data()[i]; };
    for (Index p = 0; p < cells; ++p) {
      for (Index o = 0; o < outputs; ++o) {
        S sum = 0;
        for (Index r = 0; r < rows; ++r) {
          for (Index k = 0; k < run; ++k)
            sum += at(in, r * row_step + p * step + k) * at(w, (r * run + k) * outputs + o);
        }
        same = same && without.data()[p * outputs + o] == sum;
        same = same && with_start.data()[p * outputs + o] == sum + at(start, o);
      }
    }
    for (Index o = 0; o < outputs; ++o) {
      for (Index k = 0; k < run; ++k) {
        S all = 5;
        for (Index r = 0; r < rows; ++r) {
          S sum = 5;
          for (Index p = 0; p < cells; ++p) {
            const S number = at(in, r * row_step + p * step + k);
            sum += number * at(g, p * outputs + o);
            all += number * at(g_lines, (r * cells + p) * outputs + o);
          }
          same = same && dw.data()[(r * run + k) * outputs + o] == sum;
        }
        same = same && over_lines.data()[k * outputs + o] == all;
      }
      S column = 5;
      for (Index i = 0; i < rows * cells; ++i) column += at(g_lines, i * outputs + o);
      same = same && of_lines.data()[o] == column;
    }
    return same;
  }
};

template <int Run, int Step, int Outputs, class S>
void compute(Product<S>& a) {
  std::vector<const S*> lines;
  for (int r = 0; r < a.rows; ++r) lines.push_back(a.in.data() + r * a.row_step);
  for (const bool with_start : {true, false}) {
    kernels::gather<Run, Step, Outputs>(a.cells, a.rows, lines.data(), a.w.data(),
                                        with_start ? a.start.data() : nullptr,
                                        (with_start ? a.with_start : a.without).data());
  }
  for (int r = 0; r < a.rows; ++r) {
    kernels::outer<Run, Step, Outputs>(1, a.cells, &lines[static_cast<std::size_t>(r)], a.g.data(),
                                       a.dw.data() + r * Run * Outputs);
  }
  kernels::outer<Run, Step, Outputs>(a.rows, a.cells, lines.data(), a.g_lines.data(), a.over_lines.data());
  kernels::add_columns<Outputs>(a.rows * a.cells, a.g_lines.data(), a.of_lines.data());
}

/// Every number of cells that a tile can leave over, and up to three rows.
template <class S>
void check_product(int run, int step, int outputs, void (*compute)(Product<S>&)) {
  for (int rows = 1; rows <= 3; ++rows) {
    for (Index cells = 0; cells <= 40; ++cells) {
      Product<S> product{run, step, outputs, rows, cells};
      compute(product);
      if (!product.right()) {
        FAIL_CHECK("run " << run << ", step " << step << ", outputs " << outputs << ", rows " << rows << ", cells "
                          << cells << ", bytes of a number " << sizeof(S));
      }
    }
  }
  SUCCEED();
}

template <int Run, int Step, int Outputs, class S>
void check_product() {
  check_product<S>(Run, Step, Outputs, compute<Run, Step, Outputs, S>);
}

}  // namespace basin::test
