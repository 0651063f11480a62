#!/bin/sh
# What a user of nca_digits relies on: sh nca_digits.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--iterations 8 --steps 6 --batch 8 --pool 24 --test-images 20"

"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors digits.gif digits.png accuracy.png loss.png
measured one dataset parameters iterations cell_accuracy_best agreement_best cell_accuracy_at_200 agreement_at_200 \
  train_seconds peak_rss_bytes
[ "$(value one parameters)" = 22499 ] || fail "$(value one parameters) parameters"
"$program" $small --threads 2 --out two >two.log
same one two
measuring="--test-images 20"
for signal in TERM HUP KILL; do
  stopped_and_resumed $signal $small
  same one stopped
  measured stopped train_seconds
  all_told
done
"$program" --evaluate one/checkpoint.safetensors --test-images 20 --out evaluated >evaluated.log
[ "$(value evaluated cell_accuracy_at_200)" = "$(value one cell_accuracy_at_200)" ] ||
  fail "evaluated: $(value evaluated cell_accuracy_at_200), in the run: $(value one cell_accuracy_at_200)"
watched --evaluate one

refused 'iterations' --iterations 0
refused 'no-such-folder' --data no-such-folder
refused 'no-such-file' --resume no-such-file
refused 'batch is 30, expected at most --pool, 24' --batch 30 --pool 24
refused "rate is 'nan'" --resume one --rate nan
refused "length of 'labels' is 24, expected 25" --resume one --pool 25
refused 'one of them' --resume one --evaluate one
digit_files 0
refused 'training images is 0, expected at least 1' --data digits
printf '{}' >other.json
refused 'no checkpoint of basin' --evaluate other.json
printf 'nca_digits: all as expected\n'
