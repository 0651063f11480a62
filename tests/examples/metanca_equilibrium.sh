#!/bin/sh
# What a user of metanca_equilibrium relies on: sh metanca_equilibrium.sh <program> <folder to work in>
# Every equilibrium is found, and is the network that the updates lead to; a run gives the same rules, to the last byte,
# on one thread or two; and what is wrong is refused.
. "$(dirname "$0")/expect.sh"

small="--iterations 6 --images 64 --architectures 4 --test-images 100"

"$program" $small --threads 1 --out one >one.log
written one metrics.json cost.png settled.safetensors updates.safetensors
measured one dataset parameters peak_rss_bytes
for key in accuracy_solved spectral_radius smallest_singular_value training_adjoint_solves cost_of_a_gradient; do
  grep -q "\"$key\": " one/metrics.json || fail "metrics.json lacks $key"
done
if grep '"not_converged": ' one/metrics.json | grep -qv ': 0,'; then fail "a solve did not converge"; fi
# What the solver finds is what updates of random cells, half of the way, lead to.
awk '/"distance_after_100_updates": / { seen += 1; gsub(",", ""); if ($2 > 1e-3) exit 1 }
     END { if (seen != 2) exit 1 }' one/metrics.json || fail "equilibria and updates differ: $(cat one/metrics.json)"
"$program" $small --threads 2 --out two >two.log
for rule in settled updates; do
  cmp one/$rule.safetensors two/$rule.safetensors || fail "two threads give another rule $rule than one"
done

refused 'no-such-folder' --data no-such-folder
refused 'iterations' --iterations 0
printf 'metanca_equilibrium: all as expected\n'
