#!/usr/bin/env bash
# Writes the bill of materials of a release (CycloneDX 1.6): every package that is linked into the program for a system, with its
# version, licence, checksum and what it depends on. What only builds or tests it is not in it.
#   packaging/sbom.sh RUST-TARGET FILE         # RUST-TARGET: such as x86_64-unknown-linux-gnu
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# -eq 2 ] || fail "usage: sbom.sh RUST-TARGET FILE"
need cargo jq
target=$1 file=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo metadata --manifest-path "$root/Cargo.toml" --locked --format-version 1 --filter-platform "$target" >"$work/metadata.json"
# The checksums that Cargo holds what it fetches against, as {"NAME VERSION": SHA-256}.
awk -F '"' '
  /^name = / {name = $2}
  /^version = / {version = $2}
  /^checksum = / {printf "%s %s\t%s\n", name, version, $2}' "$root/Cargo.lock" |
  jq -R -n '[inputs | split("\t") | {(.[0]): .[1]}] | add' >"$work/checksums.json"

jq --slurpfile checksums "$work/checksums.json" --arg target "$target" \
  --arg time "$(jq -nr "$SOURCE_DATE_EPOCH | todate")" '
  ($checksums[0]) as $sums
  | (.packages | map({(.id): .}) | add) as $packages
  | (.resolve.nodes | map({(.id): [.deps[] | select(any(.dep_kinds[]; .kind == null)) | .pkg]}) | add) as $edges
  | .resolve.root as $root
  # Everything reached from the program by what is linked.
  | ({seen: {($root): true}, next: [$root]}
     | until(.next == [];
         . as $state
         | [.next[] | $edges[.][]] | unique | map(select($state.seen[.] | not)) as $new
         | {seen: ($state.seen + ([$new[] | {(.): true}] | add // {})), next: $new})
     | .seen) as $linked
  | def purl: "pkg:cargo/\(.name)@\(.version)";
    def component:
      {type: "library", "bom-ref": purl, name, version, purl: purl}
      + (if .description then {description: (.description | gsub("\\s+"; " "))} else {} end)
      # `/` is how older packages write `OR`.
      + (if .license then {licenses: [{expression: (.license | gsub(" */ *"; " OR "))}]} else {} end)
      + (if $sums["\(.name) \(.version)"] then {hashes: [{alg: "SHA-256", content: $sums["\(.name) \(.version)"]}]} else {} end)
      + (if .repository then {externalReferences: [{type: "vcs", url: .repository}]} else {} end);
    {
      "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
      bomFormat: "CycloneDX", specVersion: "1.6", version: 1,
      metadata: {
        timestamp: $time,
        component: ($packages[$root] | component + {type: "application"}),
        properties: [{name: "cargo:target", value: $target}]
      },
      components: ([$linked | keys[] | select(. != $root) | $packages[.]] | sort_by(.name, .version) | map(component)),
      dependencies: [$linked | keys[] | {ref: ($packages[.] | purl), dependsOn: ([$edges[.][] | $packages[.] | purl] | unique)}]
    }' "$work/metadata.json" >"$file"

# Something of a known size must have been found, each with a checksum.
jq -e '(.components | length) > 100 and all(.components[]; .hashes and .licenses)' "$file" >/dev/null ||
  fail "$file lacks packages, checksums or licences"
