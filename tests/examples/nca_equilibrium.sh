#!/bin/sh
# What a user of nca_equilibrium relies on: sh nca_equilibrium.sh <program> <folder to work in>
# An automaton that is trained through its equilibrium settles and heals, on one thread or two to the last bit; a trained
# automaton is looked at and trained on; a run that is stopped in any of its trainings goes on to the same end; and
# what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--size 8 --iterations 40 --unrolled-iterations 2 --reach-iterations 2"
few="--size 8 --iterations 8 --unrolled-iterations 2 --reach-iterations 0"

"$program" $small --threads 1 --out one >one.log
written one metrics.json settling.safetensors equilibrium.png loss.png reach.png
for key in error_of_the_settled_state healed_share healed_distance_max nonconverged_fraction spectral_radius \
  smallest_singular_value peak_rss_bytes_of_a_gradient reach; do
  grep -q "\"$key\": " one/metrics.json || fail "metrics.json lacks $key"
done
# of <key>: a number that lies deeper in metrics.json
of() {
  sed -n "s/^ *\"$1\": \\([^,]*\\),*$/\\1/p" one/metrics.json | head -n 1
}
[ "$(of period)" = 1 ] || fail "the trained automaton has period $(of period)"
[ "$(of nonconverged_fraction)" = 0.0 ] || fail "solves failed: $(of nonconverged_fraction)"
[ "$(of healed_share)" = 1.0 ] || fail "only $(of healed_share) of the damages healed"
awk -v far="$(of healed_distance_max)" 'BEGIN { exit !(far < 1e-5) }' || fail "damage leaves $(of healed_distance_max)"

"$program" $small --threads 2 --reach-iterations 0 --out two >two.log
cmp one/settling.safetensors two/settling.safetensors || fail "two threads give other parameters than one"

# same_stages <folder> <folder>: all checkpoints of a run
same_stages() {
  for file in "$1"/checkpoint_*; do same "$1" "$2" "$(basename "$file")"; done
}
"$program" $few --out few >few.log
for signal in TERM KILL; do
  stopped_and_resumed $signal $few
  same_stages few stopped
done
# Killed in a later training: when the first of the reach is there.
"$program" $small --checkpoint-minutes 1e-9 --out later >later.log &
for tenth in $(seq 100); do
  if [ -e later/checkpoint_reach_0.40.safetensors ]; then break; fi
  sleep 0.1
done
kill -KILL $! 2>/dev/null || :
wait $! || :
"$program" --resume later --out later >later.log
same_stages one later
grep -q '"reach_0.95": {' later/metrics.json || fail "metrics.json does not tell of all trainings"

# A model that can be had here: one that was hardly trained, whose cell stays as it is.
"$(dirname "$program")/nca_grow" --size 10 --padding 4 --iterations 3 --rate 1e-6 --final-rate 1e-6 --batch 2 --min-steps 8 \
  --max-steps 12 --steps 10 --export model --out grown >grown.log
"$program" --model model.json --size 10 --padding 4 --iterations 0 --out look >look.log
grep -q '"before": {' look/metrics.json || fail "metrics.json lacks what the mean field does"
"$program" --model model.safetensors --size 10 --padding 4 --iterations 2 --rounds 0 --out calm >calm.log
written calm metrics.json calm.safetensors calm.png
grep -q '"rests": ' calm/metrics.json || fail "metrics.json does not say whether the pattern rests"

"$program" --resume calm --out calm_on >calm_on.log
same calm calm_on checkpoint_calm.safetensors
cmp calm/calm.safetensors calm_on/calm.safetensors || fail "a training that was finished changes when it is resumed"
watched --resume few
at_rest=rest watched --resume calm

refused "rate is 'nan'" --resume one --rate nan
refused 'data set of the checkpoint' --resume one --size 9
refused 'checkpoint_settled.safetensors' --resume grown
refused 'program that wrote the checkpoint' --resume grown/checkpoint.safetensors
refused 'no checkpoint of basin' --resume one/loss.png
refused 'GB' --size 512 --padding 512
refused 'no-such-file' --model no-such-file.json
"$(dirname "$program")/nca_grow" --size 10 --padding 4 --iterations 1 --fire-rate 0.75 --steps 2 --export faster --out grown \
  >grown.log
refused 'fire-rate of the model is 0.75, expected 0.5' --model faster.safetensors --iterations 0
refused 'no-such-file' --target no-such-file.png
refused 'size' --size 0
printf 'nca_equilibrium: all as expected\n'
