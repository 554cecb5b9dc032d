# Everything here needs Go (see go.mod) and nothing else; what a target downloads
# besides modules and Docker's images goes to .cache/. Several targets read FLAMINGOCK_TEST_* from the
# environment, see docs/design.md 8.

.DEFAULT_GOAL := help
SHELL := /bin/sh

# The environment must not change what is built: flags from outside could turn
# tests off, a workspace could replace modules, and stamping by the go command
# fails in a clone that belongs to another user (VERSION below does its work).
export GOFLAGS := -mod=readonly -buildvcs=false
export GOWORK := off

CACHE := $(CURDIR)/.cache
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

LINT_VERSION := v2.15.0
LINT := $(CACHE)/bin/golangci-lint-$(LINT_VERSION)
RELEASE_VERSION := v2.16.0
RELEASE := $(CACHE)/bin/goreleaser-$(RELEASE_VERSION)

QUICKSTART := examples/quickstart
ORACLE := targets/sqltarget/split/oracletest
MANIFESTS := examples/deploy/manifesttest
LOCALSTACK := $(CACHE)/bin/localstack
ROUTE ?= auto
IMAGE ?= flamingock:dev
ARCH ?=
FUZZTIME ?= 20s
BENCHFLAGS ?=
CHAOSFLAGS ?=
MUTANT ?=
SOAK_CHANGES ?= 100000
TAGS ?=
TESTFLAGS ?=

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Apply the quick start to a SQLite database; again: nothing to do.
	@go run ./container -c $(QUICKSTART)/flamingock.yaml apply

.PHONY: test
test: ## Vet and test all modules with the race detector; list what was skipped. TESTFLAGS=-run=… ROUTE=host
	@go vet -tags otel ./internal/app && go test -tags otel ./internal/app # what the build tag adds
	@cd localstack-tests && go build -o $(LOCALSTACK) ./cmd/localstack
	@$(LOCALSTACK) run -route $(ROUTE) -- go run ./internal/testreport $(TESTFLAGS)

.PHONY: conformance
conformance: ## Print which case of the suites passes on which target system and server. ROUTE=host TESTFLAGS=-race
	@cd localstack-tests && go build -o $(LOCALSTACK) ./cmd/localstack
	@$(LOCALSTACK) run -route $(ROUTE) -- go run ./internal/conformance -count=1 $(TESTFLAGS)

.PHONY: build
build: ## Build bin/flamingock, static and stripped. TAGS=otel: with exporters of telemetry.
	CGO_ENABLED=0 go build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o bin/flamingock$(shell go env GOEXE) ./container

# One zip with all target systems, one with those of AWS only; TAGS=otel as in build.
.PHONY: lambda
lambda: ## Build the Lambda function: dist/flamingock-lambda[-aws]-{arm64,amd64}.zip. TAGS=otel
	@mkdir -p dist $(CACHE)/lambda
	@set -e; for arch in arm64 amd64; do for kind in "" -aws; do \
		main=./lambda; if [ -n "$$kind" ]; then main=./lambda/aws; fi; \
		CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -tags 'lambda.norpc $(TAGS)' -ldflags '$(LDFLAGS)' -o $(CACHE)/lambda/bootstrap$$kind-$$arch $$main; \
		go run ./lambda/zip dist/flamingock-lambda$$kind-$$arch.zip $(CACHE)/lambda/bootstrap$$kind-$$arch; \
		ls -l dist/flamingock-lambda$$kind-$$arch.zip | awk '{ print $$9, $$5 }'; \
	done; done

.PHONY: image
image: ## Build the container image flamingock:dev; needs Docker, no registry. IMAGE=name:tag ARCH='amd64 arm64' TAGS=otel
	@VERSION='$(VERSION)' TAGS='$(TAGS)' container/image/build $(IMAGE) $(ARCH)

.PHONY: release-check
release-check: $(RELEASE) ## Check .goreleaser.yaml; the first time builds goreleaser, which takes minutes.
	$(RELEASE) check

$(RELEASE):
	GOBIN=$(CACHE)/bin GOFLAGS= go install github.com/goreleaser/goreleaser/v2@$(RELEASE_VERSION)
	mv $(CACHE)/bin/goreleaser $@

.PHONY: man
man: ## Write the man pages to dist/man.
	@mkdir -p dist/man
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) go run -ldflags '$(LDFLAGS)' ./container man dist/man

.PHONY: lint
lint: $(LINT) ## Run the linters; the first time builds them, which takes minutes.
	GOLANGCI_LINT_CACHE=$(CACHE)/golangci-lint $(LINT) run ./...
	cd bench && GOLANGCI_LINT_CACHE=$(CACHE)/golangci-lint $(LINT) run ./...
	cd $(ORACLE) && GOLANGCI_LINT_CACHE=$(CACHE)/golangci-lint $(LINT) run ./...
	cd localstack-tests && GOLANGCI_LINT_CACHE=$(CACHE)/golangci-lint $(LINT) run ./...
	cd $(MANIFESTS) && GOLANGCI_LINT_CACHE=$(CACHE)/golangci-lint $(LINT) run ./...

