#!/bin/sh
# What a user of basin_export relies on: sh basin_export.sh <program> <folder to work in>, with CXX (a compiler and its
# flags), INCLUDES (its options for the headers of basin and Eigen), SOURCE (the folder of this project) and, if compilers
# are to be cached, CCACHE_BASEDIR.
# The programs of docs/into_a_program.md, as they stand there, compile with what it writes, read a digit, and agree;
# what is no checkpoint of a model that it knows is refused.
. "$(dirname "$0")/expect.sh"

# listed <language> <words>: the block of the page that has these words
listed() {
  awk -v begin="\`\`\`$1" -v words="$2" '$0 == begin { text = ""; on = 1; next }
    /^```/ { if (on && index(text, words)) all = text; on = 0 }
    on { text = text $0 "\n" } END { printf "%s", all }' "$SOURCE/docs/into_a_program.md"
}

"$(dirname "$program")/deq_digits" --images 64 --batch 64 --epochs 1 --max-evaluations 8 --solver picard --adjoint jacobian_free --out trained >trained.log
"$program" --checkpoint trained --name digits --interface c >exported.log
grep -q 'wrote ./digits.hpp, digits.h, digits.cpp' exported.log || fail "says $(cat exported.log)"
grep -q 'Picard, basin::JacobianFree' digits.hpp || fail "the header has not the solver of the checkpoint"
grep -q 'tolerance = 0.01, .max_evaluations = 8' digits.hpp || fail "the header has not the options of the checkpoint"

if [ -n "${CCACHE_BASEDIR:-}" ] && command -v ccache >/dev/null 2>&1; then CXX="ccache $CXX"; fi
listed c++ 'include "digits.hpp"' >reader.cpp
listed c 'include "digits.h"' >reader.c
listed c++ write_parameter_header >writer.cpp
listed c++ parse_safetensors >weights.cpp
printf '#include "my_model.hpp"\nstatic_assert(my_model::theta.size() == 17);\n' >my_user.cpp
# shellcheck disable=SC2086  # words on purpose
{
  $CXX $INCLUDES -c digits.cpp -o digits.o
  $CXX $INCLUDES -c reader.cpp -o reader_cpp.o
  $CXX reader_cpp.o -o reader_cpp
  $CXX -x c -c reader.c -o reader.o
  $CXX reader.o digits.o -o reader_c
  $CXX $INCLUDES -c writer.cpp -o writer.o
  $CXX writer.o -lz -o writer
  $CXX $INCLUDES -c weights.cpp -o weights.o
  $CXX weights.o -o weights
}
# A stroke in the middle: whatever it is taken for, both say the same, and so they do of paper.
awk 'BEGIN { for (y = 0; y < 28; ++y) for (x = 0; x < 28; ++x) printf (x > 12 && x < 16 && y > 4 && y < 24) ? "\177" : "@" }' >stroke
head -c 784 /dev/zero >paper
for image in stroke paper; do
  ./reader_cpp <$image >answer_cpp
  ./reader_c <$image >answer_c
  grep -q '^[0-9]' answer_cpp || fail "$image: the answer is $(cat answer_cpp)"
  cmp -s answer_cpp answer_c || fail "$image: C++ says $(cat answer_cpp), C says $(cat answer_c)"
done

# The second and the third way.
./writer >answer_writer
./weights >answer_weights
grep -q '^-*[0-9.e-]*$' answer_writer || fail "the writer's answer is $(cat answer_writer)"
cmp -s answer_writer answer_weights || fail "with weights from a file the answer is $(cat answer_weights)"
# shellcheck disable=SC2086
$CXX $INCLUDES -c my_user.cpp -o my_user.o

"$(dirname "$program")/nca_grow" --iterations 1 --size 8 --padding 2 --steps 2 --batch 2 --pool 4 --out grown >grown.log
"$program" --checkpoint grown/checkpoint.safetensors --name ladybird --steps 8 --out src >exported.log
grep -q 'made.steps = 8;' src/ladybird.hpp || fail "src/ladybird.hpp has not the steps"
"$(dirname "$program")/nca_grow" --iterations 1 --size 8 --padding 2 --steps 2 --batch 2 --pool 4 --channels 12 --hidden 64 \
  --fire-rate 0.75 --conventions cax --out grown >grown.log
"$program" --checkpoint grown/checkpoint.safetensors --name other --out src >exported.log
grep -q 'made.automaton.fire.rate = 0.75; made.automaton.fire.rescaled = true;' src/other.hpp ||
  fail "src/other.hpp does not fire as it was trained to"

refused 'checkpoint is missing'
refused 'letters, digits and _' --checkpoint trained --name 1st
refused 'digits.hpp: no checkpoint of basin' --checkpoint digits.hpp
refused 'no-such-folder' --checkpoint no-such-folder
sed 's/deq_digits/deq_digitz/' trained/checkpoint.safetensors >other.safetensors
refused 'other.safetensors.*damaged' --checkpoint other.safetensors
printf 'basin_export: all as expected\n'
