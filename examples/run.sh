#!/bin/sh
# Trains a deep equilibrium model on handwritten digits: sh examples/run.sh [arguments of deq_digits]
# Installs what is missing to build it where that is Debian's apt-get, and asks for it elsewhere.
set -eu

directory=$PWD
cd "$(dirname "$0")/.."
. .ci/build.sh

provide "$build_packages"
build release --target deq_digits >&2
program=$PWD/build/release/examples/deq_digits
cd "$directory"
exec "$program" "$@"
