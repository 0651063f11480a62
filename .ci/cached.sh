#!/bin/sh
# .ci/cached.sh <compiler> <argument>...: compiles through ccache, so that what has not changed since it was compiled in
# another clone of the project is not compiled again. Started in build/<preset>; .ci/build.sh sets what it needs.
#
# Paths below the root become relative, for ccache does that to some arguments only. What clang precompiles holds the
# absolute path of its source, and is of no use elsewhere: it is made anew, and known by a sum of all that went into it.
set -eu

# A folder that was configured with this may be built without it.
if [ -z "${CCACHE_BASEDIR:-}" ]; then exec "$@"; fi

precompiled=
left=$#
while [ "$left" -gt 0 ]; do
  argument=$1
  shift
  case $argument in
    "$CCACHE_BASEDIR"/*) argument=../..${argument#"$CCACHE_BASEDIR"} ;;
    -I"$CCACHE_BASEDIR"/*) argument=-I../..${argument#-I"$CCACHE_BASEDIR"} ;;
    -emit-pch) precompiled=yes ;;
  esac
  set -- "$@" "$argument"
  left=$((left - 1))
done

if [ -z "$precompiled" ]; then exec ccache "$@"; fi

"$@"
arguments=$*
while [ "$1" != -o ]; do shift; done
printf '%s\n' "$arguments" >"$2.all"
# The rule that -MD wrote: "target: \", and then a file or some a line.
sed 's/^[^ ]*: *//; s/\\$//' "$2.d" >"$2.files"
xargs cat <"$2.files" >>"$2.all"
sha256sum <"$2.all" >"$2.sum"
rm "$2.all" "$2.files"
