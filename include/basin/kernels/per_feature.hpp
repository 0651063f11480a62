#pragma once

// A sample as one line of numbers that repeats its features: sums over the cells for each feature, and maps with
// numbers for each feature, by whole registers whatever the number of features is. The line has a period of some
// registers.

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>

#include "basin/kernels/vector.hpp"

namespace basin::kernels {

/// A number for each feature, repeated until it fills whole registers.
template <int C, class S>
struct PerFeature {
  static constexpr int lanes = register_bytes / static_cast<int>(sizeof(S));  // numbers of a register
  static constexpr int shortest = std::lcm(C, lanes) / lanes;                 // registers
  static constexpr int registers = shortest * ((3 + shortest) / shortest);    // at least 4, to hide latency
  static constexpr int period = registers * lanes;  // numbers in all: a multiple of C and of lanes

  /// Number i is that of feature i % C.
  alignas(64) std::array<S, static_cast<std::size_t>(period)> numbers;

  /// From value(c), c in [0, C).
  template <class Value>
  explicit PerFeature(const Value& value) {
    for (int c = 0; c < C; ++c) numbers[static_cast<std::size_t>(c)] = static_cast<S>(value(c));
    for (std::size_t i = C; i < static_cast<std::size_t>(period); ++i) numbers[i] = numbers[i - C];
  }
};

/// The sum over cells of term.operator()<lanes>(i, j), for each feature: i is the place in the sample of `count`
/// numbers, j the place in a PerFeature. A few thousand numbers at a time are summed in S, side by side, and these
/// sums in double, so that the rounding error does not grow with the sample.
template <int C, class S, class Term>
std::array<double, C> sums_over_cells(Eigen::Index count, const Term& term) {
  using Layout = PerFeature<C, S>;
  constexpr Eigen::Index period = Layout::period;
  constexpr int lanes = Layout::lanes, registers = Layout::registers;
  constexpr Eigen::Index longest_run = 64 * period;
  alignas(64) std::array<double, static_cast<std::size_t>(period)> totals{};
  std::array<double, C> sums{};
  const Eigen::Index whole = count - count % period;
  for (Eigen::Index first = 0; first < whole; first += longest_run) {
    const Eigen::Index last = std::min(first + longest_run, whole);
    Lanes<S, lanes> run[registers] = {};
    for (Eigen::Index i = first; i < last; i += period) {
      for (int k = 0; k < registers; ++k) run[k] += term.template operator()<lanes>(i + k * lanes, k * lanes);
    }
    alignas(64) std::array<S, static_cast<std::size_t>(period)> ends;
    for (int k = 0; k < registers; ++k) store<lanes>(ends.data() + k * lanes, run[k]);
    for (std::size_t j = 0; j < totals.size(); ++j) totals[j] += static_cast<double>(ends[j]);
  }
  for (std::size_t j = 0; j < totals.size(); j += C) {
    for (std::size_t c = 0; c < C; ++c) sums[c] += totals[j + c];
  }
  for (Eigen::Index i = whole; i < count; i += C) {
    for (int c = 0; c < C; ++c) {
      sums[static_cast<std::size_t>(c)] += static_cast<double>(term.template operator()<1>(i + c, c)[0]);
    }
  }
  return sums;
}

/// out_i = term(i, j) for a piece of a sample that starts with a whole period; out may be what the term reads.
template <int C, class S, class Term>
void for_each_cell(Eigen::Index count, S* out, const Term& term) {
  using Layout = PerFeature<C, S>;
  const Eigen::Index whole = count - count % Layout::period;
  for (Eigen::Index i = 0; i < whole; i += Layout::period) {
    for (int j = 0; j < Layout::period; j += Layout::lanes) {
      store<Layout::lanes>(out + i + j, term.template operator()<Layout::lanes>(i + j, j));
    }
  }
  for (Eigen::Index i = whole; i < count; i += C) {
    for (int c = 0; c < C; ++c) store<1>(out + i + c, term.template operator()<1>(i + c, c));
  }
}

/// y = x a, or y = x a + b, with the numbers of each feature, on cells of several samples: `count` numbers from the
/// first feature of a cell on. What fills no period goes through the registers of a filled-up one, so that a number
/// gets the same bits wherever it stands. y may be x.
template <int C, bool add, class S>
void scale_features(Eigen::Index count, const S* x, const PerFeature<C, S>& a, const PerFeature<C, S>& b, S* y) {
  using Layout = PerFeature<C, S>;
  constexpr int lanes = Layout::lanes;
  alignas(64) std::array<S, static_cast<std::size_t>(Layout::period)> rest{};
  const auto period = [&](const S* from, S* to) {
    for (int j = 0; j < Layout::period; j += lanes) {
      Lanes<S, lanes> value = load<lanes>(from + j) * load<lanes>(a.numbers.data() + j);
      if constexpr (add) value += load<lanes>(b.numbers.data() + j);
      store<lanes>(to + j, value);
    }
  };
  for (Eigen::Index i = 0; i < count; i += Layout::period) {
    const bool whole = count - i >= Layout::period;
    if (!whole) std::copy(x + i, x + count, rest.data());
    period(whole ? x + i : rest.data(), whole ? y + i : rest.data());
    if (!whole) std::copy_n(rest.data(), count - i, y + i);
  }
}

}  // namespace basin::kernels
