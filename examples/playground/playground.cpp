// The automata and the digit reader of the playground (docs/playground.md), for a browser: one header a scene, each
// with the functions that its JavaScript calls. build.sh compiles it to WebAssembly.

#include "digits.hpp"
#include "grow.hpp"
#include "life.hpp"
