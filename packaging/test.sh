#!/usr/bin/env bash
# Tries what a release consists of: that the unit is confined, that the Debian package installs, serves and goes away again,
# that the container image's root file system does its work read-only and without rights, and that install.sh refuses what was
# not released. As root, on Debian or Ubuntu, with a mirror of Debian in reach; two minutes.
#   sudo packaging/test.sh PROGRAM
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# -eq 1 ] || fail "usage: test.sh PROGRAM"
[ "$(id -u)" -eq 0 ] || fail "only root can make a system in a folder: use sudo"
need systemd-analyze debootstrap unshare mount chroot dpkg-deb sha256sum curl jq awk cmp man
program=$1
check_program "$program"

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
# The service's user must reach what is below.
chmod 755 "$work"
say() { printf '\n== %s\n' "$*"; }

say "the unit's exposure is at most 2.0"
overall=$(systemd-analyze security --offline=true --no-pager "$packaging/countersign.service" |
  sed -n 's/.*Overall exposure level for countersign.service: \([0-9.]*\) .*/\1/p')
[ -n "$overall" ] || fail "systemd-analyze says no exposure level"
awk -v level="$overall" 'BEGIN {exit !(level <= 2.0)}' || fail "the unit's exposure level is $overall"
echo "$overall"
# Every line must be one that systemd knows; the program is not installed here.
mkdir "$work/unit"
sed 's|^ExecStart=/usr/bin/countersign|ExecStart=/bin/true|' "$packaging/countersign.service" >"$work/unit/countersign.service"
complaints=$(systemd-analyze verify --man=no --recursive-errors=no "$work/unit/countersign.service" 2>&1) ||
  fail "systemd-analyze verify: $complaints"
[ -z "$complaints" ] || fail "systemd-analyze verify: $complaints"

say "the package is the same each time"
# Its compression is not what is tried, and takes half a minute.
export DEB_COMPRESSION=none
package=$("$packaging/deb.sh" "$program" "$work/first")
again=$("$packaging/deb.sh" "$program" "$work/second")
cmp "$package" "$again" || fail "two builds of the package differ"

say "the package installs in a fresh Debian 12"
debian=$work/debian
"$packaging/debian-root.sh" "$package" "$debian" >"$work/debian.log" 2>&1 || {
  cat "$work/debian.log" >&2
  fail "the package does not install"
}
in_debian() { chroot "$debian" "$@"; }
[ "$(in_debian countersign --version)" = "countersign $version" ] || fail "the installed program is another"
[ "$(in_debian stat -c '%U:%G %a' /etc/countersign /etc/countersign/countersign.env /var/lib/countersign)" = \
  "root:countersign 750
root:root 640
countersign:countersign 750" ] || fail "others can read the settings or the state"
for file in share/bash-completion/completions/countersign share/zsh/vendor-completions/_countersign \
  share/fish/vendor_completions.d/countersign.fish share/man/man1/countersign-serve.1.gz; do
  [ -s "$debian/usr/$file" ] || fail "the package has no /usr/$file"
done
bash -n "$debian/usr/share/bash-completion/completions/countersign"
man --warnings=w -l "$debian/usr/share/man/man1/countersign-serve.1.gz" 2>&1 >/dev/null | grep . &&
  fail "the page of \`serve\` is no proper man page"
[ ! -e "$debian/etc/systemd/system/multi-user.target.wants/countersign.service" ] || fail "the service is enabled before it is set up"

# What follows runs with a read-only root, a state folder and /tmp, in a network, a process tree and mounts of its own, as a user
# that cannot gain rights. Makes a repository, serves until the health check succeeds, stops, and verifies.
# shellcheck disable=SC2016 # expanded inside
confined='
set -eu
root=$1 state=$2 uid=$3 gid=$4 folder=$5 settings=$6 count=$7
shift 7
mapfile -t settings <<<"$settings"
server=("${@:1:count}") health=("${@:count + 1}")
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$state" "$root/var/lib/countersign"
chroot "$root" /bin/busybox ifconfig lo up
inside=(env -i "${settings[@]}" "$(command -v setpriv)" --no-new-privs "$(command -v unshare)" "--root=$root" "--wd=$folder" "--setgid=$gid" "--setuid=$uid")
"${inside[@]}" /bin/busybox touch /usr/written 2>/dev/null && { echo "the root is not read-only"; exit 1; }
"${inside[@]}" /usr/bin/countersign init governance.git --example
"${inside[@]}" "${server[@]}" &
server_id=$!
for _ in $(seq 300); do
  if answer=$("${inside[@]}" "${health[@]}" 2>/dev/null); then break; fi
  kill -0 "$server_id" || { echo "the server has ended"; exit 1; }
  /bin/sleep 0.1
done
echo "readyz: ${answer:-none}"
[ -n "${answer:-}" ] || { echo "the server does not become ready"; exit 1; }
kill -TERM "$server_id"
wait "$server_id" || { echo "the server did not stop cleanly"; exit 1; }
"${inside[@]}" /usr/bin/countersign --repo governance.git verify
# What a command leaves behind is ended, a session of its own included.
"${inside[@]}" /usr/bin/countersign contain --limit 60 -- /bin/sh -c "/bin/busybox setsid /bin/busybox sleep 600 & true"
left=$(cat "$root"/proc/[0-9]*/comm 2>/dev/null | grep -c "^busybox$" || true)
[ "$left" -eq 0 ] || { echo "$left processes of a command were left"; exit 1; }
# What speaks HTTPS for git starts, with all its libraries.
helper=$("${inside[@]}" /usr/bin/git remote-https 2>&1 || true)
[[ $helper == *"usage: git remote-curl"* ]] || { echo "git cannot speak HTTPS: $helper"; exit 1; }
'
serves() {
  local root=$1 state=$2 uid=$3 gid=$4 folder=$5
  shift 5
  install -d -m 750 -o "$uid" -g "$gid" "$state"
  unshare --mount --propagation private --pid --fork --kill-child --net --ipc --uts \
    bash -c "$confined" confined "$root" "$state" "$uid" "$gid" "$folder" "$(printf '%s\n' "${settings[@]}")" "$@" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    return 1
  }
  grep '^readyz: {"ready":true' "$work/log" || fail "the server does not answer that it is ready: $(cat "$work/log")"
}

