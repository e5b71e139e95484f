#!/usr/bin/env bash
# Makes a Debian 12 in a folder and installs the package there, as root: what the tests try and the image is made of.
#   packaging/debian-root.sh PACKAGE.deb FOLDER
# DEBIAN_MIRROR names another mirror; packages are signed, wherever they come from.
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# -eq 2 ] || fail "usage: debian-root.sh PACKAGE.deb FOLDER"
[ "$(id -u)" -eq 0 ] || fail "only root can make a system in a folder: use sudo"
need debootstrap chroot
package=$1 folder=$2
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
[ ! -e "$folder" ] || fail "$folder is there already"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keys" ] || fail "$keys is missing: install debian-archive-keyring"

debootstrap --variant=minbase --keyring="$keys" bookworm "$folder" "$mirror" >&2
mirrors="deb $mirror bookworm main
deb $mirror bookworm-updates main
deb ${DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security} bookworm-security main"
echo "$mirrors" >"$folder/etc/apt/sources.list"
# Nothing is to be started in it.
printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
chmod 755 "$folder/usr/sbin/policy-rc.d"
install -m 644 "$package" "$folder/tmp/countersign.deb"

inside() {
  DEBIAN_FRONTEND=noninteractive chroot "$folder" "$@" >&2
}
inside apt-get -q update
inside apt-get -q -y upgrade
inside apt-get -q -y --no-install-recommends install busybox-static /tmp/countersign.deb
rm "$folder/tmp/countersign.deb"
