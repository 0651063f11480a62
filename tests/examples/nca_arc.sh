#!/bin/sh
# What a user of nca_arc relies on: sh nca_arc.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; it learns what is simplest; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--tasks 5 --width 12 --iterations 21 --batch 4 --min-steps 4 --max-steps 8"

"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors answers.png loss.png
measured one mean_of_families mean_of_families_in_twice_the_steps parameters iterations train_seconds peak_rss_bytes
[ "$(value one parameters)" = 7955 ] || fail "$(value one parameters) parameters"
"$program" $small --threads 2 --out two >two.log
same one two
for signal in TERM KILL; do
  stopped_and_resumed $signal $small
  same one stopped
  measured stopped train_seconds
  all_told
done
"$program" --evaluate one --out evaluated >evaluated.log
[ "$(value evaluated mean_of_families)" = "$(value one mean_of_families)" ] ||
  fail "evaluated: $(value evaluated mean_of_families), in the run: $(value one mean_of_families)"

# A file of tasks, of which the simplest is learned: what is there stays.
line='{"family":"stay","train":[PAIR,PAIR,PAIR],"test":[PAIR]}'
for pair in '{"input":[[0,2,2,0]],"output":[[0,2,2,0]]}' '{"input":[[3,0,0,3]],"output":[[3,0,0,3]]}'; do
  printf '%s\n' "$line" | sed "s/PAIR/$pair/g" >>tasks.jsonl
done
"$program" --data tasks.jsonl --iterations 150 --batch 4 --min-steps 4 --max-steps 8 --rate 5e-3 --out stay >stay.log
[ "$(value stay mean_of_families)" = 1.0 ] || fail "a line that stays is not learned: $(cat stay.log)"

refused "rate is 'nan'" --resume one --rate nan
refused 'no-such-file' --data no-such-file
refused 'no-such-file' --resume no-such-file
printf '{"family":"a","train":[],"test":[]}\n' >short.jsonl
refused 'short.jsonl: line 1: pairs is 0 and 0, expected 3 in train and 1 in test' --data short.jsonl
refused 'no checkpoint of basin' --evaluate tasks.jsonl
refused 'one of them' --resume one --evaluate one
refused 'min-steps is 30, expected less than --max-steps, 24' --min-steps 30
refused 'data set of the checkpoint' --resume one --data tasks.jsonl
refused 'GB' --width 1000 --batch 4096 --max-steps 100000
printf 'nca_arc: all as expected\n'
