#!/bin/sh
# Kills a program at random moments and looks each time whether its file is whole.
#
#   sh tests/crash.sh N FILE CHECK PROGRAM [ARGUMENT...]
#
# starts PROGRAM N times, ends each by SIGKILL, and then runs CHECK, a line for the shell that succeeds if FILE is whole.
# The program is to go on from FILE where there is one; if it is a line of the shell, let it end with exec, so that the
# program itself is killed. Once FILE was there it has to stay, and no more than one temporary file may lie beside it.
#
#   CRASH_SECONDS   a program is killed within so many seconds of its start (1)
#   CRASH_SEED      of the moments (the time); it is printed
#
#   file=/tmp/state.safetensors
#   sh tests/crash.sh 50 $file "crash_writer check $file" crash_writer write $file

set -u
if [ $# -lt 4 ]; then
  sed -n 's/^# \{0,1\}//; 2,14p' "$0" >&2
  exit 2
fi
times=$1 file=$2 check=$3
shift 3
seconds=${CRASH_SECONDS:-1}
seed=${CRASH_SEED:-$(date +%s)}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fail() {
  echo "crash.sh: $*, after kill $kill of $times (CRASH_SEED=$seed)" >&2
  sed 's/^/  /' "$log" >&2
  exit 1
}

kill=0 seen=0 ended=0 caught=0
while [ "$kill" -lt "$times" ]; do
  kill=$((kill + 1))
  moment=$(awk -v seed="$seed$kill" -v most="$seconds" 'BEGIN { srand(seed); printf "%.4f", rand() * most }')
  "$@" >"$log" 2>&1 &
  process=$!
  sleep "$moment"
  kill -s KILL "$process" 2>/dev/null
  wait "$process" 2>/dev/null
  status=$?
  if [ "$status" -eq 0 ]; then
    ended=$((ended + 1))  # it was faster
  elif [ "$status" -ne 137 ]; then
    fail "the program ended by itself with status $status"
  fi

  if [ -e "$file" ]; then
    seen=1
    sh -c "$check" >"$log" 2>&1 || fail "$file is not whole"
  elif [ "$seen" -eq 1 ]; then
    fail "$file is gone"
  fi
  leftovers=$(find "$(dirname "$file")" -name "$(basename "$file").*.part" | wc -l)
  caught=$((caught + leftovers))
  [ "$leftovers" -le 1 ] || fail "$leftovers temporary files lie beside $file"
done
[ "$seen" -eq 1 ] || fail "$file was never there: CRASH_SECONDS is too short"
echo "crash.sh: $times kills, $caught of them in the midst of writing, and $file whole after each;" \
  "$ended times the program had ended (CRASH_SEED=$seed)"
