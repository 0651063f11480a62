#!/bin/sh
# What a user of metanca_iris relies on: sh metanca_iris.sh <program> <folder to work in>
# A run gives the same rules, to the last byte, on one thread or two; it learns; and what is wrong is refused.
. "$(dirname "$0")/expect.sh"

small="--iterations 150 --pool-iterations 150 --seeds 1 --samples 4 --horizon 30"

"$program" $small --threads 1 --out one >one.log
written one metrics.json updates.png with_pool.safetensors without_pool.safetensors
for key in test_accuracy updates_to_least_median within_a_tenth_median within_a_tenth_lower_quartile; do
  grep -q "\"$key\": " one/metrics.json || fail "metrics.json lacks $key"
done
"$program" $small --threads 2 --out two >two.log
cmp one/with_pool.safetensors two/with_pool.safetensors || fail "two threads give another rule than one"
accuracy=$(sed -n 's/^ *"test_accuracy": \([^,]*\),$/\1/p' one/metrics.json | head -n 1)
awk -v accuracy="$accuracy" 'BEGIN { exit !(accuracy > 0.6) }' || fail "it reaches only $accuracy"

refused 'seeds' --seeds 0
refused 'noise' --noise -1
printf 'metanca_iris: all as expected\n'
