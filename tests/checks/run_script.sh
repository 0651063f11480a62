#!/bin/sh
# What a user of examples/run.sh relies on: sh run_script.sh <source> <folder to work in>
# With programs of its own and a CMake that only says that it was called.
set -eu

source=$1
work=$2
rm -rf "$work"
mkdir -p "$work/examples/playground" "$work/examples/device" "$work/.ci" "$work/build/release/examples" "$work/commands" "$work/elsewhere"
cp "$source/examples/run.sh" "$work/examples"
cp "$source/.ci/build.sh" "$work/.ci"
cd "$work"

fail() {
  printf 'run.sh: %s\n' "$*" >&2
  exit 1
}

touch examples/deq_digits.cpp examples/nca_grow.cpp
for name in deq_digits nca_grow; do
  printf '#!/bin/sh\necho "%s $* in $PWD"\n' "$name" >"build/release/examples/$name"
  chmod +x "build/release/examples/$name"
done
printf '#!/bin/sh\necho "$*" >>"%s/built"\n' "$work" >commands/cmake
printf 'echo "$*" >>built\n' >examples/playground/build.sh
printf 'echo "$*" >>built\n' >examples/device/build.sh
printf 'echo "device $*"\n' >examples/device/run.sh
for name in em++ python3 arm-none-eabi-g++ qemu-system-arm; do printf '#!/bin/sh\necho "%s $*"\n' "$name" >"commands/$name"; done
chmod +x commands/*
PATH=$work/commands:$PATH

# said <expected words> <arguments>
said() {
  expected=$1
  shift
  out=$(cd elsewhere && sh ../examples/run.sh "$@") || fail "$* ended with $?: $out"
  [ "$out" = "$expected" ] || fail "$* says '$out', expected '$expected'"
}

if sh examples/run.sh NAEM >out 2>&1; then fail "took a program that is not there"; fi
grep -q "no program 'NAEM', expected one of: deq_digits nca_grow playground device$" out || fail "names no programs: $(cat out)"
[ ! -e built ] || fail "builds for a name that is wrong"

said "deq_digits --help in $work/elsewhere" --help
said "nca_grow --version in $work/elsewhere" nca_grow --version
said "nca_grow --steps 3 -h in $work/elsewhere" nca_grow --steps 3 -h
[ ! -e built ] || fail "builds for --help of a program that is there: $(cat built)"

said "deq_digits  in $work/elsewhere"
grep -q 'deq_digits' built || fail "without a name it does not build deq_digits: $(cat built)"
rm built
said "nca_grow --out a b in $work/elsewhere" nca_grow --out "a b"
grep -q 'nca_grow' built || fail "does not build what it runs: $(cat built)"

rm built
said "python3 examples/playground/serve.py build/playground --help" playground --help
[ ! -e built ] || fail "builds the playground for its --help: $(cat built)"
said "python3 examples/playground/serve.py build/playground --port 9" playground --port 9
[ "$(cat built)" = build/playground ] || fail "does not build the playground that it serves: $(cat built)"

rm built
said "sh examples/run.sh device [digits] [digits_8_bits] [ladybird]: docs/device.md says what these are" device --help
[ ! -e built ] || fail "builds the programs of a device for their --help: $(cat built)"
said "device build/device ladybird" device ladybird
[ "$(cat built)" = build/device ] || fail "does not build the programs of a device: $(cat built)"

rm built build/release/examples/nca_grow
if sh examples/run.sh nca_grow --help >out 2>&1; then fail "runs a program that was not built"; fi
[ -e built ] || fail "does not build for --help of a program that is not there"
printf 'run.sh: all as expected\n'
