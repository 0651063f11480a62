#pragma once

// The file that a writer fills beside the one that it is to replace.
//
// The temporary file of "data" is "data.basin-0.part", with a larger number while somebody else writes that one. Its
// writer holds a lock on it, and the lock ends with the writer, so that a leftover is told from a file that is being
// written, whatever numbers processes have, and the next writer removes it. A name is removed, or given to another
// file, by nobody who has not the lock of the file that it stands for.

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "basin/io/file_error.hpp"
#include "basin/io/posix_system.hpp"

namespace basin::detail {

/// Where the bytes for a path go: the file that it names, or that its symbolic links name.
struct Target {
  std::string path;
  std::string folder;  ///< as the system takes it: "." or with a slash at the end
  bool exists = false;
  struct stat info {};  ///< of what is there
};

[[nodiscard]] inline std::string folder_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

/// Follows symbolic links, also to a file that is not there yet. Throws FileError if something else than a regular
/// file is there, or one that may not be written.
template <class System>
[[nodiscard]] Target find_target(const std::string& path) {
  if (path.empty()) throw FileError("''", "cannot write: a file needs a name");
  Target target{path, folder_of(path), false, {}};
  target.exists = System::status(path.c_str(), &target.info) == 0;
  if (!target.exists && errno != ENOENT) throw_system_error(path, "write", errno);
  const mode_t kind = target.info.st_mode;
  if (target.exists && !S_ISREG(kind)) {
    const char* what = S_ISDIR(kind)    ? "a folder"
                       : S_ISFIFO(kind) ? "a pipe"
                       : S_ISSOCK(kind) ? "a socket"
                                        : "a device";
    throw FileError(path, "cannot write: it is " + std::string(what) + ", expected a regular file or a new name");
  }

  // The system follows 40 links at most and has refused circles above.
  for (int count = 0; count < 40; ++count) {
    struct stat info {};
    if (System::status_of_link(target.path.c_str(), &info) != 0) {
      if (errno != ENOENT) throw_system_error(path, "write", errno);
      target.exists = false;  // it may have been there a moment ago
      break;
    }
    if (!S_ISLNK(info.st_mode)) break;
    std::array<char, 4096> text{};
    const ssize_t length = System::read_link(target.path.c_str(), text.data(), text.size());
    if (length <= 0) throw_system_error(path, "read the symbolic link", length < 0 ? errno : ENOENT);
    const std::string_view to(text.data(), static_cast<std::size_t>(length));
    check_file(to.size() < text.size(), path, "length of its symbolic link", to.size(), "below 4096");
    target.path = to.starts_with('/') || target.folder == "." ? std::string(to) : target.folder + std::string(to);
    target.folder = folder_of(target.path);
  }

  if (target.path.ends_with('/')) throw FileError(path, "cannot write: it is the name of a folder");
  if (target.exists && System::access(target.path.c_str(), W_OK) != 0) throw_system_error(path, "write", errno);
  return target;
}

/// A new file beside the target, open and locked, that is removed on the way out unless it has replaced the target.
template <class System>
class PartFile {
 public:
  PartFile(const std::string& path, const Target& target) : PartFile() {
    const auto numbered = [&](int number) { return target.path + ".basin-" + std::to_string(number) + ".part"; };
    for (int number = 0; number < most_numbers && name_.empty(); ++number) {
      remove_leftover(numbered(number));
      make(path, target, numbered(number));
    }
    if (name_.empty()) throw FileError(path, "cannot write: too many others write it at the same time");
    // This file is safe: it is locked. So are those of other writers that live.
    for (int number = 0; number < numbers_to_clean; ++number) remove_leftover(numbered(number));
  }
  ~PartFile() {
    if (!name_.empty()) System::unlink(name_.c_str());
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;

  void write(const std::string& path, std::span<const std::uint8_t> bytes) {
    const FileSizeSignalBlocked blocked;
    while (!bytes.empty()) {
      const ssize_t count = System::write(file_.number(), bytes.data(), std::min(bytes.size(), io_piece));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) throw_system_error(path, "write", count < 0 ? errno : EIO);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    if (!file_.flush()) throw_system_error(path, "write", errno);
  }

  /// The lock is kept until the file has its name.
  void replace(const std::string& path, const Target& target) {
    if (System::rename(name_.c_str(), target.path.c_str()) != 0) throw_system_error(path, "replace", errno);
    name_.clear();
    if (!file_.close()) throw_system_error(path, "write", errno);
  }

 private:
  static constexpr int most_numbers = 1000;
  static constexpr int numbers_to_clean = 8;  // leftovers of so many who wrote at the same time are found

  PartFile() = default;  // so that what the other constructor has made when it throws is removed

  static void remove_leftover(const std::string& name) {
    Descriptor<System> file;
    file.open(name, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (file.is_open() && System::lock(file.number()) == 0 && is_named(file, name)) System::unlink(name.c_str());
  }

  /// Whether the name still stands for the regular file that was opened by it. If not, errno is ENOENT, or says why
  /// that cannot be known.
  static bool is_named(const Descriptor<System>& file, const std::string& name) {
    struct stat own {};
    struct stat named {};
    if (System::status_of_open(file.number(), &own) != 0) return false;
    if (System::status_of_link(name.c_str(), &named) != 0) return false;
    errno = ENOENT;
    return S_ISREG(own.st_mode) && own.st_dev == named.st_dev && own.st_ino == named.st_ino;
  }

  /// Leaves name_ empty if somebody else has the name.
  void make(const std::string& path, const Target& target, std::string name) {
    // Nobody else may read it before it has the permissions of the file that it replaces.
    file_.open(name, O_WRONLY | O_CREAT | O_EXCL, target.exists ? 0600 : 0666);
    if (!file_.is_open()) {
      const int code = errno;
      if (code == EEXIST) return;
      if (code == ENOENT) throw FileError(path, "cannot write: there is no folder '" + target.folder + "'");
      throw_system_error(path, "make a file in the folder '" + target.folder + "'", code);
    }
    name_ = std::move(name);
    // Without locks on this file system nobody removes the file, and so nobody removes leftovers.
    if (System::lock(file_.number()) != 0 && errno == EWOULDBLOCK) return give_up();
    if (!is_named(file_, name_)) {
      if (errno == ENOENT) return give_up();
      throw_system_error(path, "write", errno);
    }
    if (target.exists) keep_permissions(path, target.info);
  }

  /// Somebody took the file for a leftover before it was locked, and removes it.
  void give_up() {
    name_.clear();
    file_.close();
  }

  /// Owner, group and mode of the file that is replaced, as far as the system lets us. A group that cannot be kept must
  /// not hand its rights to another: that gets what everybody has.
  void keep_permissions(const std::string& path, const struct stat& old) {
    struct stat own {};
    if (System::status_of_open(file_.number(), &own) != 0) throw_system_error(path, "write", errno);
    bool same_user = own.st_uid == old.st_uid, same_group = own.st_gid == old.st_gid;
    if (!same_user) same_user = same_group = System::change_owner(file_.number(), old.st_uid, old.st_gid) == 0;
    if (!same_group) same_group = System::change_owner(file_.number(), own.st_uid, old.st_gid) == 0;
    mode_t mode = old.st_mode & 07777;
    if (!same_user) mode &= ~mode_t{S_ISUID};
    if (!same_group) mode = (mode & ~mode_t{S_ISGID | S_IRWXG}) | (mode & S_IRWXO) << 3;
    if (System::change_mode(file_.number(), mode) != 0 && errno != EPERM && !not_supported(errno)) {
      throw_system_error(path, "write", errno);
    }
  }

  Descriptor<System> file_;
  std::string name_;  // empty: there is nothing to remove
};

}  // namespace basin::detail
