#!/usr/bin/env bash
# Checks what a released program needs of the system that it is copied to: on Linux a C library not newer than
# Debian 12's, and no library beside it; on macOS nothing but the system's own.
#   packaging/check-binary.sh PROGRAM
# shellcheck source=packaging/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ $# -eq 1 ] || fail "usage: check-binary.sh PROGRAM"
program=$1
check_program "$program"

newest_glibc=2.36

size=$(($(wc -c <"$program")))

case $(uname -s) in
  Linux)
    need objdump
    while read -r library; do
      case $library in
        libc.so.6 | libm.so.6 | libgcc_s.so.1 | ld-linux-*) ;;
        *) fail "$program needs $library of the system, which not every system has" ;;
      esac
    done < <(objdump -p "$program" | awk '$1 == "NEEDED" {print $2}')
    needed=$(objdump -T "$program" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -n 1)
    [ -n "$needed" ] || fail "cannot tell which C library $program needs"
    [ "$(printf '%s\n' "$needed" "$newest_glibc" | sort -V | tail -n 1)" = "$newest_glibc" ] ||
      fail "$program needs glibc $needed, and Debian 12 has $newest_glibc"
    echo "$program: $size bytes, needs glibc $needed"
    ;;
  Darwin)
    need otool
    while read -r library _; do
      case $library in
        /usr/lib/* | /System/Library/*) ;;
        *) fail "$program needs $library, which not every system has" ;;
      esac
    done < <(otool -L "$program" | tail -n +2)
    echo "$program: $size bytes"
    ;;
  *) fail "nothing is released for $(uname -s)" ;;
esac
