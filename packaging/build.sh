#!/usr/bin/env bash
# Builds the program as it is released, for this machine, and prints where it is.
#   packaging/build.sh
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
need cargo

# No library of the system beside the C library: libz-sys links the system's otherwise.
export LIBZ_SYS_STATIC=1
# The oldest macOS that Rust supports on both processors.
export MACOSX_DEPLOYMENT_TARGET=11.0
export CARGO_INCREMENTAL=0
cargo build --manifest-path "$root/Cargo.toml" --profile dist --locked --bin countersign >&2
echo "${CARGO_TARGET_DIR:-$root/target}/dist/countersign"
