#!/bin/sh
# Installs a released Countersign, without root, and only if it is what was released:
#   sh install.sh [--version 1.2.3] [--prefix ~/.local]
#
# The archive's SHA-256 must be the one in the release's SHA256SUMS. Where GitHub's `gh` is installed and signed in, the archive's
# attestation is checked as well: that the release workflow of that very repository has built it. Without `gh`, what vouches for the
# archive is the connection to GitHub alone, and this script says so; COUNTERSIGN_ATTESTATION=required makes that a failure.
# COUNTERSIGN_COMMIT=SHA has the attestation name that commit as what was built.
# COUNTERSIGN_REPOSITORY=OWNER/NAME and COUNTERSIGN_DOWNLOADS=URL name a copy of your own.
set -eu

say() { printf '%s\n' "$*" >&2; }
fail() {
    say "install.sh: $*"
    exit 1
}

version='' prefix=$HOME/.local
while [ $# -gt 0 ]; do
    case $1 in
        --version | --prefix)
            [ $# -ge 2 ] || fail "$1 needs a value"
            if [ "$1" = --version ]; then version=$2; else prefix=$2; fi
            shift 2
            ;;
        *) fail "unknown: $1. Usage: install.sh [--version VERSION] [--prefix FOLDER]" ;;
    esac
done

repository=${COUNTERSIGN_REPOSITORY:-@REPOSITORY@}
# The released copy of this script has these filled in by the release.
case $repository in
    @*) fail "which repository releases it? Say so: COUNTERSIGN_REPOSITORY=OWNER/NAME" ;;
esac
version=${version:-${COUNTERSIGN_VERSION:-@VERSION@}}
case $version in
    @*) fail "which version? Say so: --version VERSION" ;;
esac
version=${version#v}
downloads=${COUNTERSIGN_DOWNLOADS:-https://github.com/$repository/releases/download/v$version}

case $(uname -s) in
    Linux) system=linux ;;
    Darwin) system=macos ;;
    *) fail "nothing is released for $(uname -s): build it with \`cargo install --path .\`" ;;
esac
case $(uname -m) in
    x86_64 | amd64) processor=x86_64 ;;
    arm64 | aarch64) processor=aarch64 ;;
    *) fail "nothing is released for $(uname -m): build it with \`cargo install --path .\`" ;;
esac
name=countersign-$version-$processor-$system
archive=$name.tar.gz

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

get() {
    case $downloads in
        https://* | file://*) ;;
        *) fail "$downloads is no https:// address" ;;
    esac
    curl --fail --silent --show-error --location --proto '=https,file' --proto-redir '=https' --retry 3 \
        --output "$work/$1" "$downloads/$1" || fail "cannot fetch $downloads/$1"
}
command -v curl >/dev/null || fail "\`curl\` is missing: install it and run this again"
get "$archive"
get SHA256SUMS

# Exactly one line may speak of it.
wanted=$(awk -v name="$archive" '$2 == name || $2 == "*" name {print $1}' "$work/SHA256SUMS")
printf '%s\n' "$wanted" | grep -Eqx '[0-9a-f]{64}' || fail "SHA256SUMS does not name $archive once"
if command -v sha256sum >/dev/null; then
    found=$(sha256sum <"$work/$archive")
elif command -v shasum >/dev/null; then
    found=$(shasum -a 256 <"$work/$archive")
else
    fail "neither \`sha256sum\` nor \`shasum\` is here: nothing can be checked"
fi
found=${found%% *}
[ "$found" = "$wanted" ] || fail "$archive is not what was released: its SHA-256 is $found, and should be $wanted"

may_ask_github() {
    command -v gh >/dev/null && { [ -n "${GH_TOKEN:-}" ] || gh auth status >/dev/null 2>&1; }
}
if may_ask_github; then
    gh attestation verify "$work/$archive" --repo "$repository" \
        --signer-workflow "$repository/.github/workflows/release.yml" --source-ref "refs/tags/v$version" \
        ${COUNTERSIGN_COMMIT:+--source-digest "$COUNTERSIGN_COMMIT"} >&2 ||
        fail "$archive has no attestation of $repository's release workflow for v$version"
    say "checked: checksum and attestation"
elif [ "${COUNTERSIGN_ATTESTATION:-}" = required ] || [ -n "${COUNTERSIGN_COMMIT:-}" ]; then
    fail "the attestation cannot be checked: install \`gh\` and sign in (gh auth login)"
else
    say "checked: checksum only; with \`gh\` installed and signed in, the attestation would be checked too"
fi

tar -xzf "$work/$archive" -C "$work"
[ -x "$work/$name/bin/countersign" ] || fail "$archive holds no program"
said=$("$work/$name/bin/countersign" --version) || fail "the program does not run on this machine"
[ "$said" = "countersign $version" ] || fail "the archive of $version holds \`$said\`"

mkdir -p "$prefix/bin"
(cd "$work/$name" && find share -type d) | while read -r folder; do mkdir -p "$prefix/$folder"; done
(cd "$work/$name" && find share -type f) | while read -r file; do cp "$work/$name/$file" "$prefix/$file"; done
# In one step: a program that runs is replaced, not written over.
cp "$work/$name/bin/countersign" "$prefix/bin/.countersign.new"
chmod 755 "$prefix/bin/.countersign.new"
mv -f "$prefix/bin/.countersign.new" "$prefix/bin/countersign"
say "installed $prefix/bin/countersign ($said)"
case :$PATH: in
    *":$prefix/bin:"*) ;;
    *) say "$prefix/bin is not on your PATH: export PATH=\"$prefix/bin:\$PATH\"" ;;
esac
