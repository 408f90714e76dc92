# Everything that a person or a CI job starts by hand. `make` alone says what there is.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run build kernel test lint format bench generate clean

# Root's own environment may bring another Python along (pyenv, conda); the system's is the one that is tested.
PYTHON := /usr/bin/python3
# Test workers; the release server under test wants a core of its own.
WORKERS ?= 2
# Tests of what environments do, which are made again in virtual machines.
GUEST_TESTS := $(addprefix Tests/Conformance/test_,$(addsuffix .py,environments invoke failures phases extensions \
	telemetry streaming isolation layers lifecycle network machine_faults cold_starts sandbox recovery misbehaviour \
	runtime_api snapstart))

help: ## Say what there is to make
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

run: ## Build and start Swiftlet on 127.0.0.1:9000 with an example function, until Ctrl-C
	@scripts/run

build: ## Build the release binaries
	@scripts/bootstrap run
	@scripts/build

kernel: ## Build the small kernel for virtual machines (.guest/vmlinux), out of Debian's sources
	@scripts/bootstrap kernel
	@scripts/build-kernel

test: ## Run all tests: lint, units (debug build), runtimes, conformance and faults (release build)
	@scripts/bootstrap test
	@$(MAKE) --no-print-directory lint
	@scripts/build
	@scripts/guest-images
	scripts/with-postgres swift test --skip SandboxNamespacesTests --skip SandboxMicroVMTests --skip VirtualMachineTests
	@# By themselves: they look for whatever is left in this process and on the host, and set up a firewall.
	scripts/in-own-network swift test --skip-build --filter SandboxNamespacesTests
	scripts/in-own-network swift test --skip-build --filter SandboxMicroVMTests
	swift test --skip-build --filter VirtualMachineTests
	PYTHONDONTWRITEBYTECODE=1 .venv/bin/pytest -q -n $(WORKERS) --dist loadgroup Tests/Runtimes Tests/Conformance
	@# What is about environments again, in virtual machines.
	PYTHONDONTWRITEBYTECODE=1 SWIFTLET_TEST_SANDBOX=microvm .venv/bin/pytest -q -n $(WORKERS) --dist loadgroup $(GUEST_TESTS)
	@# By themselves: what others do to the host would pass for faults. SWIFTLET_FAULT_SEED repeats a run.
	PYTHONDONTWRITEBYTECODE=1 scripts/with-postgres scripts/in-own-network \
		.venv/bin/pytest -q -n $(WORKERS) --dist loadgroup Tests/Fleet

lint: ## Check the format of the sources, and that what is generated is up to date
	@scripts/lint

format: ## Format the Swift sources
	swift format --in-place --recursive Sources Tests Benchmarks Package.swift

bench: ## Measure a release build beside its floors (BENCH_ARGUMENTS='--quick --json')
	@scripts/bootstrap bench
	@scripts/build
	@scripts/guest-images
	PYTHONDONTWRITEBYTECODE=1 scripts/with-postgres $(PYTHON) Benchmarks/run.py $(BENCH_ARGUMENTS)

generate: ## Generate the API's sources from the service model
	$(PYTHON) Tools/generate-api/generate.py

clean: ## Remove what was built; functions and data (.swiftlet) stay
	rm -rf .build .venv .venv-bench .runtimes .guest .pytest_cache
