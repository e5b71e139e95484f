#!/usr/bin/env bash
# Installs what the scripts of this folder need on a fresh Debian, Ubuntu or (with Homebrew) macOS; Rust comes from elsewhere.
#   packaging/ci-tools.sh
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}
if command -v apt-get >/dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get -q update
  as_root apt-get -q -y --no-install-recommends install binutils curl debian-archive-keyring debootstrap dpkg-dev gcc git help2man jq \
    libc6-dev lintian man-db systemd util-linux
else
  need brew
  brew install help2man jq
fi
