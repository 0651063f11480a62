#!/bin/sh
# Kills the programs that train at random moments and resumes them, and compares what they come to with an undisturbed
# run: sh tests/kills.sh KILLS [FOLDER WITH THE PROGRAMS]
# So many kills of each program, each in a run that is killed again and again until it comes to its end. Prints how many
# checkpoints were lost (none is there though one was), torn (one that cannot be read) or came to other bits.
set -eu

kills=${1:-}
case $kills in
  '' | *[!0-9]*)
    printf 'kills.sh: the number of kills is "%s", expected a whole number\n' "$kills" >&2
    exit 2
    ;;
esac
programs=$(cd "${2:-build/tests/examples}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
seed=${KILL_SEED:-$(date +%s)}
total=0
bad=0

# kill_and_resume <checkpoints that are compared> <program> <arguments>
kill_and_resume() {
  compared=$1
  name=$2
  shift 2
  rm -rf whole cut
  begin=$(date +%s%N)
  "$programs/$name" "$@" --out whole >log 2>&1 || { cat log; exit 1; }
  took=$((($(date +%s%N) - begin) / 1000000))
  done_kills=0
  runs=0
  failed=0
  while [ "$done_kills" -lt "$kills" ]; do
    rm -rf cut
    was_there=
    while :; do
      resume=
      if [ -n "$(find cut -name 'checkpoint*.safetensors' 2>/dev/null)" ]; then
        resume='--resume cut'
        was_there=yes
      elif [ -n "$was_there" ]; then
        printf '%s: a checkpoint is lost\n' "$name"
        failed=$((failed + 1))
      fi
      # A run from a checkpoint takes its settings; what is said again wins, and is the same.
      # shellcheck disable=SC2086
      "$programs/$name" "$@" $resume --checkpoint-minutes 1e-9 --out cut >log 2>&1 &
      process=$!
      if [ "$done_kills" -lt "$kills" ]; then
        sleep "$(awk -v s="$seed$done_kills$runs" -v most="$took" 'BEGIN { srand(s); printf "%.3f", rand() * most / 1000 }')"
        if kill -s KILL "$process" 2>/dev/null; then done_kills=$((done_kills + 1)); fi
      fi
      status=0
      wait "$process" 2>/dev/null || status=$?
      if [ "$status" -eq 0 ]; then break; fi
      if [ "$status" -ne 137 ]; then
        printf '%s: cannot go on: %s\n' "$name" "$(cat log)"
        failed=$((failed + 1))
        break
      fi
    done
    runs=$((runs + 1))
    for file in $compared; do
      "$programs/same_checkpoint" "whole/$file" "cut/$file" || failed=$((failed + 1))
    done
  done
  printf '%-20s %4d kills in %d runs, %d bad\n' "$name" "$done_kills" "$runs" "$failed"
  total=$((total + done_kills))
  bad=$((bad + failed))
}

kill_and_resume checkpoint.safetensors deq_digits --images 1024 --epochs 2
kill_and_resume checkpoint.safetensors deq_sums --iterations 60 --batch 16 --bits 8 --test-bits 16 --count 4
kill_and_resume checkpoint.safetensors deq_mazes --iterations 60 --pixels 400 --train-size 7 --size 9 --count 4 \
  --max-evaluations 60
kill_and_resume checkpoint.safetensors deq_text --iterations 10 --batch 4 --context 16 --windows 4 --length 2
kill_and_resume checkpoint.safetensors deq_sudoku --iterations 60 --batch 4 --count 2 --max-evaluations 20
kill_and_resume checkpoint.safetensors deq_segment --iterations 12 --batch 4 --test-images 2
kill_and_resume checkpoint.safetensors deq_zoo --images 100 --test-images 10
kill_and_resume checkpoint.safetensors deq_zoo --model mondeq-conv --images 128 --test-images 10 --epochs 2 --batch 32
kill_and_resume checkpoint.safetensors nca_grow --size 10 --padding 4 --iterations 200 --batch 4 --pool 16 \
  --min-steps 10 --max-steps 16 --steps 30 --regime regenerating
kill_and_resume checkpoint.safetensors nca_texture --size 16 --iterations 60 --batch 2 --pool 8 --min-steps 4 \
  --max-steps 8 --steps 4 --run-size 16
kill_and_resume checkpoint.safetensors nca_arc --tasks 5 --width 12 --iterations 60 --batch 4 --min-steps 4 --max-steps 8
kill_and_resume checkpoint.safetensors nca_segment --iterations 60 --batch 2 --steps 1,2,1,1 --memory-side 0
kill_and_resume checkpoint.safetensors nca_goals --count 3 --size 8 --padding 2 --iterations 60 --batch 4 --pool 8 \
  --min-steps 4 --max-steps 8 --steps 8 --keep-steps 8
kill_and_resume checkpoint.safetensors nca_inpaint --iterations 60 --batch 4 --pool 8 --min-steps 3 --max-steps 6 \
  --steps 4 --test-images 4
kill_and_resume checkpoint.safetensors nca_vae --iterations 60 --batch 3 --pool 4 --steps 1,1,1,1,2 --living-steps 2 \
  --test-images 4 --weighted 2
kill_and_resume checkpoint.safetensors nca_tissue --side 12 --steps 8 --recordings 4 --batch 3 --iterations 200 --tissues 4
kill_and_resume checkpoint.safetensors nca_diffuse --size 8 --padding 2 --iterations 60 --batch 4 --pool 8 --steps 8
kill_and_resume checkpoint.safetensors nca_autoencode --size 6 --iterations 200 --batch 4 --pool 8 --steps 12 \
  --test-images 4
kill_and_resume checkpoint.safetensors nca_logic --iterations 60 --check-every 20 --soups 1 --soup-size 10 --soup-steps 5
kill_and_resume checkpoint.safetensors nca_digits --iterations 60 --steps 4 --batch 4 --pool 8 --test-images 4
kill_and_resume 'checkpoint_seed1_with_pool.safetensors checkpoint_seed1_without_pool.safetensors' metanca_iris \
  --seeds 1 --iterations 60 --pool-iterations 60 --networks 2 --samples 1 --updates 2 --horizon 4
kill_and_resume checkpoint.safetensors metanca_mnist --networks 2 --iterations 40 --pool-iterations 40 --images 32 \
  --architectures 4 --samples 1 --updates 1 --step 90 --test-images 20
kill_and_resume checkpoint.safetensors metanca_learn --family planar --iterations 60 --networks 2 --batch 8 --segment 3 \
  --life 12 --tasks 3 --batches 6
kill_and_resume checkpoint.safetensors metanca_settle --iterations 60 --networks 2 --points 16 --evaluations 20 \
  --tasks 3 --test-evaluations 20
kill_and_resume checkpoint.safetensors metanca_names --iterations 60 --pool-iterations 60 --networks 2 --samples 1 \
  --updates 2 --horizon 4
kill_and_resume 'checkpoint_settled.safetensors checkpoint_unrolled.safetensors' nca_equilibrium --size 8 \
  --iterations 40 --unrolled-iterations 4 --reach-iterations 0
kill_and_resume 'checkpoint_settled.safetensors checkpoint_updates.safetensors' metanca_equilibrium --iterations 20 \
  --images 64 --architectures 4 --test-images 20 --widths 1 --repetitions 0
kill_and_resume checkpoint.safetensors automata --rule B3/S23 --pattern random --size 100 --steps 300
printf '%d kills, %d bad\n' "$total" "$bad"
[ "$bad" -eq 0 ]
