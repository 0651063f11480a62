#!/bin/sh
# What a user of automata relies on: sh automata.sh <program> <folder to work in>
# Each family runs and writes its files; counts are those that are known; a saved pattern goes on as the run that saved
# it; one thread and two give the same; and what is wrong is refused with a message that says so.
set -eu

program=$1
work=$2
rm -rf "$work"
mkdir -p "$work"
cd "$work"

fail() {
  printf 'automata: %s\n' "$*" >&2
  exit 1
}

# value <folder> <key>: a number of metrics.json
value() {
  sed -n "s/^ *\"$2\": \\([^,]*\\),*$/\\1/p" "$1/metrics.json"
}

# is <folder> <key> <value>
is() {
  [ "$(value "$1" "$2")" = "$3" ] || fail "$1: $2 is $(value "$1" "$2"), expected $3"
}

has() {
  folder=$1
  shift
  for file in "$@"; do
    [ -s "$folder/$file" ] || fail "$folder/$file is missing or empty"
  done
}

"$program" --steps 40 --out lenia >lenia.log
has lenia metrics.json automata.gif automata.png population.png
grep -q '"mass": {' lenia/metrics.json || fail "metrics.json lacks mass"
"$program" --steps 10 --pattern random --boundary reflect --size 40 --out soup >soup.log
"$program" --steps 25 --size 10 --boundary unbounded --out orbium >orbium.log
awk -v mass="$(value orbium final_mass)" 'BEGIN { exit !(mass > 69 && mass < 74) }' ||
  fail "the mass of Orbium is $(value orbium final_mass)"

"$program" --rule 90 --steps 15 --out sierpinski >sierpinski.log
has sierpinski metrics.json automata.png population.png
is sierpinski 14 8
is sierpinski 15 16
"$program" --rule 30 --steps 30 --boundary unbounded --out thirty >thirty.log
"$program" --rule 30 --steps 30 --size 61 --boundary zero --out thirty_grid >thirty_grid.log
cmp thirty/automata.png thirty_grid/automata.png || fail "rule 30 differs without edges"

"$program" --rule B3/S23 --out gun >gun.log
has gun metrics.json automata.gif automata.png population.png
is gun 30 41
is gun 300 86
"$program" --pattern gosper-gun --steps 60 --boundary unbounded --save gun.rle --out gun_plane >gun_plane.log
is gun_plane 60 46
"$program" --pattern gun.rle --steps 90 --boundary unbounded --out gun_on >gun_on.log
is gun_on 90 61
"$program" --pattern glider --size 16 --steps 64 --boundary periodic --out glider >glider.log
is glider period 64
is glider settled_at 0
"$program" --pattern r-pentomino --boundary zero --steps 20 --threads 1 --save one.rle --out one >one.log
"$program" --pattern r-pentomino --boundary zero --steps 20 --threads 2 --save two.rle --out two >two.log
cmp one.rle two.rle || fail "two threads give another end than one"
cmp one/automata.gif two/automata.gif || fail "two threads give another film than one"
"$program" --rule B36/S23 --pattern random --size 40 --steps 20 --seed 4 --save high.rle --out high >high.log
grep -q 'rule = B36/S23' high.rle || fail "the saved pattern lacks its rule"
"$program" --pattern high.rle --size 40 --steps 1 --out high_on >high_on.log
grep -q '^B36/S23' high_on.log || fail "the rule of the pattern is not heeded"
printf '{"rule": "B2/S", "size": 32, "steps": 5}\n' >seeds.json
"$program" --settings seeds.json --out seeds >seeds.log
grep -q '^B2/S, random' seeds.log || fail "the settings file is not heeded"

# refused <what the message must say> <arguments>
refused() {
  wanted=$1
  shift
  if "$program" --out refused "$@" >refused.log 2>&1; then fail "took $*"; fi
  grep -q -- "$wanted" refused.log || fail "$* was refused without '$wanted': $(cat refused.log)"
}

refused 'number of an elementary rule is 256' --rule 256
refused "Life-like rule is 'B9/S23'" --rule B9/S23
refused 'empty plane is 1' --rule B0/S8 --boundary unbounded
refused 'empty plane is 1' --rule 255 --boundary unbounded
refused 'no-such-file.rle' --pattern no-such-file.rle
refused 'at most --size 20' --rule B3/S23 --size 20
refused 'orbium or random' --rule lenia --pattern glider
refused 'one of two states' --rule B3/S23 --pattern orbium
refused 'one row' --rule 30 --pattern acorn
refused 'two states' --save end.rle
refused 'boundary' --boundary mobius
refused 'more than the border' --boundary reflect --size 12 --pattern random
printf 'x = 2, y = 2\n3o!\n' >wide.rle
"$program" --pattern wide.rle --size 8 --steps 2 --out wide >wide.log
printf 'x = 3, y = 3, rule = B3/S23:T16,16\nbob$2bo$3o!\n' >torus.rle
"$program" --pattern torus.rle --steps 64 --out torus >torus.log
is torus period 64
refused 'zero' --pattern torus.rle --boundary zero
refused 'as many cells either way as --size, 20' --pattern torus.rle --size 20
printf 'x = 3, y = 1, rule = B3/S23\nA.C!\n' >states.rle
refused 'number of states of pattern states.rle is 4' --pattern states.rle
printf 'automata: all as expected\n'
