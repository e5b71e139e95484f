#!/usr/bin/env bash
# Builds the Debian package of a program for this machine's architecture, and prints where it is.
#   packaging/deb.sh PROGRAM FOLDER
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# -eq 2 ] || fail "usage: deb.sh PROGRAM FOLDER"
need dpkg dpkg-deb dpkg-shlibdeps gzip strip
program=$1 folder=$2
architecture=$(dpkg --print-architecture)
# A version before its release sorts before it: 1.0.0~rc1.
debian_version=$(printf '%s' "$version" | sed 's/-/~/')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree

"$packaging/stage.sh" "$program" "$tree/usr"
strip "$tree/usr/bin/countersign"

doc=$tree/usr/share/doc/countersign
install -m 644 "$packaging/debian/copyright" "$doc/copyright"
rm "$doc/LICENSE"
gzip -9n "$doc/changelog.md"
cat <<END | gzip -9n >"$doc/changelog.gz"
countersign ($debian_version) stable; urgency=medium

  * What is new stands in changelog.md.gz.

 -- $(sed -n 's/^Maintainer: //p' "$packaging/debian/control")  $(date -R -d "@$SOURCE_DATE_EPOCH")
END
# Debian's place for zsh.
mv "$tree/usr/share/zsh/site-functions" "$tree/usr/share/zsh/vendor-completions"
install -D -m 644 "$packaging/countersign.service" "$tree/lib/systemd/system/countersign.service"
# It may come to hold secrets.
install -D -m 640 "$packaging/debian/countersign.env" "$tree/etc/countersign/countersign.env"
chmod 750 "$tree/etc/countersign"
install -d -m 755 "$tree/usr/share/lintian/overrides"
install -m 644 "$packaging/debian/lintian-overrides" "$tree/usr/share/lintian/overrides/countersign"

install -d "$tree/DEBIAN"
install -m 755 "$packaging/debian/postinst" "$packaging/debian/prerm" "$packaging/debian/postrm" "$tree/DEBIAN/"
echo /etc/countersign/countersign.env >"$tree/DEBIAN/conffiles"
# Which libraries, and how old they may be, is read from the program.
mkdir -p "$work/debian"
printf 'Source: countersign\n\nPackage: countersign\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O "tree/usr/bin/countersign" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[ -n "$libraries" ] || fail "cannot tell which libraries $program needs"
sed -e "s/@VERSION@/$debian_version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@LIBRARIES@/$libraries/" \
  -e "s/@SIZE@/$(du -sk --exclude=DEBIAN "$tree" | cut -f1)/" "$packaging/debian/control" >"$tree/DEBIAN/control"
(cd "$tree" && find etc lib usr -type f -print0 | sort -z | xargs -0 md5sum) >"$tree/DEBIAN/md5sums"

mkdir -p "$folder"
package=$folder/countersign_${debian_version}_$architecture.deb
find "$tree" -print0 | xargs -0 touch --no-dereference --date="@$SOURCE_DATE_EPOCH"
dpkg-deb --root-owner-group ${DEB_COMPRESSION:+-Z"$DEB_COMPRESSION"} --build "$tree" "$package" >&2
echo "$package"
