# Sampan's frame. Every target that a person calls has one line behind `##`; `make help` prints those lines.
# What must be there before: Debian, git, make, gcc, Node 20 with npm. `setup` brings the rest.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

arch := $(if $(filter aarch64,$(shell uname -m)),arm64,x64)
bun := node_modules/@oven/bun-linux-$(if $(filter arm64,$(arch)),aarch64,x64)/bin/bun
npm-stamp := node_modules/.package-lock.json

# The launcher: no libc, no start-up files, nothing that needs the heap or thread-local storage.
CC := gcc
CFLAGS := -std=gnu17 -static -nostdlib -ffreestanding -O2 -Wall -Wextra -Werror -fno-stack-protector -fno-pie -no-pie \
  -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,noexecstack -s
arm64-cc := $(if $(filter arm64,$(arch)),$(CC),aarch64-linux-gnu-gcc)
x64-cc := $(if $(filter x64,$(arch)),$(CC),x86_64-linux-gnu-gcc)
x64-flags :=
arm64-flags := -mno-outline-atomics
launcher-sources := $(wildcard launcher/*.c launcher/*.h)
sources = $(shell git ls-files -co --exclude-standard src | grep '\.ts$$')

.PHONY: help setup ok test demo bench dist format clean launcher

help: ## print this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: $(npm-stamp) build/packages.stamp ## install the npm packages, and as root the Debian packages of tools/packages.txt

ok: setup launcher ## the gate: format, types, lint, architecture and pure tests, in seconds
	@$(bun) tools/test.ts ok

test: setup launcher dist ## the gate and every rung that this machine can run, then a search for leaks
	@$(bun) tools/test.ts all

demo: setup dist/sampan ## cloud, edge, broker, a simulated device and an application on this machine; CI=true ends by itself
	@$(bun) tools/demo.ts

bench: setup dist/sampan ## measure beside runc, crun, runsc, containerd, docker, podman, skopeo with umoci, etcd, where they are installed
	@$(bun) bench/run.ts
	@$(bun) bench/images/run.ts
	@$(bun) bench/docker/run.ts
	@$(bun) bench/cloud/run.ts
	@$(bun) bench/cri/run.ts
	@$(bun) bench/edge/run.ts
	@$(bun) bench/fleet/run.ts
	@$(bun) bench/shim/run.ts

dist: setup launcher ## make dist/sampan and, where the cross compiler is there, dist/sampan-arm64
	@$(MAKE) --no-print-directory dist/sampan
	@if command -v $(arm64-cc) >/dev/null; then $(MAKE) --no-print-directory dist/sampan-arm64; fi

format: setup ## write every file as the formatters want it
	@$(bun) fmt
	@clang-format -i $(filter-out launcher/operations.h,$(launcher-sources))

clean: ## remove what was built (node_modules stays)
	rm -rf build dist

$(npm-stamp): package.json package-lock.json
	npm ci
	@touch $@

build/packages.stamp: tools/packages.txt tools/setup.ts | $(npm-stamp)
	@mkdir -p build
	@$(bun) tools/setup.ts --stamp $@

# launcher: this machine's, the other architecture's where its compiler is there, and the two builds for tests: one that fails where
# the plan says so (LAUNCHER_FAULTS), one with libc under the sanitizers (LAUNCHER_HOSTED).
# The compiler is looked for when the recipe runs: setup may have installed it just before.
launcher: build/launcher build/launcher-faults build/launcher-sanitized
	@if command -v $(arm64-cc) >/dev/null; then $(MAKE) --no-print-directory build/launcher-arm64; fi

build/launcher: build/launcher-$(arch)
	@ln -sf $(<F) $@

build/launcher-%: $(launcher-sources) Makefile
	@mkdir -p build
	$($*-cc) $(CFLAGS) $($*-flags) -o $@ $(filter %.c,$(launcher-sources))

build/launcher-faults: $(launcher-sources) Makefile
	@mkdir -p build
	$(CC) $(CFLAGS) $($(arch)-flags) -DLAUNCHER_FAULTS -o $@ $(filter %.c,$(launcher-sources))

build/launcher-sanitized: $(launcher-sources) Makefile
	@mkdir -p build
	$(CC) -std=gnu17 -g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all \
	  -DLAUNCHER_HOSTED -DLAUNCHER_FAULTS -o $@ $(filter %.c,$(launcher-sources))

# --conditions picks the launcher that "#launcher" means (package.json, imports). What stands behind a dynamic import becomes a chunk of
# its own, which costs nothing until it is imported (decision 007). What lives for milliseconds is not worth compiling: the JIT begins twenty
# times later than it would (decision 009).
commit := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
compile = $(bun) build --compile --bytecode --minify --format=esm --splitting --compile-jit-policy=20 --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
  --define 'SAMPAN_COMMIT="$(commit)"'

dist/sampan: build/launcher-x64 $(sources) package.json Makefile
	@mkdir -p dist
	$(compile) --target=bun-linux-x64 --conditions=sampan-x64 --outfile=$@ src/bin/sampan.ts

dist/sampan-arm64: build/launcher-arm64 build/bun-arm64 $(sources) package.json Makefile
	@mkdir -p dist
	$(compile) --target=bun-linux-arm64 --conditions=sampan-arm64 --compile-executable-path=build/bun-arm64 \
	  --outfile=$@ src/bin/sampan.ts

# The other architecture's Bun is an npm package too; the lock file's digest is checked as for any other.
build/bun-arm64: package-lock.json
	@mkdir -p build/cross-arm64
	cp package.json package-lock.json .npmrc build/cross-arm64/
	cd build/cross-arm64 && npm ci --omit=dev --ignore-scripts --os=linux --cpu=arm64 --libc=glibc
	mv build/cross-arm64/node_modules/@oven/bun-linux-aarch64/bin/bun $@
	@touch $@
	rm -rf build/cross-arm64
