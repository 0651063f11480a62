#pragma once

// gzip files (RFC 1952), unpacked by zlib: one member or several, one after another, whose contents count as one. The
// checksum of each is verified. The reader says how many bytes it wants and gets exactly these, or an error; nothing is
// allocated by what the packed data say of themselves.

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "basin/io/file_error.hpp"

namespace basin::detail {

/// Whether a file starts as gzip files do.
[[nodiscard]] inline bool is_gzip(std::span<const std::uint8_t> file) {
  return file.size() >= 2 && file[0] == 0x1f && file[1] == 0x8b;
}

/// What a gzip file unpacks to, read from front to back.
class Gunzip {
 public:
  /// `input` must outlive this. `path` is for messages.
  Gunzip(std::span<const std::uint8_t> input, std::string path) : input_(input), path_(std::move(path)) {
    constexpr int window_bits = 15, gzip_only = 16;
    if (inflateInit2(&stream_, window_bits + gzip_only) != Z_OK) throw_file_error(path_, "cannot start decompression");
  }
  ~Gunzip() { inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;

  /// Fills `output`. Throws FileError if the data are damaged or fewer; the message counts `after` on what is expected.
  void read(std::span<std::uint8_t> output, std::uint64_t after = 0) {
    const std::size_t count = read_some(output);
    check_file(count == output.size(), path_, "number of bytes in the compressed data", total_,
               total_ + (output.size() - count) + after);
  }

  /// Fills `output` as far as there are data, and returns how far. Throws FileError if they are damaged.
  [[nodiscard]] std::size_t read_some(std::span<std::uint8_t> output) {
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
        next_member();
      } else if (result == Z_BUF_ERROR || (result == Z_OK && produced == 0 && stream_.avail_in == 0)) {
        if (input_.empty()) throw_file_error(path_, "the compressed data end too early");
      } else if (result != Z_OK) {
        throw_file_error(path_, std::string("the compressed data are damaged: ") +
                                    (stream_.msg != nullptr ? stream_.msg : "no more is known"));
      }
    }
    return done;
  }

  /// Throws FileError unless the data end here, each member with a right checksum, and the file with them.
  void finish() {
    const std::uint64_t expected = total_;
    std::uint8_t more = 0;
    check_file(read_some({&more, 1}) == 0, path_, "number of bytes in the compressed data",
               "more than " + std::to_string(expected), expected);
  }

 private:
  /// At the end of a member: another one follows, or the file ends.
  void next_member() {
    const std::size_t left = input_.size() + stream_.avail_in;
    ended_ = left == 0;
    if (ended_) return;
    const std::span<const std::uint8_t> rest(stream_.next_in, left);  // of which stream_ has the first part
    check_file(is_gzip(rest), path_, "number of bytes after the compressed data, which are no further member of gzip",
               left, 0);
    if (inflateReset(&stream_) != Z_OK) throw_file_error(path_, "cannot go on with decompression");
  }

  z_stream stream_{};
  std::span<const std::uint8_t> input_;
  std::string path_;
  std::uint64_t total_ = 0;
  bool ended_ = false;
};

}  // namespace basin::detail
