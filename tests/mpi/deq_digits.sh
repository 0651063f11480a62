#!/bin/sh
# What a user of deq_digits on several processes relies on: sh deq_digits.sh <program> <folder to work in> <mpirun>
# The checkpoint is that of one process, to the last byte; a training that stopped goes on with another number of them;
# what is wrong ends all, and is said once.
mpirun=$3
. "$(dirname "$0")/environment.sh"
. "$(dirname "$0")/../examples/expect.sh"

small="--images 512 --epochs 1 --batch 100 --threads 1 --seed 3"

"$program" $small --out one >one.log
"$mpirun" -n 3 "$program" $small --out three >three.log
grep -q '^3 processes of MPI$' three.log || fail "it does not say how many processes there are: $(cat three.log)"
[ "$(grep -c '^drawn' three.log)" -le 1 ] || fail "more than one process prints: $(cat three.log)"
[ "$(value three processes)" = 3 ] || fail "metrics.json has processes $(value three processes)"
[ "$(value three test_accuracy)" = "$(value one test_accuracy)" ] || fail "another test accuracy on three processes"
same one three

"$mpirun" -n 2 "$program" --evaluate three --out evaluated >evaluated.log
[ "$(value evaluated test_accuracy)" = "$(value one test_accuracy)" ] || fail "evaluated to another accuracy"

# A folder that is a file: rank 0 cannot write.
: >file
status=0
timeout 60 "$mpirun" -n 2 "$program" $small --out file >refused.log 2>&1 || status=$?
{ [ "$status" -ne 0 ] && [ "$status" -ne 124 ]; } || fail "wrote into a file, or hung: status $status"
[ "$(grep -c 'deq_digits: rank 0 of 2: file' refused.log)" = 1 ] || fail "not said once: $(cat refused.log)"
printf 'deq_digits over processes: all as expected\n'
