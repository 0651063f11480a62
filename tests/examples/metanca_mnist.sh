#!/bin/sh
# What a user of metanca_mnist relies on: sh metanca_mnist.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last byte, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; a network is sampled; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--networks 2 --iterations 6 --pool-iterations 6 --images 64 --architectures 4 --samples 1 --updates 3 --step 90 --test-images 200"

"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors heatmap.png heatmap.json updates.png zero_out.png loss.png
measured one dataset parameters heatmap_mean heatmap_min heatmap_max heatmap_unseen_mean train_seconds peak_rss_bytes
for key in off_grid accuracy_after_updates zero_out ablation; do
  grep -q "\"$key\": {" one/metrics.json || fail "metrics.json lacks $key"
done
"$program" $small --threads 2 --out two >two.log
same one two
[ "$(value one heatmap_mean)" = "$(value two heatmap_mean)" ] || fail "two threads give another heatmap than one"
measuring="--threads 1 --samples 1 --updates 3 --step 90 --test-images 200"
for signal in HUP KILL; do
  stopped_and_resumed $signal $small --threads 1
  same one stopped
  [ "$(value one heatmap_mean)" = "$(value stopped heatmap_mean)" ] || fail "a resumed run gives another heatmap"
  measured stopped train_seconds
  all_told
done

for key in before damaged after_6 after_20; do
  [ "$(grep -c "\"$key\": " one/metrics.json)" = 6 ] || fail "zero_out lacks $key of a layer"
done

"$program" --evaluate one/checkpoint.safetensors $measuring --out evaluated >evaluated.log
[ "$(value evaluated heatmap_mean)" = "$(value one heatmap_mean)" ] ||
  fail "evaluated: $(value evaluated heatmap_mean), in the run: $(value one heatmap_mean)"
# Another seed is another evaluation of the same rule, which was trained on the same architectures.
"$program" --evaluate one/checkpoint.safetensors $measuring --seed 8 --out other >other.log
for run in one other; do
  sed -n '/"trained"/,$p' $run/heatmap.json >$run.trained
done
grep -q 'true\|false' one.trained || fail "heatmap.json does not say what was trained: $(cat one/heatmap.json)"
cmp one.trained other.trained || fail "with another seed a checkpoint was trained on other architectures"
for sample in "7 a" "7 b" "8 c"; do
  set -- $sample
  "$program" --evaluate one/checkpoint.safetensors --architecture 784,12,10 --sample $1 --out sampled >sampled.log
  cp sampled/network.safetensors "network_$2"
done
cmp network_a network_b || fail "one seed gives two networks"
if cmp -s network_a network_c; then fail "two seeds give the same network"; fi

# In ten seconds it learns something, and repairs what was erased of it.
"$program" --networks 2 --iterations 250 --pool-iterations 60 --images 128 --architectures 8 --distortion 0 --samples 2 \
  --step 90 --test-images 500 --out learnt >learnt.log
awk -v mean="$(value learnt heatmap_mean)" 'BEGIN { exit !(mean > 0.4) }' || fail "it reaches only $(cat learnt.log)"
awk '/"before": / { gsub(",", ""); before = $2 } /"damaged": / { gsub(",", ""); damaged = $2 }
     /"after_20": / { gsub(",", ""); seen += 1; if (damaged > before - 0.2 || $2 < before - 0.05) exit 1 }
     END { if (seen != 6) exit 1 }' learnt/metrics.json || fail "it does not repair: $(cat learnt/metrics.json)"

# A rule of zeros in the published form: nothing changes.
awk 'function tensor(name, shape, size) {
       printf "%s\"%s\": {\"offset\": %d, \"shape\": [%s]}", separator, name, total, shape
       separator = ", "
       total += size
     }
     BEGIN {
       printf "{\"tensors\": {"
       for (a = 0; a < 2; ++a) {
         of = "attn_" (a ? "forward" : "backward") "."
         tensor(of "query.kernel", "31, 3, 10", 930)
         tensor(of "key.kernel", "31, 3, 10", 930)
         tensor(of "value.kernel", "31, 3, 10", 930)
         tensor(of "out.kernel", "30, 31", 930)
         for (n = 1; n < 3; ++n) {
           tensor(of "gamma_" n, "31", 31)
           tensor(of "beta_" n, "31", 31)
         }
         tensor(of "ff_1.kernel", "31, 100", 3100)
         tensor(of "ff_1.bias", "100", 100)
         tensor(of "ff_2.kernel", "100, 31", 3100)
         tensor(of "ff_2.bias", "31", 31)
       }
       split("93 93 100 200 100 31", width, " ")
       for (n = 1; n < 6; ++n) {
         tensor("local_rule_head.Dense_" (n - 1) ".kernel", width[n] ", " width[n + 1], width[n] * width[n + 1])
         tensor("local_rule_head.Dense_" (n - 1) ".bias", width[n + 1], width[n + 1])
       }
       printf "}, \"total\": %d}\n", total
     }' >zeros.json
head -c $((81923 * 4)) /dev/zero >zeros.bin
"$program" --rule zeros.json --samples 1 --updates 1 --test-images 100 --out zeros >zeros.log
written zeros metrics.json updates.png
grep 'after 1 updates' zeros.log | awk '{ seen += 1; same += $2 == $6 } END { exit !(seen == 4 && same == 4) }' ||
  fail "a rule of zeros changes its networks: $(cat zeros.log)"
"$program" --rule zeros.json --architecture 784,10 --updates 1 --test-images 100 --out zeros >zeros_one.log
written zeros network.safetensors

"$program" --iterations 1 --pool-iterations 1 --images 64 --architectures 2 --samples 1 --updates 1 --step 90 \
  --held-back 100 --out held >held.log
grep -q '"evaluated_on": "training images that were held back"' held/metrics.json || fail "held-back images are not used"

# On other digits a checkpoint is evaluated, but not trained on.
digit_files 64
"$program" --evaluate one $measuring --data digits --out digits_out >digits.log
[ "$(value digits_out dataset)" = '"mnist"' ] || fail "--evaluate does not take other digits"
refused 'data set of the checkpoint' --resume one --data digits
refused 'data set of the checkpoint' --resume one --held-back 10

refused 'label is missing' --resume sampled/network.safetensors
refused 'no checkpoint of basin' --resume one/metrics.json
cp one/checkpoint.safetensors damaged.safetensors
damage damaged.safetensors
refused 'the checkpoint is damaged' --evaluate damaged.safetensors
refused "rate is 'nan'" --rate nan
refused "sample is '-1'" --evaluate one --architecture 784,10,10 --sample -1
refused 'memory for --architecture' --evaluate one --architecture 784,100000,100000,10
refused 'ablation' --without ablation
refused 'no-such-folder' --data no-such-folder
refused 'no-such-file' --evaluate no-such-file
refused 'number of widths of an architecture is 2, expected 3 or 4' --evaluate one/checkpoint.safetensors --architecture 784,10
refused 'such as 784,50,50,10' --evaluate one/checkpoint.safetensors --architecture 784x10
refused 'needs --evaluate or --rule' --architecture 784,10,10
refused 'no-such-file' --rule no-such-file.json
refused 'width of --architecture is 0' --evaluate one/checkpoint.safetensors --architecture 784,0,10
refused 'expected one of them' --rule rule.json --evaluate one/checkpoint.safetensors
refused 'held-back is 12000, expected below 12000' --held-back 12000
printf 'metanca_mnist: all as expected\n'
