#pragma once

// What every call of MPI needs: MPI itself, and what is done where a call fails or comes from another thread.

// The C++ classes of MPI 2, which MPI 3 took away, are in the way of C++20.
#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1
#endif
#ifndef MPICH_SKIP_MPICXX
#define MPICH_SKIP_MPICXX 1
#endif
#include <mpi.h>

#include <cstddef>
#include <stdexcept>
#include <string>

#include "basin/core/check.hpp"

namespace basin::mpi {

namespace detail {

/// Throws std::runtime_error with MPI's own words if a call failed.
inline void expect_success(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  std::string text(MPI_MAX_ERROR_STRING, '\0');
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  text.resize(static_cast<std::size_t>(length));
  throw std::runtime_error(std::string(call) + ": " + text);
}

/// Throws std::invalid_argument on any other thread than the one that began MPI: messages of several would be mixed.
inline void expect_main_thread() {
  int is_main = 0;
  MPI_Is_thread_main(&is_main);
  if (is_main == 0) check(false, "thread that calls MPI", "another one", "the one that began it");
}

}  // namespace detail

}  // namespace basin::mpi
