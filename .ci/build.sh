# For examples/run.sh and tests/run.sh, which source this from the root of the project: what they need is installed
# where that can be done, and presets are built.

# Packages by their Debian names, each with what shows that it is there: one of some commands; a header, or one of some
# with commas between them, and the name under which pkg-config, or a folder, has it; a compiler and flags with which it
# links a program; or a module of the system's Python.
build_packages="
g++                 command  ${CXX:-c++}
cmake               command  cmake
ninja-build         command  ninja make
libeigen3-dev       header   Eigen/Core eigen3
libxtensor-dev      header   xtensor/xtensor.hpp,xtensor/containers/xtensor.hpp xtensor
nlohmann-json3-dev  header   nlohmann/json.hpp nlohmann_json
zlib1g-dev          header   zlib.h zlib
libgif-dev          header   gif_lib.h libgif
libpng-dev          header   png.h libpng
libcli11-dev        header   CLI/CLI.hpp CLI11
pkg-config          command  pkg-config pkgconf
libcairo2-dev       header   cairo-svg.h cairo"
# What examples/playground is built and served with.
page_packages="
emscripten          command  em++
libeigen3-dev       header   Eigen/Core eigen3
python3             command  python3"
# What examples/device is built and run with.
device_packages="
gcc-arm-none-eabi                    command  arm-none-eabi-g++
libnewlib-arm-none-eabi              links    arm-none-eabi-g++ --specs=nosys.specs
libstdc++-arm-none-eabi-newlib       links    arm-none-eabi-g++ --specs=nosys.specs -lstdc++
qemu-system-arm                      command  qemu-system-arm
libeigen3-dev                        header   Eigen/Core eigen3"
# What docs/build.sh builds the site with.
site_packages="
mkdocs-material     python   material
doxygen             command  doxygen
python3             command  python3"
test_packages="
libstb-dev          header   stb/stb_image.h stb
catch2              header   catch2/catch.hpp,catch2/catch_all.hpp catch2
clang               command  clang++
libclang-rt-dev     links    clang++ -fsanitize=address,undefined"
# Where these are missing, some tests are skipped.
check_packages="
ccache              command  ccache
lld                 command  ld.lld
gdb                 command  gdb
git                 command  git
clang-format        command  clang-format-14 clang-format
libopenmpi-dev      command  mpicxx mpic++
openmpi-bin         command  mpirun
python3-numpy       python   numpy
python3-torch       python   torch
emscripten          command  em++
python3             command  python3
chromium            command  chromium
chromium-driver     command  chromedriver
mkdocs-material     python   material
doxygen             command  doxygen
$(printf '%s' "$device_packages" | grep -v libeigen3-dev)"

fail() {
  printf '%s: %s\n' "$0" "$*" >&2
  exit 1
}

# there command <name>...        whether one of these commands is there
# there header <header>[,<header>...] <name>  whether the compiler finds one of these headers
# there links <compiler> <flag>...  whether it links
# there python <module>          whether /usr/bin/python3 has it
there() {
  kind=$1
  shift
  if [ "$kind" = header ]; then
    found=0$(printf '%s' "$1" | sed 's/[^,]*/ || __has_include(<&>)/g; s/,//g')
    # Words on purpose: these are several flags.
    # shellcheck disable=SC2046
    printf '#if !(%s)\n#error\n#endif\n' "$found" |
      "${CXX:-c++}" -E -x c++ $(pkg-config --cflags-only-I "$2" 2>/dev/null) \
        "-I/usr/local/include/$2" "-I/usr/include/$2" - >/dev/null 2>&1
  elif [ "$kind" = links ]; then
    printf 'int main() {}\n' | "$@" -x c++ -o /dev/null - >/dev/null 2>&1
  elif [ "$kind" = python ]; then
    /usr/bin/python3 -c "import importlib.util as find; exit(find.find_spec('$1') is None)" >/dev/null 2>&1
  else
    for name in "$@"; do
      if command -v "$name" >/dev/null 2>&1; then return 0; fi
    done
    return 1
  fi
}