$(LINT):
	GOBIN=$(CACHE)/bin GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv $(CACHE)/bin/golangci-lint $@

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME=20s; a line for each, and all that one says that fails.
	@failed=0; \
	for at in $$(grep -rEo --include='*_test.go' --exclude-dir=.cache '^func Fuzz[A-Za-z0-9_]*' . | sed 's/:func /:/' | sort); do \
		name=$${at##*:}; dir=$${at%/*}; \
		if said=$$(cd "$$dir" && go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x . 2>&1) && ran=$$(echo "$$said" | grep '^fuzz: elapsed' | tail -n 1) && [ -n "$$ran" ]; then \
			printf '%-20s %-40s %s\n' "$$name" "$$dir" "$${ran#fuzz: }"; \
		else \
			printf '%s\n%-20s %-40s FAILED\n' "$$said" "$$name" "$$dir"; failed=1; \
		fi; \
	done; exit $$failed

# The servers are those of `make test`; DynamoDB is DynamoDB Local here.
.PHONY: chaos
chaos: ## Show the promise: explore the model, check histories, kill and disturb real processes. CHAOSFLAGS=-full=false
	@cd localstack-tests && go build -o $(LOCALSTACK) ./cmd/localstack
	@$(LOCALSTACK) run -route dynamodb -- go run ./chaos/cmd/chaos $(CHAOSFLAGS)

.PHONY: mutants
mutants: ## Break the code on purpose, rule by rule: which test notices? Minutes. MUTANT=M07,M12
	@cd localstack-tests && go build -o $(LOCALSTACK) ./cmd/localstack
	@$(LOCALSTACK) run -route dynamodb -- go run ./chaos/cmd/mutants -only '$(MUTANT)'

.PHONY: soak
soak: ## Apply 100,000 changes in 1,000 ledgers with random kills (long). SOAK_CHANGES=100000
	@cd localstack-tests && go build -o $(LOCALSTACK) ./cmd/localstack
	@$(LOCALSTACK) run -route dynamodb -- env FLAMINGOCK_SOAK_CHANGES=$(SOAK_CHANGES) go test -count=1 -v -timeout 12h ./chaos/soak

.PHONY: bench
bench: ## Measure against goose and the limits we set ourselves (minutes). BENCHFLAGS='-n 1 -postgres URI'
	go test -run '^$$' -bench . -benchmem ./core/plan
	cd bench && go run ./cmd/bench -root .. -dir $(CACHE)/bench $(BENCHFLAGS)

.PHONY: bench-dynamodb
bench-dynamodb: ## Measure the audit store on DynamoDB: requests, cost, time beside bare requests. BENCHFLAGS='-n 3'
	@cd localstack-tests && go build -o $(LOCALSTACK) ./cmd/localstack
	@cd bench && go build -o $(CACHE)/bin/bench-dynamodb ./cmd/bench-dynamodb
	@$(LOCALSTACK) run -route $(ROUTE) -- $(CACHE)/bin/bench-dynamodb $(BENCHFLAGS)
	@$(LOCALSTACK) run -route dynamodb -- $(CACHE)/bin/bench-dynamodb -costs=false $(BENCHFLAGS)

.PHONY: bench-targets
bench-targets: ## Measure a change on each target system beside its own client making the same calls. BENCHFLAGS='-n 200 -only s3,sqs'
	@cd localstack-tests && go build -o $(LOCALSTACK) ./cmd/localstack
	@cd bench && go build -o $(CACHE)/bin/bench-targets ./cmd/bench-targets
	@$(LOCALSTACK) run -route $(ROUTE) -- $(CACHE)/bin/bench-targets $(BENCHFLAGS)

.PHONY: bench-lambda
bench-lambda: ## Measure the Lambda function: start, cold and warm invocations, memory, zips, targets' shares. BENCHFLAGS='-n 3'
	@infra/verify tools >/dev/null # the emulator
	@cd localstack-tests && go build -o $(LOCALSTACK) ./cmd/localstack
	@cd bench && go build -o $(CACHE)/bin/bench-lambda ./cmd/bench-lambda
	@$(LOCALSTACK) run -route $(ROUTE) -- $(CACHE)/bin/bench-lambda -root . $(BENCHFLAGS)

.PHONY: cover
cover: ## Print the test coverage of each package, and write .cache/cover.html.
	@mkdir -p $(CACHE)
	go test -coverprofile=$(CACHE)/cover.out -coverpkg=./... ./...
	go tool cover -html=$(CACHE)/cover.out -o $(CACHE)/cover.html
	@go tool cover -func=$(CACHE)/cover.out | tail -n 1

.PHONY: verify-template
verify-template: ## Check infra/template.yaml and the recipes with sam, cfn-lint and checkov, and that they can fail.
	@infra/verify

.PHONY: tidy
tidy: ## Tidy the go.mod files.
	GOFLAGS= go mod tidy
	cd bench && GOFLAGS= go mod tidy
	cd $(ORACLE) && GOFLAGS= go mod tidy
	cd localstack-tests && GOFLAGS= go mod tidy
	cd $(MANIFESTS) && GOFLAGS= go mod tidy

.PHONY: fmt
fmt: $(LINT) ## Format the code as make lint wants it.
	GOLANGCI_LINT_CACHE=$(CACHE)/golangci-lint $(LINT) fmt ./...
	cd bench && GOLANGCI_LINT_CACHE=$(CACHE)/golangci-lint $(LINT) fmt ./...
	cd $(ORACLE) && GOLANGCI_LINT_CACHE=$(CACHE)/golangci-lint $(LINT) fmt ./...
	cd localstack-tests && GOLANGCI_LINT_CACHE=$(CACHE)/golangci-lint $(LINT) fmt ./...
	cd $(MANIFESTS) && GOLANGCI_LINT_CACHE=$(CACHE)/golangci-lint $(LINT) fmt ./...

.PHONY: clean
clean: ## Remove what was built, and the quick start's databases. Keeps .cache/.
	rm -rf bin dist $(QUICKSTART)/.flamingock
	rm -f $(QUICKSTART)/app.db $(QUICKSTART)/app.db-wal $(QUICKSTART)/app.db-shm $(QUICKSTART)/app.db-journal
