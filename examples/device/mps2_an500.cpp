// A bare Cortex-M7: what runs before main, a heap that is an array and is closed after the start, and a way to print
// and to end, by semihosting (Arm's "Semihosting for AArch32 and AArch64"), which debuggers and qemu understand.

#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "board.hpp"

int main();

extern "C" {
// Of mps2_an500.ld.
extern std::uint32_t data_from[], data_begin[], data_end[], bss_begin[], bss_end[], stack_begin[], stack_end[];
extern void (*const init_begin[])();
extern void (*const init_end[])();
[[noreturn]] void reset();
}

namespace {

constexpr std::byte untouched{0xA5};

int semihosting(int operation, const void* argument) {
  register int r0 asm("r0") = operation;
  register const void* r1 asm("r1") = argument;
  asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

void write(const char* text) { semihosting(0x04, text); }

[[noreturn]] void end(int status) {
  const std::uint32_t exit_of_application[] = {0x20026, static_cast<std::uint32_t>(status)};
  semihosting(0x20, exit_of_application);
  for (;;) {
  }
}

[[noreturn]] void fail(const char* why) {
  write("device: ");
  write(why);
  write("\n");
  end(1);
}

[[noreturn]] void fault() { fail("the processor met a fault"); }

std::size_t taken = 0;
bool closed = false;

// Of basin's errors: messages are put together in it.
alignas(8) std::byte of_messages[1024];
std::size_t taken_by_messages = 0;

void* take(std::size_t bytes, std::size_t alignment) {
  std::size_t& used = closed ? taken_by_messages : taken;
  const std::size_t begin = (used + alignment - 1) / alignment * alignment;
  const std::size_t size = closed ? sizeof of_messages : board::memory.size;
  if (bytes > size || begin > size - bytes) {
    board::say("device: %lu bytes were asked for %s", static_cast<unsigned long>(bytes),
               closed ? "after the start" : "beyond the program's memory");
    end(1);
  }
  used = begin + bytes;
  return (closed ? of_messages : board::memory.first) + begin;
}

/// Bytes from the first that was touched to the end, or from the begin to the last.
std::size_t touched_from_end(const std::byte* begin, const std::byte* end) {
  return static_cast<std::size_t>(end - std::find_if(begin, end, [](std::byte b) { return b != untouched; }));
}
std::size_t touched_from_begin(const std::byte* begin, const std::byte* end) {
  while (end != begin && end[-1] == untouched) --end;
  return static_cast<std::size_t>(end - begin);
}

[[gnu::section(".vectors"), gnu::used]] const void* const vectors[] = {
    stack_end,
    reinterpret_cast<const void*>(&reset),
    reinterpret_cast<const void*>(&fault),  // not maskable
    reinterpret_cast<const void*>(&fault),  // hard
    reinterpret_cast<const void*>(&fault),  // of memory
    reinterpret_cast<const void*>(&fault),  // of the bus
    reinterpret_cast<const void*>(&fault),  // of usage
};

}  // namespace

extern "C" void reset() {
  // Floating-point numbers for all (CPACR).
  *reinterpret_cast<volatile std::uint32_t*>(0xE000ED88) |= 0xF00000;
  asm volatile("dsb\nisb");
  std::memcpy(data_begin, data_from, static_cast<std::size_t>(data_end - data_begin) * 4);
  std::memset(bss_begin, 0, static_cast<std::size_t>(bss_end - bss_begin) * 4);
  auto* const here = static_cast<std::byte*>(__builtin_frame_address(0));
  std::fill(reinterpret_cast<std::byte*>(stack_begin), here - 256, untouched);
  std::fill_n(board::memory.first, board::memory.size, untouched);
  for (const auto* init = init_begin; init != init_end; ++init) (*init)();
  end(main());
}

namespace board {

void say(const char* format, ...) {
  char line[200];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  write(line);
  write("\n");
}

void no_heap_from_now_on() { closed = true; }

void say_memory_used() {
  if (taken_by_messages > 0) fail("memory was taken after the start");
  const auto* const stack = reinterpret_cast<const std::byte*>(stack_begin);
  const auto number = [](std::size_t n) { return static_cast<unsigned long>(n); };  // small libraries know no %zu
  say("memory: %lu bytes, of which %lu were touched; of the stack %lu", number(memory.size),
      number(touched_from_begin(memory.first, memory.first + memory.size)),
      number(touched_from_end(stack, reinterpret_cast<const std::byte*>(stack_end))));
}

}  // namespace board

// The heap, in place of the library's. Nothing is given back: what is taken at the start stays.

void* operator new(std::size_t bytes) { return take(bytes, 8); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return take(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return take(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void*) noexcept {}
void operator delete(void*, std::size_t) noexcept {}
void operator delete(void*, std::align_val_t) noexcept {}
void operator delete(void*, std::size_t, std::align_val_t) noexcept {}

extern "C" {

void* malloc(std::size_t bytes) { return take(bytes, 8); }
void free(void*) {}
void* realloc(void*, std::size_t) { fail("realloc is not there"); }
void* _malloc_r(struct _reent*, std::size_t bytes) { return take(bytes, 8); }
void _free_r(struct _reent*, void*) {}
void* _realloc_r(struct _reent*, void*, std::size_t) { fail("realloc is not there"); }

// What writes to standard error writes here; there are no files.
int _write(int, const char* text, int size) {
  for (int i = 0; i < size; ++i) semihosting(0x03, text + i);
  return size;
}
int _read(int, char*, int) { return -1; }
int _close(int) { return -1; }
int _fstat(int, void*) { return -1; }
int _isatty(int) { return 0; }
int _lseek(int, int, int) { return -1; }

void abort() { fail("aborted"); }
void _exit(int status) { end(status); }

// Nothing is destroyed, as the program never ends.
void* __dso_handle = nullptr;
int __aeabi_atexit(void*, void (*)(void*), void*) { return 0; }

}  // extern "C"
