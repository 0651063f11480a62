#!/bin/sh
# Builds and runs a program of this folder: sh examples/run.sh [program] [arguments of the program]
# Without a name, deq_digits: trains a deep equilibrium model on handwritten digits.
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
    if [ ! -e "examples/$name.cpp" ]; then
      fail "there is no program '$name', expected one of: $(echo examples/*.cpp | sed 's/examples\///g; s/\.cpp//g')"
    fi
    ;;
esac
program=$PWD/build/release/examples/$name

# What only asks is answered at once by a program that is there, even if it is not the newest.
asks=
for argument in "$@"; do
  case $argument in --help | -h | --version) asks=yes ;; esac
done
if [ -z "$asks" ] || [ ! -x "$program" ]; then
  provide "$build_packages"
  build release --target "$name" >&2
fi
cd "$directory"
exec "$program" "$@"