say "the service answers /readyz"
unit() { sed -n "s/^$1=//p" "$debian/lib/systemd/system/countersign.service"; }
echo 'COUNTERSIGN_OPTIONS=--repo /var/lib/countersign/governance.git --private' >>"$debian/etc/countersign/countersign.env"
mapfile -t settings < <(unit Environment && grep -E '^[A-Z_]+=' "$debian/etc/countersign/countersign.env")
options=$(sed -n 's/^COUNTERSIGN_OPTIONS=//p' "$debian/etc/countersign/countersign.env")
# shellcheck disable=SC2016 # the unit's own words
read -ra server <<<"$(unit ExecStart | sed "s|\$COUNTERSIGN_OPTIONS|$options|")"
uid=$(in_debian id -u "$(unit User)") gid=$(in_debian getent group "$(unit Group)" | cut -d: -f3)
serves "$debian" "$work/service-state" "$uid" "$gid" "$(unit WorkingDirectory)" "${#server[@]}" "${server[@]}" \
  /bin/busybox wget -q -O - http://127.0.0.1:8080/readyz || fail "the service does not work"

say "the image's root file system is entered and answers its health check"
rootfs=$work/rootfs
"$packaging/image/rootfs.sh" "$debian" "$rootfs"
du -sh "$rootfs" | cut -f1
containerfile=$packaging/image/Containerfile
words() { sed -n "s/^$1 *//p" "$containerfile" | jq -r '.[]'; }
mapfile -t server < <(words ENTRYPOINT && words CMD)
mapfile -t health < <(words 'HEALTHCHECK.*CMD')
mapfile -t settings < <(sed -n 's/^ENV //p' "$containerfile" | tr ' ' '\n')
IFS=: read -r uid gid <<<"$(sed -n 's/^USER //p' "$containerfile")"
[ "$uid" -gt 0 ] || fail "the image runs as root"
serves "$rootfs" "$work/image-state" "$uid" "$gid" "$(sed -n 's/^WORKDIR //p' "$containerfile")" "${#server[@]}" "${server[@]}" "${health[@]}" ||
  fail "the image does not work"
[ -s "$rootfs/etc/ssl/certs/ca-certificates.crt" ] || fail "the image has no certificates"
found=$(find "$rootfs" -xdev -perm /6000 -type f)
[ -z "$found" ] || fail "setuid programs in the image: $found"

say "the package goes, and leaves what was decided"
install -d -o "$(in_debian id -u countersign)" "$debian/var/lib/countersign/governance.git"
in_debian dpkg --purge countersign >"$work/purge.log" 2>&1 || fail "$(cat "$work/purge.log")"
[ ! -e "$debian/etc/countersign" ] || fail "a purge leaves settings"
[ -d "$debian/var/lib/countersign/governance.git" ] || fail "a purge removes repositories"

