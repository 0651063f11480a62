#!/bin/sh
# said.sh <argument>... -o <file>: leaves what the compiler says as the file, with its status on the last line, and ends
# with 0, as if that were an object. So ccache keeps what is said of a program that must not compile. COMPILER is the
# compiler; ccache calls this in its place, and asks it to preprocess as well.
set -eu

file=
for argument in "$@"; do
  case $argument in -E) exec "$COMPILER" "$@" ;; esac
  if [ "${before:-}" = -o ]; then file=$argument; fi
  before=$argument
done
# ccache asks for colours.
status=0
"$COMPILER" "$@" -fdiagnostics-color=never >"$file.said" 2>&1 || status=$?
printf '%s\n' "$status" >>"$file.said"
mv "$file.said" "$file"
