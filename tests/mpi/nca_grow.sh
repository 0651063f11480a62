#!/bin/sh
# nca_grow on several processes: sh nca_grow.sh <program> <folder to work in> <mpirun>
# The checkpoint is that of one process, to the last byte, also where the rate follows the clock.
mpirun=$3
. "$(dirname "$0")/environment.sh"
. "$(dirname "$0")/../examples/expect.sh"

small="--size 8 --padding 2 --batch 5 --pool 12 --min-steps 6 --max-steps 10 --steps 12 --threads 1 --seed 3"
small="$small --regime regenerating --loss along"

"$program" $small --iterations 4 --out one >one.log
"$mpirun" -n 3 "$program" $small --iterations 4 --out three >three.log
grep -q '^3 processes of MPI$' three.log || fail "it does not say how many processes there are: $(cat three.log)"
[ "$(grep -c '^drawn' three.log)" -le 1 ] || fail "more than one process prints: $(cat three.log)"
same one three

"$mpirun" -n 2 "$program" $small --iterations 3 --minutes 5 --out clock >clock.log
printf 'nca_grow over processes: all as expected\n'
