#!/bin/sh
# What a user of deq_digits relies on: sh deq_digits.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last byte, on one thread or two, and after a stop and a resume; it evaluates
# to what it measured; each solver and adjoint trains; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--images 1536 --test-images 600 --epochs 2 --seed 3"

"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors channels.png truncated.png accuracy.png training.png
measured one dataset parameters epochs seed threads test_accuracy test_accuracy_after_first_epoch \
  forward_evaluations_mean adjoint_evaluations_mean nonconverged_fraction train_seconds peak_rss_bytes
grep -q '"truncated_accuracy": {' one/metrics.json || fail "metrics.json lacks truncated_accuracy"
awk -v accuracy="$(value one test_accuracy)" 'BEGIN { exit !(accuracy > 0.3) }' ||
  fail "two epochs of 1536 images reach only $(value one test_accuracy)"

"$program" $small --threads 2 --out two >two.log
same one two

for signal in TERM KILL; do
  stopped_and_resumed $signal $small
  same one stopped
  measured stopped train_seconds
  all_told
done

# Nobody reads the line of its first epoch.
"$program" $small --epochs 100000 --out piped 2>piped.log | head -n 1 >/dev/null
written piped checkpoint.safetensors
[ ! -e piped/metrics.json ] || fail "a run whose output nobody reads went on to its end"
"$program" --resume piped --epochs 1 --out piped >piped.log
grep -q '"end": "SIGPIPE"' piped/metrics.json || fail "metrics.json does not tell of the closed pipe"

"$program" --evaluate one/checkpoint.safetensors --out evaluated >evaluated.log
[ "$(value evaluated test_accuracy)" = "$(value one test_accuracy)" ] ||
  fail "evaluated: $(value evaluated test_accuracy), measured in the run: $(value one test_accuracy)"

printf '{"epochs": 1, "solver": "picard", "images": 256, "test-images": 100}\n' >settings.json
"$program" --settings settings.json --solver broyden --adjoint phantom --out set >set.log
grep -q 'broyden, phantom' set.log || fail "the command line does not win over the settings file"
[ "$(value set epochs)" = 1 ] || fail "the settings file is not heeded"
"$program" --images 256 --test-images 100 --epochs 1 --solver picard --adjoint jacobian_free --out free >free.log
"$program" --images 256 --test-images 100 --epochs 1 --adjoint unrolled --out unrolled >unrolled.log

# What cannot be written is known before the training, or told after it, and leaves nothing half-written.
refused 'one/metrics.json: cannot make a folder of this name' --out one/metrics.json
if (ulimit -f 8 && "$program" --images 256 --test-images 100 --epochs 1 --out full >full.log 2>&1); then fail "took a full disk"; fi
grep -q 'full/checkpoint.safetensors: cannot write: File too large' full.log ||
  fail "does not say that the disk is full: $(cat full.log)"
[ -z "$(ls full)" ] || fail "leaves $(ls full) on a full disk"
digit_files 0
refused 'training images is 0, expected at least 1' --data digits

refused 'newton' --solver newton
refused 'epochs' --epochs 0
refused 'tolerance' --tolerance -1
refused 'no-such-folder' --data no-such-folder
refused 'no-such-file' --evaluate no-such-file
refused 'one of them' --evaluate one/checkpoint.safetensors --resume one/checkpoint.safetensors
printf '{"epoch": 1}\n' >unknown.json
refused "key in settings is 'epoch'" --settings unknown.json
printf '{"epochs": ' >broken.json
refused 'broken.json' --settings broken.json
head -c 1000 one/checkpoint.safetensors >cut.safetensors
refused 'cut.safetensors.*the file is cut off' --evaluate cut.safetensors
refused 'at most 12000' --images 20000
printf 'deq_digits: all as expected\n'
