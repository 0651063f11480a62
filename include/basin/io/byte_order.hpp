#pragma once

// Numbers in files have one order of bytes, whatever machine wrote them; in memory they have the machine's own.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "basin/core/language.hpp"

namespace basin::detail {

static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big,
              "basin/io is for machines that are little-endian or big-endian, and this one is neither");

/// Turns the numbers, of `item` bytes each, from the order of a file into the machine's own, or back: the same in
/// place.
inline void swap_order(std::endian file, std::span<std::uint8_t> bytes, std::size_t item) {
  if (file == std::endian::native || item < 2) return;
  for (std::size_t i = 0; i + item <= bytes.size(); i += item) {
    std::reverse(bytes.data() + i, bytes.data() + i + item);
  }
}

}  // namespace basin::detail
