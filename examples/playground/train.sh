#!/bin/sh
# How the models of the playground were trained: sh train.sh <folder with MNIST's four files> <folder to work in>
# Takes build/release/examples (sh examples/run.sh nca_grow --help builds one of them), and most of an hour on a core.
set -eu

mnist=$1
work=$2
here=$(cd "$(dirname "$0")" && pwd)
programs=$here/../../build/release/examples
mkdir -p "$work"

# A ladybird of 30 x 30 cells, which the program draws.
"$programs/nca_grow" --regime regenerating --size 30 --padding 8 --min-steps 48 --max-steps 72 --minutes 55 \
  --iterations 100000 --out "$work/grow" --export "$work/ladybird"
python3 "$here/theta_file.py" "$work/ladybird.safetensors" "" "$here/page/ladybird.f32"

# The model of deq_digits, of which more than by default sees digits that are cut.
"$programs/deq_digits" --data "$mnist" --epochs 6 --truncate 0.2 --out "$work/digits"
python3 "$here/theta_file.py" "$work/digits/checkpoint.safetensors" average.parameters. \
  "$here/page/digits.f32"
