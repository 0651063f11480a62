#pragma once

// The language that all headers are written in. It is the first that each of them reaches, so that a compiler that was
// not asked for C++20 says so in its first line, and then stops.

#if __cplusplus < 202002L
#error "basin needs C++20: compile with -std=c++20"
#include "basin needs C++20: compile with -std=c++20"  // #error alone would not stop, a file that is not there does
#endif
