#!/bin/sh
# What a user of nca_logic relies on: sh nca_logic.sh <program> <folder to work in>, with CXX (a compiler and its flags).
# A run gives the same checkpoint, to the last bit, on one thread or two, and after a stop and a resume; the circuit that
# it writes as C++ and as Verilog has the truth table that it measured; what is wrong is refused with a message that says
# so.
. "$(dirname "$0")/expect.sh"

small="--iterations 40 --check-every 20 --soups 2 --soup-size 20 --soup-steps 5"

"$program" $small --threads 1 --out one --export cell.hpp >one.log
written one metrics.json checkpoint.safetensors run.gif run.png loss.png
measured one task parameters gates active_gates simplified_gates iterations neighbourhoods_right table soups_equal \
  train_seconds peak_rss_bytes
[ "$(value one parameters)" = 26352 ] || fail "$(value one parameters) parameters"
"$program" $small --threads 2 --out two >two.log
same one two
measuring="--soups 2 --soup-size 20 --soup-steps 5"
for signal in TERM HUP KILL; do
  stopped_and_resumed $signal $small
  same one stopped
  all_told
done
"$program" --evaluate one $measuring --out evaluated --export cell.v >evaluated.log
[ "$(value evaluated table)" = "$(value one table)" ] || fail "evaluated, the circuit has another table"
watched --evaluate one

cat >table.cpp <<'END'
#include <cstdio>

#include "cell.hpp"

int main() {  // bit n of a word is circuit n of 32
  std::putchar('"');
  for (unsigned first = 0; first < 512; first += 32) {
    unsigned x[9] = {}, y[1];
    for (unsigned n = 0; n < 32; ++n) {
      for (unsigned i = 0; i < 9; ++i) x[i] |= ((first + n) >> i & 1) << n;
    }
    cell(x, y);
    for (unsigned n = 0; n < 32; n += 4) std::printf("%x", y[0] >> n & 15);
  }
  std::putchar('"');
}
END
$CXX table.cpp -o table
[ "$(./table)" = "$(value one table)" ] || fail "written as C++, the circuit has the table $(./table)"
if command -v iverilog >/dev/null 2>&1; then
  cat >table.v <<'END'
module table_of_cell;
  reg [9:0] n;
  reg [3:0] digit;
  wire [0:0] y;
  cell one(.x(n[8:0]), .y(y));
  initial begin
    $write("\"");
    for (n = 0; n < 512; n = n + 1) begin
      #1 digit[n[1:0]] = y[0];
      if (n[1:0] == 3) $write("%h", digit);
    end
    $write("\"");
  end
endmodule
END
  iverilog -g2001 -o table_v cell.v table.v
  [ "$(vvp table_v)" = "$(value one table)" ] || fail "written as Verilog, the circuit has the table $(vvp table_v)"
else
  echo "no iverilog here: the Verilog is run by an evaluator of the unit tests alone"
fi

for task in checkerboard picture; do
  "$program" --task $task --iterations 1 --threads 1 --out $task >$task.log
  written $task metrics.json checkpoint.safetensors run.gif run.png loss.png
done
measured checkerboard right right_at_four_times right_damaged right_healed
measured picture wrong_bits bits

refused 'task' --task chess
refused 'expected a name that ends in .hpp or .v' --export cell.txt
refused "name of a circuit is '2x'" --export 2x.v
refused 'expected --task picture' --target some.png
refused 'no-such-file' --resume no-such-file
refused 'one of them' --resume one --evaluate one
refused "rate is 'nan'" --resume one --rate nan
refused "setting 'seed' of the checkpoint is '3', expected '4'" --evaluate one --seed 4
refused 'data set of the checkpoint' --resume picture --target one/run.png
refused 'no-such.png' --task picture --target no-such.png
printf '{}' >other.json
refused 'no checkpoint of basin' --evaluate other.json
printf 'nca_logic: all as expected\n'
