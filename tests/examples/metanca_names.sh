#!/bin/sh
# What a user of metanca_names relies on: sh metanca_names.sh <program> <folder to work in>
# A rule that knows one end of each connection learns the irises; a run gives the same rule, to the last byte, on one
# thread or two, and after a stop and a resume; the digits run, with codes in tables and in the state; and what is wrong
# is refused.
. "$(dirname "$0")/expect.sh"

small="--iterations 200 --pool-iterations 50 --samples 2 --horizon 120"

"$program" $small --threads 1 --out one >one.log
written one metrics.json updates.png loss.png rule.safetensors checkpoint.safetensors
measured one parameters train_seconds peak_rss_bytes
for key in test_accuracy within_a_tenth_median accuracy_after_updates_without_means zero_out; do
  grep -q "\"$key\": " one/metrics.json || fail "metrics.json lacks $key"
done
accuracy=$(sed -n 's/^ *"test_accuracy": \([^,]*\),$/\1/p' one/metrics.json | head -n 1)
awk -v accuracy="$accuracy" 'BEGIN { exit !(accuracy > 0.6) }' || fail "it reaches only $accuracy"

few="--iterations 8 --pool-iterations 8 --seed 3"
measuring="--samples 1 --horizon 20"
"$program" $few $measuring --threads 1 --out few >few.log
"$program" $few $measuring --threads 2 --out two >two.log
cmp few/rule.safetensors two/rule.safetensors || fail "two threads give another rule than one"
measuring="--threads 1 $measuring"
for signal in TERM HUP KILL; do
  stopped_and_resumed $signal $few $measuring
  same few stopped
  cmp few/rule.safetensors stopped/rule.safetensors || fail "a resumed run gives another rule"
  measured stopped train_seconds
  all_told
done

"$program" --task digits --updates 4 --horizon 5 --iterations 2 --pool-iterations 2 --samples 1 --test-images 50 --out digits >digits.log
written digits metrics.json updates.png rule.safetensors
"$program" --task digits --codes state --updates 4 --horizon 5 --iterations 2 --pool-iterations 2 --samples 1 \
  --test-images 50 --out state >state.log
written state metrics.json updates.png rule.safetensors

refused 'task' --task letters
refused "rate is 'nan'" --rate nan
refused 'program that wrote the checkpoint is not said' --resume few/rule.safetensors
refused 'no checkpoint of basin' --resume few/metrics.json
refused 'data set of the checkpoint' --resume few --seed 4
refused 'data set of the checkpoint' --resume few --task digits
refused 'expected only with --task digits' --data mnist
refused 'at most --horizon' --horizon 10
refused 'no-such-folder' --task digits --data no-such-folder
rm -r digits
digit_files 0
refused 'training images is 0, expected at least 1' --task digits --data digits
printf 'metanca_names: all as expected\n'
