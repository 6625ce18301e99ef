#!/bin/sh
# Finds what a make target needs and installs what is missing: Rust parts with rustup, programs with apt-get (as root
# or through sudo without a password). What it cannot install it names in one line, and exits with 1. Silent and quick
# when everything is there.
#
#   scripts/setup.sh build|demo|test|lint|target|ci
set -u
cd "$(dirname "$0")/.." || exit 1
PATH="$PATH:${CARGO_HOME:-${HOME:-}/.cargo}/bin:/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"

# pingora's zlib is built with a C compiler and cmake, cmake builds with make.
build='cc cmake make'
case "${1:-}" in
build) programs=$build parts= ;;
demo) programs="$build curl" parts= ;;
test) programs="$build curl python3 redis-server" parts= ;;
lint) programs=$build parts='rustfmt clippy' ;;
target) programs= parts=wasm32-wasip1 ;;
ci) programs="$build curl python3 redis-server" parts='rustfmt clippy' ;;
*)
    echo "usage: scripts/setup.sh build|demo|test|lint|target|ci" >&2
    exit 2
    ;;
esac

fail() {
    echo "setup: $*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# Nothing here may hang for ever on a network that swallows packets.
within() {
    seconds=$1
    shift
    if have timeout; then timeout "$seconds" "$@"; else "$@"; fi
}

needs_rust() {
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    have cargo && have rustc ||
        fail "Rust is missing: install Rust $wanted or newer from https://rustup.rs, then run this again"
    found=$(rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
    oldest=$(printf '%s\n%s\n' "$wanted" "$found" | sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)
    [ "$oldest" = "$wanted" ] ||
        fail "Rust $found is too old, $wanted or newer is needed: run 'rustup update stable', then run this again"
}

missing_of() {
    for program in $1; do
        have "$program" || printf '%s ' "$program"
    done
}

packages_of() {
    for program in $1; do
        case "$program" in
        cc) printf 'gcc libc6-dev ' ;;
        *) printf '%s ' "$program" ;;
        esac
    done
}

# What a person would type.
advice() {
    if have apt-get; then
        echo "sudo apt-get update && sudo apt-get install -y $1"
    elif have dnf; then
        echo "sudo dnf install $1" | sed 's/libc6-dev/glibc-devel/; s/redis-server/redis/'
    elif have apk; then
        echo "apk add $1" | sed 's/libc6-dev/musl-dev/; s/redis-server/redis/'
    elif have brew; then
        echo "brew install $1" | sed 's/ libc6-dev//; s/redis-server/redis/'
    else
        echo "the package manager of this system ($1)"
    fi
}

as_root=
can_install() {
    have apt-get || return 1
    [ "$(id -u)" = 0 ] && return 0
    as_root='sudo -n'
    have sudo && sudo -n true 2>/dev/null
}

apt() {
    within 600 $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
        -o DPkg::Lock::Timeout=120 -o Acquire::Retries=2 "$@" </dev/null
}

needs_programs() {
    missing=$(missing_of "$1")
    missing=${missing% }
    [ -n "$missing" ] || return 0
    packages=$(packages_of "$missing")
    packages=${packages% }
    can_install || fail "missing: $missing; install with: $(advice "$packages")"
    echo "setup: installing $packages with apt-get, about a minute"
    log=$(mktemp)
    # The lists of packages may be absent or old; if they cannot be had, installing says what is wrong.
    apt update >"$log" 2>&1
    apt install --no-install-recommends $packages >>"$log" 2>&1
    reason=$(grep '^E: ' "$log" | tail -n 1)
    rm -f "$log"
    missing=$(missing_of "$missing")
    [ -z "$missing" ] ||
        fail "missing: ${missing% }, and apt-get could not install it${reason:+ ($reason)}; install with: $(advice "$packages")"
}

has_part() {
    case "$1" in
    rustfmt) cargo fmt --version >/dev/null 2>&1 ;;
    clippy) cargo clippy --version >/dev/null 2>&1 ;;
    *) [ -d "$(rustc --print sysroot)/lib/rustlib/$1/lib" ] ;;
    esac
}

needs_parts() {
    for part in $1; do
        has_part "$part" && continue
        kind=component
        [ "$part" = wasm32-wasip1 ] && kind=target
        if have rustup; then
            echo "setup: adding the Rust $kind $part"
            within 300 rustup "$kind" add "$part" </dev/null >/dev/null 2>&1
        fi
        has_part "$part" || fail "the Rust $kind $part is missing and could not be added; add it with: rustup $kind add $part"
    done
}

needs_rust
needs_programs "$programs"
needs_parts "$parts"
