#!/bin/sh
# Which lines of include/basin the tests run: sh tests/coverage.sh [--missing]
# Builds the tests of the preset coverage, runs them, and prints lines, lines that were run, and percent for each folder,
# for io and for the rest; with --missing then each line that was not run. Ends with 1 if that is below 97 percent of io
# or below 95 of the rest. A line of a template counts once, and as run if it was in any of its instantiations.
set -eu

cd "$(dirname "$0")/.."
. .ci/build.sh

io_least=97
rest_least=95
missing=
if [ "$*" = --missing ]; then
  missing=yes
elif [ $# -gt 0 ]; then
  fail "the arguments are '$*', expected --missing or none"
fi

provide "$build_packages$test_packages
libomp-dev          links    clang++ -fopenmp
libclang-rt-dev     links    clang++ -fprofile-instr-generate
llvm                command  llvm-cov llvm-cov-14"
# The tools read what the clang++ of their own version writes.
version=$(clang++ -dumpversion)
tool() {
  if command -v "$1-${version%%.*}" >/dev/null 2>&1; then printf '%s-%s' "$1" "${version%%.*}"; else printf '%s' "$1"; fi
}

use_cache
build coverage

work=build/coverage/profiles
rm -rf "$work"
mkdir -p "$work"
# Each process adds its counts to the file of its program.
LLVM_PROFILE_FILE=$PWD/$work/%m.profraw ctest --preset coverage --parallel "$jobs" >"$work/log" || {
  cat "$work/log"
  fail 'a test failed'
}
"$(tool llvm-profdata)" merge -sparse "$work"/*.profraw -o "$work/all.profdata"
objects=$(find build/coverage/tests -maxdepth 1 -type f -name 'test_*' -perm -u+x | sort | sed 's/^/-object /')
# It warns of functions that one program has and another, for which it is known as well, has left out.
# shellcheck disable=SC2086  # words on purpose: several programs
"$(tool llvm-cov)" export -format=lcov "-instr-profile=$work/all.profdata" ${objects#-object } >"$work/lines" \
  2>"$work/warnings" || {
  cat "$work/warnings" >&2
  exit 1
}

awk -v io_least="$io_least" -v rest_least="$rest_least" -v missing="$missing" '
  function percent(run, all) { return all ? 100 * run / all : 100 }
  function row(name, run, all) { printf "%-12s %8d %8d %9.2f\n", name, all, run, percent(run, all) }
  /^SF:/ {
    file = $0
    ours = sub(/.*\/include\/basin\//, "", file)
  }
  ours && /^DA:/ {
    split(substr($0, 4), at, ",")
    line = file " " at[1]
    if (!(line in count)) {
      where[++lines] = line
      count[line] = 0
    }
    count[line] += at[2]
  }
  END {
    for (i = 1; i <= lines; ++i) {
      floor = where[i]
      if (!sub(/\/.*/, "", floor)) floor = "basin"
      if (!(floor in all)) floors[++number] = floor
      ++all[floor]
      run[floor] += count[where[i]] > 0
    }
    printf "%-12s %8s %8s %9s\n", "folder", "lines", "run", "percent"
    for (i = 1; i <= number; ++i) {
      floor = floors[i]
      row(floor, run[floor], all[floor])
      if (floor != "io") {
        rest_all += all[floor]
        rest_run += run[floor]
      }
    }
    print ""
    row("io", run["io"], all["io"])
    row("the rest", rest_run, rest_all)
    if (missing) {
      print ""
      for (i = 1; i <= lines; ++i) {
        if (count[where[i]]) continue
        split(where[i], at, " ")
        path = "include/basin/" at[1]
        if (path != opened) {
          if (opened) close(opened)
          opened = path
          read = 0
        }
        while (read < at[2] && (getline text < path) > 0) ++read
        printf "%s:%d:%s\n", path, at[2], text
      }
    }
    bad = !all["io"] || percent(run["io"], all["io"]) < io_least || percent(rest_run, rest_all) < rest_least
    if (bad) printf "\nexpected %s percent of io and %s of the rest\n", io_least, rest_least
    exit bad
  }' "$work/lines"
