#!/bin/sh
# Builds and runs a program of this folder: sh examples/run.sh [program] [arguments of the program]
# Without a name, deq_digits: trains a deep equilibrium model on handwritten digits.
# Installs what is missing to build it where that is Debian's apt-get, and asks for it elsewhere.
set -eu

directory=$PWD
cd "$(dirname "$0")/.."
. .ci/build.sh

name=deq_digits
if [ $# -gt 0 ] && [ -e "examples/$1.cpp" ]; then
  name=$1
  shift
fi

provide "$build_packages"
build release --target "$name" >&2
program=$PWD/build/release/examples/$name
cd "$directory"
exec "$program" "$@"
