#!/bin/sh
# What a user of nca_diffuse relies on: sh nca_diffuse.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; it learns; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--size 8 --padding 2 --iterations 20 --batch 4 --pool 8 --steps 8"

# shellcheck disable=SC2086  # several words, here and below
"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors denoised.png healing.png diffusing.gif loss.png
measured one error error_worst error_in_ten_times_the_steps error_healed_half error_of_nothing parameters iterations \
  train_seconds peak_rss_bytes
[ "$(value one parameters)" = 9336 ] || fail "$(value one parameters) parameters"
"$program" $small --threads 2 --out two >two.log
same one two
for signal in TERM KILL; do
  stopped_and_resumed $signal $small
  same one stopped
  measured stopped train_seconds
  all_told
done
"$program" --evaluate one --out evaluated >evaluated.log
[ "$(value evaluated error)" = "$(value one error)" ] ||
  fail "evaluated: $(value evaluated error), in the run: $(value one error)"

# It learns, from noise alone: nearer than an empty grid.
"$program" --size 8 --padding 2 --iterations 200 --batch 4 --steps 24 --rate 4e-3 --keep 0 --out learnt >learnt.log
awk -v reached="$(value learnt error)" -v nothing="$(value learnt error_of_nothing)" \
  'BEGIN { exit !(reached < nothing / 2) }' ||
  fail "200 iterations reach only $(value learnt error), where an empty grid has $(value learnt error_of_nothing)"
watched --evaluate one

refused 'no-such-file' --target no-such-file
refused 'diffusing.gif' --target one/diffusing.gif
refused 'no-such-file' --resume no-such-file
refused 'data set of the checkpoint' --resume one --target one/healing.png
refused 'batch is 8, expected at most --pool, 4' --keep 1 --pool 4
refused "rate is 'nan'" --resume one --rate nan
refused 'no checkpoint of basin' --evaluate one/metrics.json
refused 'one of them' --resume one --evaluate one
refused 'GB' --size 1024 --pool 1000000
printf 'nca_diffuse: all as expected\n'
