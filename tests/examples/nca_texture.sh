#!/bin/sh
# What a user of nca_texture relies on: sh nca_texture.sh <program> <folder to work in>
# A run of either rule gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it
# learns; a model is exported, run on a larger torus and trained on, also to a PNG; and what is wrong is refused with a
# message that says so.
. "$(dirname "$0")/expect.sh"

small="--size 16 --run-size 24 --iterations 40 --batch 2 --pool 6 --min-steps 4 --max-steps 10 --steps 4"

for rule in large micro; do
  "$program" $small --rule $rule --threads 1 --export $rule.safetensors --out $rule >$rule.log
  written $rule metrics.json checkpoint.safetensors forming.gif forming.png healing.png texture.png target.png loss.png
  measured $rule texture rule parameters iterations final_loss loss_damaged loss_healed loss_of_the_texture_itself \
    loss_of_its_mean_colour train_seconds cell_steps_per_second peak_rss_bytes
  "$program" $small --rule $rule --threads 2 --out two >two.log
  same $rule two
  signals="TERM KILL"
  [ $rule = large ] || signals=HUP
  for signal in $signals; do
    stopped_and_resumed $signal $small --rule $rule
    same $rule stopped
    measured stopped train_seconds
    all_told
  done
  "$program" --rule $rule --model $rule.safetensors --run-size 40 --steps 10 --refined --out run >run.log
  written run refined.png
  grep -q '"step": 0.125' run/metrics.json || fail "smaller steps are not measured"
  [ "$(value run final_loss)" = null ] || fail "a model that is only run has a loss"
  [ "$(value run run_size)" = 40 ] || fail "a model runs on a torus of another size"
done
[ "$(value large parameters)" = 5856 ] || fail "$(value large parameters) parameters"
[ "$(value micro parameters)" = 588 ] || fail "$(value micro parameters) parameters"
watched --resume large
watched --rule micro --model micro.safetensors --run-size 40

# It learns: in some seconds it is far nearer to the texture than grey is.
"$program" --size 16 --run-size 32 --iterations 200 --rate 5e-3 --batch 2 --pool 8 --min-steps 16 --max-steps 32 --steps 40 \
  --out learnt >learnt.log
awk -v reached="$(value learnt final_loss)" -v grey="$(value learnt loss_of_its_mean_colour)" \
  'BEGIN { exit !(reached < grey / 3) }' || fail "200 iterations reach only $(value learnt final_loss)"

# Trained on, to a PNG: one that is there is the picture of the texture.
"$program" $small --model large.safetensors --texture learnt/target.png --texture-size 20 --levels 1 --out on >on.log
grep -q '"texture": "learnt/target.png"' on/metrics.json || fail "metrics.json does not name the texture"

# One that is stopped shows how far it came, and says how to go on.
"$program" --size 16 --iterations 1000000 --batch 2 --pool 6 --out cut >cut.log &
# It prints when it begins to train, and can be stopped from then on.
for second in $(seq 60); do
  if [ -s cut.log ]; then break; fi
  sleep 1
done
kill -TERM $!
wait $! && fail "it was not stopped"
written cut checkpoint.safetensors loss.png forming.png
grep -q -- '--resume cut/checkpoint.safetensors' cut.log || fail "a run that was stopped does not say how to go on"

# From noise, and with smaller steps, which know the texture too.
"$program" $small --start noise --refined --out noise >noise.log
written noise refined.png
refused 'ones' --start ones

refused 'tiny' --rule tiny
refused "rate is 'nan'" --resume large --rate nan
refused 'data set of the checkpoint' --resume large --texture learnt/target.png
refused 'shape of the states of a saved pool is 12 16 16 1, expected 12 17 17 1' --resume large --size 17
refused "'0.bias' is missing\|lacks" --resume micro --rule large
refused 'no-such-folder' --export no-such-folder/model.safetensors
refused 'no checkpoint of basin' --resume learnt/target.png
refused 'program that wrote the checkpoint is not said' --resume large.safetensors
refused 'GB' --size 4096 --pool 1000000
refused 'no-such-file' --texture no-such-file.png
refused 'no-such-file' --model no-such-file.safetensors
refused 'one of them' --model large.safetensors --resume large/checkpoint.safetensors
refused 'min-steps is 20, expected less than --max-steps, 16' --min-steps 20 --max-steps 16
refused 'batch is 9, expected at most --pool, 8' --batch 9 --pool 8
refused '0.weight' --rule large --model micro.safetensors
head -c 500 large.safetensors >cut.safetensors
refused 'cut.safetensors' --model cut.safetensors
printf 'nca_texture: all as expected\n'
