#pragma once

// Locks, and what each thread has for itself, also where a program has one thread alone: the standard library of a
// compiler for bare machines has no std::mutex, and takes memory from the heap for what is thread_local. There a lock
// does nothing, and one object is everybody's; so only one task of such a system may call basin.

#include <condition_variable>
#include <mutex>

#include "basin/core/language.hpp"

namespace basin::detail {

#if (defined(__GLIBCXX__) && !defined(_GLIBCXX_HAS_GTHREADS)) || defined(_LIBCPP_HAS_NO_THREADS)

struct Mutex {
  void lock() {}
  void unlock() {}
  bool try_lock() { return true; }
};

/// What is waited for is there: who else would bring it?
struct Condition {
  template <class Lock, class Ready>
  void wait(Lock&, const Ready&) {}
  void notify_one() {}
  void notify_all() {}
};

template <class T>
T& one_of_this_thread() {
  static T one;
  return one;
}

#else

using Mutex = std::mutex;
using Condition = std::condition_variable;

/// The T of the calling thread, made at the first call.
template <class T>
T& one_of_this_thread() {
  thread_local T one;
  return one;
}

#endif

}  // namespace basin::detail
