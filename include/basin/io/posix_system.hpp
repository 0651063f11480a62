#pragma once

// The calls of the system that files go through, as a type, so that a test can put another in its place, one whose n-th
// call fails. Writers take it as a template argument with PosixSystem as the default: nothing is virtual, and each call
// compiles to that of the system.

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>

#include "basin/io/file_error.hpp"

#ifndef __cpp_exceptions
#error "basin/io reports errors of files by exceptions: compile without -fno-exceptions"
#endif

namespace basin::detail {

/// Each member is the call of POSIX that stands in it: -1 and errno where it fails.
struct PosixSystem {
  static int open(const char* path, int flags, mode_t mode = 0) { return ::open(path, flags | O_CLOEXEC, mode); }
  static ssize_t read(int file, void* bytes, std::size_t count) { return ::read(file, bytes, count); }
  static ssize_t write(int file, const void* bytes, std::size_t count) { return ::write(file, bytes, count); }
  static int close(int file) { return ::close(file); }
  static int rename(const char* from, const char* to) { return std::rename(from, to); }
  static int unlink(const char* path) { return ::unlink(path); }
  static int mkdir(const char* path) { return ::mkdir(path, 0777); }

  static int status(const char* path, struct stat* info) { return ::stat(path, info); }
  static int status_of_link(const char* path, struct stat* info) { return ::lstat(path, info); }
  static int status_of_open(int file, struct stat* info) { return ::fstat(file, info); }
  static ssize_t read_link(const char* path, char* text, std::size_t count) { return ::readlink(path, text, count); }
  /// As the user whose rights count, who need not be the one that started the program.
  static int access(const char* path, int mode) { return ::faccessat(AT_FDCWD, path, mode, AT_EACCESS); }
  static int change_mode(int file, mode_t mode) { return ::fchmod(file, mode); }
  static int change_owner(int file, uid_t user, gid_t group) { return ::fchown(file, user, group); }

  /// An advisory lock, which ends with the file descriptor, so that no dead process has one. Does not wait.
  static int lock(int file) { return ::flock(file, LOCK_EX | LOCK_NB); }

  static int sync(int file) {
#ifdef F_FULLFSYNC
    if (::fcntl(file, F_FULLFSYNC) == 0) return 0;  // fsync of macOS leaves the bytes in the drive's own memory
#endif
    return ::fsync(file);
  }
};

/// Whether the error says that the system, or this file system, has no such call.
[[nodiscard]] inline bool not_supported(int code) {
  return code == EINVAL || code == ENOSYS || code == ENOTSUP || code == EOPNOTSUPP || code == ENOTTY;
}

/// Large pieces, but below the limit of one system call.
inline constexpr std::size_t io_piece = std::size_t{1} << 30;

/// An open file that closes itself.
template <class System = PosixSystem>
class Descriptor {
 public:
  Descriptor() = default;
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

  /// Not open afterwards, with errno, if that fails.
  void open(const std::string& path, int flags, mode_t mode = 0) {
    close();
    do {
      number_ = System::open(path.c_str(), flags, mode);
    } while (number_ < 0 && errno == EINTR);
  }

  /// Flushes a file or a folder to the disk, where the file system can; else that is done when the system likes. False,
  /// with errno, if the disk fails.
  [[nodiscard]] bool flush() const {
    int result = 0;
    do {
      result = System::sync(number_);
    } while (result != 0 && errno == EINTR);
    return result == 0 || not_supported(errno);
  }

  /// False, with errno, if the system reports that something could not be written.
  bool close() {
    const int number = number_;
    number_ = -1;
    // After EINTR the file is closed on Linux, and another thread may have its number by now.
    return number < 0 || System::close(number) == 0 || errno == EINTR;
  }

 private:
  int number_ = -1;
};

/// Throws FileError "<path>: cannot <action>: <what the system says of the error `code`>".
[[noreturn]] inline void throw_system_error(const std::string& path, std::string_view action, int code) {
  throw FileError(path, "cannot " + std::string(action) + ": " + std::generic_category().message(code));
}

/// While one lives, a file that outgrows the limit of the process (ulimit -f) is an error of the call on this thread,
/// EFBIG, and not the signal SIGXFSZ, which would end the program.
class FileSizeSignalBlocked {
 public:
  FileSizeSignalBlocked() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGXFSZ);
    was_pending_ = pending();
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~FileSizeSignalBlocked() {
    if (!was_pending_ && pending()) {
      int taken = 0;
      sigwait(&signal_, &taken);
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  FileSizeSignalBlocked(const FileSizeSignalBlocked&) = delete;
  FileSizeSignalBlocked& operator=(const FileSizeSignalBlocked&) = delete;

 private:
  static bool pending() {
    sigset_t all;
    return sigpending(&all) == 0 && sigismember(&all, SIGXFSZ) == 1;
  }

  sigset_t signal_{}, before_{};
  bool was_pending_ = false;
};

}  // namespace basin::detail
