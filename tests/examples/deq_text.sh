#!/bin/sh
# What a user of deq_text relies on: sh deq_text.sh <program> <folder to work in>
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; it evaluates to
# what it measured; the equilibrium is found whatever its gradient was, and told where it is not; and what is wrong is
# refused with a message that says so.
. "$(dirname "$0")/expect.sh"

small="--iterations 6 --batch 4 --context 16"
tested="--windows 20 --length 12"

# shellcheck disable=SC2086  # several words each
"$program" $small $tested --threads 1 --out one >one.log
written one metrics.json checkpoint.safetensors text.txt evaluations.png residual.png thinking.png settling.gif loss.png
measured one parameters iterations context validation_windows validation_loss validation_loss_late \
  nonconverged_fraction evaluations_mean carried_over written_evaluations_mean warm_evaluations_mean \
  cold_evaluations_mean train_seconds train_processor_seconds peak_rss_bytes
[ "$(value one parameters)" = 287840 ] || fail "$(value one parameters) parameters"
[ "$(tr -d '\n' <one/text.txt | wc -c)" -gt 12 ] || fail "wrote too little: $(cat one/text.txt)"
"$program" $small $tested --threads 2 --out two >two.log
same one two
measuring=$tested
for signal in TERM KILL; do
  stopped_and_resumed $signal $small $tested
  same one stopped
  all_told
done
"$program" --evaluate one $tested --out evaluated >evaluated.log
[ "$(value evaluated validation_loss)" = "$(value one validation_loss)" ] ||
  fail "evaluated: $(value evaluated validation_loss), in the run: $(value one validation_loss)"
cmp one/text.txt evaluated/text.txt || fail "wrote another text when it was evaluated"

# A short training says more than the frequencies of characters, and settles.
"$program" --iterations 40 --batch 8 --context 64 $tested --threads 2 --out learned >learned.log
awk -v loss="$(value learned validation_loss)" -v failed="$(value learned nonconverged_fraction)" \
  'BEGIN { exit !(loss < 2.2 && failed <= 0.2) }' ||
  fail "40 iterations: loss $(value learned validation_loss), $(value learned nonconverged_fraction) not converged"
# The text that settles at once is the one that a character at a time gives, in less than half of the evaluations.
"$program" --evaluate learned --windows 2 --length 100 --out writes >writes.log
awk -v written="$(value writes written_evaluations_mean)" -v cold="$(value writes cold_evaluations_mean)" \
  -v failed="$(value writes written_not_converged)" -v others="$(value writes warm_others)" \
  'BEGIN { exit !(written < cold / 2 && failed == 0 && others <= 2) }' ||
  fail "writing: $(cat writes.log writes/metrics.json)"
# A long text is found one character after another, and its residual stays as it is for as long: that is no failure.
"$program" --iterations 6 --batch 2 --context 160 --windows 2 --length 150 --out long >long.log
awk -v written="$(value long written_evaluations_mean)" -v failed="$(value long written_not_converged)" \
  'BEGIN { exit !(written < 2 && failed == 0) }' || fail "writing at length: $(cat long.log long/metrics.json)"
"$program" --evaluate learned $tested --max-evaluations 2 --out hasty >hasty.log
[ "$(value hasty nonconverged_fraction)" = 1.0 ] ||
  fail "2 evaluations settled all but $(value hasty nonconverged_fraction) of the windows"

# The memory of a step with the gradient of the equilibrium does not grow with its evaluations; through steps it does.
sed -n '/"step_memory"/,/^  \]/p' learned/metrics.json | tr -d ' \n' >memory
awk -F'"peak_rss_bytes":\\[' '
  function first(text) { return text + 0 }
  function last(text, all) { sub(/].*/, "", text); split(text, all, ","); return all[3] + 0 }
  { exit !(NF == 4 && last($2) > 1.05 * first($2) && last($3) <= 1.05 * first($3) && last($4) <= 1.05 * first($4)) }
' memory || fail "memory of steps with 8, 16 and 32 evaluations: $(cat memory)"

for model in tied untied; do
  "$program" --model $model $small $tested --out $model >$model.log
  written $model metrics.json text.txt
done
[ "$(value tied parameters)" = 287840 ] || fail "$(value tied parameters) parameters of tied layers"
[ "$(value untied parameters)" = 1056000 ] || fail "$(value untied parameters) parameters of untied layers"
printf 'No more than a few words, again and again. %.0s' 1 2 3 4 5 6 7 8 9 10 >words.txt
"$program" $small --data words.txt --windows 2 --prompt 'No more' --length 5 --temperature 0 --out words >words.log
grep -q '^No more' words/text.txt || fail "the prompt is not there: $(cat words/text.txt)"

refused 'no-such-file' --data no-such-file
printf 'caf\303\251' >accents.txt
refused 'byte 3 of accents.txt is 195' --data accents.txt
refused 'characters of words.txt' --data words.txt --context 64
refused 'memory for --batch 65536 and --context 4096' --batch 65536 --context 4096
refused 'byte 0 of --prompt' $small --prompt "$(printf '\t')"
refused "rate is 'nan'" --resume one --rate nan
refused 'data set of the checkpoint' --resume one --data words.txt
refused 'one of them' --resume one --evaluate one
printf '{}' >other.json
refused 'no checkpoint of basin' --evaluate other.json
printf 'deq_text: all as expected\n'
