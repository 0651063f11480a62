#pragma once

// What the programs of this folder need of the machine they run on. mps2_an500.cpp is a bare Cortex-M7, desktop.cpp the
// machine at hand, which gives the same answers to compare with.

#include <cstddef>

namespace board {

/// Writes a line.
[[gnu::format(printf, 1, 2)]] void say(const char* format, ...);

/// All memory that a program may take from the heap; the program defines it.
struct Memory {
  std::byte* first;
  std::size_t size;
};
extern const Memory memory;

/// From here on who takes memory ends the program.
void no_heap_from_now_on();

/// Says how much of the memory and of the stack was touched, as far as the machine knows.
void say_memory_used();

}  // namespace board

/// Makes `bytes` the size of the program's memory, and defines it.
#define DEVICE_MEMORY(bytes)                                            \
  alignas(64) [[gnu::section(".arena")]] static std::byte arena[bytes]; \
  const board::Memory board::memory { arena, bytes }
