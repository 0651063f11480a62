#!/bin/sh
# What a user of metanca_learn relies on: sh metanca_learn.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; new tasks are learned after a short training already; digits run; and what is wrong is refused with a
# message that says so.
. "$(dirname "$0")/expect.sh"

small="--family planar --iterations 24 --networks 2 --batch 8 --segment 3 --life 12 --damage 0.5"
measuring="--tasks 3 --batches 6"

"$program" $small $measuring --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors learning.png architectures.png shape.png shape.gif loss.png
measured one parameters train_seconds peak_rss_bytes
[ "$(value one parameters)" = 688 ] || fail "$(value one parameters) parameters"
for key in 'after 6' 'rate after 6' 'gradient descent' 'feedback alignment' architectures 'of other tasks' iris 'with data' 'without data' repair; do
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
for run in one evaluated; do sed -n '/"learned"/,/^  }/p' $run/metrics.json >$run.learned; done
cmp one.learned evaluated.learned || fail "evaluated is not what was measured in the run"

# Some seconds of training: new tasks are learned better than by gradient descent at its best rate, from a few batches.
"$program" --family rings --iterations 250 --life 10 --tasks 30 --batches 10 --out learns >learns.log
awk '$1 " " $2 == "the rule" { rule = $10 } $1 " " $2 == "gradient descent" { descent = $13 }
  END { exit !(rule > 0.6 && rule > descent) }' learns.log || fail "it does not learn to learn: $(cat learns.log)"

"$program" --family digits --iterations 2 --networks 1 --batch 4 --segment 2 --life 4 --tasks 1 --batches 2 --out digits \
  >digits.log
[ "$(value digits measure)" = '"accuracy"' ] || fail "digits are not told by their accuracy"
# Whole lives, by gradients through checkpoints and by values alone.
whole="--family rings --iterations 4 --networks 2 --batch 8 --life 12 --tasks 1 --batches 2"
for way in whole "evolution --pairs 2"; do
  for threads in 1 2; do
    "$program" $whole --way $way --threads $threads --out "${way%% *}$threads" >"${way%% *}.log"
  done
  same "${way%% *}1" "${way%% *}2"
done
"$program" --iterations 3 --tasks 2 --out sinusoids >sinusoids.log
[ "$(value sinusoids measure)" = '"mean squared error"' ] || fail "sinusoids are not told by their error"

refused "rate is 'nan'" --resume one --rate nan
refused 'squares' --family squares
refused '--data is given for the family planar, expected digits' --family planar --data no-such-folder
refused 'no-such-folder' --family digits --data no-such-folder
refused 'no-such-file' --resume no-such-file
refused 'no checkpoint of basin' --evaluate one/metrics.json
refused 'one of them' --resume one --evaluate one
refused 'segment is 20, expected at most --life, 10' --family moons --segment 20 --life 10
refused 'life is 3000, expected 65,536 data' --family moons --way whole --life 3000
refused '--pairs is given for --way truncated' --pairs 3
refused '--damage is given for --way whole' --way whole --damage 0.5
refused 'GB' --family digits --batch 4096 --batches 100000
printf 'metanca_learn: all as expected\n'
