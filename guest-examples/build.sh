#!/bin/sh
# Builds the guests into guest-examples/dist/NAME.wasm.
#
#   build.sh            builds them if a source has changed since dist/ was made
#   build.sh --always   builds them in any case
#
# dist/ is kept in the repository, so that a machine without the wasm32-wasip1 target can still run everything.
# dist/SOURCES.sha256 says which sources it was made from.
set -eu
cd "$(dirname "$0")"
target=wasm32-wasip1
cargo_home=${CARGO_HOME:-${HOME:-}/.cargo}
PATH="$PATH:$cargo_home/bin"

# One line for each source: its hash and its path, in an order that does not depend on the machine.
sources() {
    find . \( -path ./target -o -path ./dist \) -prune -o -type f \( -name '*.rs' -o -name 'Cargo.*' \) -print |
        LC_ALL=C sort | while IFS= read -r file; do
        if command -v sha256sum >/dev/null 2>&1; then sha256sum "$file"; else shasum -a 256 "$file"; fi
    done | sed 's/ [ *]\.\//  /'
}

guests() {
    for manifest in */Cargo.toml; do
        grep -q cdylib "$manifest" && dirname "$manifest"
    done
    return 0
}

complete() {
    for guest in $(guests); do
        [ -f "dist/$guest.wasm" ] || return 1
    done
}

# Panics name the file they come from. These prefixes keep the paths of the building machine out of the modules.
remapped() {
    printf '%s' "--remap-path-prefix=$PWD=guest-examples"
    for registry in "$cargo_home"/registry/src/*; do
        printf '\037%s' "--remap-path-prefix=$registry=crates"
    done
}

made_from=$(cat dist/SOURCES.sha256 2>/dev/null || true)
now=$(sources)
if [ "${1:-}" != --always ] && [ "$made_from" = "$now" ] && complete; then
    exit 0
fi

exec 3>&1
if ! reason=$(sh ../scripts/setup.sh target 2>&1 >&3); then
    if ! complete; then
        echo "$reason" >&2
        exit 1
    elif [ "$made_from" = "$now" ]; then
        echo "guests: there is no Rust target $target; the copies in guest-examples/dist are used"
    else
        echo "guests: there is no Rust target $target; the copies in guest-examples/dist are used, OLDER than the sources" >&2
    fi
    exit 0
fi

echo "guests: building $(guests | wc -l | tr -d ' ') modules for $target (about half a minute the first time)"
cargo fetch --quiet --locked --target "$target"
CARGO_ENCODED_RUSTFLAGS=$(remapped) CARGO_TARGET_DIR=target \
    cargo build --quiet --locked --release --target "$target"
mkdir -p dist
for guest in $(guests); do
    # A new file moved into place: who reads the old one meanwhile never sees half a module.
    cp "target/$target/release/$guest.wasm" "dist/.$guest.wasm.new"
    chmod 644 "dist/.$guest.wasm.new"
    mv -f "dist/.$guest.wasm.new" "dist/$guest.wasm"
done
for module in dist/*.wasm; do
    [ -d "$(basename "$module" .wasm)" ] || rm -f "$module"
done
printf '%s\n' "$now" >dist/SOURCES.sha256
