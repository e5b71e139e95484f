#!/usr/bin/env bash
# Builds the image of each processor and pushes them under one name; tells a workflow the name and digest.
#   packaging/image/publish.sh NAME FOLDER      # FOLDER/image-TARGET/rootfs.tar
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../common.sh"
[ $# -eq 2 ] || fail "usage: publish.sh NAME FOLDER"
need podman jq
name=$1 folder=$2
manifest=$name:$version
podman manifest create "$manifest" >&2
add() {
  local context
  context=$(mktemp -d)
  cp "$packaging/image/Containerfile" "$folder/image-$2/rootfs.tar" "$context/"
  # Docker's format, because the other has no health check.
  podman build --no-cache --format docker --platform "linux/$1" --timestamp "$SOURCE_DATE_EPOCH" --manifest "$manifest" \
    --label "org.opencontainers.image.version=$version" --label "org.opencontainers.image.licenses=MIT" \
    ${GITHUB_REPOSITORY:+--label "org.opencontainers.image.source=https://github.com/$GITHUB_REPOSITORY"} "$context" >&2
  rm -r "$context"
}
add amd64 x86_64-linux
add arm64 aarch64-linux
platforms=$(podman manifest inspect "$manifest" | jq -r '[.manifests[].platform.architecture] | sort | join(" ")')
[ "$platforms" = "amd64 arm64" ] || fail "the image is for: $platforms"
digest=$(mktemp)
podman manifest push --all --format v2s2 --digestfile "$digest" "$manifest" "docker://$manifest" >&2
{
  echo "name=$name"
  echo "digest=$(cat "$digest")"
} | tee -a "${GITHUB_OUTPUT:-/dev/null}"
