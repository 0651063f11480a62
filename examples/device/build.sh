#!/bin/sh
# Builds the programs of this folder: sh build.sh <folder> [desktop]
# For a bare Cortex-M7, by arm-none-eabi-g++, or with `desktop` for this machine, by CXX or c++. EIGEN is the folder that
# has Eigen/Core, if it is not /usr/include/eigen3; compilers are called through LAUNCHER, if that is given.
set -eu

out=$1
kind=${2:-device}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"

# numbers <name>: what the playground reads as a file, as a header of 32-bit words
numbers() {
  {
    printf '#pragma once\n\n#include <array>\n#include <cstdint>\n\nnamespace device {\n\n'
    printf 'inline constexpr std::array<std::uint32_t, %d> %s_bits{\n' \
      $(($(wc -c <"$here/../playground/page/$1.f32") / 4)) "$1"
    od -An -v -tx4 -w32 "$here/../playground/page/$1.f32" | sed 's/ \([0-9a-f]*\)/0x\1,/g'
    printf '};\n\n}  // namespace device\n'
  } >"$out/$1_numbers.hpp"
}
numbers digits
numbers ladybird

# Words on purpose from here on: these are several flags.
# shellcheck disable=SC2086
plain="-std=c++20 -DNDEBUG -fno-exceptions -fno-rtti -Wno-psabi -I$here/../../include -I$out"
if [ "$kind" = desktop ]; then
  compile="${LAUNCHER:-} ${CXX:-c++} $plain -O0"
  board=desktop
else
  # With the processor's own double precision: sums over many numbers are made in double.
  processor="-mcpu=cortex-m7 -mthumb -mfloat-abi=hard -mfpu=fpv5-d16"
  compile="${LAUNCHER:-} arm-none-eabi-g++ $plain $processor -Os -ffunction-sections -fdata-sections -fno-threadsafe-statics"
  board=mps2_an500
fi
for source in $board digits ladybird; do
  $compile -isystem "${EIGEN:-/usr/include/eigen3}" -c "$here/$source.cpp" -o "$out/$source.o"
done
# link <program> <source>: the function of the program's name is its main.
link() {
  if [ "$kind" = desktop ]; then
    ${CXX:-c++} "$out/$2.o" "$out/$board.o" "-Wl,--defsym=main=$1" -o "$out/$1"
  else
    # shellcheck disable=SC2086
    arm-none-eabi-g++ $processor "$out/$2.o" "$out/$board.o" "-Wl,--defsym=main=$1" -Wl,--gc-sections \
      --specs=nano.specs -nostartfiles -T "$here/$board.ld" -o "$out/$1.elf"
  fi
}
link digits digits
link digits_8_bits digits
link ladybird ladybird
