#pragma once

// The core's errors in programs with exceptions, and in those compiled without them (-fno-exceptions), as for browsers
// and small devices: there a check that fails hands its message to a function of the program's, or else writes it to
// standard error, and aborts.

#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>

#ifndef __cpp_exceptions
#include <atomic>
#include <cstdio>
#include <cstdlib>
#endif

#include "basin/core/language.hpp"

#ifndef __cpp_exceptions
namespace basin {

/// Takes the message of a check that failed, without "basin: ", and may restart a device or end the program in its own
/// way; if it returns, the program aborts. Any thread may call it.
using ErrorHandler = void (*)(const char* message);

namespace detail {
inline std::atomic<ErrorHandler> error_handler{nullptr};
}

/// What is called from now on; null: messages go to standard error. Returns what was called before. Only without
/// exceptions: with them errors are thrown.
inline ErrorHandler set_error_handler(ErrorHandler handler) { return detail::error_handler.exchange(handler); }

}  // namespace basin
#endif

namespace basin::detail {

/// Throws std::invalid_argument with the message; without exceptions, see set_error_handler().
[[noreturn]] inline void throw_invalid_argument(const std::string& message) {
#ifdef __cpp_exceptions
  throw std::invalid_argument(message);
#else
  if (const ErrorHandler handler = error_handler.load()) {
    handler(message.c_str());
  } else {
    std::fprintf(stderr, "basin: %s\n", message.c_str());
  }
  std::abort();
#endif
}

#ifdef __cpp_exceptions

/// What a task has thrown, or null.
using Caught = std::exception_ptr;

[[noreturn]] inline void rethrow(const Caught& thrown) { std::rethrow_exception(thrown); }

/// Calls task().
template <class Task>
[[nodiscard]] Caught caught(const Task& task) {
  try {
    task();
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

#else

/// Nothing, as nobody throws: std::exception_ptr would bring the library's unwinder into a small device's program.
struct Caught {
  explicit operator bool() const { return false; }
  friend bool operator==(Caught, std::nullptr_t) { return true; }
};

inline void rethrow(Caught) {}

template <class Task>
[[nodiscard]] Caught caught(const Task& task) {
  task();
  return {};
}

#endif

}  // namespace basin::detail
