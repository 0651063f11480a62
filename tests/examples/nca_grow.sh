#!/bin/sh
# What a user of nca_grow relies on: sh nca_grow.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last byte, on one thread or two, for each tape, and after a stop and a resume; a
# model is exported, run and trained on; automata of other kinds too, and those of CAX; what is lost is not said to heal;
# and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--size 10 --padding 4 --iterations 12 --batch 4 --pool 16 --min-steps 10 --max-steps 16 --warm-up 4 --steps 30"

"$program" $small --regime regenerating --threads 1 --export model --out one >one.log
written one metrics.json checkpoint.safetensors growth.gif growth.png healing.gif healing.png loss.png
measured one target regime parameters final_loss loss_at_1000_steps loss_after_damage_recovery train_seconds \
  cell_steps_per_second peak_rss_bytes
grep -q '"alive_cells": {' one/metrics.json || fail "metrics.json lacks alive_cells"
[ "$(value one parameters)" = 8336 ] || fail "$(value one parameters) parameters"

"$program" $small --regime regenerating --threads 2 --tape checkpointed --out two >two.log
"$program" $small --regime regenerating --threads 2 --out three >three.log
same one three
[ "$(value one final_loss)" = "$(value two final_loss)" ] || fail "checkpoints in a rollout change what is trained"
for signal in TERM HUP KILL; do
  stopped_and_resumed $signal $small --regime regenerating
  same one stopped
  measured stopped train_seconds
  all_told
done

# Exported, and run from both kinds of file, on a torus.
for kind in safetensors json; do
  "$program" --model "model.$kind" --size 10 --padding 4 --steps 20 --damage circle --out "run_$kind" >run.log
  [ "$(value "run_$kind" boundary)" = '"torus"' ] || fail "a model is not run on a torus"
  [ "$(value "run_$kind" final_loss)" = null ] || fail "a model that is only run has a loss"
done
if grep -q 'error after\|healed' run.log; then fail "a model without a picture has an error: $(cat run.log)"; fi
watched --resume one
watched --model . --size 10 --padding 4
watched $small --iterations 2 --out afterwards

# Another kind, in the conventions of CAX: the model says what it is; the form of the published ones cannot.
"$program" $small --regime regenerating --channels 12 --hidden 64 --fire-rate 0.75 --conventions cax --damage none \
  --export other --out other >other.log
grep -q 'other.json is not written' other.log || fail "it does not say what is not written: $(cat other.log)"
if [ -e other.json ]; then fail "an automaton of another kind is written as a published one"; fi
"$program" --model other.safetensors --size 10 --padding 4 --steps 30 --damage none --out run_other >run_other.log
[ "$(value run_other parameters)" = 3148 ] || fail "$(value run_other parameters) parameters of 12 64 sobel"
[ "$(value run_other boundary)" = '"zero"' ] || fail "a model in the conventions of CAX is run on a torus"
living() { sed -n '/alive_cells/,/}/p' "$1/metrics.json"; }
[ "$(living run_other)" = "$(living other)" ] || fail "it is run otherwise than it was trained"
refused "setting 'fire-rate' of the checkpoint is '0.75', expected '0.5'" --resume other --fire-rate 0.5
refused "setting 'channels' of the checkpoint is '12', expected '16'" --resume other --channels 16 --hidden 128
refused 'are 16 64 sobel, expected one of: 12 64 sobel, 16 128 sobel, 16 128 sobel_laplacian' --hidden 64
"$program" $small --iterations 1 --damage none --filters sobel_laplacian --out filters >filters.log

# A rule of CAX with all of its filters, whose last layer makes alpha grow, so that every cell comes to live.
if command -v python3 >/dev/null 2>&1; then
  python3 - <<'END'
