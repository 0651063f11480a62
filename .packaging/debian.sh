#!/bin/sh
# Builds libbasin-dev, of the commit that is checked out: sh .packaging/debian.sh FOLDER
# FOLDER, which is made, gets basin_*.orig.tar.xz, the source package and the .deb, and lintian's word on them. Needs
# Debian's devscripts, debhelper, lintian, and what debian/control builds with.
set -eu

cd "$(dirname "$0")/.."
[ $# -eq 1 ] || { printf '%s: the folder to build in is not given\n' "$0" >&2; exit 1; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
version=$(sed -n 's/.*version_text = "\(.*\)";/\1/p' include/basin/version.hpp)
tree=$out/basin-$version
rm -rf "$tree"
git archive --prefix="basin-$version/" HEAD | xz -1 >"$out/basin_$version.orig.tar.xz"
tar -xf "$out/basin_$version.orig.tar.xz" -C "$out"
cp -R .packaging/debian "$tree/debian"
cd "$tree"
dpkg-buildpackage --unsigned-source --unsigned-changes
lintian --tag-display-limit 0 "$out/basin_$version-1_$(dpkg --print-architecture).changes"
