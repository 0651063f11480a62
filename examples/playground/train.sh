#!/bin/sh
# How the models of the playground were trained:
#   sh train.sh <folder with MNIST's four files> <folder with train_*.csv.gz, puzzles of Sudoku> <folder to work in>
# Takes build/release/examples (sh examples/run.sh nca_grow --help builds one of them), and three hours on a core.
set -eu

mnist=$1
puzzles=$2
work=$3
here=$(cd "$(dirname "$0")" && pwd)
programs=$here/../../build/release/examples
mkdir -p "$work"

# A ladybird of 24 x 24 cells, which the program draws.
"$programs/nca_grow" --regime regenerating --size 24 --padding 6 --min-steps 40 --max-steps 56 --pool 512 --minutes 13 --threads 1 \
  --iterations 100000 --out "$work/grow" --export "$work/ladybird"
python3 "$here/theta_file.py" "$work/ladybird.safetensors" "" "$here/page/ladybird.f32"

# A fish.
python3 "$here/fish.py" "$work/fish.png"
"$programs/nca_grow" --target "$work/fish.png" --regime regenerating --size 24 --padding 6 --min-steps 40 --max-steps 56 --pool 512 \
  --minutes 17 --threads 1 --iterations 100000 --out "$work/grow_fish" --export "$work/fish"
python3 "$here/theta_file.py" "$work/fish.safetensors" "" "$here/page/fish.f32"

# The model of deq_digits, of which more than by default sees digits that are cut.
"$programs/deq_digits" --data "$mnist" --epochs 6 --truncate 0.2 --out "$work/digits"
python3 "$here/theta_file.py" "$work/digits/checkpoint.safetensors" average.parameters. \
  "$here/page/digits.f32"

# The rule of deq_mazes.
"$programs/deq_mazes" --full --train-loops 0.3 --threads 1 --out "$work/mazes"
python3 "$here/theta_file.py" "$work/mazes/checkpoint.safetensors" "" "$here/page/maze.f32"

# The rule of deq_sudoku, on 20,000 expert puzzles made by qqwing (docs/deq_sudoku.md).
"$programs/deq_sudoku" --full --data "$puzzles" --threads 1 --out "$work/sudoku"
python3 "$here/theta_file.py" "$work/sudoku/checkpoint.safetensors" average.parameters. "$here/page/sudoku.f32"

# The rule of metanca_mnist, for a quarter of the iterations; in halves, which cost nothing.
"$programs/metanca_mnist" --data "$mnist" --iterations 4000 --pool-iterations 400 --threads 1 --out "$work/network"
python3 "$here/theta_file.py" "$work/network/checkpoint.safetensors" "" "$here/page/network.f16"
