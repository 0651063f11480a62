#!/bin/sh
# Compares basin with other packages, side by side, and prints a table: benchmarks/peers/run.sh [options]
# `--help` says which there are. Installs what is missing where that is Debian's apt-get, builds the release preset's
# programs of this folder, and runs compare.py.
set -eu

directory=$PWD
cd "$(dirname "$0")/../.."
root=$PWD

for argument in "$@"; do
  if [ "$argument" = --help ] || [ "$argument" = -h ]; then exec /usr/bin/python3 benchmarks/peers/compare.py --help; fi
done

# Before anything is installed or built, and from where the caller's paths are meant.
(cd "$directory" && exec /usr/bin/python3 "$root/benchmarks/peers/compare.py" --check "$@")

. .ci/build.sh

# OpenBLAS, because without it NumPy and torch take the reference BLAS, which is many times slower.
peers="
python3-torch         installed
python3-scipy         installed
libopenblas0-pthread  installed
libdnnl-dev           installed
libsundials-dev       installed"

provide "$build_packages$peers"
build release --target benchmarks_peers >&2
cd "$directory"
exec /usr/bin/python3 "$root/benchmarks/peers/compare.py" "$@"
