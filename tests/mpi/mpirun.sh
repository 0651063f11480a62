#!/bin/sh
# sh mpirun.sh <mpirun> <number of processes, or "refusal"> <program>: runs the program on so many processes of this
# machine, as any user; or on three of which one throws, and then expects all to end with its message, and soon.

mpirun=$1
case=$2
program=$3
. "$(dirname "$0")/environment.sh"

if [ "$case" != refusal ]; then exec "$mpirun" -n "$case" "$program"; fi
output=$(timeout 60 "$mpirun" -n 3 "$program" refusal 2>&1)
status=$?
case $output in
  *"rank 1 of 3: number of things is 3, expected 4 or more"*) ;;
  *) printf 'the message of the rank that throws is not there:\n%s\n' "$output"; exit 1 ;;
esac
[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || { printf 'the status is %s\n' "$status"; exit 1; }
printf 'all ranks have ended\n'
