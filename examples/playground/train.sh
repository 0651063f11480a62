#!/bin/sh
# How the models of the playground were trained: sh train.sh <folder with MNIST's four files> <folder to work in>
# Takes build/release/examples (sh examples/run.sh nca_grow --help builds one of them), and half an hour on a core.
set -eu

mnist=$1
work=$2
here=$(cd "$(dirname "$0")" && pwd)
programs=$here/../../build/release/examples
mkdir -p "$work"

# A ladybird of 24 x 24 cells, which the program draws.
"$programs/nca_grow" --regime regenerating --size 24 --padding 6 --min-steps 40 --max-steps 56 --pool 512 --minutes 13 --threads 1 \
  --iterations 100000 --out "$work/grow" --export "$work/ladybird"
python3 "$here/theta_file.py" "$work/ladybird.safetensors" "" "$here/page/ladybird.f32"

# The model of deq_digits, of which more than by default sees digits that are cut.
"$programs/deq_digits" --data "$mnist" --epochs 6 --truncate 0.2 --out "$work/digits"
python3 "$here/theta_file.py" "$work/digits/checkpoint.safetensors" average.parameters. \
  "$here/page/digits.f32"
