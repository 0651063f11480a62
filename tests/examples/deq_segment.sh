#!/bin/sh
# What a user of deq_segment relies on: sh deq_segment.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; one scale, and digits, train; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--iterations 12 --batch 4"
measuring="--test-images 10"

"$program" $small $measuring --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors scenes.png settling.png loss.png
measured one dataset scales parameters iterations mean_iou pixel_accuracy image_accuracy test_evaluations_mean \
  test_nonconverged_fraction forward_evaluations_mean adjoint_evaluations_mean nonconverged_fraction train_seconds \
  peak_rss_bytes
[ "$(value one parameters)" = 30374 ] || fail "$(value one parameters) parameters"
"$program" $small $measuring --threads 2 --out two >two.log
same one two
for signal in TERM KILL; do
  stopped_and_resumed $signal $small
  same one stopped
  measured stopped train_seconds
  all_told
done
"$program" --evaluate one $measuring --out evaluated >evaluated.log
[ "$(value evaluated mean_iou)" = "$(value one mean_iou)" ] ||
  fail "evaluated: $(value evaluated mean_iou), in the run: $(value one mean_iou)"

"$program" $small $measuring --scales 1 --scenes digits --out other >other.log
[ "$(value other scales)" = 1 ] || fail "$(value other scales) scales"
grep -q '"dataset": "drawn"' other/metrics.json || fail "not the drawn digits"
# More of the same is better: the loss falls.
"$program" --iterations 150 --batch 8 $measuring --out more >more.log
awk -v few="$(value one pixel_accuracy)" -v many="$(value more pixel_accuracy)" \
  'BEGIN { exit !(many > 0.7 && many > few) }' ||
  fail "150 iterations reach a pixel accuracy of $(value more pixel_accuracy), 12 of $(value one pixel_accuracy)"

refused 'iterations' --iterations 0
refused 'scales' --scales 2
refused 'scenes' --scenes letters
refused 'expected --scenes digits' --data digits
refused 'no-such-folder' --scenes digits --data no-such-folder
refused 'no-such-file' --resume no-such-file
refused 'one of them' --resume one --evaluate one
refused "setting 'scales'" --resume one --scales 1
printf 'deq_segment: all as expected\n'
