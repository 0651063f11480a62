#!/bin/sh
# What a user of deq_sudoku relies on: sh deq_sudoku.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; a training of seconds fills in the places that others decide; files of puzzles are read, plain or
# packed; and what is wrong is refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--iterations 12 --batch 4 --segments 3"
tested="--count 3 --max-evaluations 40"

"$program" $small $tested --breadth 2 --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors solved.png settling.gif residual.png loss.png
measured one parameters iterations solved solved_when_converged nonconverged_fraction evaluations_mean train_seconds \
  train_processor_seconds peak_rss_bytes
[ "$(value one parameters)" -le 50000 ] || fail "$(value one parameters) parameters"
[ "$(grep -c '"name": ' one/metrics.json)" = 3 ] || fail "not measured on three sets"
[ "$(grep -c '"breadth": 2' one/metrics.json)" = 4 ] || fail "not measured with two starts"
"$program" $small $tested --breadth 2 --threads 2 --out two >two.log
same one two
measuring="$tested --breadth 2"
for signal in TERM KILL; do
  stopped_and_resumed $signal $small $tested --breadth 2
  same one stopped
  measured stopped train_seconds
  all_told
done
"$program" --evaluate one $tested --breadth 2 --out evaluated >evaluated.log
[ "$(value evaluated evaluations_mean)" = "$(value one evaluations_mean)" ] ||
  fail "evaluated: $(value evaluated evaluations_mean) evaluations, in the run: $(value one evaluations_mean)"

# A full grid with 4 places open, twelve times: easy enough for a rule that has hardly begun to learn.
solution=584637129371289456269415738438752961697143582152968347925874613713526894846391275
puzzle=.8463712937128945626941573843875296169714358215296834792587461371352689484639127.
mkdir data
for line in 1 2 3 4 5 6 7 8 9 10 11 12; do printf '%s,%s\n' $puzzle $solution; done >data/train_easy.csv
cp data/train_easy.csv data/test_easy.csv
gzip -c data/train_easy.csv >packed.csv.gz
"$program" --iterations 80 --batch 8 --rate 6e-3 --segments 2 --min-steps 2 --max-steps 4 --data data --count 5 --max-evaluations 30 --out learned >learned.log
[ "$(value learned solved)" = 1.0 ] || fail "four open places: solved $(value learned solved)"
grep -q '"name": "easy"' learned/metrics.json || fail "the file's name is not told"
"$program" --evaluate learned --data packed.csv.gz --count 5 --max-evaluations 30 --out packed >packed.log
[ "$(value packed evaluations_mean)" = "$(value learned evaluations_mean)" ] || fail "a packed file reads otherwise"
# Two starts that converge to the same answer certify it, after the evaluations of both.
"$program" --iterations 80 --batch 8 --rate 2e-3 --penalty 30 --segments 2 --min-steps 2 --max-steps 4 --data data --count 5 --max-evaluations 300 --out settles >settles.log
"$program" --evaluate settles --data data --count 5 --breadth 4 --confirm 2 --out both >both.log
awk -v first="$(value settles evaluations_mean)" -v both="$(value both evaluations_mean)" \
  -v open="$(value settles nonconverged_fraction)" -v still="$(value both nonconverged_fraction)" \
  -v one="$(sed -n 's/.*breadth 1: .*not converged \([^%]*\)%.*/\1/p' both.log)" \
  'BEGIN { exit !(open == 0 && still == 0 && one == 100 && both > 1.5 * first) }' || fail "confirmed: $(cat settles.log both.log)"

refused 'segments' --segments -1
refused '--confirm is 3, expected at most --breadth, 2' --confirm 3 --breadth 2
refused "rate is 'nan'" --resume one --rate nan
refused "length of 'states' is 139968, expected 174960" --resume one --batch 5
refused 'data set of the checkpoint' --resume one --data data
refused '--min-steps is 9, expected less than --max-steps, 9' --min-steps 9
refused 'memory for --count 1000000' --count 1000000 --breadth 1000
refused 'no-such-file' --resume no-such-file
refused 'one of them' --resume one --evaluate one
refused 'number of files test_\*.csv is 0' --data one
printf '12\n' >broken.csv
refused 'line 1: length of the line is 2, expected 163' --data broken.csv
printf '%s,%s\n' 1$puzzle $solution | cut -c 1-81,83- >broken.csv
refused 'line 1: ' --data broken.csv
printf '{}' >other.json
refused 'no checkpoint of basin' --evaluate other.json
printf 'deq_sudoku: all as expected\n'
