#!/bin/sh
# What a user of nca_grow relies on: sh nca_grow.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last byte, on one thread or two, for each tape, and after a stop and a resume; a
# model is exported, run and trained on; and what is wrong is refused with a message that says so.
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

# A rule that has not learnt to keep its picture does not heal it either, whatever is less afterwards.
"$program" $small --regime growing --rate 0.1 --final-rate 0.1 --steps 400 --damage circle --out lost >lost.log
grep -q 'the picture is lost: the regime growing' lost.log || fail "a lost picture is not called lost: $(cat lost.log)"
if grep -q 'healed' lost.log; then fail "a lost picture is said to be healed: $(cat lost.log)"; fi

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
