#!/bin/sh
# What a user of metanca_iris relies on: sh metanca_iris.sh <program> <folder to work in>
# A run gives the same rules, to the last byte, on one thread or two, and after a stop and a resume; it learns; and what
# is wrong is refused.
. "$(dirname "$0")/expect.sh"

small="--iterations 150 --pool-iterations 150 --seeds 1 --samples 4 --horizon 30"

"$program" $small --threads 1 --out one >one.log
written one metrics.json updates.png loss.png with_pool.safetensors without_pool.safetensors
for key in test_accuracy updates_to_least_median within_a_tenth_median within_a_tenth_lower_quartile; do
  grep -q "\"$key\": " one/metrics.json || fail "metrics.json lacks $key"
done
"$program" $small --threads 2 --out two >two.log
cmp one/with_pool.safetensors two/with_pool.safetensors || fail "two threads give another rule than one"
accuracy=$(sed -n 's/^ *"test_accuracy": \([^,]*\),$/\1/p' one/metrics.json | head -n 1)
awk -v accuracy="$accuracy" 'BEGIN { exit !(accuracy > 0.6) }' || fail "it reaches only $accuracy"

# Four trainings: stopped in one of them, or with some that have not begun, a run goes on to the same end.
few="--iterations 12 --pool-iterations 12 --seeds 2"
measuring="--threads 1 --samples 1 --updates 5 --horizon 10"
# as_few <folder>: holds what the run into the folder few holds
as_few() {
  for training in seed1_with_pool seed1_without_pool seed2_with_pool seed2_without_pool; do
    same few "$1" checkpoint_$training.safetensors
  done
  for run in few "$1"; do
    grep -v 'seconds\|_bytes\|"from"\|"to"\|"end"\|"threads"\|[]{}[]' "$run/metrics.json" >figures_$run
  done
  cmp figures_few "figures_$1" || fail "$1 measures other figures than few"
}
"$program" $few $measuring --out few >few.log
for signal in TERM HUP KILL; do
  stopped_and_resumed $signal $few $measuring
  as_few stopped
  written stopped loss.png
  # One that is killed after the last iteration of a training has no more to tell of it.
  [ "$signal" = KILL ] || [ "$(grep -c '"end": "finished"' stopped/metrics.json)" -ge 4 ] ||
    fail "metrics.json does not tell of all sessions"
done
mkdir part
cp few/checkpoint_seed1_*.safetensors part
"$program" --resume part $measuring --out part >part.log
as_few part

refused 'expected the folder' --resume few/checkpoint_seed1_with_pool.safetensors
refused 'no folder' --resume no-such-folder
mkdir empty
refused 'has no checkpoint of metanca_iris' --resume empty
# wrong <file>: the folder wrong, with this file as a checkpoint of a training
wrong() {
  rm -rf wrong
  mkdir wrong
  cp "$1" wrong/checkpoint_seed1_with_pool.safetensors
}
wrong few/with_pool.safetensors
refused 'program that wrote the checkpoint is not said' --resume wrong
wrong few/metrics.json
refused 'no checkpoint of basin' --resume wrong
wrong few/checkpoint_seed1_with_pool.safetensors
damage wrong/checkpoint_seed1_with_pool.safetensors
refused 'the checkpoint is damaged' --resume wrong
wrong few/checkpoint_seed2_with_pool.safetensors
refused 'data set of the checkpoint' --resume wrong
cp one/checkpoint_seed1_without_pool.safetensors wrong
refused "setting 'iterations' of the checkpoint is" --resume wrong
refused "noise is 'nan'" --noise nan
refused 'horizon' --updates 20 --horizon 10
refused 'seeds' --seeds 0
refused 'noise' --noise -1
printf 'metanca_iris: all as expected\n'
