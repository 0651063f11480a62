#pragma once

// Memory that is kept for later is hidden from a program's own mistakes: under the address sanitizer nobody may touch
// it until it is handed out again, and then as many bytes as were asked for. Elsewhere nothing happens.

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define BASIN_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BASIN_ADDRESS_SANITIZER
#endif
#endif
#ifdef BASIN_ADDRESS_SANITIZER
extern "C" {  // gcc does not ship their header
void __asan_poison_memory_region(const volatile void*, std::size_t);
void __asan_unpoison_memory_region(const volatile void*, std::size_t);
int __asan_address_is_poisoned(const volatile void*);
}
#endif

namespace basin::detail {

#ifdef BASIN_ADDRESS_SANITIZER
inline constexpr bool poisons = true;
/// These bytes are handed out.
inline void mark_used(void* memory, std::size_t bytes) { __asan_unpoison_memory_region(memory, bytes); }
/// These bytes are nobody's.
inline void mark_unused(void* memory, std::size_t bytes) { __asan_poison_memory_region(memory, bytes); }
/// Whether this byte is nobody's, as far as anybody knows; for tests.
[[nodiscard]] inline bool is_unused(const void* byte) { return __asan_address_is_poisoned(byte) != 0; }
#else
inline constexpr bool poisons = false;
inline void mark_used(void*, std::size_t) {}
inline void mark_unused(void*, std::size_t) {}
[[nodiscard]] inline bool is_unused(const void*) { return false; }
#endif

}  // namespace basin::detail
