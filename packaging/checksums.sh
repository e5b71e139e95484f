#!/usr/bin/env bash
# Writes SHA256SUMS of everything else in a folder.
#   packaging/checksums.sh FOLDER
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# -eq 1 ] || fail "usage: checksums.sh FOLDER"
need sha256sum
cd "$1"
rm -f SHA256SUMS
files=(*)
[ -e "${files[0]}" ] || fail "$1 is empty"
sha256sum -- "${files[@]}" >SHA256SUMS
