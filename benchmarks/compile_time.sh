#!/bin/sh
# Seconds that compiling takes, with the flags of the release preset, one compiler at a time: the median of five.
#
#   benchmarks/compile_time.sh            headers and programs
#   benchmarks/compile_time.sh --tests    also all tests of the release preset, built anew in a folder of their own
#
# CXX chooses the compiler; it is g++ otherwise.
set -eu
cd "$(dirname "$0")/.."

tests=no
for argument in "$@"; do
  if [ "$argument" != --tests ]; then
    echo "compile_time.sh: unknown argument '$argument', expected --tests or nothing" >&2
    exit 2
  fi
  tests=yes
done

compiler=${CXX:-g++}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# What Eigen alone takes is the floor for everything below it.
echo '#include <Eigen/Core>' > "$folder/Eigen.cpp"
echo '#include "basin/basin.hpp"' > "$folder/umbrella.cpp"
echo '#include "basin/deq/equilibrium.hpp"' > "$folder/equilibrium.cpp"
echo '#include "basin/nca/rollout.hpp"' > "$folder/rollout.cpp"

seconds() {  # of compiling $1
  for _ in 1 2 3 4 5; do
    start=$(date +%s%N)
    "$compiler" -std=c++20 -O3 -DNDEBUG -march=native -mtune=generic -fopenmp -Iinclude -isystem /usr/include/eigen3 \
      -c "$1" -o "$folder/out.o"
    end=$(date +%s%N)
    echo $((end - start))
  done | sort -n | awk 'NR == 3 { printf "%.2f", $1 / 1e9 }'
}

"$compiler" --version | head -1
echo
echo "| what | seconds |"
echo "|---|---|"
echo "| Eigen/Core alone | $(seconds "$folder/Eigen.cpp") |"
echo "| basin/basin.hpp, everything but io | $(seconds "$folder/umbrella.cpp") |"
echo "| basin/deq/equilibrium.hpp | $(seconds "$folder/equilibrium.cpp") |"
echo "| basin/nca/rollout.hpp | $(seconds "$folder/rollout.cpp") |"
echo "| benchmarks/deq/solve.cpp: an equilibrium, solved by three methods | $(seconds benchmarks/deq/solve.cpp) |"
echo "| benchmarks/nca/step.cpp: an automaton on two tapes | $(seconds benchmarks/nca/step.cpp) |"
if [ "$tests" = yes ]; then
  cmake --preset release -B "$folder/build" -DBASIN_EXAMPLES=OFF -DBASIN_BENCHMARKS=OFF > /dev/null
  start=$(date +%s)
  cmake --build "$folder/build" --parallel "$(nproc)" > /dev/null
  echo "| all tests of the release preset, on $(nproc) cores | $(($(date +%s) - start)) |"
fi
