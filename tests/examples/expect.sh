# For the tests of example programs, which source this: sh <test> <program> <folder to work in>
# They begin in an empty folder, with $program.

set -eu

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

# refused <what the message must say> <arguments>
refused() {
  wanted=$1
  shift
  if "$program" --out refused "$@" >refused.log 2>&1; then fail "took $*"; fi
  grep -q -- "$wanted" refused.log || fail "$* was refused without '$wanted': $(cat refused.log)"
}

# stopped_and_resumed <arguments>: a run into the folder stopped, interrupted as soon as it says that it begins to train
stopped_and_resumed() {
  rm -f said
  mkfifo said
  exec 3<>said
  "$program" "$@" --out stopped >said &
  read -r line <said || fail "a run said nothing"
  kill -TERM $!
  status=0
  wait $! || status=$?
  exec 3<&-
  case $status in
    0) ;;  # it had come to its end
    130)
      [ ! -e stopped/metrics.json ] || fail "a run that was stopped has written its results"
      "$program" --resume stopped/checkpoint.safetensors --out stopped >resumed.log
      ;;
    *) fail "a run that was stopped ended with status $status" ;;
  esac
}
