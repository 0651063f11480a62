#!/bin/sh
# What a user of automata relies on: sh automata.sh <program> <folder to work in>
# Each family runs and writes its files; counts are those that are known; a saved pattern goes on as the run that saved
# it; one thread and two give the same; a run that is stopped and resumed ends as one that was not; and what is wrong is
# refused with a message that says so.
. "$(dirname "$0")/expect.sh"

# value <folder> <key>: a number of metrics.json, however deep
value() {
  sed -n "s/^ *\"$2\": \\([^,]*\\),*$/\\1/p" "$1/metrics.json"
}

# is <folder> <key> <value>
is() {
  [ "$(value "$1" "$2")" = "$3" ] || fail "$1: $2 is $(value "$1" "$2"), expected $3"
}

"$program" --steps 40 --out lenia >lenia.log
written lenia metrics.json automata.gif automata.png strip.png population.png population.svg
grep -q '"mass": {' lenia/metrics.json || fail "metrics.json lacks mass"
"$program" --steps 10 --pattern random --boundary reflect --size 40 --out soup >soup.log
"$program" --steps 25 --size 10 --boundary unbounded --out orbium >orbium.log
awk -v mass="$(value orbium final_mass)" 'BEGIN { exit !(mass > 69 && mass < 74) }' ||
  fail "the mass of Orbium is $(value orbium final_mass)"

# A published creature of three channels divides, and then keeps its size.
"$program" --rule expanded-lenia --size 64 --steps 80 --frames 5 --out creature >creature.log
written creature metrics.json automata.gif automata.png population.png
awk -v mass="$(value creature final_mass)" 'BEGIN { exit !(mass > 780 && mass < 840) }' ||
  fail "the mass of Tessellatium is $(value creature final_mass)"
"$program" --rule flow-lenia --size 24 --steps 20 --boundary zero --out flow >flow.log
awk -v change="$(value flow relative_change_of_mass)" 'BEGIN { exit !(change > -1e-5 && change < 1e-5) }' ||
  fail "Flow-Lenia's mass has changed by $(value flow relative_change_of_mass)"
"$program" --rule particle-lenia --total --size 50 --steps 60 --frames 3 --out falls >falls.log
sed -n '/"energy": {/,/}/s/^ *"[0-9]*": \([^,]*\),*$/\1/p' falls/metrics.json |
  awk 'NR > 1 && !($1 < last) { exit 1 } { last = $1 } END { if (NR != 61) exit 1 }' || fail "the energy of all does not fall"
"$program" --rule path --size 15 --mazes 36 --out path >path.log
written path metrics.json automata.gif automata.png population.png
grep -q '^36 of 36 mazes' path.log || fail "mazes are not solved: $(cat path.log)"
grep -q '"solved_it": true' path/metrics.json || fail "the maze of the film is not solved"
is path period 1

"$program" --rule 90 --steps 15 --out sierpinski >sierpinski.log
written sierpinski metrics.json automata.png population.png
is sierpinski 14 8
is sierpinski 15 16
"$program" --rule 30 --steps 30 --boundary unbounded --out thirty >thirty.log
"$program" --rule 30 --steps 30 --size 61 --boundary zero --out thirty_grid >thirty_grid.log
cmp thirty/automata.png thirty_grid/automata.png || fail "rule 30 differs without edges"

"$program" --rule B3/S23 --out gun >gun.log
written gun metrics.json automata.gif automata.png population.png
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

# A run that is stopped goes on to the same end, to the last bit: state, counts, embers, rows of time.
goes_on() {
  folder=$1
  signal=$2
  shift 2
  "$program" "$@" --out "$folder" >"$folder.log"
  stopped_and_resumed $signal "$@"
  same "$folder" stopped
  cmp "$folder/population.png" stopped/population.png || fail "$folder, resumed: another chart of its counts"
}
goes_on long_life TERM --rule B3/S23 --pattern random --size 100 --steps 200
goes_on long_plane KILL --rule B3/S23 --pattern acorn --boundary unbounded --steps 400
goes_on long_lenia HUP --steps 40 --size 42 --boundary unbounded
goes_on long_line TERM --rule 110 --size 201 --steps 800
cmp long_line/automata.png stopped/automata.png || fail "rule 110, resumed, has another picture of all of time"

# One that came to its end goes on for longer, as one that was never stopped.
for run in "--rule B3/S23 --pattern acorn --boundary unbounded" "--size 64" "--size 64 --boundary unbounded" \
  "--rule B36/S23 --pattern random --size 40" "--rule 30 --size 61" "--rule flow-lenia --size 24" \
  "--rule particle-lenia --size 20 --scale 1" "--rule path --size 21 --mazes 0"; do
  "$program" $run --steps 30 --out whole >whole.log
  "$program" $run --steps 13 --out part >part.log
  "$program" --resume part --steps 30 --out part >part.log
  same whole part
done
[ "$(value part 30)" = "$(value whole 30)" ] || fail "a run that went on counts other cells"
grep -q '"to": 13' part/metrics.json || fail "metrics.json does not tell of all sessions"

begun "$program" --rule B3/S23 --steps 100000 --size 200 --out cut
kill -TERM $!
wait $! && fail "it was not stopped"
read -r line <said
exec 3<&-
written cut checkpoint.safetensors automata.gif automata.png population.png
case $line in
  *'--resume cut/checkpoint.safetensors') ;;
  *) fail "a run that was stopped does not say how to go on: $line" ;;
esac

refused '--radius with rule flow-lenia is 5, expected none' --rule flow-lenia --radius 5
refused '--mazes with rule 30 is 3, expected none' --rule 30 --mazes 3
refused '--total with rule path is ' --rule path --total
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
refused 'boundary of rule flow-lenia is .*, expected periodic or zero' --rule flow-lenia --boundary reflect
refused 'boundary of rule path' --rule path --boundary unbounded
refused 'pattern of rule expanded-lenia is .*, expected tessellatium' --rule expanded-lenia --pattern acorn
refused 'size of rule path is 4, expected 5 or more' --rule path --size 4
refused 'more than the border' --boundary reflect --size 12 --pattern random
refused 'GB' --size 16384 --scale 64 --rule B3/S23
refused "density is 'nan'" --rule B3/S23 --density nan
refused 'no-such-folder' --rule B3/S23 --save no-such-folder/end.rle
refused 'no checkpoint of basin' --resume high.rle
refused 'data set of the checkpoint' --resume long_life --seed 2
refused "'step' is 200, expected 0 to 20" --resume long_life --steps 20
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
