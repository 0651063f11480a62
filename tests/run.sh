#!/bin/sh
# All tests: those of an optimized build, the same under the address and undefined behaviour sanitizers, and those of
# threads under the thread sanitizer. The last line is "N passed, M failed".
# Installs what is missing where that is Debian's apt-get, and asks for it elsewhere. What an earlier run compiled, in
# whichever clone, is taken from ccache.
set -eu

# The thread sanitizer of gcc 12 cannot start where the kernel scatters memory over more than 28 bits of addresses.
bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)
if [ "$bits" -gt 28 ] && [ "$(cat /proc/self/personality)" = 00000000 ] && setarch "$(uname -m)" -R true; then
  exec setarch "$(uname -m)" -R sh "$0" "$@"
fi

cd "$(dirname "$0")/.."
. .ci/build.sh

provide "$build_packages$test_packages" "$check_packages"
use_cache
if [ -n "$launcher" ]; then ccache --zero-stats >/dev/null; fi

passed=0
failed=0
stages=

# stage <name> <since>: notes how long a stage took, since the second <since>
stage() {
  stages="$stages$(printf '%5d s  %s' $(($(date +%s) - $2)) "$1")
"
}

# As many tests run at a time as there are processors, and some have several threads: those that wait must not spin.
export OMP_WAIT_POLICY=passive

# check <preset> [<tests at a time>]: builds and tests it. A preset that does not build counts as one failure, and the next
# has its turn.
check() {
  preset=$1
  printf '\n== %s\n' "$preset"
  begin=$(date +%s)
  if ! build "$preset"; then
    printf '%s: the preset %s does not build\n' "$0" "$preset" >&2
    failed=$((failed + 1))
    return
  fi
  stage "$preset: build" "$begin"
  log=build/$preset/ctest.log
  begin=$(date +%s)
  status=0
  ctest --preset "$preset" --parallel "${2:-$jobs}" --output-log "$log" || status=$?
  stage "$preset: tests" "$begin"
  # Seconds times processors by label, which tests of a stage to look at first; and which tests failed, because in a long
  # log the end is what a reader sees.
  stages="$stages$(sed -n -e '/(Skipped)$/d' \
    -e 's/^[[:space:]]*[0-9]* - \(.*(.*)\)$/           failed: \1/p' \
    -e 's/^\([a-z_]*\) *= *\([0-9]*\)[.0-9]* sec\*proc.*/           of processors \2 s  \1/p' "$log")
"
  counts=$(sed -n 's/^[0-9]*% tests passed, \([0-9]*\) tests* failed out of \([0-9]*\)$/\1 \2/p' "$log")
  skipped=$(grep -c '\*\*\*Skipped' "$log" || :)
  failed_here=${counts% *}
  if [ -z "$counts" ] || { [ "$status" -ne 0 ] && [ "$failed_here" -eq 0 ]; }; then
    printf '%s: ctest gave up on the preset %s (status %s)\n' "$0" "$preset" "$status" >&2
    failed=$((failed + 1))
    return
  fi
  failed=$((failed + failed_here))
  passed=$((passed + ${counts#* } - failed_here - skipped))
}

check tests
check asan-ubsan
# A program under the thread sanitizer that had threads sleeps for a second at its end, in case one of them goes on.
check tsan $((4 * jobs))

printf '\n%s' "$stages"
if [ -n "$launcher" ]; then
  printf 'compiled now, or taken from the cache of an earlier run (CCACHE_DISABLE=1 compiles all):\n'
  ccache --show-stats
fi
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