# missing <packages>: prints those that are not there
missing() {
  printf '%s\n' "$1" | while read -r package signs; do
    if [ -z "$package" ]; then continue; fi
    if [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ]; then continue; fi
    # Words on purpose: a sign is a kind and names.
    # shellcheck disable=SC2086
    if there $signs </dev/null; then continue; fi
    printf ' %s' "$package"
  done
}

# provide <packages> [<packages that can be done without>]
provide() {
  needed=$(missing "$1")
  wanted=$(missing "${2:-}")
  if [ -z "$needed$wanted" ]; then return 0; fi
  as_root=
  if [ "$(id -u)" -ne 0 ]; then as_root=sudo; fi
  if command -v apt-get >/dev/null 2>&1 && { [ -z "$as_root" ] || command -v sudo >/dev/null 2>&1; }; then
    printf 'installing%s%s\n' "$needed" "$wanted" >&2
    $as_root apt-get update >&2 || fail "apt-get update failed"
    # Words on purpose: these are several packages.
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $needed $wanted >&2 ||
      fail "apt-get could not install$needed$wanted"
  else
    if [ -n "$needed" ]; then
      fail "this needs what Debian calls$needed. Install it by the means of this system, and run this again."
    fi
    printf '%s: going on without what Debian calls%s\n' "$0" "$wanted" >&2
  fi
}

jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

# use_cache: what follows is built through ccache, where that works: a clone compiles only what no clone on this
# machine has compiled before. Not where the user has a launcher or said CCACHE_DISABLE, another generator than Ninja compiles in
# folders of its own, or a path has spaces.
launcher=
use_cache() {
  if [ -n "${CMAKE_CXX_COMPILER_LAUNCHER:-}${CCACHE_DISABLE:-}" ]; then return 0; fi
  case ${CMAKE_GENERATOR:-Ninja} in Ninja) ;; *) return 0 ;; esac
  case $PWD in *[[:space:]]*) return 0 ;; esac
  if ! command -v ninja >/dev/null 2>&1 || ! command -v ccache >/dev/null 2>&1; then return 0; fi
  mkdir -p build
  : >build/empty.cpp
  if ! ccache "${CXX:-c++}" -c build/empty.cpp -o build/empty.o >/dev/null 2>&1; then return 0; fi
  launcher=$PWD/.ci/cached.sh
  export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1 CCACHE_PCH_EXTSUM=1
  # What is precompiled, and what all include, is read once a run, and not for each file: 0.2 s instead of 1.0 for one of
  # tests/compile_fail that the cache knows.
  export CCACHE_INODECACHE=1
  # What ccache's manual asks for where headers are precompiled.
  export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
  # The processor is no part of the arguments, but decides what -march=native means.
  grep -m 1 '^flags' /proc/cpuinfo >build/processor 2>/dev/null || uname -m >build/processor
  export CCACHE_EXTRAFILES="$PWD/build/processor"
}

# build <preset> [<arguments for cmake --build>]
build() {
  preset=$1
  shift
  if command -v ninja >/dev/null 2>&1; then export CMAKE_GENERATOR="${CMAKE_GENERATOR:-Ninja}"; fi
  # Examples can be built without what the tests need.
  tests=OFF
  if there header catch2/catch.hpp,catch2/catch_all.hpp catch2; then tests=ON; fi
  # Takes 3 s to link test_layers under the address sanitizer, where GNU ld takes 13.
  lld=
  if there links "${CXX:-c++}" -fuse-ld=lld; then lld=-fuse-ld=lld; fi
  cmake --preset "$preset" "-DBASIN_TESTS=$tests" ${launcher:+"-DCMAKE_CXX_COMPILER_LAUNCHER=$launcher"} \
    ${lld:+"-DCMAKE_EXE_LINKER_FLAGS=${LDFLAGS:+$LDFLAGS }$lld"} &&
    cmake --build --preset "$preset" --parallel "$jobs" "$@"
}
