#!/usr/bin/env bash
# Checks that a tag names the version of the sources.
#   packaging/check-tag.sh vVERSION
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# -eq 1 ] || fail "usage: check-tag.sh vVERSION"
[ "$1" = "v$version" ] || fail "the tag is $1, and Cargo.toml says $version: a release of it is tagged v$version"
