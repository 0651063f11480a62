#!/bin/sh
# What a user of nca_vae relies on: sh nca_vae.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; it learns; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

measuring="--test-images 4 --weighted 2"
small="--iterations 8 --batch 3 --living 2 --pool 4 --steps 1,1,1,1,2 --living-steps 2 $measuring"

# shellcheck disable=SC2086  # several words, here and below
"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors samples.png reconstructions.png between.png healing.png growing.gif \
  loss.png
measured one bound reconstruction divergence weighted_bound numbers_used reconstruction_kept reconstruction_healed \
  pixels_alike parameters iterations test_images train_seconds peak_rss_bytes
[ "$(value one parameters)" = 235760 ] || fail "$(value one parameters) parameters"
[ "$(value one parameters_of_the_automaton)" = 26000 ] ||
  fail "$(value one parameters_of_the_automaton) parameters of the automaton"
"$program" $small --threads 2 --out two >two.log
same one two
for signal in TERM KILL; do
  stopped_and_resumed $signal $small
  same one stopped
  measured stopped train_seconds
  all_told
done
"$program" --evaluate one $measuring --out evaluated >evaluated.log
[ "$(value evaluated bound)" = "$(value one bound)" ] ||
  fail "evaluated: $(value evaluated bound), in the run: $(value one bound)"

# It learns: an image takes less than half of the 543 nats of pixels that are as likely as not.
"$program" --iterations 150 --batch 4 --living 0 --steps 3,3,3,3,2 --test-images 20 --weighted 4 --held-back 100 \
  --out learnt >learnt.log
awk -v bound="$(value learnt bound)" 'BEGIN { exit !(bound < 271) }' ||
  fail "150 iterations reach only $(value learnt bound)"
watched --evaluate one

refused 'no-such-folder' --data no-such-folder
refused 'no-such-file' --resume no-such-file
refused 'number of grids of --steps is 3, expected 5' --steps 1,2,3
refused "a number of --steps is '0'" --steps 1,2,3,4,0
refused 'living is 65, expected at most --pool, 64' --living 65
refused 'held-back is 12000, expected less than the training images, 12000' --held-back 12000
refused 'data set of the checkpoint' --resume one --held-back 10
refused "rate is 'nan'" --resume one --rate nan
refused 'no checkpoint of basin' --evaluate one/metrics.json
refused 'one of them' --resume one --evaluate one
refused 'GB' --pool 1000000 --batch 4096
printf 'nca_vae: all as expected\n'
