#pragma once

// The product of layers (kernels/product.hpp) in whole numbers, for weights of 8 bits:
//
//   out[p][o] = sum_{r < rows} sum_{k < Run} in[r][p * Step + k] * w[r][k][o]
//
// Sums have 32 bits: the caller sees to it that they suffice.

#include <cstdint>

#include "basin/core/state.hpp"
#include "basin/kernels/vector.hpp"

namespace basin::kernels {

/// For a line of `cells` cells; in holds a pointer for each row, w is [r][k][o] with o contiguous.
template <int Run, int Step, int Outputs>
void integer_gather(Index cells, int rows, const std::int16_t* const* in, const std::int8_t* w, std::int32_t* out) {
  constexpr int block = register_bytes / 2;  // sums that stay in registers
  const auto part = [&]<int count>(Index p, int first) {
    std::int32_t sum[count] = {};
    for (int r = 0; r < rows; ++r) {
      const std::int16_t* x = in[r] + p * Step;
      const std::int8_t* weights = w + Index{r} * Run * Outputs + first;
      for (int k = 0; k < Run; ++k, weights += Outputs) {
        const std::int32_t number = x[k];
#pragma GCC unroll 32
        for (int o = 0; o < count; ++o) sum[o] += number * weights[o];
      }
    }
    for (int o = 0; o < count; ++o) out[p * Outputs + first + o] = sum[o];
  };
  for (Index p = 0; p < cells; ++p) {
    for (int first = 0; first + block <= Outputs; first += block) part.template operator()<block>(p, first);
    if constexpr (Outputs % block != 0) part.template operator()<Outputs % block>(p, Outputs / block * block);
  }
}

}  // namespace basin::kernels
