#!/bin/sh
# Runs the programs that build.sh made for the Cortex-M7, on qemu's model of Arm's board MPS2 with AN500, and says what
# they take of flash and memory: sh run.sh <folder> [program...]
set -eu

out=$1
shift
[ $# -gt 0 ] || set -- digits digits_8_bits ladybird
for program in "$@"; do
  printf '== %s\n' "$program"
  qemu-system-arm -machine mps2-an500 -nographic -monitor none -serial none \
    -semihosting-config enable=on,target=native -kernel "$out/$program.elf"
  # What lies in flash, and in RAM: the program's own data, its memory and its stack.
  arm-none-eabi-size -A "$out/$program.elf" | awk '
    $1 == ".text" || $1 == ".ARM.exidx" || $1 == ".data" { flash += $2 }
    $1 == ".data" || $1 == ".bss" || $1 == ".arena" || $1 == ".stack" { ram += $2 }
    END { printf "flash: %d bytes; RAM: %d bytes, the stack included\n", flash, ram }'
done
