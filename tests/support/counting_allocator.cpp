#include "support/counting_allocator.hpp"

#include <atomic>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BASIN_TEST_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BASIN_TEST_SANITIZED
#endif
#endif

namespace {

std::atomic<std::size_t> count{0}, large{0}, live{0}, peak{0};

void add(std::size_t bytes) {
  count.fetch_add(1, std::memory_order_relaxed);
  if (bytes >= basin_test::large_bytes) large.fetch_add(1, std::memory_order_relaxed);
  const std::size_t now = live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  std::size_t before = peak.load(std::memory_order_relaxed);
  while (now > before && !peak.compare_exchange_weak(before, now, std::memory_order_relaxed)) {
  }
}

void subtract(std::size_t bytes) { live.fetch_sub(bytes, std::memory_order_relaxed); }

}  // namespace

#if defined(BASIN_TEST_SANITIZED)

// The sanitizers own malloc and tell who asks (declared here, as gcc does not ship their header).
extern "C" {
int __sanitizer_install_malloc_and_free_hooks(void (*malloc_hook)(const volatile void*, std::size_t),
                                              void (*free_hook)(const volatile void*));
std::size_t __sanitizer_get_allocated_size(const volatile void*);
}

namespace {
void on_malloc(const volatile void*, std::size_t bytes) { add(bytes); }
void on_free(const volatile void* memory) {
  if (memory != nullptr) subtract(__sanitizer_get_allocated_size(memory));
}
const bool hooked = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) > 0;
}  // namespace

bool basin_test::counts_allocations() { return hooked; }

#elif defined(__GLIBC__)

// glibc lets a program define malloc and its family; operator new calls it.
#include <malloc.h>

#include <cerrno>

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace {
void* counted(void* memory) {
  if (memory != nullptr) add(malloc_usable_size(memory));
  return memory;
}
}  // namespace

extern "C" {
void* malloc(std::size_t bytes) noexcept { return counted(__libc_malloc(bytes)); }
void* calloc(std::size_t number, std::size_t bytes) noexcept { return counted(__libc_calloc(number, bytes)); }
void* realloc(void* memory, std::size_t bytes) noexcept {
  const std::size_t before = memory != nullptr ? malloc_usable_size(memory) : 0;
  void* const moved = __libc_realloc(memory, bytes);
  if (moved != nullptr || bytes == 0) subtract(before);
  return counted(moved);
}
void* memalign(std::size_t alignment, std::size_t bytes) noexcept { return counted(__libc_memalign(alignment, bytes)); }
void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept { return memalign(alignment, bytes); }
int posix_memalign(void** memory, std::size_t alignment, std::size_t bytes) noexcept {
  void* const taken = memalign(alignment, bytes);
  if (taken == nullptr) return ENOMEM;
  *memory = taken;
  return 0;
}
void free(void* memory) noexcept {
  if (memory != nullptr) subtract(malloc_usable_size(memory));
  __libc_free(memory);
}
}

bool basin_test::counts_allocations() { return true; }

#else

bool basin_test::counts_allocations() { return false; }

#endif

std::size_t basin_test::allocations() { return count.load(std::memory_order_relaxed); }
std::size_t basin_test::large_allocations() { return large.load(std::memory_order_relaxed); }
std::size_t basin_test::live_bytes() { return live.load(std::memory_order_relaxed); }
std::size_t basin_test::peak_bytes() { return peak.load(std::memory_order_relaxed); }
void basin_test::reset_peak() { peak.store(live.load(std::memory_order_relaxed), std::memory_order_relaxed); }
