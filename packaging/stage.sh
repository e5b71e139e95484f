#!/usr/bin/env bash
# Puts what is installed everywhere below a folder: the program, its man pages and completions, the licence.
#   packaging/stage.sh PROGRAM FOLDER        # FOLDER/bin, FOLDER/share
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# -eq 2 ] || fail "usage: stage.sh PROGRAM FOLDER"
need help2man gzip
program=$1 folder=$2
check_program "$program"

install -d "$folder/bin" "$folder/share/man/man1" "$folder/share/doc/countersign"
install -m 755 "$program" "$folder/bin/countersign"
install -m 644 "$root/LICENSE" "$root/docs/changelog.md" "$folder/share/doc/countersign/"

completions() {
  install -d "$folder/share/$2"
  "$program" completions "$1" >"$folder/share/$2/$3"
}
completions bash bash-completion/completions countersign
completions zsh zsh/site-functions _countersign
completions fish fish/vendor_completions.d countersign.fish

# `--help` is read through a name on PATH, which is what the pages then say.
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
ln -s "$(cd "$(dirname "$program")" && pwd)/$(basename "$program")" "$tools/countersign"
PATH=$tools:$PATH
# One width for all, however wide this terminal is.
export COLUMNS=100

page() {
  local name=$1 says=$2
  shift 2
  help2man --no-info --manual "Countersign" --source "countersign $version" \
    --version-string "$version" --name "$says" --output "$tools/$name.1" "$*" || fail "there is no help of \`$*\`"
  # A page that says nothing is worse than none.
  grep -q '^.SH OPTIONS' "$tools/$name.1" || grep -q 'Options:' "$tools/$name.1" ||
    fail "the page of \`$*\` has no options"
  # A page is named with hyphens, as `man countersign-serve` asks for it.
  sed -e "s/^\.TH [^\"]* /.TH $(echo "$name" | tr a-z- A-Z-) /" -e "/^.SH NAME/,/^.SH/s/^$* \\\\- /$name \\\\- /" "$tools/$name.1" |
    gzip -9n >"$folder/share/man/man1/$name.1.gz"
}

page countersign "a git-native approval bot for AI agents" countersign
pages=0
# The table of commands in `--help`; a line that is indented further belongs to the one before.
while read -r command says; do
  [ "$command" != help ] || continue
  page "countersign-$command" "$says" countersign "$command"
  pages=$((pages + 1))
done < <(countersign --help | awk '
  /^Commands:/ {inside = 1; next}
  inside && /^$/ {exit}
  inside && /^  [a-z]/ {if (line) print line; sub(/^ +/, ""); line = $0; next}
  inside {sub(/^ +/, " "); line = line $0}
  END {if (line) print line}')
[ "$pages" -ge 20 ] || fail "only $pages commands were found in \`countersign --help\`"
