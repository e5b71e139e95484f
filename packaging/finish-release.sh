#!/usr/bin/env bash
# Completes a folder of what was built for all systems: install.sh that names this release, and the checksums of all.
#   packaging/finish-release.sh OWNER/NAME FOLDER
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# -eq 2 ] || fail "usage: finish-release.sh OWNER/NAME FOLDER"
repository=$1 folder=$2
[[ $repository =~ ^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$ ]] || fail "$repository is no OWNER/NAME"
for target in x86_64-linux aarch64-linux x86_64-macos aarch64-macos; do
  for file in "$folder/countersign-$version-$target".{tar.gz,cdx.json}; do
    [ -s "$file" ] || fail "$file is missing"
  done
done
[ "$(find "$folder" -name '*.deb' | wc -l)" -eq 2 ] || fail "there are not two Debian packages in $folder"
sed -e "s|@REPOSITORY@|$repository|" -e "s|@VERSION@|$version|" "$packaging/install.sh" >"$folder/install.sh"
"$packaging/checksums.sh" "$folder"
