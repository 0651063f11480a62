#!/bin/sh
# Builds the programs of this folder: sh build.sh <folder> [desktop]
# For a bare Cortex-M7, by arm-none-eabi-g++, or with `desktop` for this machine, by CXX or c++. EIGEN is the folder that
# has Eigen/Core, if it is not /usr/include/eigen3.
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

includes="-I$here/../../include -I$out -isystem ${EIGEN:-/usr/include/eigen3}"
plain="-std=c++20 -DNDEBUG -fno-exceptions -fno-rtti -Wno-psabi"
# The processor's own double precision: sums over many numbers are made in double.
processor="-mcpu=cortex-m7 -mthumb -mfloat-abi=hard -mfpu=fpv5-d16"
small="-Os -ffunction-sections -fdata-sections -fno-threadsafe-statics -Wl,--gc-sections"

for program in ${PROGRAMS:-digits ladybird}; do
  # Words on purpose: these are several flags.
  # shellcheck disable=SC2086
  if [ "$kind" = desktop ]; then
    ${CXX:-c++} $plain -O1 $includes "$here/$program.cpp" "$here/desktop.cpp" -o "$out/$program"
  else
    arm-none-eabi-g++ $plain $processor $small $includes "$here/$program.cpp" "$here/mps2_an500.cpp" \
      --specs=nano.specs -nostartfiles -T "$here/mps2_an500.ld" \
      "-Wl,-Map=$out/$program.map" -o "$out/$program.elf"
  fi
done
