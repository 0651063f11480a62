#!/bin/sh
# What a user of deq_sums relies on: sh deq_sums.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; a training of seconds is right on strings of eight times the length; and what is wrong is refused
# with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--iterations 20 --batch 16 --bits 8"
tested="--test-bits 40 --count 10"

"$program" $small $tested --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors solved.png settling.png settling.gif residual.png loss.png
measured one parameters iterations test_bits solved solved_when_converged nonconverged_fraction evaluations_mean \
  train_seconds peak_rss_bytes
[ "$(value one parameters)" = 318 ] || fail "$(value one parameters) parameters"
[ "$(grep -c '"bits": ' one/metrics.json)" = 5 ] || fail "not measured on 8, 32 and 40 bits and from random starts"
"$program" $small $tested --threads 2 --out two >two.log
same one two
measuring=$tested
for signal in TERM KILL; do
  stopped_and_resumed $signal $small $tested
  same one stopped
  measured stopped train_seconds
  all_told
done
"$program" --evaluate one $tested --out evaluated >evaluated.log
[ "$(value evaluated evaluations_mean)" = "$(value one evaluations_mean)" ] ||
  fail "evaluated: $(value evaluated evaluations_mean) evaluations, in the run: $(value one evaluations_mean)"

# Strings of at most 16 bits suffice; a cell sees one cell further with each evaluation.
"$program" --iterations 600 --bits 16 --batch 32 --test-bits 128 --count 50 --out learned >learned.log
awk -v solved="$(value learned solved)" -v mean="$(value learned evaluations_mean)" \
  'BEGIN { exit !(solved >= 0.9 && mean >= 128) }' ||
  fail "trained on 16 bits: $(value learned solved) of strings of 128 bits in $(value learned evaluations_mean) evaluations"
"$program" --evaluate learned --test-bits 128 --count 50 --max-evaluations 60 --out hasty >hasty.log
[ "$(value hasty nonconverged_fraction)" = 1.0 ] ||
  fail "60 evaluations settled $(value hasty nonconverged_fraction) of strings of 128 bits"

refused 'iterations' --iterations 0
refused 'bits' --bits 3
refused "rate is 'nan'" --resume one --rate nan
refused 'memory for --count 1000000 and --test-bits 1048576' --count 1000000 --test-bits 1048576
refused 'no-such-file' --resume no-such-file
refused 'one of them' --resume one --evaluate one
printf '{}' >other.json
refused 'no checkpoint of basin' --evaluate other.json
printf 'deq_sums: all as expected\n'
