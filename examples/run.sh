#!/bin/sh
# Builds and runs a program of this folder: sh examples/run.sh [program] [arguments of the program]
# Without a name, deq_digits: trains a deep equilibrium model on handwritten digits. The playground is a page, which is
# made and served; device, programs for a microcontroller, which run on an emulated one.
# Installs what is missing to build it where that is Debian's apt-get, and asks for it elsewhere.
set -eu

directory=$PWD
cd "$(dirname "$0")/.."
. .ci/build.sh

name=deq_digits
case ${1:-} in
  '' | -*) ;;
  *)
    name=$1
    shift
    if [ ! -e "examples/$name.cpp" ] && [ "$name" != playground ] && [ "$name" != device ]; then
      fail "there is no program '$name', expected one of: $(echo examples/*.cpp | sed 's/examples\///g; s/\.cpp//g')" \
        "playground device"
    fi
    ;;
esac
program=$PWD/build/release/examples/$name

# What only asks is answered at once by a program that is there, even if it is not the newest.
asks=
for argument in "$@"; do
  case $argument in --help | -h | --version) asks=yes ;; esac
done
if [ "$name" = playground ]; then
  if [ -z "$asks" ]; then
    provide "$page_packages"
    printf 'building the playground, which takes about a minute\n' >&2
    sh examples/playground/build.sh build/playground
  fi
  exec python3 examples/playground/serve.py build/playground "$@"
fi
if [ "$name" = device ]; then
  if [ -n "$asks" ]; then
    printf 'sh examples/run.sh device [digits] [digits_8_bits] [ladybird]: docs/device.md says what these are\n'
    exit 0
  fi
  provide "$device_packages"
  printf 'building the programs for a Cortex-M7, which takes about half a minute\n' >&2
  sh examples/device/build.sh build/device
  exec sh examples/device/run.sh build/device "$@"
fi
if [ -z "$asks" ] || [ ! -x "$program" ]; then
  provide "$build_packages"
  build release --target "$name" >&2
fi
cd "$directory"
exec "$program" "$@"
