#pragma once

// gzip for the targets of what may be packed by it.

#include <zlib.h>

#include "fuzz.hpp"

namespace basin::fuzz {

inline Bytes gzip_member(std::span<const std::uint8_t> plain, int level) {
  z_stream stream{};
  require(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK, "zlib starts");
  Bytes packed(deflateBound(&stream, static_cast<uLong>(plain.size())) + 64);
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  require(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib packs");
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

/// Packed in members, whose number, sizes and levels are from the input.
inline Bytes gzip_members(std::span<const std::uint8_t> plain, Input& input) {
  Bytes out;
  for (std::size_t members = input.below(4); members > 0; --members) {
    const std::size_t size = std::min<std::size_t>(plain.size(), input.byte());
    append(out, gzip_member(plain.first(size), static_cast<int>(input.below(10))));
    plain = plain.subspan(size);
  }
  append(out, gzip_member(plain, 6));
  return out;
}

}  // namespace basin::fuzz
