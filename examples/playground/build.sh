#!/bin/sh
# Makes the page of the playground: sh build.sh <folder>
# Needs em++ (emscripten) and Eigen's headers; EIGEN is the folder that has Eigen/Core, if it is another one.
set -eu

out=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
# em++ looks into no folder of this machine by itself. A name that ends in .wasm makes a module without JavaScript:
# page/basin.js loads it.
em++ -std=c++20 -O2 -msimd128 -fno-exceptions -fno-rtti -DNDEBUG -I"$here/../../include" \
  -isystem "${EIGEN:-/usr/include/eigen3}" "$here/playground.cpp" -o "$out/playground.wasm" --no-entry \
  -sALLOW_MEMORY_GROWTH=1
cp "$here"/page/* "$out"
