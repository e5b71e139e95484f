#!/usr/bin/env bash
# Takes the released program for the action, where its attestation says that the action's own commit was built; says so as
# `found=true`. Whatever is missing or does not fit, the action builds that commit instead: nothing unproven is run.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$root/Cargo.toml" | head -n 1)

found=false
commit=''
if [[ $ACTION_REF =~ ^[0-9a-f]{40}$ ]]; then
  commit=$ACTION_REF
fi
# A branch moves; what it is at was not released.
if [ -n "$commit" ] || [ "$ACTION_REF" = "v$version" ]; then
  if COUNTERSIGN_REPOSITORY=$ACTION_REPOSITORY COUNTERSIGN_ATTESTATION=required COUNTERSIGN_COMMIT=$commit \
    sh "$root/packaging/install.sh" --version "$version" --prefix "$RUNNER_TEMP/countersign"; then
    found=true
  fi
fi
[ "$found" = true ] || echo "There is no attested release of this commit: it is built here."
echo "found=$found" >>"$GITHUB_OUTPUT"
