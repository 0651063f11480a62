// The machine at hand in place of a board: the same programs, for the same answers.

#include <cstdarg>
#include <cstdio>

#include "board.hpp"

namespace board {

void say(const char* format, ...) {
  std::va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::putchar('\n');
}

void no_heap_from_now_on() {}

void say_memory_used() {}

}  // namespace board
