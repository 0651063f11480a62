#pragma once

// safetensors, named arrays in one file (Hugging Face, github.com/huggingface/safetensors, README "Format"):
//
//   n, 8 bytes, little-endian | header, n bytes of JSON | data
//   header: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...,
//            "__metadata__": {"key": "text", ...}}
//
// Offsets count from the start of the data, which they cover without holes. Arrays are row-major, little-endian.
//
// This header needs the standard library alone, and no exceptions: it takes the bytes of a file, from wherever they
// are. safetensors.hpp reads and writes files by their paths.

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "basin/io/byte_order.hpp"
#include "basin/io/file_error.hpp"
#include "basin/io/json_text.hpp"

namespace basin {

/// The types of the format that are whole bytes wide, and all others, which are kept as bytes under their names.
enum class TensorType { boolean, u8, i8, f8_e5m2, f8_e4m3, i16, u16, f16, bf16, i32, u32, f32, i64, u64, f64, other };

/// An array of a safetensors file: row-major, the last extent contiguous. No extents: one number.
struct TensorEntry {
  TensorType type = TensorType::f32;   ///< of the numbers
  std::vector<std::uint64_t> shape{};  ///< the extents, slowest first
  std::vector<std::uint8_t> bytes{};   ///< of numbers in the machine's own order
  std::string other_type{};            ///< what the format calls a TensorType::other, such as "F4"; else empty
};

/// The contents of a safetensors file.
struct TensorFile {
  std::map<std::string, TensorEntry> tensors{};   ///< by name
  std::map<std::string, std::string> metadata{};  ///< what the file says of itself
};

/// How long a header may be, unless told otherwise: 4 MiB, some 40,000 tensors. What is read of it takes up to 20 times
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

/// A whole number from its text in JSON, where it has no sign, no point, no exponent and at most 64 bits.
[[nodiscard]] inline std::uint64_t whole_number(std::string_view text, const std::string& path,
                                                const std::string& what) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  check_file(error == std::errc() && end == text.data() + text.size(), path, what, safe_text(text),
             "a whole number, 0 or more");
  return out;
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
[[nodiscard]] inline TensorRange parse_tensor(std::string_view text, const std::string& path, const std::string& name,
                                              TensorEntry& entry) {
  const std::string who = "tensor " + safe_text(name);
  JsonScanner scan(text, path);
  check_file(scan.type_name() == "object", path, who, scan.type_name(), "an object");
  std::string_view type, shape, offsets;
  int keys = 0;
  scan.object([&](const std::string& key) {
    const bool is_known = key == "dtype" || key == "shape" || key == "data_offsets";
    check_file(is_known, path, "key in " + who, safe_text(key), "one of: dtype, shape, data_offsets");
    (key == "dtype" ? type : key == "shape" ? shape : offsets) = scan.raw();
    ++keys;
  });
  check_file(keys == 3, path, "number of keys of " + who, keys, "3: dtype, shape, data_offsets");

  check_file(type.starts_with('"') && type != "\"\"", path, "dtype of " + who, safe_text(type), "a name, such as F32");
  const std::string type_text = JsonScanner(type, path).string();
  const auto known = std::find_if(tensor_types.begin(), tensor_types.end() - 1,
                                  [&](const auto& info) { return type_text == info.name; });
  entry.type = known->type;
  if (entry.type == TensorType::other) entry.other_type = type_text;

  JsonScanner extents(shape, path);
  check_file(shape.starts_with('['), path, "shape of " + who, extents.type_name(), "an array");
  extents.array([&] { entry.shape.push_back(whole_number(extents.raw(), path, "extent of " + who)); });
  std::array<std::string_view, 2> ends{};
  std::size_t count = 0;
  if (JsonScanner pair(offsets, path); offsets.starts_with('[')) {
    pair.array([&] {
      const std::string_view end = pair.raw();
      if (count < 2) ends[count] = end;
      ++count;
    });
  }
  check_file(count == 2, path, "data_offsets of " + who, safe_text(offsets), "two numbers");
  TensorRange range{whole_number(ends[0], path, "begin of " + who), whole_number(ends[1], path, "end of " + who),
                    &entry, name};
  check_file(range.begin <= range.end, path, "data_offsets of " + who, safe_text(offsets), "begin before end");
  check_file(has_bytes(entry, range.end - range.begin), path, "number of bytes of " + who, range.end - range.begin,
             "that of shape " + shape_text(entry.shape) + " of " + printable(type_name(entry), longest_quote));
  return range;
}

}  // namespace detail

/// The contents of a safetensors file, from its bytes; `path` names it in messages. Tensors of types that are not known
/// here are read as bytes, with the type's name. Throws FileError for anything that the format does not allow: a header
/// that is no JSON object, unknown or repeated keys, sizes that disagree, data with holes, overlaps or bytes left over;
/// and for a header of more than max_header_bytes. Without exceptions, see set_error_handler(). Memory: what its header
/// takes, and the tensors.
[[nodiscard]] inline TensorFile parse_safetensors(std::span<const std::uint8_t> file, const std::string& path,
                                                  std::uint64_t max_header_bytes = default_max_tensor_header_bytes) {
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
  detail::JsonScanner::check(text, path, 4);

  TensorFile out;
  std::vector<detail::TensorRange> ranges;
  detail::JsonScanner header(text, path);
  header.object([&](const std::string& key) {
    if (key != detail::metadata_key) {
      ranges.push_back(detail::parse_tensor(header.raw(), path, key, out.tensors[key]));
      return;
    }
    check_file(header.type_name() == "object", path, "__metadata__", header.type_name(), "an object");
    header.object([&](const std::string& word) {
      check_file(header.type_name() == "string", path, "__metadata__ " + detail::safe_text(word), header.type_name(),
                 "a string");
      out.metadata[word] = header.string();
    });
  });

  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  const std::span data = file.subspan(8 + text.size());
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

}  // namespace basin
