// What the playground (docs/playground.md) computes in a browser: one header a scene, each with the functions that its
// JavaScript calls. build.sh compiles it to WebAssembly.

#include "digits.hpp"
#include "grow.hpp"
#include "life.hpp"
#include "maze.hpp"
#include "network.hpp"
#include "sudoku.hpp"
