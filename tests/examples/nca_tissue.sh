#!/bin/sh
# What a user of nca_tissue relies on: sh nca_tissue.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; it learns; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

measuring="--tissues 4"
small="--side 12 --steps 8 --recordings 4 --batch 3 --iterations 12 $measuring"

# shellcheck disable=SC2086  # several words, here and below
"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors tissues.png rules.png sizes.png wounds.png growing.gif loss.png
measured one mixture_probabilities one_rule_probabilities one_rule_residual mixture_distance one_rule_distance \
  recorded_distance mixture_wounded_distance parameters iterations tissues train_seconds peak_rss_bytes
[ "$(value one parameters)" = 4654 ] || fail "$(value one parameters) parameters"
[ "$(value one parameters_of_one_rule)" = 4637 ] || fail "$(value one parameters_of_one_rule) parameters of one rule"
"$program" $small --threads 2 --out two >two.log
same one two
for signal in TERM KILL; do
  stopped_and_resumed $signal $small
  same one stopped
  measured stopped train_seconds
  all_told
done
"$program" --evaluate one $measuring --out evaluated >evaluated.log
for key in mixture_probabilities mixture_distance mixture_wounded_distance; do
  [ "$(value evaluated $key)" = "$(value one $key)" ] ||
    fail "evaluated: $key $(value evaluated $key), in the run: $(value one $key)"
done

# It learns: what a place becomes, nearer than a rule that is sure of everything can come (0.08).
"$program" --side 16 --steps 30 --recordings 50 --iterations 400 --tissues 10 --out learnt >learnt.log
awk -v off="$(value learnt mixture_probabilities)" 'BEGIN { exit !(off < 0.05) }' ||
  fail "400 iterations leave the probabilities off by $(value learnt mixture_probabilities)"
watched --evaluate one

refused 'no-such-file' --resume no-such-file
refused "side is '4'" --side 4
refused "deviation is '0'" --deviation 0
refused "rate is 'nan'" --resume one --rate nan
refused 'no checkpoint of basin' --evaluate one/metrics.json
refused 'one of them' --resume one --evaluate one
refused 'GB' --side 512 --tissues 100000
printf 'nca_tissue: all as expected\n'
