# shellcheck shell=bash disable=SC2034 # what is unused here is used there
# Sourced by the scripts of this folder: where the sources are, which version they are, and how a step fails.
# Needs bash 3.2 and nothing else, for macOS.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
packaging=$root/packaging
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)

fail() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# Fails where a program is missing: nothing is left out for want of a tool.
need() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || fail "\`$program\` is missing: install it and run this again"
  done
}

# The time that archives and packages carry, so that the same sources and program give the same bytes.
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
  SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct 2>/dev/null) ||
    fail "this is no clone: say with SOURCE_DATE_EPOCH which time the files are to carry"
fi
export SOURCE_DATE_EPOCH
export LC_ALL=C TZ=UTC

# A program must be given, be of this version, and run here.
check_program() {
  [ -x "$1" ] || fail "$1 is no program: build one with packaging/build.sh"
  local said
  said=$("$1" --version) || fail "$1 does not run on this machine"
  [ "$said" = "countersign $version" ] || fail "$1 is \`$said\`, and the sources are countersign $version"
}
