#!/usr/bin/env bash
# Packs the program with its man pages and completions, to be unpacked into /usr/local or anywhere; prints the archive.
#   packaging/archive.sh PROGRAM TARGET FOLDER      # TARGET: such as x86_64-linux
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# -eq 3 ] || fail "usage: archive.sh PROGRAM TARGET FOLDER"
need tar gzip
program=$1 target=$2 folder=$3
name=countersign-$version-$target
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$packaging/stage.sh" "$program" "$work/$name"
mkdir -p "$folder"
if tar --version 2>/dev/null | grep -q GNU; then
  tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name"
else
  tar -C "$work" --uid 0 --gid 0 --no-mac-metadata -cf - "$name"
fi | gzip -9n >"$folder/$name.tar.gz"
echo "$folder/$name.tar.gz"
