# What a developer runs. Each target first makes sure that what it needs is there (scripts/setup.sh).

# Programs in the usual places are found even if the caller's PATH leaves those out.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin:/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin

GUEST_CARGO = cd guest-examples && CARGO_TARGET_DIR=target cargo

.PHONY: help demo test lint format clippy guests bench release clean

help: ## lists the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1#\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'#' '{ printf "%-14s %s\n", $$1, $$2 }'

demo: ## builds, starts config/quickstart.yaml, sends the first request, serves until Ctrl-C (DEMO_ONCE=1: ends; OUTRIGGER=FILE: runs that program)
	@sh scripts/setup.sh demo
	@sh scripts/demo.sh ports
	@sh guest-examples/build.sh
	@if [ -z "$(OUTRIGGER)" ]; then \
		echo "demo: building outrigger (dev profile, dependencies optimised; several minutes the first time, seconds later)"; \
		cargo build --bin outrigger; \
	fi
	@sh scripts/demo.sh

test: ## runs all tests
	@sh scripts/setup.sh test
	@sh guest-examples/build.sh
	@echo "test: building and running the tests of the workspace (several minutes the first time)"
	cargo test --workspace --no-fail-fast

lint: format clippy ## checks format and clippy, warnings are errors

format: ## checks the format of both workspaces
	@sh scripts/setup.sh lint
	cargo fmt --all --check
	$(GUEST_CARGO) fmt --all --check

clippy: ## runs clippy on both workspaces, warnings are errors
	@sh scripts/setup.sh lint
	cargo clippy --workspace --all-targets -- -D warnings
	@if sh scripts/setup.sh target; then set -x; $(GUEST_CARGO) clippy --locked --target wasm32-wasip1 -- -D warnings; fi

guests: ## builds the example guests into guest-examples/dist
	@sh guest-examples/build.sh

bench: ## measures what a chain costs without sockets
	@sh scripts/setup.sh build
	@sh guest-examples/build.sh
	cargo bench --bench chain

release: ## builds the optimised binary, target/release/outrigger
	@sh scripts/setup.sh build
	cargo build --release --locked --bin outrigger

clean: ## removes what was built, not guest-examples/dist
	cargo clean
	$(GUEST_CARGO) clean
