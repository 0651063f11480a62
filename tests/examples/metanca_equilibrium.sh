#!/bin/sh
# What a user of metanca_equilibrium relies on: sh metanca_equilibrium.sh <program> <folder to work in>
# Every equilibrium is found, and is the network that the updates lead to; a run gives the same rules, to the last byte,
# on one thread or two, and after a stop and a resume; and what is wrong is refused.
. "$(dirname "$0")/expect.sh"

small="--iterations 6 --images 64 --architectures 4 --test-images 40"

"$program" $small --widths 2 --repetitions 1 --threads 1 --out one >one.log
written one metrics.json cost.png loss.png settled.safetensors updates.safetensors
measured one dataset parameters peak_rss_bytes
for key in accuracy_solved spectral_radius smallest_singular_value training_adjoint_solves cost_of_a_gradient; do
  grep -q "\"$key\": " one/metrics.json || fail "metrics.json lacks $key"
done
if grep '"not_converged": ' one/metrics.json | grep -qv ': 0,'; then fail "a solve did not converge"; fi
# What the solver finds is what updates of random cells, half of the way, lead to.
awk '/"distance_after_100_updates": / { seen += 1; gsub(",", ""); if ($2 > 1e-3) exit 1 }
     END { if (seen != 2) exit 1 }' one/metrics.json || fail "equilibria and updates differ: $(cat one/metrics.json)"
"$program" $small --widths 1 --repetitions 0 --threads 2 --out two >two.log
for rule in settled updates; do
  cmp one/$rule.safetensors two/$rule.safetensors || fail "two threads give another rule $rule than one"
done

# Its measurements take most of the time, so one signal stands for all; the programs beside it try each.
measuring="--widths 1 --repetitions 0"
stopped_and_resumed TERM $small $measuring
for rule in settled updates; do
  same one stopped checkpoint_$rule.safetensors
  cmp one/$rule.safetensors stopped/$rule.safetensors || fail "a resumed run gives another rule $rule"
done
[ "$(grep -c '"end": "finished"' stopped/metrics.json)" -ge 2 ] || fail "metrics.json does not tell of all sessions"

refused 'expected the folder' --resume one/checkpoint_settled.safetensors
# wrong <file>: the folder wrong, with this file as the checkpoint of the first training
wrong() {
  rm -rf wrong
  mkdir wrong
  cp "$1" wrong/checkpoint_settled.safetensors
}
wrong one/settled.safetensors
refused 'program that wrote the checkpoint is not said' --resume wrong
wrong one/metrics.json
refused 'no checkpoint of basin' --resume wrong
wrong one/checkpoint_updates.safetensors
refused 'leaves that the model has and the checkpoint lacks' --resume wrong
digit_files 64
wrong one/checkpoint_settled.safetensors
refused 'data set of the checkpoint' --resume wrong --data digits --repetitions 0
rm -r digits
digit_files 0
refused 'training images is 0, expected at least 1' --data digits
refused "rate is 'nan'" --rate nan
refused 'no-such-folder' --data no-such-folder
refused 'iterations' --iterations 0
printf 'metanca_equilibrium: all as expected\n'
