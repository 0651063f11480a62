#pragma once

// The one parallel-for of the library.
//
// Tasks are independent and each writes only what is its own, so that results do not depend on how many threads there
// are or which of them takes what. Sums over tasks are made afterwards, in the order of the tasks. Inside a task a
// further parallel_for runs its tasks one after another: the outermost loop has the threads.

#include <atomic>

#include "basin/core/exceptions.hpp"
#include "basin/core/state.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace basin {

namespace detail {

inline std::atomic<int> thread_limit{0};  // 0: as many as the machine offers

// The thread sanitizer cannot see the fork and join of gcc's OpenMP runtime, nor its critical sections. These two tell
// it what they order: all that tasks do. How the compiler hands the loop's own variables to the threads comes between
// the token and the fork, so parallel_for itself is left out of what the sanitizer watches.
inline void happens_before([[maybe_unused]] void* token) {
#if defined(__SANITIZE_THREAD__)
  __tsan_release(token);
#endif
}
inline void happens_after([[maybe_unused]] void* token) {
#if defined(__SANITIZE_THREAD__)
  __tsan_acquire(token);
#endif
}

}  // namespace detail

/// How many threads parallel_for uses at most. 0, the default, is as many as the machine offers. Without OpenMP: 1.
inline void set_threads(int count) {
  check(count >= 0, "number of threads", count, "0 (all) or more");
  detail::thread_limit = count;
}

[[nodiscard]] inline int threads() {
#ifdef _OPENMP
  const int limit = detail::thread_limit;
  return limit > 0 ? limit : omp_get_max_threads();
#else
  return 1;
#endif
}

/// Calls task(i) once for each i in [0, count), on several threads. If tasks throw, the rest still run and the
/// exception of the lowest i is thrown again.
template <class Task>
[[gnu::no_sanitize_thread]] void parallel_for(Index count, const Task& task) {
#ifdef _OPENMP
  if (count > 1 && threads() > 1 && !omp_in_parallel()) {
    static char fork_token, join_token;
    detail::Caught first_exception{};
    Index first_failed = count;
    detail::happens_before(&fork_token);
#pragma omp parallel num_threads(threads())
    {
      detail::happens_after(&fork_token);
#pragma omp for schedule(dynamic, 1) nowait
      for (Index i = 0; i < count; ++i) {
        if (const detail::Caught thrown = detail::caught([&] { task(i); })) {
#pragma omp critical(basin_parallel_for)
          {
            detail::happens_after(&first_exception);
            if (i < first_failed) {
              first_failed = i;
              first_exception = thrown;
            }
            detail::happens_before(&first_exception);
          }
        }
      }
      detail::happens_before(&join_token);
    }
    detail::happens_after(&join_token);
    if (first_exception) detail::rethrow(first_exception);
    return;
  }
#endif
  detail::Caught first_exception{};
  for (Index i = 0; i < count; ++i) {
    const detail::Caught thrown = detail::caught([&] { task(i); });
    if (!first_exception) first_exception = thrown;
  }
  if (first_exception) detail::rethrow(first_exception);
}

}  // namespace basin
