#pragma once

// What the tests of readers share: a folder that removes itself, and files with one thing wrong.

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "basin/io/atomic_file.hpp"

namespace basin::test {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "basin.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string file(const std::string& name) const { return path_ + "/" + name; }

  std::size_t entries() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(path_)) ++count;
    return count;
  }

 private:
  std::string path_;
};

/// The most memory that this process ever held, in bytes.
inline std::uint64_t peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
}

using Bytes = std::vector<std::uint8_t>;

/// Every beginning of the file, and the file with bytes after it, is refused with a FileError that names the path.
template <class Read>
void check_every_length(const Bytes& good, const std::string& path, const Read& read) {
  write_file(path, good);
  REQUIRE_NOTHROW(read(path));
  const auto refused = [&](const Bytes& bytes) {
    write_file(path, bytes);
    INFO("length " << bytes.size() << " of " << good.size());
    std::string message;
    try {
      read(path);
    } catch (const FileError& error) {
      message = error.what();
    }
    CHECK(message.find(path + ": ") == 0);
  };
  for (std::size_t length = 0; length < good.size(); ++length) {
    refused(Bytes(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length)));
  }
  for (const std::size_t extra : {1, 7, 4096}) {
    Bytes longer = good;
    longer.resize(good.size() + extra);
    refused(longer);
  }
}

/// With any one byte changed the file is refused with a FileError, or still read; anything else is a failure.
/// Returns how many of the changes were refused.
template <class Read>
std::size_t check_every_byte(const Bytes& good, const std::string& path, const Read& read) {
  std::size_t refused = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int change : {0x01, 0x20, 0x80, 0xff}) {
      Bytes bad = good;
      bad[at] = static_cast<std::uint8_t>(bad[at] ^ change);
      write_file(path, bad);
      INFO("byte " << at << " changed by " << change);
      try {
        read(path);
      } catch (const FileError&) {
        ++refused;
      } catch (const std::exception& error) {
        FAIL_CHECK("not a FileError: " << error.what());
      }
    }
  }
  return refused;
}

/// read(path) throws a FileError whose message has the path and all of the words, and takes no memory worth naming.
template <class Read>
void check_refused(const Bytes& bytes, const std::string& path, const Read& read,
                   const std::vector<std::string>& words) {
  write_file(path, bytes);
  const std::uint64_t before = peak_memory();
  std::string message = "nothing thrown";
  try {
    read(path);
  } catch (const FileError& error) {
    message = error.what();
  }
  CHECK_THAT(message, Catch::StartsWith(path + ": "));
  for (const std::string& word : words) CHECK_THAT(message, Catch::Contains(word));
  CHECK(peak_memory() - before < 64u << 20);
}

inline Bytes bytes_of(const std::string& text) { return Bytes(text.begin(), text.end()); }

}  // namespace basin::test
