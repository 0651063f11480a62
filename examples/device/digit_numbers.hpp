#pragma once

// The numbers of the digit reader: of the playground, in float, and with 8 bits for each weight of its three products.
// All are constants of the program, made while it is compiled; what is not used is left out.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <span>

#include "basin/layers/quantized.hpp"
#include "digit_reader.hpp"
#include "digits_numbers.hpp"

namespace device {

inline constexpr auto digits_theta = std::bit_cast<std::array<float, FloatReader::param_count>>(digits_bits);

/// Between what bounds the inputs of the three products are; measure.cpp says what they were for 1,000 images. The cell
/// sees numbers from -0.63, where the solver's mixing goes too far, to 16.2. Few are above 8: that half of the range
/// has steps of half the size, and more images settle.
inline constexpr basin::Range image_range{0, 1}, settling_range{0, 8}, pooled_range{0, 3.82f};

using QuantizedReader = Reader<basin::Quantized<First>, basin::Quantized<Again>, basin::Quantized<Last>>;

namespace detail {

inline constexpr std::size_t of_looks = FloatReader::Looks::param_count,
                             of_both = of_looks + FloatReader::Cell::param_count;

template <class Layer, std::size_t first>
constexpr auto quantized(const basin::Range& range) {
  return basin::quantized_weights<Layer>(std::span(digits_theta).template subspan<first, Layer::param_count>(), range);
}

}  // namespace detail

inline constexpr auto first_weights = detail::quantized<First, 0>(image_range);
inline constexpr auto again_weights = detail::quantized<Again, detail::of_looks>(settling_range);
inline constexpr auto last_weights = detail::quantized<Last, detail::of_both>(pooled_range);

/// What stays in float: scales and shifts of the two norms, and the bias of the last layer.
inline constexpr auto quantized_theta = [] {
  std::array<float, QuantizedReader::param_count> kept{};
  auto to = kept.begin();
  const auto keep = [&to](std::size_t first, std::size_t end) {
    to = std::copy(digits_theta.begin() + first, digits_theta.begin() + end, to);
  };
  keep(First::param_count, detail::of_looks);
  keep(detail::of_looks + Again::param_count, detail::of_both);
  keep(detail::of_both + Last::weight_count, digits_theta.size());
  return kept;
}();

[[nodiscard]] inline QuantizedReader quantized_reader() {
  QuantizedReader reader;
  reader.looks.layer<0>().weights = &first_weights;
  reader.cell.layers.layer<0>().weights = &again_weights;
  reader.reads.layer<2>().weights = &last_weights;
  return reader;
}

}  // namespace device
