#pragma once

// The core's errors in programs with exceptions, and in those compiled without them (-fno-exceptions), as for browsers
// and small devices: there a check that fails writes its message to standard error and aborts.

#include <exception>
#include <stdexcept>
#include <string>

#ifndef __cpp_exceptions
#include <cstdio>
#include <cstdlib>
#endif

#include "basin/core/language.hpp"

namespace basin::detail {

/// Throws std::invalid_argument with the message; without exceptions, writes "basin: <message>" and aborts.
[[noreturn]] inline void throw_invalid_argument(const std::string& message) {
#ifdef __cpp_exceptions
  throw std::invalid_argument(message);
#else
  std::fprintf(stderr, "basin: %s\n", message.c_str());
  std::abort();
#endif
}

/// Calls task(). What it throws, or null.
template <class Task>
[[nodiscard]] std::exception_ptr caught(const Task& task) {
#ifdef __cpp_exceptions
  try {
    task();
  } catch (...) {
    return std::current_exception();
  }
#else
  task();
#endif
  return nullptr;
}

}  // namespace basin::detail
