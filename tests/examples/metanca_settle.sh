#!/bin/sh
# What a user of metanca_settle relies on: sh metanca_settle.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; a short training teaches networks more than they knew, and they settle; and what is wrong is refused
# with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--iterations 12 --networks 2 --points 16 --evaluations 20"
measuring="--tasks 3 --test-evaluations 20"

"$program" $small $measuring --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors evaluations.png settling.png settling.gif loss.png
measured one accuracy nonconverged_fraction evaluations_mean parameters train_seconds peak_rss_bytes
[ "$(value one parameters)" = 674 ] || fail "$(value one parameters) parameters"
for key in 'with evaluations' spirals teachers 'gradient descent' solves_of_training; do
  grep -q "\"$key\": " one/metrics.json || fail "metrics.json lacks $key"
done
"$program" $small $measuring --threads 2 --out two >two.log
same one two
for signal in TERM KILL; do
  stopped_and_resumed $signal $small $measuring
  same one stopped
  measured stopped train_seconds
  all_told
done
"$program" --evaluate one $measuring --out evaluated >evaluated.log
for key in accuracy evaluations_mean; do
  [ "$(value evaluated $key)" = "$(value one $key)" ] || fail "$key: evaluated $(value evaluated $key), in the run $(value one $key)"
done

"$program" --family moons --iterations 40 --points 32 --tasks 20 --test-evaluations 40 --out learnt >learnt.log
awk -v reached="$(value learnt accuracy)" -v failed="$(value learnt nonconverged_fraction)" \
  'BEGIN { exit !(reached > 0.75 && failed < 0.2) }' ||
  fail "40 iterations reach $(value learnt accuracy), and $(value learnt nonconverged_fraction) do not settle"

refused "rate is 'nan'" --resume one --rate nan
refused 'squares' --family squares
refused 'no-such-file' --resume no-such-file
refused 'no checkpoint of basin' --evaluate one/metrics.json
refused 'one of them' --resume one --evaluate one
refused "evaluations is '1'" --evaluations 1
printf 'metanca_settle: all as expected\n'
