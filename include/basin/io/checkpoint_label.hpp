#pragma once

// What a checkpoint says of itself, as metadata of the safetensors file, and the checksum that tells whether it is
// still what was written:
//
//   basin.format           "basin checkpoint"
//   basin.format_version   "1", or "2" if the layout is that of PyTorch, which earlier versions cannot read
//   basin.version          of the library that wrote it, such as "0.1.0"
//   basin.program          which program wrote it; not there if none said so
//   basin.data             the data set that it was trained on, in the program's words; not there if none said so
//   basin.checksum         "crc32:" and eight hexadecimal digits
//   settings               JSON; not there if the program gave none
//   layout                 "torch" if arrays have the names and axes of PyTorch (tensor_layout.hpp), else not there
//
// The checksum is that of gzip and PNG, CRC-32 (ISO 3309), over all arrays in the order of their names and then the
// metadata but itself; a text counts as its length and its bytes, a number as 8 bytes, little-endian:
//
//   number of arrays | name, type, number of extents, extents, number of bytes, bytes of each | key, value of each
//
// So it stays when another tool orders the file in its own way. zlib, which reads gzip and PNG here, has it, and so
// have Python and most others; it finds every damage of up to 32 neighbouring bits, and misses one in 2^32 of the
// others.

#include <zlib.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "basin/core/parameters.hpp"
#include "basin/io/byte_order.hpp"
#include "basin/io/json.hpp"
#include "basin/io/safetensors.hpp"
#include "basin/io/tensor_layout.hpp"
#include "basin/io/tensor_parameters.hpp"
#include "basin/version.hpp"

namespace basin {

/// What a program says of its checkpoint.
struct CheckpointLabel {
  std::string program{};  ///< such as "nca_grow"; empty: not said
  Json settings{};        ///< null: not said
  std::string data{};     ///< name of the data set, and a fingerprint where names are not enough; empty: not said
  TensorLayout layout = TensorLayout::basin;  ///< of all parameters
};

namespace detail {

class Checksum {
 public:
  void add(const void* bytes, std::size_t count) {
    // zlib takes a null pointer, as an empty vector has, for the wish to begin anew.
    if (count > 0) value_ = crc32_z(value_, static_cast<const Bytef*>(bytes), count);
  }
  void add(std::uint64_t number) {
    std::array<std::uint8_t, 8> bytes{};
    for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
    add(bytes.data(), bytes.size());
  }
  void add(std::string_view text) {
    add(std::uint64_t{text.size()});
    add(text.data(), text.size());
  }
  [[nodiscard]] std::string text() const {
    std::array<char, 24> out{};
    std::snprintf(out.data(), out.size(), "crc32:%08lx", static_cast<unsigned long>(value_));
    return out.data();
  }

 private:
  uLong value_ = 0;
};

[[nodiscard]] inline std::string checksum_of(const TensorFile& file) {
  Checksum sum;
  sum.add(std::uint64_t{file.tensors.size()});
  for (const auto& [tensor, entry] : file.tensors) {
    sum.add(std::string_view(tensor));
    sum.add(type_name(entry));
    sum.add(std::uint64_t{entry.shape.size()});
    for (const std::uint64_t extent : entry.shape) sum.add(extent);
    sum.add(std::uint64_t{entry.bytes.size()});
    if constexpr (std::endian::native == std::endian::little) {
      sum.add(entry.bytes.data(), entry.bytes.size());
    } else {  // in the order that they have in the file
      std::vector<std::uint8_t> bytes = entry.bytes;
      swap_order(std::endian::little, bytes, item_bytes(entry.type));
      sum.add(bytes.data(), bytes.size());
    }
  }
  for (const auto& [key, value] : file.metadata) {
    if (key == checksum_key) continue;
    sum.add(std::string_view(key));
    sum.add(std::string_view(value));
  }
  return sum.text();
}

/// Puts the label into the file, without the checksum, which has to wait for the arrays.
inline void put_label(TensorFile& file, const CheckpointLabel& label) {
  const auto put = [&](std::string_view key, std::string_view text) {
    if (!text.empty()) file.metadata[std::string(key)] = std::string(text);
  };
  put(format_key, format_name);
  const bool as_torch = label.layout == TensorLayout::torch;
  put(format_version_key, as_torch ? "2" : "1");
  if (as_torch) put(layout_key, name(label.layout));
  put(version_key, version_text);
  put(program_key, label.program);
  put(data_key, label.data);
  if (!label.settings.is_null()) put(settings_key, label.settings.dump());
}

/// The same, and throws FileError as well if the checksum says that the file is damaged.
[[nodiscard]] inline int checked_format(const TensorFile& file, const std::string& path) {
  const int version = said_format(file, path);
  if (version == 0) return 0;
  const std::string now = checksum_of(file), then = metadata_text(file, checksum_key);
  if (now != then) {
    throw FileError(path, "the checkpoint is damaged: its checksum is " + now + ", and was " +
                              (then.empty() ? "not kept" : safe_text(then)) + " when it was written");
  }
  return version;
}

/// Throws FileError if the file cannot be a safetensors file at all, so that its first bytes are not taken for a
/// length.
inline void check_is_safetensors(const std::string& path) {
  const std::vector<std::uint8_t> bytes = read_beginning(path, 9);
  std::uint64_t header_bytes = 0;
  if (bytes.size() == 9) std::memcpy(&header_bytes, bytes.data(), 8);
  if (bytes.size() < 9 || bytes[8] != '{' || header_bytes > max_tensor_header_bytes) {
    throw FileError(path, "no checkpoint of basin: it does not begin as a safetensors file does");
  }
}

}  // namespace detail

/// For a label: tells data sets of the same name apart, "crc32:" and eight hexadecimal digits.
[[nodiscard]] inline std::string fingerprint(std::span<const std::uint8_t> bytes) {
  detail::Checksum sum;
  sum.add(bytes.data(), bytes.size());
  return sum.text();
}

}  // namespace basin
