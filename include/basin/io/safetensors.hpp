#pragma once

// safetensors files, read and written by their paths. What they hold, and how they are read from bytes, is in
// tensor_file.hpp. Needs the standard library and the calls of POSIX; no JSON library.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "basin/io/atomic_file.hpp"
#include "basin/io/byte_order.hpp"
#include "basin/io/json_text.hpp"
#include "basin/io/tensor_file.hpp"

namespace basin {

/// Reads a safetensors file. Throws FileError as parse_safetensors does, and if the file cannot be read or has more
/// than max_bytes. Memory: the file, what its header takes, and the tensors.
[[nodiscard]] inline TensorFile read_safetensors(const std::string& path,
                                                 std::uint64_t max_bytes = default_max_array_bytes,
                                                 std::uint64_t max_header_bytes = default_max_tensor_header_bytes) {
  return parse_safetensors(read_file(path, max_bytes), path, max_header_bytes);
}

/// Replaces the file at `path` by a safetensors file. Throws std::invalid_argument if an entry's shape and bytes
/// disagree, or its other_type is none, FileError if the file cannot be written or a name is not UTF-8.
inline void write_safetensors(const std::string& path, const TensorFile& contents) {
  // Wide types first, so that each array is aligned; names decide among equals.
  std::vector<std::pair<std::string_view, const TensorEntry*>> order;
  for (const auto& [name, entry] : contents.tensors) {
    check(name != detail::metadata_key, "name of a tensor", name, "another: this one is the format's own");
    bool known = false;
    for (const auto& info : detail::tensor_types) {
      known = known || (info.type != TensorType::other && info.name == entry.other_type);
    }
    check(entry.other_type.empty() != (entry.type == TensorType::other) && !known,
          "other_type of tensor '" + name + "'", "'" + entry.other_type + "'",
          "the name of a type for TensorType::other, and empty for all others");
    check(detail::has_bytes(entry, entry.bytes.size()), "number of bytes of tensor '" + name + "'", entry.bytes.size(),
          "that of shape " + detail::shape_text(entry.shape) + " of " + std::string(detail::type_name(entry)));
    order.emplace_back(name, &entry);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return detail::item_bits(*a.second) > detail::item_bits(*b.second);
  });

  std::string text;
  std::uint64_t offset = 0;
  const auto quoted = [&](std::string_view words) { return detail::json_string(words, path); };
  const auto add = [&](std::string_view key, const std::string& value) {
    text += (text.empty() ? "{" : ",") + quoted(key) + ":" + value;
  };
  std::string metadata;
  for (const auto& [key, value] : contents.metadata) {
    metadata += (metadata.empty() ? "{" : ",") + quoted(key) + ":" + quoted(value);
  }
  if (!metadata.empty()) add(detail::metadata_key, metadata + "}");
  for (const auto& [tensor, entry] : order) {
    std::string shape;
    for (const std::uint64_t extent : entry->shape) shape += (shape.empty() ? "" : ",") + std::to_string(extent);
    const std::uint64_t end = offset + entry->bytes.size();
    add(tensor, "{\"dtype\":" + quoted(detail::type_name(*entry)) + ",\"shape\":[" + shape + "],\"data_offsets\":[" +
                    std::to_string(offset) + "," + std::to_string(end) + "]}");
    offset = end;
  }
  text += text.empty() ? "{}" : "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  check_file(text.size() <= detail::max_tensor_header_bytes, path, "length of the header", text.size(),
             "at most " + std::to_string(detail::max_tensor_header_bytes));

  std::vector<std::uint8_t> file;
  file.reserve(8 + text.size() + static_cast<std::size_t>(offset));
  const std::uint64_t header_bytes = text.size();
  for (int shift = 0; shift < 64; shift += 8) file.push_back(static_cast<std::uint8_t>(header_bytes >> shift & 0xff));
  file.insert(file.end(), text.begin(), text.end());
  for (const auto& item : order) {
    const std::size_t begin = file.size();
    file.insert(file.end(), item.second->bytes.begin(), item.second->bytes.end());
    detail::swap_order(std::endian::little, std::span(file).subspan(begin), item_bytes(item.second->type));
  }
  write_file(path, file);
}

}  // namespace basin
