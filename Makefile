# `make` alone lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
# Servers that tests and benchmarks start themselves are unpacked there, not installed.
TOOLS = $(CURDIR)/target/tools
# atftpd's comes last: it brings an in.tftpd as well.
export PATH := $(TOOLS)/tftpd-hpa/usr/sbin:$(PATH):/usr/sbin:/sbin:$(TOOLS)/atftpd/usr/sbin

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=
# Where `make install` takes the programs from.
BUILT ?= target/release
# What `make deb` is for: this machine, or arm64 from amd64.
ARCH ?=
# Seconds that each fuzz target runs.
FUZZ_SECONDS ?= 60
INSTALL = install -D

##@ Two commands

.PHONY: demo
demo: ## a station deploys three simulated boards and a PC in QEMU, and shows that it is true
	tools/install-packages build test
	CARGO="$(CARGO)" examples/demo.sh

# The slow part comes last, so that what it says is what one sees last.
.PHONY: test
test: ## check and test everything; installs the Debian packages it needs
	tools/install-packages build test
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --quiet
	CARGO="$(CARGO)" tools/check-features
	CARGO="$(CARGO)" tools/run-tests

.PHONY: demo-flash
demo-flash: ## flash a virtual board (real U-Boot in QEMU) over TFTP, and show the read-back
	tools/install-packages build test
	examples/demo-flash.sh

##@ Build and install

.PHONY: build
build: ## build the release binaries
	tools/install-packages build
	$(CARGO) build --locked --release

.PHONY: agent
agent: ## build the agent for boards and PCs, static (Debian on amd64)
	tools/install-packages build agent
	CARGO="$(CARGO)" tools/build-agent

# Doesn't build: under sudo there may be no cargo. Run `make build` first.
.PHONY: install
install: ## install binaries, units, man pages and completions below PREFIX (/usr/local)
	@test -x $(BUILT)/piprov || { echo "run make build first" >&2; exit 1; }
	$(INSTALL) -m 755 $(BUILT)/piprov $(DESTDIR)$(PREFIX)/bin/piprov
	$(INSTALL) -m 755 $(BUILT)/piprov-udev $(DESTDIR)$(PREFIX)/lib/piprov/piprov-udev
	for agent in $(BUILT)/piprov-agent-*; do \
		[[ ! -x $$agent ]] || $(INSTALL) -m 755 "$$agent" "$(DESTDIR)$(PREFIX)/lib/piprov/$${agent##*/}"; \
	done
	for unit in station.service station.socket bootd.service netboot.service; do \
		mkdir -p "$(DESTDIR)$(PREFIX)/lib/systemd/system"; \
		sed 's,/usr/bin/piprov,$(PREFIX)/bin/piprov,' "systemd/piprov-$$unit" >"$(DESTDIR)$(PREFIX)/lib/systemd/system/piprov-$$unit"; \
	done
	$(INSTALL) -m 644 packaging/piprov.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/piprov.conf
	for page in man/*; do \
		$(INSTALL) -m 644 "$$page" "$(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page#man/}"; \
	done
	$(INSTALL) -m 644 completions/piprov.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/piprov
	$(INSTALL) -m 644 completions/_piprov $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_piprov
	$(INSTALL) -m 644 completions/piprov.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/piprov.fish
	for sample in examples/{scripts/*.sh,hooks/*.d/*,bench/*,nightly/*,plug-in/*}; do \
		mode=644; [[ ! -x $$sample ]] || mode=755; \
		$(INSTALL) -m $$mode "$$sample" "$(DESTDIR)$(PREFIX)/share/doc/piprov/$$sample"; \
	done

# Settings, records and images stay. `piprov udev remove` comes before it where `piprov udev install` was used.
.PHONY: uninstall
uninstall: ## remove what `make install` has installed
	cd $(DESTDIR)$(PREFIX) && rm -f bin/piprov lib/piprov/piprov-udev lib/piprov/piprov-agent-* lib/sysusers.d/piprov.conf \
		lib/systemd/system/piprov-{station.service,station.socket,bootd.service,netboot.service} \
		share/man/man1/piprov{,-*}.1 share/man/man5/piprov.toml.5 share/bash-completion/completions/piprov \
		share/zsh/site-functions/_piprov share/fish/vendor_completions.d/piprov.fish
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/piprov/examples
	[[ ! -d $(DESTDIR)$(PREFIX)/share/doc/piprov ]] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/share/doc/piprov
	[[ ! -d $(DESTDIR)$(PREFIX)/lib/piprov ]] || rmdir --ignore-fail-on-non-empty $(DESTDIR)$(PREFIX)/lib/piprov

# PROFILE=dev packs what tests run with, and builds no release.
.PHONY: deb
deb: ## make the Debian package, below target/deb (ARCH=arm64: for a Raspberry Pi, from amd64)
	CARGO="$(CARGO)" tools/build-deb --profile "$(or $(PROFILE),release)" $(ARCH)

##@ For those who change it

.PHONY: docs
docs: ## write the man pages and the completions anew
	mkdir -p man completions
	rm -f man/* completions/*
	$(CARGO) run --locked --quiet -- generate man man
	$(CARGO) run --locked --quiet -- generate completions completions

# Real agents at a real station, in Chromium; nothing of this host is in them.
.PHONY: screenshots
screenshots: ## take the pictures of the manual anew (docs/screenshots)
	tools/install-packages build test screenshots
	# Programs as tests have them: alone they would be built anew, with all that they need.
	$(CARGO) test --locked --no-run --test attacks
	cd tests/browser && CARGO_TARGET_DIR=$(CURDIR)/target/browser $(CARGO) test --locked --test screenshots
	mkdir -p docs/screenshots
	for picture in target/screenshots/picture-*.png; do \
		to=docs/screenshots/$${picture##*/picture-}; \
		pngquant --force --strip --speed 1 --output "$$to" 128 "$$picture"; \
		optipng -quiet -o5 "$$to"; \
	done
	ls -l docs/screenshots

.PHONY: bench
bench: ## measure against the tools one would use instead; writes docs/benchmarks.md
	tools/install-packages build test bench
	PIPROV_BENCH_IMAGES=$(CURDIR)/target/bench-images $(CARGO) bench --locked
	tools/collect-benchmarks

# The targets stand in fuzz/; cargo-fuzz needs the nightly toolchain.
# Images are unpacked by threads that may outlive an input by a moment; leak detection takes that for a leak.
.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZ_SECONDS (60)
	@command -v cargo-fuzz >/dev/null || { echo "cargo install cargo-fuzz, and rustup toolchain install nightly" >&2; exit 1; }
	for target in $$($(CARGO) +nightly fuzz list); do \
		echo "== $$target"; \
		$(CARGO) +nightly fuzz run "$$target" -- -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -detect_leaks=0; \
	done

.PHONY: help
help:
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { print "\n" substr($$0, 5) ":" } \
		/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
