#pragma once

// Whether everything that a program printed has arrived: a full disk, a closed terminal or pipe else pass unseen.

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <system_error>

namespace basin::examples {

/// For the end of a program: writes out what standard output still holds. Throws std::runtime_error, "standard output:
/// cannot write: <what the system says>", if that fails, or if an earlier print failed.
inline void finish_standard_output() {
  const bool failed_before = std::ferror(stdout) != 0;
  errno = 0;
  int code = std::fflush(stdout) == 0 ? 0 : errno;
  // A network's file system may tell only now that it has no room. The copy is closed, so that stdout stays as it is.
  if (code == 0) {
    const int copy = ::dup(STDOUT_FILENO);
    if (copy >= 0 && ::close(copy) != 0) code = errno;
  }
  if (code == 0 && failed_before) code = EIO;  // what an earlier print met is forgotten by now
  if (code != 0) {
    throw std::runtime_error("standard output: cannot write: " + std::generic_category().message(code));
  }
}

}  // namespace basin::examples