import json, struct
smooth, slope, second = [1, 2, 1], [-1, 0, 1], [[0, 1, 0], [1, -4, 1], [0, 1, 0]]
taps = lambda y, x: [y == x == 1, slope[y] * smooth[x] / 8, smooth[y] * slope[x] / 8, second[y][x] / 8]
seen = [tap for y in range(3) for x in range(3) for channel in range(16) for tap in taps(y, x)]
arrays = {"perceive.conv.kernel": ([3, 3, 1, 64], seen),
          "update.layers.0.kernel": ([1, 1, 64, 128], [0] * 64 * 128), "update.layers.0.bias": ([128], [1] * 128),
          "update.layers.1.kernel": ([1, 1, 128, 16], [0] * 128 * 16), "update.layers.1.bias": ([16], [0] * 15 + [0.25])}
header, data = {}, b""
for name, (shape, numbers) in sorted(arrays.items()):
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * len(numbers)]}
    data += struct.pack("<%df" % len(numbers), *numbers)
text = json.dumps(header).encode()
open("cax.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data)
END
  "$program" --model cax.safetensors --size 8 --padding 2 --steps 40 --damage none --out cax >cax.log
  [ "$(value cax parameters)" = 10384 ] && [ "$(value cax boundary)" = '"zero"' ] || fail "a rule of CAX is not recognized"
  grep -q '^144 cells alive after 40 steps' cax.log || fail "the cells of a rule of CAX do not grow: $(cat cax.log)"
else
  echo "no python3 here: rules of CAX are not tried"
fi

# The default regime does not explode when it is run on: ten seeds came to errors of 8e-5 to 2e-2, three of the same with
# growing to 1.8, 2e5 and 2e12.
"$program" --size 5 --padding 3 --channels 12 --hidden 64 --iterations 400 --batch 4 --pool 32 --min-steps 48 --max-steps 72 \
  --warm-up 10 --steps 2000 --damage none --out default >default.log
grep -q '^drawn pattern: persistent' default.log || fail "another regime is the default: $(cat default.log)"
value default loss_at_last_step | awk '{ exit !($1 < 1) }' || fail "the default regime explodes: $(cat default.log)"

# A rule that has not learnt to keep its picture does not heal it either, whatever is less afterwards.
"$program" $small --regime growing --rate 0.1 --final-rate 0.1 --steps 400 --damage circle --out lost >lost.log
grep -q 'the picture is lost: the regime growing' lost.log || fail "a lost picture is not called lost: $(cat lost.log)"
grep -q 'growing, which does not persist' lost.log || fail "growing does not say that it does not persist: $(cat lost.log)"
if grep -q 'healed' lost.log; then fail "a lost picture is said to be healed: $(cat lost.log)"; fi
[ "$(value lost loss_after_damage_recovery)" = null ] || fail "a lost picture has an error of healing"
if [ -e lost/healing.gif ]; then fail "a lost picture is filmed as it heals"; fi

"$program" --model model.safetensors $small --regime persistent --loss along --tape kept --iterations 3 --out on >on.log
"$program" $small --iterations 2 --loss random --overflow 1 --damage none --boundary torus --out random >random.log

# One that is stopped leaves a picture of how far it came; before its first iteration there is nothing to draw.
begun "$program" $small --iterations 1000000 --checkpoint-minutes 1e-9 --out cut
until_written cut
kill -TERM $!
wait $! && fail "it was not stopped"
exec 3<&-
written cut checkpoint.safetensors growth.gif growth.png loss.png

refused 'shrinking' --regime shrinking
refused 'data set of the checkpoint' --resume one --size 12
refused 'states of a saved pool is 16, expected 17' --resume one --pool 17
refused 'memory for --size 4096, --padding 4096' --size 4096 --padding 4096
refused 'no-such-folder' --export no-such-folder/model
refused 'no checkpoint of basin' --model one/growth.png
refused 'no-such-file' --target no-such-file.png
refused 'no-such-file' --model no-such-file.json
refused 'one of them' --model model.json --resume one/checkpoint.safetensors
refused 'min-steps is 20, expected less than --max-steps, 16' --min-steps 20 --max-steps 16
refused 'batch is 9, expected at most --pool, 8' --batch 9 --pool 8
head -c 500 model.safetensors >cut.safetensors
refused 'cut.safetensors' --model cut.safetensors
printf 'nca_grow: all as expected\n'
