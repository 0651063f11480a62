#!/bin/sh
# Looks for inputs that crash the readers of files: sh tests/fuzz.sh MINUTES [TARGET]...
# The targets are those of tests/fuzz, such as png; without one all of them, each for so many minutes, as many at a time
# as there are processors. A single target runs on all processors. What is found is kept in build/fuzz/found, and the next run
# goes on from it. Prints figures, and ends with 1 if there was a crash.
set -eu

cd "$(dirname "$0")/.."
. .ci/build.sh

known=$(find tests/fuzz -name 'fuzz_*.cpp' | sed 's/.*fuzz_\(.*\)\.cpp/\1/' | sort | tr '\n' ' ')
minutes=${1:-}
case $minutes in
  '' | *[!0-9.]*) fail "MINUTES is '$minutes', expected a number; then perhaps targets: $known" ;;
esac
shift
for target in "$@"; do
  case " $known" in
    *" $target "*) ;;
    *) fail "the target is '$target', expected one of: $known" ;;
  esac
done
targets=${*:-$known}
each=1
if [ $# -eq 1 ]; then each=$jobs; fi
seconds=$(awk -v minutes="$minutes" 'BEGIN { printf "%d", minutes * 60 + 0.5 }')

provide "$build_packages$test_packages"
# shellcheck disable=SC2046,SC2086  # words on purpose: several programs
build fuzz --target $(printf 'fuzz_%s ' $targets)

# build/fuzz/one <target> <number> <seconds>: one process
cat >build/fuzz/one <<'END'
target=$1
number=$2
program=build/fuzz/tests/fuzz/fuzz_$target
status=0
"$program" "-max_total_time=$3" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 -reload=1 \
  "-artifact_prefix=build/fuzz/found/$target/" "build/fuzz/found/$target/kept" "build/fuzz/found/$target/seeds" \
  >"build/fuzz/found/$target/log_$number" 2>&1 || status=$?
echo "$status" >"build/fuzz/found/$target/status_$number"
END
for target in $targets; do
  mkdir -p "build/fuzz/found/$target/kept"
  rm -f "build/fuzz/found/$target"/log_* "build/fuzz/found/$target"/status_*
  "build/fuzz/tests/fuzz/fuzz_$target" --seeds "build/fuzz/found/$target/seeds"
done
# shellcheck disable=SC2016  # $0 to $2 are for the inner shell
for target in $targets; do
  number=0
  while [ "$number" -lt "$each" ]; do
    printf '%s %s\n' "$target" "$number"
    number=$((number + 1))
  done
done | xargs -P "$jobs" -L 1 sh -c 'sh build/fuzz/one "$1" "$2" "$0"' "$seconds"

printf '\n%-16s %12s %10s %10s %8s %8s\n' target inputs seconds coverage kept crashes
bad=0
for target in $targets; do
  logs=build/fuzz/found/$target/log_
  inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs"* | awk '{ sum += $1 } END { printf "%d", sum }')
  coverage=$(sed -n 's/^#.* cov: \([0-9]*\) .*/\1/p' "$logs"* | sort -n | tail -n 1)
  crashes=$(cat "build/fuzz/found/$target"/status_* | grep -c -v '^0$' || :)
  kept=$(find "build/fuzz/found/$target/kept" -type f | wc -l)
  bad=$((bad + crashes))
  printf '%-16s %12s %10s %10s %8s %8s\n' "$target" "$inputs" "$seconds" "${coverage:-0}" "$kept" "$crashes"
done
if [ "$bad" -gt 0 ]; then
  printf '\nwhat crashed is in build/fuzz/found/<target>, with its log\n'
  exit 1
fi
