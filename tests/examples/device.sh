#!/bin/sh
# The programs of examples/device give the same answers on an emulated Cortex-M7 and here, without a heap after the
# start: sh device.sh <source> <folder to work in>, with CXX, EIGEN and, if compilers are to be cached, CCACHE_BASEDIR.
set -eu

source=$1
work=$2
rm -rf "$work"
mkdir -p "$work"
cd "$work"

fail() {
  printf 'device: %s\n' "$*" >&2
  exit 1
}

for tool in arm-none-eabi-g++ qemu-system-arm; do
  if ! command -v $tool >/dev/null 2>&1; then
    printf 'basin: skipped, because %s is not there\n' $tool
    exit 0
  fi
done
if ! printf '#include <array>\n#include <cstdio>\n' | arm-none-eabi-g++ --specs=nano.specs -x c++ -fsyntax-only - 2>said; then
  printf 'basin: skipped, because arm-none-eabi-g++ has no library: %s\n' "$(head -n 1 said)"
  exit 0
fi

if [ -n "${CCACHE_BASEDIR:-}" ] && command -v ccache >/dev/null 2>&1; then export LAUNCHER=ccache; fi
sh "$source/examples/device/build.sh" on_device
sh "$source/examples/device/build.sh" here desktop
for program in digits digits_8_bits ladybird; do
  # The programs themselves fail where a digit is not read, or memory is taken after the start.
  sh "$source/examples/device/run.sh" on_device $program >$program.device 2>&1 ||
    fail "$program ended with $? on the device: $(cat $program.device)"
  here/$program >$program.here || fail "$program ended with $? here"
  cat $program.device
done

# Rounding differs: fused products, and other orders of sums. In float the answers are the same in what is printed, or
# nearly so; of 8 bits rounding flips steps of 1/255 of a range, and where a solve does not settle those add up.
# near <program> <share of a score, or number of millionths, by which they may differ>
near() {
  grep -v '^==\|^memory\|^flash' "$1.device" >"$1.numbers"
  paste -d '\n' "$1.numbers" "$1.here" | awk -v program="$1" -v share="$2" '
    NR % 2 == 1 { there = $0; count = split($0, of_there, /[^0-9]+/); next }
    {
      n = split($0, of_here, /[^0-9]+/)
      same = n == count
      words_there = there
      words_here = $0
      gsub(/[0-9]+/, "", words_there)
      gsub(/[0-9]+/, "", words_here)
      if (program == "ladybird") same = same && words_there == words_here
      for (i = 1; i <= n; ++i) {
        a = of_there[i]; b = of_here[i]; d = a > b ? a - b : b - a
        exactly = program != "ladybird" && i <= 2  # which digit, and what it is read as
        evaluations = program != "ladybird" && i > 3
        if (exactly ? d != 0 : !evaluations && d > share * b) same = 0
      }
      if (!same) { printf "device: %s says \"%s\" on the device, and \"%s\" here\n", program, there, $0; bad = 1 }
      ++lines
    }
    END { exit bad || lines < 10 }' || fail "$1 answers otherwise on the device, or not at all"
}
near digits 0.005
near digits_8_bits 0.05
near ladybird 0.001

# The table of docs/device.md, in kB, is what is measured, but for a twentieth: flash, RAM, scratch memory and stack.
case $(arm-none-eabi-g++ -dumpversion) in
  12.*) programs="digits digits_8_bits ladybird" ;;
  *)
    programs=
    printf 'device: the table of docs/device.md is of gcc 12, and not compared with another compiler\n'
    ;;
esac
for program in $programs; do
  measured=$(sed -n 's/^memory: .* of which \([0-9]*\) were touched; of the stack \([0-9]*\)$/\1 \2/p
    s/^flash: \([0-9]*\) bytes; RAM: \([0-9]*\) bytes.*/\1 \2/p' "$program.device" | tr '\n' ' ')
  told=$(sed -n "s/^| \`$program\` | \([0-9].*\) |$/\1/p" "$source/docs/device.md" | tr -d '|')
  printf '%s\n%s\n' "$measured" "$told" | awk '
    function near(bytes, kb) { return bytes > 950 * kb && bytes < 1050 * kb }
    NR == 1 { scratch = $1; stack = $2; flash = $3; ram = $4 }
    NR == 2 { good = near(flash, $1) && near(ram, $3) && near(scratch, $4) && near(stack, $5) }
    END { exit !good }' ||
    fail "docs/device.md has \"$told\" kB for $program, where scratch, stack, flash and RAM are $measured bytes"
done
printf 'device: all as expected\n'
