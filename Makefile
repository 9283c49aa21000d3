# Talkpath. `make` alone prints this help.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
GO ?= go
BIN := bin/talkpath
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X github.com/talkpath/talkpath.version=$(VERSION)
TOOL := $(GO) tool -modfile=tools/go.mod
FUZZTIME ?= 10s
GOTESTFLAGS ?= -race -timeout 12m
ARGS ?=
BENCHFLAGS ?=
LEGS ?= 1000
BURST ?= 200

WEB_SOURCES := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -type f -print 2>/dev/null)
NPM := $(shell command -v npm 2>/dev/null)
NODE_MIN := 20.19
# Vite asks for NODE_MIN; an older Node.js fails with an error that tells nobody why.
NODE_OLD := $(shell node -e 'const [a, b] = process.versions.node.split("."); const [c, d] = "$(NODE_MIN)".split("."); console.log((a - c || b - d) >= 0 ? "" : process.version)' 2>/dev/null)
# Why the web phone cannot be built here; empty when it can.
NO_WEB := $(if $(NPM),$(if $(NODE_OLD),Node.js $(NODE_OLD) is too old ($(NODE_MIN) or newer is needed)),npm was not found)

.DEFAULT_GOAL := help
.PHONY: help run build web test test-go test-srtp test-web test-browser test-clients lint check fmt bench bench-go profiles fuzz soak clean need-npm

help: ## print this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build the web phone (where npm is there) and the exchange, and start it; ARGS="-set name=value …"
	@exec ./$(BIN) $(ARGS)

build: web ## the static binary, bin/talkpath
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/talkpath

web: web/dist/index.html ## the web phone, web/dist (needs npm)

ifeq ($(NO_WEB),)
web/node_modules/.installed: web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

web/dist/index.html: web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run build
	@touch $@
else
web/dist/index.html:
	@echo "$(NO_WEB): building without the web phone (the page will say how to add it)"
endif

test: test-web test-go test-clients test-browser ## all tests; installs what they need (npm packages, Chromium and sipp from Debian's packages)

test-go: web ## Go tests with the race detector
	@./test/install.sh sipp
	$(GO) test $(GOTESTFLAGS) ./...
	$(GO) test -tags talkpath_portable ./media

test-srtp: ## srtp without assembly, and with that of arm64 under QEMU (Debian's qemu-user-static)
	@./test/install.sh qemu
	$(GO) test -tags purego ./srtp
	GOARCH=arm64 $(GO) test -exec qemu-aarch64-static ./srtp

test-web: need-npm web ## type check and unit tests of the web phone
	cd web && npm run typecheck && npm test

test-browser: need-npm build ## real Chromium and Rocket.Chat's event socket client against the binary
	@./test/install.sh chromium
	cd test/browser && npm ci --no-audit --no-fund --loglevel=error && TALKPATH_BIN=$(CURDIR)/$(BIN) npm test

test-clients: need-npm build ## the event socket libraries of npm against the binary, and eslgo, which has data races of its own
	$(GO) test -timeout 3m -run '^Test(Outbound)?Clients$$' ./test/e2e
	cd test/esl-clients && npm ci --no-audit --no-fund --loglevel=error && TALKPATH_BIN=$(CURDIR)/$(BIN) npm test

need-npm:
	@test -z "$(NO_WEB)" || { echo "$(NO_WEB), and these tests need it: install Node.js $(NODE_MIN) or newer with npm"; exit 1; }

lint: ## gofmt, vet (also for other systems), staticcheck, a build without cgo
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	for os in darwin freebsd windows; do GOOS=$$os $(GO) vet ./... || exit 1; done
	GOARCH=arm64 $(GO) vet ./srtp
	$(GO) vet -tags purego ./srtp
	$(TOOL) staticcheck ./...
	CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/talkpath

check: lint test ## what CI runs

fmt: ## format the Go sources
	gofmt -w $$(git ls-files '*.go')

bench: build ## the tables of README and docs/performance.md: side by side with rtpengine and Kamailio (about 8 minutes; Linux, root); BENCHFLAGS="-nice -10 -pairs 5 …"
	@./test/install.sh rtpengine
	@./test/install.sh kamailio
	./$(BIN) bench compare $(BENCHFLAGS) -into docs/performance.md,README.md

profiles: build ## docs/profiles.md: what the figures short of their goal are spent on (about 3 minutes; Linux, root, perf)
	@./test/install.sh rtpengine
	@./test/install.sh kamailio
	@./test/install.sh perf
	./$(BIN) bench compare -figures 1,2,8,9 -calls 100,200 -pairs 1 -profile bin/profiles $(BENCHFLAGS) -into docs/profiles.md

bench-go: ## micro-benchmarks, with allocations
	$(GO) test -run '^$$' -bench . -benchmem ./...

fuzz: ## every fuzz target for FUZZTIME (default 10s) each
	@for dir in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
	  for target in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$dir/*_test.go | awk '{print $$2}'); do \
	    echo "== $$dir $$target"; $(GO) test ./$$dir -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME); \
	  done; \
	done

soak: ## 1,000 browsers (LEGS=…) through one UDP port, in the media engine and through a whole server: set up in bursts (BURST=… calls), talk, hang up; nothing may be left
	TALKPATH_SOAK_LEGS=$(LEGS) $(GO) test -count=1 -timeout 30m -v -run '^TestManyBrowsers$$' ./media
	TALKPATH_SOAK_LEGS=$(LEGS) TALKPATH_SOAK_BURST=$(BURST) $(GO) test -count=1 -timeout 30m -v -run '^TestBrowsers$$' ./bench

attack: ## the attacks of docs/security.md with all they have, against a running exchange, with the figures (about 5 minutes)
	TALKPATH_ATTACK=1 $(GO) test -count=1 -timeout 20m -v -run '^Test(S[0-9][0-9]|LongMessageSplit)' ./test/e2e ./sip | grep -v '^=== '

clean: ## remove what was built
	rm -rf bin web/node_modules test/browser/node_modules test/esl-clients/node_modules
	find web/dist -mindepth 1 ! -name .keep -delete
