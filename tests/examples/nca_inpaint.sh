#!/bin/sh
# What a user of nca_inpaint relies on: sh nca_inpaint.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; it learns; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

measuring="--steps 4 --test-images 4"
small="--iterations 8 --batch 4 --pool 8 --min-steps 3 --max-steps 6 $measuring"

# shellcheck disable=SC2086  # several words, here and below
"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors restored.png restored.gif errors.png loss.png
measured one error_1 error_2 error_4 parameters iterations test_images train_seconds peak_rss_bytes
[ "$(value one parameters)" = 6753 ] || fail "$(value one parameters) parameters"
"$program" $small --threads 2 --out two >two.log
same one two
for signal in TERM KILL; do
  stopped_and_resumed $signal $small
  same one stopped
  measured stopped train_seconds
  all_told
done
"$program" --evaluate one $measuring --out evaluated >evaluated.log
[ "$(value evaluated error_4)" = "$(value one error_4)" ] ||
  fail "evaluated: $(value evaluated error_4), in the run: $(value one error_4)"

# It learns: fewer than half of the errors of blank pixels, of about 0.1.
"$program" --perception stencils --iterations 60 --batch 4 --pool 8 --min-steps 10 --max-steps 14 --rate 5e-3 --steps 12 \
  --test-images 20 --held-back 100 --out learnt >learnt.log
[ "$(value learnt parameters)" = 6750 ] || fail "$(value learnt parameters) parameters"
awk -v reached="$(value learnt error_1)" 'BEGIN { exit !(reached < 0.05) }' ||
  fail "60 iterations reach only $(value learnt error_1)"
watched --evaluate one

refused 'no-such-folder' --data no-such-folder
refused 'no-such-file' --resume no-such-file
refused "perception is 'none'" --perception none
refused 'expected (80, 68)' --resume one --perception stencils
refused 'batch is 30, expected at most --pool, 24' --batch 30 --pool 24
refused 'min-steps is 40, expected less than --max-steps, 33' --min-steps 40
refused 'least-hidden is 0.8' --least-hidden 0.8
refused 'held-back is 12000, expected less than the training images, 12000' --held-back 12000
refused 'data set of the checkpoint' --resume one --held-back 10
refused "rate is 'nan'" --resume one --rate nan
refused 'no checkpoint of basin' --evaluate one/metrics.json
refused 'one of them' --resume one --evaluate one
refused 'GB' --pool 1000000 --batch 4096 --max-steps 100000
printf 'nca_inpaint: all as expected\n'
