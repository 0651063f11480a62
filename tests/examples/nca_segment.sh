#!/bin/sh
# What a user of nca_segment relies on: sh nca_segment.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; it learns what is ground; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--iterations 10 --batch 3 --steps 1,2,1,2"
measuring="--test-images 4 --memory-side 0"

# shellcheck disable=SC2086  # several words
"$program" $small --test-images 4 --memory-side 64 --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors levels.png large.png loss.png
measured one mean_dice mean_iou pixel_accuracy parameters iterations train_seconds peak_rss_bytes
[ "$(value one parameters)" = 8512 ] || fail "$(value one parameters) parameters"
for condition in side_256 noise_fourfold shapes_1.5_times_as_large gradient_bytes unet_gradient_bytes; do
  grep -q "\"$condition\"" one/metrics.json || fail "metrics.json does not tell of $condition"
done
# shellcheck disable=SC2086
"$program" $small $measuring --threads 2 --out two >two.log
same one two
for signal in TERM KILL; do
  # shellcheck disable=SC2086
  stopped_and_resumed $signal $small $measuring
  same one stopped
  measured stopped train_seconds
  all_told
done
# shellcheck disable=SC2086
"$program" --evaluate one $measuring --out evaluated >evaluated.log
[ "$(value evaluated mean_dice)" = "$(value one mean_dice)" ] ||
  fail "evaluated: $(value evaluated mean_dice), in the run: $(value one mean_dice)"
# shellcheck disable=SC2086
"$program" --evaluate one $measuring --held-back --out held >held.log
[ "$(value held mean_dice)" != "$(value one mean_dice)" ] || fail "held-back images are those of the test"

# shellcheck disable=SC2086
"$program" --steps 0,0,0,3 --iterations 3 --batch 2 $measuring --out alone >alone.log  # the image alone
# It learns: what is ground and what is not, if not yet which shape.
# shellcheck disable=SC2086
"$program" --iterations 250 --batch 4 --steps 2,3,2,2 --test-images 20 --memory-side 0 --out learnt >learnt.log
awk -v reached="$(value learnt mean_iou)" 'BEGIN { exit !(reached > 0.22) }' ||  # all ground: below 0.2
  fail "250 iterations reach a mean IoU of $(value learnt mean_iou)"
watched --evaluate one

refused 'iterations' --iterations 0
refused 'number of grids of --steps is 2, expected 4' --steps 3,4
refused "a number of --steps is 'x', expected a whole number" --steps 1,2,3,x
refused 'no-such-file' --resume no-such-file
refused 'one of them' --resume one --evaluate one
refused 'memory for --' --steps 1,2,3,100000 --memory-side 8192
printf 'nca_segment: all as expected\n'
