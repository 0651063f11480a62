#!/bin/sh
# What a user of nca_digits relies on: sh nca_digits.sh <program> <folder to work in>
. "$(dirname "$0")/expect.sh"

small="--iterations 8 --steps 6 --batch 8 --pool 24 --test-images 20"

"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors digits.gif digits.png accuracy.png loss.png
measured one dataset parameters iterations cell_accuracy_best agreement_best cell_accuracy_at_200 agreement_at_200 \
  train_seconds peak_rss_bytes
[ "$(value one parameters)" = 22499 ] || fail "$(value one parameters) parameters"
"$program" $small --threads 2 --out two >two.log
cmp one/checkpoint.safetensors two/checkpoint.safetensors || fail "two threads give another checkpoint than one"
stopped_and_resumed $small
cmp one/checkpoint.safetensors stopped/checkpoint.safetensors || fail "a resumed run gives another checkpoint"
"$program" --evaluate one/checkpoint.safetensors --test-images 20 --out evaluated >evaluated.log
[ "$(value evaluated cell_accuracy_at_200)" = "$(value one cell_accuracy_at_200)" ] ||
  fail "evaluated: $(value evaluated cell_accuracy_at_200), in the run: $(value one cell_accuracy_at_200)"

refused 'iterations' --iterations 0
refused 'no-such-folder' --data no-such-folder
refused 'no-such-file' --resume no-such-file
refused 'batch is 30, expected at most --pool, 24' --batch 30 --pool 24
printf 'nca_digits: all as expected\n'
