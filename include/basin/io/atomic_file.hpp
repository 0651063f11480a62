#pragma once

// Whole files in and out of memory. A file is replaced in one step: the bytes go to a temporary file in the same
// folder, which is flushed to the disk and then renamed over the old one. Whoever looks at the path, even after a
// crash, finds the old file or the new one, never a part.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "basin/io/file_error.hpp"

namespace basin {

/// What readers take at most, unless told otherwise: 4 GiB.
inline constexpr std::uint64_t default_max_file_bytes = std::uint64_t{1} << 32;

namespace detail {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int number() const { return number_; }

  /// False if the system reports that something could not be written.
  bool close() {
    const int number = number_;
    number_ = -1;
    return number < 0 || ::close(number) == 0;
  }

 private:
  int number_;
};

[[noreturn]] inline void throw_system_error(const std::string& path, std::string_view action) {
  const int code = errno;
  throw FileError(path, "cannot " + std::string(action) + ": " + std::strerror(code));
}

/// A file that is removed on the way out, unless it was renamed.
struct TemporaryFile {
  std::string path;
  bool renamed = false;

  explicit TemporaryFile(std::string name) : path(std::move(name)) {}
  ~TemporaryFile() {
    if (!renamed) ::unlink(path.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
};

/// Large pieces, but below the limit of one system call.
inline constexpr std::size_t io_piece = std::size_t{1} << 30;

}  // namespace detail

/// The bytes of a regular file. Throws FileError if it cannot be read, is no regular file, or has more than max_bytes.
[[nodiscard]] inline std::vector<std::uint8_t> read_file(const std::string& path,
                                                         std::uint64_t max_bytes = default_max_file_bytes) {
  // O_NONBLOCK: a pipe that nobody writes to is refused below and not waited for.
  detail::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0) detail::throw_system_error(path, "open for reading");
  struct stat info {};
  if (::fstat(file.number(), &info) != 0) detail::throw_system_error(path, "read");
  if (!S_ISREG(info.st_mode)) throw FileError(path, "not a regular file");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  const std::uint64_t most = detail::addressable(max_bytes);
  check_file(size <= most, path, "size in bytes", size, "at most " + std::to_string(most));

  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::read(file.number(), bytes.data() + done, std::min(bytes.size() - done, detail::io_piece));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) detail::throw_system_error(path, "read");
    check_file(count > 0, path, "number of bytes that could be read", done, size);
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

/// Replaces the file at `path`, or makes it, in one step. The folder must exist. Throws FileError if that fails; then
/// what was at `path` is as it was, and no temporary file is left.
inline void write_file(const std::string& path, std::span<const std::uint8_t> bytes) {
  static std::atomic<unsigned> counter{0};
  const std::size_t slash = path.find_last_of('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string temporary_name =
      path + "." + std::to_string(::getpid()) + "." + std::to_string(counter.fetch_add(1)) + ".part";

  // O_EXCL: the name is ours, whatever else lies in the folder.
  detail::Descriptor file(::open(temporary_name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.number() < 0) detail::throw_system_error(path, "write");
  detail::TemporaryFile temporary(temporary_name);

  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = ::write(file.number(), bytes.data() + done, std::min(bytes.size() - done, detail::io_piece));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) detail::throw_system_error(path, "write");
    done += static_cast<std::size_t>(count);
  }
  if (::fsync(file.number()) != 0 || !file.close()) detail::throw_system_error(path, "write");
  if (std::rename(temporary.path.c_str(), path.c_str()) != 0) detail::throw_system_error(path, "replace");
  temporary.renamed = true;

  // The new name is in the folder, which is flushed too where the file system can; the file itself is whole either way.
  const detail::Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.number() >= 0) ::fsync(directory.number());
}

inline void write_file(const std::string& path, std::string_view text) {
  write_file(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

}  // namespace basin