say "install.sh installs what was released, and nothing else"
release=$work/release
case $(uname -m) in
  x86_64) target=x86_64-linux ;;
  aarch64) target=aarch64-linux ;;
  *) fail "nothing is released for $(uname -m)" ;;
esac
archive=$("$packaging/archive.sh" "$program" "$target" "$release")
"$packaging/checksums.sh" "$release"
# Without `gh`: what it checks is GitHub's to say.
installs() {
  env -i HOME="$work/home" PATH="$work/tools" COUNTERSIGN_REPOSITORY=acme/countersign COUNTERSIGN_DOWNLOADS="file://$release" \
    "$@" sh "$packaging/install.sh" --version "$version" --prefix "$work/home/local" >"$work/log" 2>&1
}
mkdir "$work/tools" "$work/home"
for tool in sh curl awk grep sha256sum uname mktemp rm mkdir find cp chmod mv tar gzip; do
  ln -s "$(command -v "$tool")" "$work/tools/$tool"
done
installs || fail "$(cat "$work/log")"
[ "$("$work/home/local/bin/countersign" --version)" = "countersign $version" ] || fail "install.sh installed another program"
[ -s "$work/home/local/share/man/man1/countersign.1.gz" ] || fail "install.sh installed no man pages"
rm -rf "$work/home/local"
refuses() {
  local message=$1
  shift
  if installs "$@"; then fail "install.sh installs where it should say: $message"; fi
  grep -qF "$message" "$work/log" || fail "install.sh says: $(cat "$work/log"), not: $message"
  [ ! -e "$work/home/local" ] || fail "install.sh refused, and installed all the same"
}
refuses "the attestation cannot be checked" COUNTERSIGN_ATTESTATION=required
refuses "is no https:// address" COUNTERSIGN_DOWNLOADS=http://127.0.0.1:9
# A `gh` that is signed in and finds no attestation.
# shellcheck disable=SC2016 # the script's own argument
printf '#!/bin/sh\n[ "$1" = auth ]\n' >"$work/tools/gh"
chmod 755 "$work/tools/gh"
refuses "has no attestation of acme/countersign's release workflow"

say "the action takes what was released from its commit, and nothing else"
for tool in bash dirname sed head; do ln -s "$(command -v "$tool")" "$work/tools/$tool"; done
# A `gh` that writes down what it is asked, and says yes.
# shellcheck disable=SC2016 # the script's own arguments
printf '#!/bin/sh\nshift 3\necho "$*" >"$ASKED"\n' >"$work/tools/gh"
commit=0123456789abcdef0123456789abcdef01234567
takes() {
  rm -rf "$work/runner"
  mkdir "$work/runner"
  env -i HOME="$work/home" PATH="$work/tools" RUNNER_TEMP="$work/runner" GITHUB_OUTPUT="$work/runner/output" ASKED="$work/runner/asked" \
    GH_TOKEN=token ACTION_REPOSITORY=acme/countersign COUNTERSIGN_DOWNLOADS="file://$release" ACTION_REF="$1" \
    bash "$root/.github/actions/countersign/release.sh" >"$work/log" 2>&1 || fail "release.sh fails: $(cat "$work/log")"
  cat "$work/runner/output"
}
[ "$(takes "$commit")" = "found=true" ] || fail "the action does not take the release: $(cat "$work/log")"
[ -x "$work/runner/countersign/bin/countersign" ] || fail "the action has no program"
[ "$(cat "$work/runner/asked")" = "--repo acme/countersign --signer-workflow acme/countersign/.github/workflows/release.yml \
--source-ref refs/tags/v$version --source-digest $commit" ] || fail "gh was asked: $(cat "$work/runner/asked")"
[ "$(takes "v$version")" = "found=true" ] || fail "the action does not take the release by its tag: $(cat "$work/log")"
[ "$(takes main)" = "found=false" ] || fail "the action takes a release for a branch"
printf '#!/bin/sh\nexit 1\n' >"$work/tools/gh"
[ "$(takes "$commit")" = "found=false" ] || fail "the action takes what nothing attests"
[ ! -e "$work/runner/countersign" ] || fail "the action installs what nothing attests"
rm "$work/tools/gh"
[ "$(takes "$commit")" = "found=false" ] || fail "the action takes a release that it cannot check"

say "install.sh refuses what was altered"
printf x >>"$archive"
refuses "is not what was released"
: >"$release/SHA256SUMS"
refuses "does not name"

say "all good"
