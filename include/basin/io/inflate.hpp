#pragma once

// Decompression into memory that the caller has already bounded: the reader says how many bytes it wants and gets
// exactly these, or an error. Nothing here allocates by what the compressed data say.
//
// Formats: gzip (RFC 1952) and zlib (RFC 1950) around deflate (RFC 1951); the checksum of either is verified.

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "basin/io/file_error.hpp"

namespace basin::detail {

enum class Compression { gzip, zlib };

/// One compressed stream of a file, read from front to back.
class Inflater {
 public:
  /// `input` must outlive the Inflater. `path` is for messages.
  Inflater(std::span<const std::uint8_t> input, Compression format, std::string path)
      : input_(input), path_(std::move(path)) {
    constexpr int window_bits = 15;
    constexpr int gzip_only = 16;
    if (inflateInit2(&stream_, format == Compression::gzip ? window_bits + gzip_only : window_bits) != Z_OK) {
      throw FileError(path_, "cannot start decompression");
    }
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  /// Fills `output`. Throws FileError if the stream is damaged or holds fewer bytes.
  void read(std::span<std::uint8_t> output) {
    const std::size_t count = inflate_into(output);
    check_file(count == output.size(), path_, "number of bytes in the compressed data", total_,
               total_ + (output.size() - count));
  }

  /// Throws FileError unless the stream ends here with a right checksum, and the input with it.
  void finish() {
    const std::uint64_t expected = total_;
    std::uint8_t more = 0;
    const bool ends = inflate_into({&more, 1}) == 0;
    check_file(ends, path_, "number of bytes in the compressed data", "more than " + std::to_string(expected),
               expected);
    const std::size_t left = input_.size() + stream_.avail_in;
    check_file(left == 0, path_, "number of bytes after the compressed data", left, 0);
  }

 private:
  /// Gives up to output.size() bytes, fewer only at the end of the stream.
  std::size_t inflate_into(std::span<std::uint8_t> output) {
    constexpr std::size_t piece = std::size_t{1} << 30;  // zlib counts in 32 bits
    std::size_t done = 0;
    while (!ended_ && done < output.size()) {
      if (stream_.avail_in == 0 && !input_.empty()) {
        const std::size_t count = std::min(input_.size(), piece);
        stream_.next_in = const_cast<Bytef*>(input_.data());  // zlib only reads it
        stream_.avail_in = static_cast<uInt>(count);
        input_ = input_.subspan(count);
      }
      const std::size_t room = std::min(output.size() - done, piece);
      stream_.next_out = output.data() + done;
      stream_.avail_out = static_cast<uInt>(room);
      const int result = inflate(&stream_, Z_NO_FLUSH);
      const std::size_t produced = room - stream_.avail_out;
      done += produced;
      total_ += produced;
      if (result == Z_STREAM_END) {
        ended_ = true;
      } else if (result == Z_BUF_ERROR || (result == Z_OK && produced == 0 && stream_.avail_in == 0)) {
        if (input_.empty()) throw FileError(path_, "the compressed data end too early");
      } else if (result != Z_OK) {
        throw FileError(path_, std::string("the compressed data are damaged: ") +
                                   (stream_.msg != nullptr ? stream_.msg : "no more is known"));
      }
    }
    return done;
  }

  z_stream stream_{};
  std::span<const std::uint8_t> input_;
  std::string path_;
  std::uint64_t total_ = 0;
  bool ended_ = false;
};

}  // namespace basin::detail
