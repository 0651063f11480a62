#pragma once

// Whole files in and out of memory. A file is replaced in one step: the bytes go to a temporary file in the same
// folder, which is flushed to the disk and then renamed over the old one (part_file.hpp). Whoever looks at the path,
// even after a crash, finds the old file or the new one, never a part.

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "basin/io/file_error.hpp"
#include "basin/io/part_file.hpp"
#include "basin/io/posix_system.hpp"

namespace basin {

/// What readers take at most, unless told otherwise: 4 GiB.
inline constexpr std::uint64_t default_max_file_bytes = std::uint64_t{1} << 32;

namespace detail {

/// Opens a regular file for reading and returns its size in bytes. Throws FileError.
template <class System>
std::uint64_t open_regular(Descriptor<System>& file, const std::string& path) {
  // O_NONBLOCK: a pipe that nobody writes to is refused below and not waited for.
  file.open(path, O_RDONLY | O_NONBLOCK);
  if (!file.is_open()) throw_system_error(path, "open for reading", errno);
  struct stat info {};
  if (System::status_of_open(file.number(), &info) != 0) throw_system_error(path, "read", errno);
  if (!S_ISREG(info.st_mode)) throw FileError(path, "not a regular file");
  return static_cast<std::uint64_t>(info.st_size);
}

/// Fills `bytes` from a file that has so many.
template <class System>
void read_all(const Descriptor<System>& file, const std::string& path, std::span<std::uint8_t> bytes) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = System::read(file.number(), bytes.data() + done, std::min(bytes.size() - done, io_piece));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_system_error(path, "read", errno);
    check_file(count > 0, path, "number of bytes that could be read", done, bytes.size());
    done += static_cast<std::size_t>(count);
  }
}

/// At most the first `count` bytes of a regular file.
template <class System = PosixSystem>
[[nodiscard]] std::vector<std::uint8_t> read_beginning(const std::string& path, std::uint64_t count) {
  Descriptor<System> file;
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(std::min(count, open_regular(file, path))));
  read_all(file, path, bytes);
  return bytes;
}

}  // namespace detail

/// The bytes of a regular file. Throws FileError if it cannot be read, is no regular file, or has more than max_bytes.
template <class System = detail::PosixSystem>
[[nodiscard]] std::vector<std::uint8_t> read_file(const std::string& path,
                                                  std::uint64_t max_bytes = default_max_file_bytes) {
  detail::Descriptor<System> file;
  const std::uint64_t size = detail::open_regular(file, path);
  const std::uint64_t most = detail::addressable(max_bytes);
  check_file(size <= most, path, "size in bytes", size, "at most " + std::to_string(most));
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  detail::read_all(file, path, bytes);
  return bytes;
}

/// Replaces the file at `path`, or makes it, in one step. The folder must exist. Symbolic links are followed and stay;
/// other hard links keep the old bytes. Mode, owner and group stay where the system lets us; access control lists do
/// not. A new file gets what the process's umask leaves of 0666.
///
/// Throws FileError if that fails, or if something else than a regular file is there; then what was at `path` is as it
/// was, and no temporary file is left. Only what the disk says after the replacement comes too late for that: then the
/// new file is there, and the message says that it may not outlast a loss of power.
template <class System = detail::PosixSystem>
void write_file(const std::string& path, std::span<const std::uint8_t> bytes) {
  const detail::Target target = detail::find_target<System>(path);
  detail::Descriptor<System> folder;
  folder.open(target.folder, O_RDONLY | O_DIRECTORY);
  // A folder that may be written but not read cannot be flushed; the file is whole either way.
  const bool may_lack = folder.is_open() || errno == EACCES || errno == ENOENT;
  if (!may_lack) detail::throw_system_error(path, "open its folder", errno);
  detail::PartFile<System> part(path, target);
  part.write(path, bytes);
  part.replace(path, target);
  if (folder.is_open() && !folder.flush()) {
    detail::throw_system_error(path, "flush its folder to the disk after writing it", errno);
  }
}

template <class System = detail::PosixSystem>
void write_file(const std::string& path, std::string_view text) {
  write_file<System>(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

/// Whether write_file(path) can work now, for before a long computation whose results go there: throws the FileError
/// that it would throw if the folder is not there, nothing can be made in it, or `path` is something else than a
/// regular file that may be replaced. Makes an empty temporary file and removes it; what is at `path` stays untouched.
template <class System = detail::PosixSystem>
void check_writable(const std::string& path) {
  const detail::PartFile<System> part(path, detail::find_target<System>(path));
}

/// Makes a folder, and those above it, where there is none. Throws FileError, which names the one that could not be
/// made, if something else is in the way, or if no file can be made in it; what was made above it stays.
template <class System = detail::PosixSystem>
void make_folder(const std::string& path) {
  if (path.empty()) throw FileError("''", "cannot be made: a folder needs a name");
  for (std::size_t end = 0; end != std::string::npos;) {
    end = path.find('/', end + 1);
    const std::string part = path.substr(0, end);
    struct stat info {};
    if (System::status(part.c_str(), &info) == 0) {
      if (!S_ISDIR(info.st_mode)) throw FileError(part, "cannot make a folder of this name: a file is there");
      continue;
    }
    if (errno != ENOENT) detail::throw_system_error(part, "look for this folder", errno);
    if (System::mkdir(part.c_str()) != 0) {
      const int code = errno;  // another process may have been faster
      const bool is_there = System::status(part.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
      if (!is_there) detail::throw_system_error(part, "make this folder", code);
      continue;
    }
    detail::Descriptor<System> above;
    above.open(detail::folder_of(part), O_RDONLY | O_DIRECTORY);
    if (above.is_open() && !above.flush()) {
      detail::throw_system_error(part, "flush the folder above this one to the disk", errno);
    }
  }
  if (System::access(path.c_str(), W_OK | X_OK) != 0) {
    detail::throw_system_error(path, "make files in this folder", errno);
  }
}

}  // namespace basin
