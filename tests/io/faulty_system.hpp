#pragma once

// A system whose calls fail when a test says so, as SQLite's tests have one (sqlite.org/testing.html, section 3.2, "I/O
// Error Testing").

#include <functional>
#include <string>
#include <vector>

#include "basin/io/posix_system.hpp"

namespace basin::test {

/// What is to happen: the call of number `first`, counted from 0, fails with `code`, and all that follow as well if
/// `lasting`. Calls are counted by name where `only` is given.
struct Fault {
  int first = -1;
  int code = EIO;
  bool lasting = false;
  std::string only{};
  /// A call that fails after all, as one can whose answer was lost on a network.
  bool done_first = false;
  /// No write takes more bytes than this.
  std::size_t largest_write = std::size_t(-1);
};

/// For one thread at a time.
struct FaultySystem {
  using Posix = detail::PosixSystem;
  static inline Fault fault{};
  static inline int calls = 0;
  static inline std::vector<std::string> failed{};
  /// Runs before the call of this name that comes next, once.
  static inline std::string before{};
  static inline std::function<void()> meanwhile{};

  static void expect(const Fault& next) {
    fault = next;
    calls = 0;
    failed.clear();
    failed.reserve(1000);
  }

  static int open(const char* path, int flags, mode_t mode = 0) {
    const bool makes = (flags & O_CREAT) != 0;
    return call(makes ? "create" : "open", [&] { return Posix::open(path, flags, mode); });
  }
  static ssize_t read(int file, void* bytes, std::size_t count) {
    return call("read", [&] { return Posix::read(file, bytes, count); });
  }
  static ssize_t write(int file, const void* bytes, std::size_t count) {
    return call("write", [&] { return Posix::write(file, bytes, std::min(count, fault.largest_write)); });
  }
  static int sync(int file) {
    return call("sync", [&] { return Posix::sync(file); });
  }
  /// As on Linux, the file is closed whatever the answer is.
  static int close(int file) {
    const int result = Posix::close(file);
    return call("close", [&] { return result; });
  }
  static int rename(const char* from, const char* to) {
    return call("rename", [&] { return Posix::rename(from, to); });
  }
  static int unlink(const char* path) {
    return call("unlink", [&] { return Posix::unlink(path); });
  }
  static int mkdir(const char* path) {
    return call("mkdir", [&] { return Posix::mkdir(path); });
  }
  static int status(const char* path, struct stat* info) {
    return call("status", [&] { return Posix::status(path, info); });
  }
  static int status_of_link(const char* path, struct stat* info) {
    return call("status_of_link", [&] { return Posix::status_of_link(path, info); });
  }
  static int status_of_open(int file, struct stat* info) {
    return call("status_of_open", [&] { return Posix::status_of_open(file, info); });
  }
  static ssize_t read_link(const char* path, char* text, std::size_t count) {
    return call("read_link", [&] { return Posix::read_link(path, text, count); });
  }
  static int access(const char* path, int mode) {
    return call("access", [&] { return Posix::access(path, mode); });
  }
  static int change_mode(int file, mode_t mode) {
    return call("change_mode", [&] { return Posix::change_mode(file, mode); });
  }
  static int change_owner(int file, uid_t user, gid_t group) {
    return call("change_owner", [&] { return Posix::change_owner(file, user, group); });
  }
  static int lock(int file) {
    return call("lock", [&] { return Posix::lock(file); });
  }

 private:
  template <class Call>
  static auto call(const char* name, const Call& real) -> decltype(real()) {
    if (meanwhile && before == name) std::exchange(meanwhile, nullptr)();
    if (!fault.only.empty() && fault.only != name) return real();
    const int number = calls++;
    const bool fails = fault.lasting ? fault.first >= 0 && number >= fault.first : number == fault.first;
    if (!fails) return real();
    if (fault.done_first) real();
    failed.emplace_back(name);
    errno = fault.code;
    return -1;
  }
};

}  // namespace basin::test
