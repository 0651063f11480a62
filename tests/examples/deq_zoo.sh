#!/bin/sh
# What a user of deq_zoo relies on: sh deq_zoo.sh <program> <folder to work in>
# The comparison has a row for every solver and adjoint, whose exact ones agree; a published network trains and settles;
# both go on after a stop to the same bits; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

"$program" --images 150 --test-images 100 --out zoo >zoo.log
written zoo metrics.json zoo.csv convergence.png gradient.png
measured zoo images epochs tolerance seed threads
[ "$(wc -l <zoo/zoo.csv)" = 21 ] || fail "zoo.csv has $(wc -l <zoo/zoo.csv) lines, expected 21"
for solver in anderson picard broyden broyden_bad klement newton_gmres chord pseudo_transient; do
  grep -q "^$solver,\"implicit\"," zoo/zoo.csv || fail "zoo.csv lacks the solver $solver"
done
# Column 8: the error of the gradient. One step back is further off than a solved equation.
awk -F , '
  { gsub("\"", "") }
  $1 == "picard" && $2 == "implicit" { exact = $8 }
  $1 == "anderson" && $2 == "jacobian_free" { free = $8 }
  END { exit !(exact > 0 && exact < 0.5 * free) }' zoo/zoo.csv || fail "errors of gradients: $(cat zoo/zoo.csv)"

measuring="--test-images 100"  # which no checkpoint keeps
stopped_and_resumed TERM --images 150 $measuring
same zoo stopped
all_told
[ "$(wc -l <stopped/zoo.csv)" = 21 ] || fail "resumed, zoo.csv has $(wc -l <stopped/zoo.csv) lines, expected 21"
refused "setting 'epochs' of the checkpoint" --resume zoo --epochs 2

small="--model mondeq-conv --images 256 --test-images 100 --epochs 2 --batch 32 --seed 3"
"$program" $small --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors loss.png
measured one parameters epochs accuracy forward_evaluations_mean adjoint_evaluations_mean train_seconds
[ "$(value one nonconverged_fraction)" = 0.0 ] || fail "not converged: $(value one nonconverged_fraction)"
[ "$(value one parameters)" = 34442 ] || fail "parameters: $(value one parameters)"
stopped_and_resumed TERM $small
same one stopped

"$program" --model mondeq-fc --images 256 --test-images 100 --epochs 1 --out fc >fc.log
[ "$(value fc parameters)" = 84313 ] || fail "parameters: $(value fc parameters)"
"$program" --model jfb --adjoint implicit --images 200 --held-back 100 --distort 0.5 --epochs 1 --out jfb >jfb.log
[ "$(value jfb parameters)" = 54352 ] || fail "parameters: $(value jfb parameters)"

refused 'no-such' --model no-such
refused 'needs a --model' --adjoint implicit
refused 'needs a --model' --distort 1
refused 'no-such-folder' --data no-such-folder
refused 'at most 12000' --images 20000
refused 'below 12000' --model jfb --held-back 12000
refused 'adjoint' --model jfb --adjoint shine
printf 'deq_zoo: all as expected\n'
