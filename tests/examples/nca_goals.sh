#!/bin/sh
# What a user of nca_goals relies on: sh nca_goals.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; it learns to tell goals apart; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--count 3 --size 8 --padding 2 --iterations 20 --batch 4 --pool 8 --min-steps 4 --max-steps 8 --steps 8 \
  --keep-steps 8"

"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors goals.png changes.png life.gif loss.png
measured one worst_grown worst_kept worst_changed parameters iterations train_seconds peak_rss_bytes
[ "$(value one parameters)" = 14032 ] || fail "$(value one parameters) parameters"
"$program" $small --threads 2 --out two >two.log
same one two
measuring="--steps 8 --keep-steps 8"
for signal in TERM KILL; do
  stopped_and_resumed $signal $small
  same one stopped
  measured stopped train_seconds
  all_told
done
# shellcheck disable=SC2086  # several words
"$program" --evaluate one $measuring --out evaluated >evaluated.log
[ "$(value evaluated worst_changed)" = "$(value one worst_changed)" ] ||
  fail "evaluated: $(value evaluated worst_changed), in the run: $(value one worst_changed)"

# It learns: what grows is nearer to its goal than an empty grid and than the mean of the goals would be.
"$program" --count 2 --size 8 --padding 2 --iterations 300 --batch 4 --pool 8 --min-steps 16 --max-steps 24 --steps 24 \
  --keep-steps 8 --rate 3e-3 --out learnt >learnt.log
awk -v reached="$(value learnt worst_grown)" 'BEGIN { exit !(reached < 0.02) }' ||
  fail "300 iterations reach only $(value learnt worst_grown)"

# Pictures of a folder, and drawn ones where these are too few.
mkdir pictures
cp learnt/goals.png pictures/star.png
"$program" $small --goals pictures --iterations 1 --out own >own.log
for goal in star heart toadstool; do  # the drawn star is another picture of that name
  grep -q "\"$goal\"" own/metrics.json || fail "metrics.json does not name the goal $goal"
done
watched --evaluate one

refused "count is '9'" --count 9
refused 'count is 1, expected 0, or 2 or more' --count 1
refused "rate is 'nan'" --resume one --rate nan
refused 'data set of the checkpoint' --resume one --goals pictures
refused 'no-such-folder' --goals no-such-folder
mkdir empty
refused 'empty: has no PNG file' --goals empty
refused 'no checkpoint of basin' --evaluate learnt/goals.png
refused 'no-such-file' --resume no-such-file
refused 'one of them' --resume one --evaluate one
refused 'min-steps is 20, expected less than --max-steps, 16' --min-steps 20 --max-steps 16
refused 'batch is 9, expected at most --pool, 8' --batch 9 --pool 8
refused 'GB' --size 1024 --pool 1000000
printf 'nca_goals: all as expected\n'
