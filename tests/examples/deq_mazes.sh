#!/bin/sh
# What a user of deq_mazes relies on: sh deq_mazes.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; a training of seconds finds ways that are longer than any of its own; and what is wrong is refused
# with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--iterations 20 --pixels 400 --train-size 7"
tested="--size 9 --count 4 --max-evaluations 60"

"$program" $small $tested --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors solved.png settling.png settling.gif residual.png loss.png
measured one parameters iterations size test_mazes solved solved_when_converged nonconverged_fraction \
  evaluations_mean train_seconds peak_rss_bytes
[ "$(value one parameters)" = 10610 ] || fail "$(value one parameters) parameters"
[ "$(grep -c '"mazes": ' one/metrics.json)" = 7 ] || fail "not measured on what was asked for and six kinds beside it"
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

refused 'iterations' --iterations -1
refused 'size' --size 4
refused 'train-size is 3, expected 0, or 5 or more' --train-size 3
refused "rate is 'nan'" --resume one --rate nan
refused 'min-path is 9, expected at most --max-path, 8' --min-path 9 --max-path 8
refused 'no maze of 9 pixels with a path of 500 to 600 steps' --size 9 --min-path 500 --max-path 600
refused 'memory for --count 1000000 and --size 1023' --count 1000000 --size 1023
refused 'no-such-file' --resume no-such-file
refused 'one of them' --resume one --evaluate one
printf '{}' >other.json
refused 'no checkpoint of basin' --evaluate other.json
printf 'deq_mazes: all as expected\n'
