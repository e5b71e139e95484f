#!/usr/bin/env bash
# Packs the root file system for packaging/image/Containerfile, beside it.
#   packaging/image/tar.sh ROOTFS
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
[ $# -eq 1 ] || fail "usage: tar.sh ROOTFS"
tar -C "$1" --sort=name --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf "$packaging/image/rootfs.tar" .
echo "$packaging/image/rootfs.tar"
