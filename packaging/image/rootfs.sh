#!/usr/bin/env bash
# Makes the root file system of the container image: the program, git for HTTPS, certificates, one busybox (health check,
# hooks), and the libraries that these need, out of a Debian in which the package is installed. As root.
#   packaging/image/rootfs.sh DEBIAN FOLDER
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
[ $# -eq 2 ] || fail "usage: rootfs.sh DEBIAN FOLDER"
[ "$(id -u)" -eq 0 ] || fail "only root can read all of a system in a folder: use sudo"
need chroot
debian=$1 folder=$2
[ ! -e "$folder" ] || fail "$folder is there already"
umask 022

programs=(/usr/bin/countersign /usr/bin/git /usr/lib/git-core/git-remote-http /usr/bin/busybox)
data=(/etc/ssl/certs/ca-certificates.crt)

mkdir -p "$folder"/{dev,etc,proc,sys,usr/bin,usr/lib,usr/lib64,usr/sbin,usr/share/git-core/templates,var/lib/dpkg/status.d}
for merged in bin lib lib64 sbin; do ln -s "usr/$merged" "$folder/$merged"; done
install -d -m 1777 "$folder/tmp"

copy() {
  [ -e "$debian$1" ] || fail "$debian has no $1"
  mkdir -p "$folder$(dirname "$1")"
  cp --dereference --preserve=mode "$debian$1" "$folder$1"
}

# Says whose the file is, for scanners of weaknesses, and brings its licence. Debian's own list names either place of what
# was moved below /usr.
declare -A recorded
record() {
  local package
  package=$(chroot "$debian" dpkg-query -S "$1" 2>/dev/null || chroot "$debian" dpkg-query -S "${1#/usr}" 2>/dev/null ||
    chroot "$debian" dpkg-query -S "/usr$1" 2>/dev/null) || fail "no package of $debian has $1"
  package=${package%%:*}
  [ -z "${recorded[$package]:-}" ] || return 0
  recorded[$package]=yes
  chroot "$debian" dpkg-query -s "$package" >"$folder/var/lib/dpkg/status.d/$package"
  copy "/usr/share/doc/$package/copyright"
}

for program in "${programs[@]}"; do
  copy "$program"
  record "$program"
  # A static program has none.
  if linked=$(chroot "$debian" ldd "$program" 2>/dev/null); then
    while read -r library; do
      copy "$library"
      record "$library"
    done < <(printf '%s\n' "$linked" | grep -o '/[^ ]*' | sort -u)
  fi
done
for file in "${data[@]}"; do copy "$file"; done
record /usr/sbin/update-ca-certificates
ln -s git-remote-http "$folder/usr/lib/git-core/git-remote-https"
ln -s busybox "$folder/usr/bin/sh"

cat >"$folder/etc/passwd" <<'END'
root:x:0:0:root:/:/sbin/nologin
countersign:x:65532:65532:Countersign:/var/lib/countersign:/sbin/nologin
END
cat >"$folder/etc/group" <<'END'
root:x:0:
countersign:x:65532:
END
echo 'hosts: files dns' >"$folder/etc/nsswitch.conf"
cp "$debian/etc/os-release" "$folder/etc/os-release"
install -d -m 750 -o 65532 -g 65532 "$folder/var/lib/countersign"
find "$folder" -print0 | xargs -0 touch --no-dereference --date="@$SOURCE_DATE_EPOCH"
