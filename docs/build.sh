#!/bin/sh
# The site: sh docs/build.sh [--check] [folder, build/site by default]
# The pages of docs/ by mkdocs-material, the API reference by doxygen, and the playground, where em++ is there.
#   --check   without the playground and without installing anything: for the tests
# Installs what is missing where that is Debian's apt-get, and asks for it elsewhere.
set -eu

check=
if [ "${1:-}" = --check ]; then
  check=yes
  shift
fi
case ${1:-} in -*) printf 'sh docs/build.sh [--check] [folder]\n' >&2 && exit 2 ;; esac
out=${1:-build/site}
case $out in /*) ;; *) out=$PWD/$out ;; esac
cd "$(dirname "$0")/.."
. .ci/build.sh

if [ -n "$check" ]; then
  absent=$(missing "$site_packages")
  if [ -n "$absent" ]; then
    printf 'basin: skipped, the site needs what Debian calls%s\n' "$absent"
    exit 0
  fi
else
  provide "$site_packages" "$page_packages"
fi

work=$out.source
rm -rf "$out" "$work"
mkdir -p "$work/pages"
python3 docs/site/api_comments.py include/basin "$work/headers/basin"
BASIN_HEADERS=$work/headers BASIN_OUT=$work doxygen docs/site/Doxyfile
mv "$work/api" "$work/pages/api"
if [ -z "$check" ] && command -v em++ >/dev/null 2>&1; then
  printf 'building the playground\n' >&2
  sh examples/playground/build.sh "$work/pages/play"
fi
python3 docs/site/pages.py . "$work" "$out"
mkdocs build --quiet --strict --config-file "$work/mkdocs.yml"
python3 docs/site/check.py . "$out" "$work/api_warnings.txt"
if [ -z "$check" ]; then
  if [ ! -d "$out/play" ]; then printf 'without the playground: em++ (Debian: emscripten) is not here\n' >&2; fi
  printf 'the site is in %s: python3 -m http.server --directory %s\n' "$out" "$out"
fi
