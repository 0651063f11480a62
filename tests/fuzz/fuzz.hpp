#pragma once

// What the fuzz targets share. A target is one file with
//
//   void basin::fuzz::seeds(const Keep& keep);    calls keep(input) for some inputs to begin with
//   void basin::fuzz::target(Input input);        does something with an input, and require()s that it went well
//
// and a main() from libFuzzer: `fuzz_png --seeds FOLDER` writes the seeds, `fuzz_png FOLDER` looks for inputs that
// crash (https://llvm.org/docs/LibFuzzer.html). An input is bytes; where bytes alone would stay at a checksum or in the
// first line of a header, their first says how a file is made of the others.
//
// Any exception but FileError ends the program, and so does one with a message that is long or not printable.

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "basin/io/file_error.hpp"
#include "support/counting_allocator.hpp"

namespace basin::fuzz {

using Bytes = std::vector<std::uint8_t>;
using Keep = std::function<void(const Bytes&)>;

inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "basin: not so: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

/// An input, taken apart from its front. Where it has ended there are zeros.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }

  /// 0 to end - 1, from one byte.
  std::size_t below(std::size_t end) { return byte() % end; }

  std::uint64_t number(int bytes) {
    std::uint64_t out = 0;
    for (int i = 0; i < bytes; ++i) out |= std::uint64_t{byte()} << (8 * i);
    return out;
  }

  Bytes take(std::size_t most) {
    const std::span<const std::uint8_t> taken = rest_.first(std::min(most, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return {taken.begin(), taken.end()};
  }

  Bytes rest() { return take(rest_.size()); }

  /// Exactly so many bytes.
  Bytes filled(std::size_t count) {
    Bytes out = take(count);
    out.resize(count);
    return out;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

inline void append(Bytes& to, std::span<const std::uint8_t> bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }
inline void append(Bytes& to, std::string_view text) { to.insert(to.end(), text.begin(), text.end()); }

/// An input that is a file: 0, and the file.
inline Bytes as_it_is(std::span<const std::uint8_t> file) {
  Bytes out{0};
  append(out, file);
  return out;
}
inline Bytes as_it_is(std::string_view text) {
  Bytes out{0};
  append(out, text);
  return out;
}

/// A place for files, in memory where the system has such a folder. Removed at the end.
class Folder {
 public:
  Folder() {
    const char* const named = std::getenv("TMPDIR");
    path_ = std::string(named != nullptr                  ? named
                        : ::access("/dev/shm", W_OK) == 0 ? "/dev/shm"
                                                          : "/tmp") +
            "/basin.XXXXXX";
    require(::mkdtemp(path_.data()) != nullptr, "a folder for files can be made");
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline std::string file(const std::string& name) {
  static const Folder folder;
  return folder.file(name);
}

/// Puts bytes where the next read finds them. Returns the path.
inline std::string put(std::span<const std::uint8_t> bytes, const std::string& name = "input") {
  const std::string path = file(name);
  std::FILE* const out = std::fopen(path.c_str(), "wb");
  require(out != nullptr, "a file can be opened");
  require(std::fwrite(bytes.data(), 1, bytes.size(), out) == bytes.size(), "a file can be written");
  std::fclose(out);
  return path;
}
inline std::string put(std::string_view text, const std::string& name = "input") {
  return put(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()), name);
}

/// What read() returns, or nothing if it throws a FileError; in either case it has never had more than `memory` bytes.
template <class Read>
[[nodiscard]] auto read_or_refuse(const std::string& path, std::uint64_t memory, const Read& read)
    -> std::optional<decltype(read())> {
  const std::size_t before = basin_test::live_bytes();
  basin_test::reset_peak();
  const auto check_peak = [&] {
    // A few kilobytes of names, messages and exceptions come on top.
    require(basin_test::peak_bytes() - before <= memory + (1u << 14), "a reader keeps to its limit of memory");
  };
  try {
    auto result = read();
    check_peak();
    return result;
  } catch (const FileError& error) {
    check_peak();
    const std::string_view message = error.what();
    require(message.starts_with(path), "a message begins with the path");
    require(message.size() <= path.size() + 4100, "a message is short");
    require(detail::printable(message, message.size()) == message, "a message is printable");
  }
  return std::nullopt;
}

void seeds(const Keep& keep);
void target(Input input);

}  // namespace basin::fuzz

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  if (*argc != 3 || std::string_view((*argv)[1]) != "--seeds") return 0;
  const std::string folder = (*argv)[2];
  std::filesystem::create_directories(folder);
  int count = 0;
  basin::fuzz::seeds([&](const basin::fuzz::Bytes& input) {
    const std::string path = folder + "/seed_" + std::to_string(count++);
    std::FILE* const out = std::fopen(path.c_str(), "wb");
    basin::fuzz::require(out != nullptr && std::fwrite(input.data(), 1, input.size(), out) == input.size(),
                         "a seed can be written");
    std::fclose(out);
  });
  std::exit(0);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  basin::fuzz::target(basin::fuzz::Input({data, size}));
  return 0;
}
