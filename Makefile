# Targets with a ## line are shown by `make help`.

GO ?= go
LINT = $(GO) tool -modfile=tools/go.mod golangci-lint
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 30s

.DEFAULT_GOAL := help

## help: show this list
.PHONY: help
help:
	@echo "Perch: X (Twitter) from the chat where your team works."
	@echo
	@awk -F': ' '/^## [a-z0-9-]+: /{printf "  make %-14s %s\n", substr($$1, 4), $$2}' $(MAKEFILE_LIST)

## sandbox: run the whole program in your browser, without any account
.PHONY: sandbox
sandbox:
	$(GO) run ./cmd/perch sandbox

## test: install what the tests need, then run all of them with the race detector
.PHONY: test
test:
	@./scripts/test

## check: run what a change must pass (format, lint, import rules, tests)
.PHONY: check
check: fmt-check lint test

## race: run the tests of PKG (default all) with the race detector, nothing installed
.PHONY: race
race:
	$(GO) test -race -timeout 20m $(or $(PKG),./...)

## fuzz: run every fuzz target for FUZZTIME (30s) each
.PHONY: fuzz
fuzz:
	@./scripts/fuzz $(FUZZTIME) $(or $(PKG),./...)

## bench: run the benchmarks of PKG (default all)
.PHONY: bench
bench:
	$(GO) test -run '^$$' -bench . -benchmem $(or $(PKG),./...)

## e2e: run the flows over the whole program, in the browser too
.PHONY: e2e
e2e:
	@./scripts/setup-test-deps
	$(GO) test -timeout 20m -count 1 -v ./internal/e2e/...

## lint: run the linters and the import rules
.PHONY: lint
lint:
	$(LINT) run
	$(GO) test -count 1 ./internal/arch

## fmt: format all code
.PHONY: fmt
fmt:
	$(LINT) fmt

.PHONY: fmt-check
fmt-check:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi

## vuln: look for known vulnerabilities (needs the network)
.PHONY: vuln
vuln:
	$(GO) tool -modfile=tools/go.mod govulncheck ./...

## build: build a static binary into ./perch
.PHONY: build
build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o perch ./cmd/perch

## rocketchat-app: package the companion app for Rocket.Chat into dist/
.PHONY: rocketchat-app
rocketchat-app:
	npm ci --prefix rocketchat-app --ignore-scripts --no-audit --no-fund --loglevel=error
	node rocketchat-app/package.mjs dist

## image: build the container image perch:VERSION
.PHONY: image
image:
	docker build --build-arg VERSION=$(VERSION) -t perch:$(VERSION) .
