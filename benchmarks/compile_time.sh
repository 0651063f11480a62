#!/bin/sh
# Seconds of processor time that compiling takes, with the flags of the release preset: the median of five. The goals are
# for a quiet Zen 4 processor.
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

# seconds <source> <flags>: of processor time, which what else runs on the machine changes least
seconds() {
  for _ in 1 2 3 4 5; do
    # The second line of `times` is of what was started: "0m3.271s 0m0.210s", user and system.
    (
      "$compiler" -std=c++20 "$2" -DNDEBUG -march=native -mtune=generic -fopenmp -Iinclude -isystem /usr/include/eigen3 \
        -c "$1" -o "$folder/out.o"
      times
    ) | awk 'NR == 2 { split($1 "m" $2, t, /m|s/); print 60 * (t[1] + t[4]) + t[2] + t[5] }'
  done | sort -n | awk 'NR == 3 { printf "%.1f", $1 }'
}

# row <what> <source> <flags> <goal>
row() {
  taken=$(seconds "$2" "$3")
  missed=$(awk -v taken="$taken" -v goal="${4:-}" 'BEGIN { if (goal != "" && taken > goal) printf ", missed" }')
  echo "| $1 | $taken | ${4:-}$missed |"
}

"$compiler" --version | head -1
echo
echo "| what | seconds | goal |"
echo "|---|---|---|"
row "Eigen/Core alone" "$folder/Eigen.cpp" -O3
row "basin/basin.hpp, everything but io" "$folder/umbrella.cpp" -O3 2.7
row "basin/deq/equilibrium.hpp" "$folder/equilibrium.cpp" -O3
row "basin/nca/rollout.hpp" "$folder/rollout.cpp" -O3
row "benchmarks/deq/solve.cpp: an equilibrium, solved by three methods" benchmarks/deq/solve.cpp -O3 4.5
row "the same with -O2" benchmarks/deq/solve.cpp -O2 3.5
row "benchmarks/nca/step.cpp: an automaton on two tapes" benchmarks/nca/step.cpp -O3 10
if [ "$tests" = yes ]; then
  cmake --preset release -B "$folder/build" -DBASIN_EXAMPLES=OFF -DBASIN_BENCHMARKS=OFF > /dev/null
  start=$(date +%s)
  cmake --build "$folder/build" --parallel "$(nproc)" > /dev/null
  echo "| all tests of the release preset, seconds on $(nproc) cores | $(($(date +%s) - start)) | |"
fi
