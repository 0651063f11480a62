#!/bin/sh
# What a user of nca_autoencode relies on: sh nca_autoencode.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; what it learns comes through the hole; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

measuring="--test-images 20"
small="--size 6 --iterations 20 --batch 4 --pool 8 --steps 12 $measuring"

# shellcheck disable=SC2086  # several words, here and below
"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors passed.png passing.png passing.gif errors.png loss.png
measured one error error_in_ten_times_the_steps error_with_the_hole_shut error_of_the_mean_image \
  numbers_of_a_linear_code accuracy_of_the_nearest_mean parameters iterations train_seconds peak_rss_bytes
[ "$(value one parameters)" = 4574 ] || fail "$(value one parameters) parameters"
"$program" $small --threads 2 --out two >two.log
same one two
for signal in TERM KILL; do
  stopped_and_resumed $signal $small
  same one stopped
  measured stopped train_seconds
  all_told
done
"$program" --evaluate one $measuring --out evaluated >evaluated.log
[ "$(value evaluated error)" = "$(value one error)" ] ||
  fail "evaluated: $(value evaluated error), in the run: $(value one error)"

# It learns: better than the mean image, which is the best that can be shown where nothing comes through, and worse with
# the hole shut.
"$program" --size 6 --iterations 1200 --steps 14 --test-images 100 --held-back 100 --out learnt >learnt.log
awk -v reached="$(value learnt error)" -v mean="$(value learnt error_of_the_mean_image)" \
  -v shut="$(value learnt error_with_the_hole_shut)" 'BEGIN { exit !(reached < 0.9 * mean && shut > mean) }' ||
  fail "1200 iterations reach only $(value learnt error), and $(value learnt error_with_the_hole_shut) with the hole" \
    "shut, where the mean image has $(value learnt error_of_the_mean_image)"
watched --evaluate one

refused 'no-such-folder' --data no-such-folder
refused 'no-such-file' --resume no-such-file
refused 'size is 7, expected 6, 8, 12 or 24' --size 7
refused 'planes is 4, expected an odd number' --planes 4
refused 'batch is 8, expected at most --pool, 4' --batch 8 --keep 1 --pool 4
refused 'held-back is 12000, expected less than the training images, 12000' --held-back 12000
refused 'data set of the checkpoint' --resume one --held-back 10
refused "rate is 'nan'" --resume one --rate nan
refused 'no checkpoint of basin' --evaluate one/metrics.json
refused 'one of them' --resume one --evaluate one
refused 'GB' --size 24 --planes 99 --pool 1000000
printf 'nca_autoencode: all as expected\n'
