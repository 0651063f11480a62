# For the tests of example programs, which source this: sh <test> <program> <folder to work in>
# They begin in an empty folder, with $program.

set -eu

here=$(cd "$(dirname "$0")" && pwd)
program=$1
work=$2
name=$(basename "$program")
rm -rf "$work"
mkdir -p "$work"
cd "$work"

fail() {
  printf '%s: %s\n' "$name" "$*" >&2
  exit 1
}

# value <folder> <key>: a number of metrics.json
value() {
  sed -n "s/^  \"$2\": \\([^,]*\\),*$/\\1/p" "$1/metrics.json"
}

# written <folder> <file>...
written() {
  folder=$1
  shift
  for file in "$@"; do
    [ -s "$folder/$file" ] || fail "$folder/$file is missing or empty"
  done
}

# measured <folder> <key>...
measured() {
  folder=$1
  shift
  for key in "$@"; do
    [ -n "$(value "$folder" "$key")" ] || fail "metrics.json lacks $key"
  done
}

# refused <what the message must say> <arguments>: by status 1, or 2 where a message names an option
refused() {
  wanted=$1
  shift
  status=0
  "$program" --out refused "$@" >refused.log 2>&1 || status=$?
  [ "$status" -ne 0 ] || fail "took $*"
  [ "$status" -le 2 ] || fail "$* ended with status $status"
  grep -q -- "$wanted" refused.log || fail "$* was refused without '$wanted': $(cat refused.log)"
}

# watched <arguments>: with --live and these, the program shows its system in a terminal; $at_rest may be "rest", for one
# that need not change
watched() {
  if command -v python3 >/dev/null 2>&1; then
    python3 "$here/live.py" "${at_rest:-look}" "$program" --live "$@" >watched.log 2>&1 || fail "--live $*: $(cat watched.log)"
  else
    echo "no python3 here: --live is not tried"
  fi
}

# digit_files <count>: a folder digits with four files as MNIST has them, of so many blank images, all of them zeros; at
# most 255
digit_files() {
  octal=$(printf '\\%03o' "$1")
  mkdir digits
  for set in train t10k; do
    printf "\\0\\0\\010\\003\\0\\0\\0$octal\\0\\0\\0\\034\\0\\0\\0\\034" >digits/$set-images-idx3-ubyte
    head -c $(($1 * 784)) /dev/zero >>digits/$set-images-idx3-ubyte
    printf "\\0\\0\\010\\001\\0\\0\\0$octal" >digits/$set-labels-idx1-ubyte
    head -c "$1" /dev/zero >>digits/$set-labels-idx1-ubyte
  done
}

# damage <checkpoint>: other bytes at the end of its last array
damage() {
  printf '\377\377\377\377' | dd of="$1" bs=1 seek=$(($(wc -c <"$1") - 4)) conv=notrunc 2>/dev/null
}

# same <folder> <folder> [<file>]: their checkpoints hold the same, to the last bit
same() {
  "$SAME_CHECKPOINT" "$1/${3:-checkpoint.safetensors}" "$2/${3:-checkpoint.safetensors}" ||
    fail "$2 has another ${3:-checkpoint.safetensors} than $1"
}

# begun <program> <arguments>: starts it and waits for its first line, in $line; its process is $!, and what else it
# writes can be read from said, until file 3 is closed.
begun() {
  rm -f said
  mkfifo said
  exec 3<>said
  "$@" >said 2>said.err &
  read -r line <said || fail "a run said nothing"
}

# until_written <folder> [<tenths of a second>]: waits until something is in it, at most so long, or ten seconds.
until_written() {
  for tenth in $(seq "${2:-100}"); do
    if [ -n "$(ls "$1" 2>/dev/null)" ]; then break; fi
    sleep 0.1
  done
}

# stopped_and_resumed <signal> <arguments>: a run into the folder stopped, ended by a signal as soon as it says that it
# begins to train, and then resumed, with $measuring if that is set: options that a checkpoint does not keep. One that is
# killed writes a checkpoint as often as it can.
stopped_and_resumed() {
  signal=$1
  shift
  rm -rf stopped
  often=
  if [ "$signal" = KILL ]; then often='--checkpoint-minutes 1e-9'; fi
  # shellcheck disable=SC2086  # two words or none
  begun "$program" "$@" $often --out stopped
  if [ "$signal" = KILL ]; then until_written stopped 10; fi
  # On a busy machine all may be trained and written by now, and only the end of the process is missing.
  outran=
  if [ -e stopped/metrics.json ]; then outran=yes; fi
  # Twice, as timeout(1) and a terminal that closes do.
  kill -"$signal" $! 2>/dev/null || :
  kill -"$signal" $! 2>/dev/null || :
  status=0
  wait $! || status=$?
  exec 3<&-
  case $status in
    0) return ;;  # it had come to its end
    129 | 137 | 143) ;;
    *) fail "a run ended by SIG$signal has status $status: $(cat said.err)" ;;
  esac
  if [ -e stopped/metrics.json ]; then
    [ -n "$outran" ] || fail "a run that was stopped has written its results"
    return
  fi
  # Killed before its first checkpoint, it begins anew.
  if [ -n "$(ls stopped 2>/dev/null | grep 'safetensors$')" ]; then
    "$program" --resume stopped ${measuring:-} --out stopped >resumed.log
  elif [ "$signal" = KILL ]; then
    "$program" "$@" --out stopped >resumed.log
  else
    fail "a run ended by SIG$signal left no checkpoint"
  fi
}

# all_told: the results of stopped_and_resumed tell of its sessions up to the end. Of a run that was killed after its last
# iteration there is no more to tell.
all_told() {
  grep -q '"end": "finished"' stopped/metrics.json ||
    { [ "$signal" = KILL ] && grep -q '"end": "killed"' stopped/metrics.json; } ||
    fail "metrics.json does not tell of all sessions: $(cat stopped/metrics.json)"
}
