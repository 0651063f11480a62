#pragma once

// What is chosen by its name when a program runs: the names to choose from, and the sentence for one that is none.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "basin/core/check.hpp"

namespace basin::detail {

[[nodiscard]] constexpr bool all_different(std::span<const std::string_view> names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (names[i] == names[j]) return false;
    }
  }
  return true;
}

/// The place of a name. Throws std::invalid_argument "name of <thing> is "<wanted>", expected one of <names>".
[[nodiscard]] inline std::size_t place_of(std::string_view wanted, std::span<const std::string_view> names,
                                          std::string_view thing) {
  std::string known;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == wanted) return i;
    known.append(i == 0 ? "" : ", ").append(names[i]);
  }
  check(false, "name of " + std::string(thing), "\"" + std::string(wanted) + "\"", "one of " + known);
  return names.size();
}

}  // namespace basin::detail
