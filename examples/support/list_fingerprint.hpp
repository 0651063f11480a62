#pragma once

// For the label of a checkpoint: what tells lists of items, such as the characters of a text, from others.

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "basin/io/checkpoint_label.hpp"

namespace basin::examples {

/// "180000 characters, crc32:0123abcd", where `name` says what the items are.
template <class Item>
requires std::has_unique_object_representations_v<Item>
[[nodiscard]] std::string list_fingerprint(const std::string& name, const std::vector<Item>& items) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(items.data());
  return std::to_string(items.size()) + " " + name + ", " + basin::fingerprint({bytes, items.size() * sizeof(Item)});
}

}  // namespace basin::examples
