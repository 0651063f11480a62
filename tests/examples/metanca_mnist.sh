#!/bin/sh
# What a user of metanca_mnist relies on: sh metanca_mnist.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last byte, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; a network is sampled; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--iterations 6 --pool-iterations 6 --images 64 --architectures 4 --samples 1 --updates 3 --step 90 --test-images 200"

"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors heatmap.png heatmap.json updates.png zero_out.png loss.png
measured one dataset parameters heatmap_mean heatmap_min heatmap_max heatmap_unseen_mean train_seconds peak_rss_bytes
for key in off_grid accuracy_after_updates zero_out ablation; do
  grep -q "\"$key\": {" one/metrics.json || fail "metrics.json lacks $key"
done
"$program" $small --threads 2 --out two >two.log
cmp one/checkpoint.safetensors two/checkpoint.safetensors || fail "two threads give another checkpoint than one"
[ "$(value one heatmap_mean)" = "$(value two heatmap_mean)" ] || fail "two threads give another heatmap than one"
stopped_and_resumed $small
cmp one/checkpoint.safetensors stopped/checkpoint.safetensors || fail "a resumed run gives another checkpoint"

shown="--samples 1 --updates 3 --step 90 --test-images 200"
"$program" --evaluate one/checkpoint.safetensors $shown --out evaluated >evaluated.log
[ "$(value evaluated heatmap_mean)" = "$(value one heatmap_mean)" ] ||
  fail "evaluated: $(value evaluated heatmap_mean), in the run: $(value one heatmap_mean)"
for seed in 7 7 8; do
  "$program" --evaluate one/checkpoint.safetensors --architecture 784,12,10 --sample $seed --out sampled >sampled.log
  cp sampled/network.safetensors "network_$seed"
done
if cmp -s network_7 network_8; then fail "two seeds give the same network"; fi

refused 'ablation' --without ablation
refused 'no-such-folder' --data no-such-folder
refused 'no-such-file' --evaluate no-such-file
refused 'number of widths of an architecture is 2, expected 3 or 4' --evaluate one/checkpoint.safetensors --architecture 784,10
refused 'such as 784,50,50,10' --evaluate one/checkpoint.safetensors --architecture 784x10
refused 'needs --evaluate or --rule' --architecture 784,10,10
refused 'no-such-file' --rule no-such-file.json
refused 'expected one of them' --rule rule.json --evaluate one/checkpoint.safetensors
refused 'held-back is 12000, expected below 12000' --held-back 12000
printf 'metanca_mnist: all as expected\n'
