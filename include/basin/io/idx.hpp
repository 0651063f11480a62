#pragma once

// IDX, the format of the MNIST files (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"):
//
//   0 0 type rank | rank extents | numbers, the last index contiguous
//
// type and rank are one byte each, an extent is 4 bytes, and everything is big-endian. Files may be packed by gzip.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "basin/core/state.hpp"
#include "basin/io/atomic_file.hpp"
#include "basin/io/byte_order.hpp"
#include "basin/io/gzip.hpp"

namespace basin {

/// The type of an IDX file's numbers, as the file codes it.
enum class IdxType : std::uint8_t { u8 = 0x08, i8 = 0x09, i16 = 0x0B, i32 = 0x0C, f32 = 0x0D, f64 = 0x0E };

/// Bytes of one number; 0 if there is no such type.
[[nodiscard]] constexpr std::size_t item_bytes(IdxType type) {
  switch (type) {
    case IdxType::u8:
    case IdxType::i8:
      return 1;
    case IdxType::i16:
      return 2;
    case IdxType::i32:
    case IdxType::f32:
      return 4;
    case IdxType::f64:
      return 8;
  }
  return 0;
}

/// The contents of an IDX file. The last extent is contiguous; the bytes are in the byte order of this machine.
struct IdxArray {
  IdxType type = IdxType::u8;        ///< of the numbers
  std::vector<std::size_t> extents;  ///< slowest first; 1 to 255 of them, each below 2^32
  std::vector<std::uint8_t> bytes;   ///< item_bytes(type) for each number
};

namespace detail {

/// The bytes of a file in a row, packed or not, for one parser.
class IdxSource {
 public:
  IdxSource(std::span<const std::uint8_t> file, const std::string& path) : plain_(file), path_(path) {
    if (is_gzip(file)) packed_.emplace(file, path);
    most_ = packed_ ? saturating_product(file.size(), max_deflate_ratio) : file.size();
  }

  /// No more than this many bytes can come, whatever a header says.
  [[nodiscard]] std::uint64_t most() const { return most_; }

  /// Fills `out`; `after` more bytes are to follow, for the message.
  void read(std::span<std::uint8_t> out, std::uint64_t after = 0) {
    if (packed_) return packed_->read(out, after);
    check_file(plain_.size() >= out.size(), path_, "number of bytes left for the next field", plain_.size(),
               out.size() + after);
    std::copy_n(plain_.begin(), out.size(), out.begin());
    plain_ = plain_.subspan(out.size());
  }

  /// So many bytes. Memory grows with what there is of them: at most twice that, and at most `count`, is ever used.
  [[nodiscard]] std::vector<std::uint8_t> read(std::uint64_t count) {
    constexpr std::uint64_t first = 1 << 16;
    std::vector<std::uint8_t> out;
    while (out.size() < count) {
      const std::size_t done = out.size();
      const auto size = static_cast<std::size_t>(std::min(count, std::max(first, 2 * std::uint64_t{done})));
      out.reserve(size);  // not as much as resize would take
      out.resize(size);
      read(std::span(out).subspan(done), count - size);
    }
    return out;
  }

  void finish() {
    if (packed_) return packed_->finish();
    check_file(plain_.empty(), path_, "number of bytes after the numbers", plain_.size(), 0);
  }

 private:
  std::span<const std::uint8_t> plain_;
  std::string path_;
  std::optional<Gunzip> packed_;
  std::uint64_t most_ = 0;
};

}  // namespace detail

/// Reads an IDX file, plain or packed by gzip (seen from its first bytes, not from its name; of one member or several).
/// A set of no numbers, such as one of (0, 28, 28), is a set. Throws FileError for a file that is not exactly one IDX
/// array of at most max_bytes of numbers. Memory: the file, of at most max_bytes and a header, and the numbers, which
/// grow with what the file turns out to hold, to one and a half times max_bytes at most.
[[nodiscard]] inline IdxArray read_idx(const std::string& path, std::uint64_t max_bytes = default_max_unpacked_bytes) {
  constexpr std::uint64_t most_around = 4096;  // the longest header, and what gzip adds where it gains nothing
  const std::uint64_t around = most_around + max_bytes / 1024;
  const std::vector<std::uint8_t> file = read_file(path, max_bytes + std::min(around, ~max_bytes));
  detail::IdxSource source(file, path);

  std::array<std::uint8_t, 4> magic{};
  source.read(magic);
  check_file(magic[0] == 0 && magic[1] == 0, path, "start of the file", detail::shape_text(magic),
             "(0, 0, type, rank), the start of an IDX file");
  IdxArray array{static_cast<IdxType>(magic[2]), {}, {}};
  const std::size_t item = item_bytes(array.type);
  check_file(item != 0, path, "type of an IDX file", int{magic[2]}, "8, 9, 11, 12, 13 or 14");
  check_file(magic[3] != 0, path, "rank of an IDX file", int{magic[3]}, "1 or more");

  std::vector<std::uint8_t> extents(std::size_t{4} * magic[3]);
  source.read(extents);
  for (std::size_t i = 0; i < extents.size(); i += 4) {
    array.extents.push_back((std::size_t{extents[i]} << 24) | (std::size_t{extents[i + 1]} << 16) |
                            (std::size_t{extents[i + 2]} << 8) | std::size_t{extents[i + 3]});
  }
  const std::uint64_t bytes = detail::byte_count(std::span<const std::size_t>(array.extents), item);
  check_file(
      bytes <= std::min(source.most(), max_bytes), path, "shape in the header", detail::shape_text(array.extents),
      "no more than the " + std::to_string(std::min(source.most(), max_bytes)) + " bytes that the file can hold");
  array.bytes = source.read(bytes);
  source.finish();
  detail::swap_order(std::endian::big, array.bytes, item);
  return array;
}

/// Replaces the file at `path` by an IDX file, not packed. Throws std::invalid_argument if the array's extents and
/// bytes disagree, FileError if the file cannot be written.
inline void write_idx(const std::string& path, const IdxArray& array) {
  const std::size_t item = item_bytes(array.type);
  check(item != 0, "type of an IDX array", static_cast<int>(array.type), "one of IdxType");
  check(!array.extents.empty() && array.extents.size() <= 255, "rank of an IDX array", array.extents.size(),
        "1 to 255");
  const std::uint64_t expected = detail::byte_count(std::span<const std::size_t>(array.extents), item);
  check(array.bytes.size() == expected, "number of bytes of an IDX array", array.bytes.size(), expected);

  std::vector<std::uint8_t> file{0, 0, static_cast<std::uint8_t>(array.type),
                                 static_cast<std::uint8_t>(array.extents.size())};
  for (const std::size_t extent : array.extents) {
    check(extent <= 0xffffffffu, "extent of an IDX array", extent, "below 2^32");
    for (int shift = 24; shift >= 0; shift -= 8) file.push_back(static_cast<std::uint8_t>((extent >> shift) & 0xff));
  }
  const std::size_t header = file.size();
  file.insert(file.end(), array.bytes.begin(), array.bytes.end());
  detail::swap_order(std::endian::big, std::span(file).subspan(header), item);
  write_file(path, file);
}

}  // namespace basin
