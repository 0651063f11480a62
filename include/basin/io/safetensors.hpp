#pragma once

// safetensors, named arrays in one file (Hugging Face, github.com/huggingface/safetensors, README "Format"):
//
//   n, 8 bytes, little-endian | header, n bytes of JSON | data
//   header: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...,
//            "__metadata__": {"key": "text", ...}}
//
// Offsets count from the start of the data, which they cover without holes. Arrays are row-major, little-endian.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "basin/io/atomic_file.hpp"
#include "basin/io/byte_order.hpp"
#include "basin/io/json.hpp"

namespace basin {

/// The types of the format that are whole bytes wide, and all others, which are kept as bytes under their names.
enum class TensorType { boolean, u8, i8, f8_e5m2, f8_e4m3, i16, u16, f16, bf16, i32, u32, f32, i64, u64, f64, other };

/// An array of a safetensors file: row-major, the last extent contiguous. No extents: one number.
struct TensorEntry {
  TensorType type = TensorType::f32;
  std::vector<std::uint64_t> shape{};
  std::vector<std::uint8_t> bytes{};  ///< of numbers in the machine's own order
  std::string other_type{};           ///< what the format calls a TensorType::other, such as "F4"; else empty
};

/// The contents of a safetensors file.
struct TensorFile {
  std::map<std::string, TensorEntry> tensors{};
  std::map<std::string, std::string> metadata{};
};

/// How long a header may be, unless told otherwise: 4 MiB, some 40,000 tensors. What is read of it takes up to 40 times
/// that. (The format allows 100 MB.)
inline constexpr std::uint64_t default_max_tensor_header_bytes = std::uint64_t{4} << 20;

namespace detail {

struct TensorTypeInfo {
  TensorType type;
  std::string_view name;
  std::size_t bytes;
};

inline constexpr std::array<TensorTypeInfo, 16> tensor_types{{{TensorType::boolean, "BOOL", 1},
                                                              {TensorType::u8, "U8", 1},
                                                              {TensorType::i8, "I8", 1},
                                                              {TensorType::f8_e5m2, "F8_E5M2", 1},
                                                              {TensorType::f8_e4m3, "F8_E4M3", 1},
                                                              {TensorType::i16, "I16", 2},
                                                              {TensorType::u16, "U16", 2},
                                                              {TensorType::f16, "F16", 2},
                                                              {TensorType::bf16, "BF16", 2},
                                                              {TensorType::i32, "I32", 4},
                                                              {TensorType::u32, "U32", 4},
                                                              {TensorType::f32, "F32", 4},
                                                              {TensorType::i64, "I64", 8},
                                                              {TensorType::u64, "U64", 8},
                                                              {TensorType::f64, "F64", 8},
                                                              {TensorType::other, "another type", 0}}};

/// Types of the format that C++ has no number for, and how many bits one takes.
inline constexpr std::array<std::pair<std::string_view, std::size_t>, 7> other_tensor_types{
    {{"F4", 4}, {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"C64", 64}}};

inline constexpr std::string_view metadata_key = "__metadata__";
inline constexpr std::uint64_t max_tensor_header_bytes = 100'000'000;

}  // namespace detail

/// Bytes of one number; 0 for TensorType::other.
[[nodiscard]] constexpr std::size_t item_bytes(TensorType type) {
  return detail::tensor_types[static_cast<std::size_t>(type)].bytes;
}

/// As the format calls it, such as "F32".
[[nodiscard]] constexpr std::string_view name(TensorType type) {
  return detail::tensor_types[static_cast<std::size_t>(type)].name;
}

/// The type of a C++ number.
template <class S>
[[nodiscard]] constexpr TensorType tensor_type_of() {
  static_assert(std::is_arithmetic_v<S> && sizeof(S) <= 8);
  constexpr bool is_signed = std::is_signed_v<S>;
  if constexpr (std::is_same_v<S, bool>) {
    return TensorType::boolean;
  } else if constexpr (std::is_floating_point_v<S>) {
    return sizeof(S) == 4 ? TensorType::f32 : TensorType::f64;
  } else if constexpr (sizeof(S) == 1) {
    return is_signed ? TensorType::i8 : TensorType::u8;
  } else if constexpr (sizeof(S) == 2) {
    return is_signed ? TensorType::i16 : TensorType::u16;
  } else if constexpr (sizeof(S) == 4) {
    return is_signed ? TensorType::i32 : TensorType::u32;
  } else {
    return is_signed ? TensorType::i64 : TensorType::u64;
  }
}

namespace detail {

[[nodiscard]] inline std::uint64_t whole_number(const Json& value, const std::string& path, const std::string& what) {
  check_file(value.is_number_unsigned(), path, what, safe_text(value.dump()), "a whole number, 0 or more");
  return value.get<std::uint64_t>();
}

[[nodiscard]] inline std::string_view type_name(const TensorEntry& entry) {
  return entry.type == TensorType::other ? std::string_view(entry.other_type) : name(entry.type);
}

/// Bits of one number of an entry; 0 if its type is none that is known.
[[nodiscard]] inline std::size_t item_bits(const TensorEntry& entry) {
  if (entry.type != TensorType::other) return 8 * item_bytes(entry.type);
  for (const auto& [type, bits] : other_tensor_types) {
    if (type == entry.other_type) return bits;
  }
  return 0;
}

/// Whether an entry's shape is one of so many bytes. Where the type is not known it may be.
[[nodiscard]] inline bool has_bytes(const TensorEntry& entry, std::uint64_t bytes) {
  const std::size_t item = item_bits(entry);
  const std::uint64_t bits = byte_count(std::span<const std::uint64_t>(entry.shape), item);
  return item == 0 || (bits % 8 == 0 && bits != std::numeric_limits<std::uint64_t>::max() && bits / 8 == bytes);
}

/// Where an entry's bytes lie in the data.
struct TensorRange {
  std::uint64_t begin = 0, end = 0;
  TensorEntry* entry = nullptr;
  std::string name;
};

/// One entry of the header, checked except for its place among the others.
[[nodiscard]] inline TensorRange parse_tensor(const Json& value, const std::string& path, const std::string& name,
                                              TensorEntry& entry) {
  const std::string who = "tensor " + safe_text(name);
  check_keys(value, {"dtype", "shape", "data_offsets"}, path, who);
  check_file(value.size() == 3, path, "number of keys of " + who, value.size(), "3: dtype, shape, data_offsets");

  const Json &type = value["dtype"], &shape = value["shape"], &offsets = value["data_offsets"];
  check_file(type.is_string() && type != "", path, "dtype of " + who, safe_text(type.dump()), "a name, such as F32");
  const auto known =
      std::find_if(tensor_types.begin(), tensor_types.end() - 1, [&](const auto& info) { return type == info.name; });
  entry.type = known->type;
  if (entry.type == TensorType::other) entry.other_type = type.get<std::string>();

  check_file(shape.is_array(), path, "shape of " + who, shape.type_name(), "an array");
  for (const Json& extent : shape) entry.shape.push_back(whole_number(extent, path, "extent of " + who));
  check_file(offsets.is_array() && offsets.size() == 2, path, "data_offsets of " + who, safe_text(offsets.dump()),
             "two numbers");
  TensorRange range{whole_number(offsets[0], path, "begin of " + who), whole_number(offsets[1], path, "end of " + who),
                    &entry, name};
  check_file(range.begin <= range.end, path, "data_offsets of " + who, safe_text(offsets.dump()), "begin before end");
  check_file(has_bytes(entry, range.end - range.begin), path, "number of bytes of " + who, range.end - range.begin,
             "that of shape " + shape_text(entry.shape) + " of " + printable(type_name(entry), longest_quote));
  return range;
}

}  // namespace detail

/// Reads a safetensors file. Tensors of types that are not known here are read as bytes, with the type's name. Throws
/// FileError for anything that the format does not allow: a header that is no JSON object, unknown or repeated keys,
/// sizes that disagree, data with holes, overlaps or bytes left over; and for a file of more than max_bytes or a header
/// of more than max_header_bytes. Memory: the file, what its header takes, and the tensors.
[[nodiscard]] inline TensorFile read_safetensors(const std::string& path,
                                                 std::uint64_t max_bytes = default_max_array_bytes,
                                                 std::uint64_t max_header_bytes = default_max_tensor_header_bytes) {
  const std::vector<std::uint8_t> file = read_file(path, max_bytes);
  check_file(file.size() >= 8, path, "size in bytes", file.size(), "8 or more");
  std::uint64_t header_bytes = 0;
  for (int i = 7; i >= 0; --i) header_bytes = header_bytes << 8 | file[static_cast<std::size_t>(i)];
  check_file(header_bytes <= max_header_bytes, path, "length of the header", header_bytes,
             "at most " + std::to_string(max_header_bytes));
  check_file(
      header_bytes <= file.size() - 8, path, "size in bytes", file.size(),
      std::to_string(8 + header_bytes) + " or more, for its header: the file is cut off, or no safetensors file");
  const std::string_view text(reinterpret_cast<const char*>(file.data()) + 8, static_cast<std::size_t>(header_bytes));
  check_file(text.starts_with('{'), path, "start of the header", detail::safe_text(text.substr(0, 1)), "'{'");
  const Json header = parse_json(text, path, 4);

  TensorFile out;
  std::vector<detail::TensorRange> ranges;
  for (const auto& item : header.items()) {
    if (item.key() == detail::metadata_key) {
      check_file(item.value().is_object(), path, "__metadata__", item.value().type_name(), "an object");
      for (const auto& entry : item.value().items()) {
        check_file(entry.value().is_string(), path, "__metadata__ " + detail::safe_text(entry.key()),
                   entry.value().type_name(), "a string");
        out.metadata[entry.key()] = entry.value().get<std::string>();
      }
    } else {
      ranges.push_back(detail::parse_tensor(item.value(), path, item.key(), out.tensors[item.key()]));
    }
  }

  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  const std::span data = std::span(file).subspan(8 + text.size());
  std::uint64_t covered = 0;
  for (const detail::TensorRange& range : ranges) {
    const std::string who = "tensor " + detail::safe_text(range.name);
    check_file(range.begin == covered, path, "begin of " + who, range.begin,
               std::to_string(covered) + ", where the one before it ends");
    check_file(range.end <= data.size(), path, "number of bytes of data", data.size(),
               std::to_string(range.end) + " or more, for " + who + ": the file is cut off");
    covered = range.end;
    const auto bytes =
        data.subspan(static_cast<std::size_t>(range.begin), static_cast<std::size_t>(range.end - range.begin));
    range.entry->bytes.assign(bytes.begin(), bytes.end());
    detail::swap_order(std::endian::little, range.entry->bytes, item_bytes(range.entry->type));
  }
  check_file(covered == data.size(), path, "number of bytes of data", data.size(),
             std::to_string(covered) + ", the end of the last tensor");
  return out;
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

  // Put together as text: values of the JSON library allocate memory where they end, and without any would end the
  // program, in the middle of saving what it has learnt.
  std::string text;
  std::uint64_t offset = 0;
  try {
    const auto quoted = [](std::string_view words) { return Json(words).dump(); };
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
  } catch (const Json::exception& error) {
    throw FileError(path, std::string("cannot be written as JSON: ") + error.what());
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
