# The one entry for people and for CI. A target describes itself by the text after its ##, which `make` alone prints.
# It needs Go, git, and the usual Unix commands; lint and generate build their own tools from tools/ when first used.

# Where make run listens, for how long make fuzz runs each target, and for how long make soak runs.
LISTEN   ?= 127.0.0.1:8080
FUZZTIME ?= 30s
SOAK     ?= 10m

EXE     := $(if $(filter Windows_NT,$(OS)),.exe)
TOOLS   := bin/tools
BUF     := $(TOOLS)/buf$(EXE)
LINTER  := $(TOOLS)/golangci-lint$(EXE)
PLUGINS := $(TOOLS)/protoc-gen-go$(EXE) $(TOOLS)/protoc-gen-go-grpc$(EXE)
WINRES  := $(TOOLS)/go-winres$(EXE)

PLATFORMS := linux-amd64 linux-arm64 windows-amd64 windows-arm64
VERSION    = $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# The version is stamped from git describe. Go's own stamp would only fail where git does not trust the folder's owner.
export GOFLAGS += -buildvcs=false

# $(call compile,FOLDER) builds both programs into FOLDER.
compile = go build -trimpath -ldflags '$(strip $(STRIP) -X main.version=$(VERSION))' -o $(1)/ ./cmd/...

.PHONY: help run test floods race lint generate check-generate rename-module breaking build $(PLATFORMS) fuzz cover check-unit windows-smoke bench
.PHONY: bench-smoke soak clean
.DEFAULT_GOAL := help

help:
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "make %-15s %s\n", $$1, $$2 }'

run: ## build both programs and start a gateway on LISTEN (127.0.0.1:8080), its state in .run/
	@$(call compile,bin)
	@echo 'To use it from another terminal, in this folder:'
	@echo
	@echo '    export OMSGATEWAY_ADDRESS=unix:$(CURDIR)/.run/admin.sock'
	@echo '    bin/omsgwctl allowed-host add example.com'
	@echo '    curl -x http://$(LISTEN) https://example.com/'
	@echo
	@bin/omsgateway$(EXE) --state-dir .run --listen $(LISTEN)

test: ## run all tests
	go test ./...
	@$(MAKE) --no-print-directory test-psmodule

floods: ## flood a gateway from all sides, in under a minute (Linux, as root)
	OMSGATEWAY_TEST_REQUIRE=all go test -count=1 -timeout 1m -run '^TestFloods$$' ./cmd/omsgateway

kills: ## kill a process a thousand times while it changes the configuration, and 200 times in trials
	OMSGATEWAY_TEST_KILLS=1 go test -count=1 -timeout 30m -v -run '^TestCrash' ./internal/settings

race: ## run all tests under the race detector (needs a C compiler)
	go test -race ./...

lint: $(LINTER) $(BUF) ## check format, Go for Linux and Windows, and the .proto files
	@unformatted=$$(gofmt -l .) && if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:" $$unformatted; exit 1; fi
	GOOS=linux $(LINTER) run ./...
	GOOS=windows $(LINTER) run ./...
	$(BUF) lint
	$(BUF) format --diff --exit-code

generate: $(BUF) $(PLUGINS) ## make the Go code of the admin API from the .proto files, and docs/settings.md, docs/events.md and docs/configuration.schema.json from the tables
	$(BUF) generate
	OMSGATEWAY_WRITE_DOCS=1 go test -count=1 -run "Test(Settings|Events|Schema)Page" ./internal/config ./internal/event

check-generate: $(BUF) $(PLUGINS) ## fail if the generated code is not what the .proto files say
	@rm -rf bin/.generated # with a dot, so that ./... does not find it
	$(BUF) generate --output bin/.generated
	@diff -r --exclude='*.proto' bin/.generated/proto proto || { echo 'generated code is not current: run make generate, and remove what it no longer makes'; exit 1; }

rename-module: $(BUF) $(PLUGINS) ## give the Go module another path: make rename-module TO=github.com/OWNER/omsgateway
	@printf '%s\n' '$(TO)' | grep -qE '^[a-z0-9][a-z0-9.-]*(/[A-Za-z0-9._-]+)*/omsgateway$$' || { echo 'TO is the new path: github.com/OWNER/omsgateway'; exit 1; }
	git grep -lF "$$(go list -m)" | xargs sed -i "s|$$(go list -m)|$(TO)|g"
	gofmt -w $$(git ls-files '*.go')
	@$(MAKE) --no-print-directory generate

breaking: $(BUF) ## compare the .proto files with branch main: does a client of the old ones break?
	$(BUF) breaking --against '.git#branch=main'

build: $(PLATFORMS) ## build both programs for Linux and Windows, amd64 and arm64, into bin/OS-ARCH/

# Without what only debuggers read; stack traces and go version -m stay.
$(PLATFORMS): STRIP = -s -w
$(PLATFORMS): export CGO_ENABLED = 0
$(PLATFORMS): export GOOS = $(firstword $(subst -, ,$@))
$(PLATFORMS): export GOARCH = $(lastword $(subst -, ,$@))
$(PLATFORMS):
	$(call compile,bin/$@)

# Icon, version and texts of the event log for Windows: go build takes the .syso files that lie beside the code.
.PHONY: resources
$(filter windows-%,$(PLATFORMS)): resources
resources: export GOOS =
resources: export GOARCH =
resources: $(WINRES)
	@rm -rf bin/resources
	@go run ./packaging/windows/resources bin/resources
	@$(call embed,omsgateway,cmd/omsgateway) && $(call embed,omsgwctl,cmd/omsgwctl)

# $(call embed,PROGRAM,FOLDER) makes the .syso files of the program whose code is in FOLDER.
embed = $(WINRES) make --in bin/resources/$(1).json --out $(2)/rsrc --arch amd64,arm64 \
	--file-version $(MODULE_VERSION) --product-version $(VERSION)

fuzz: ## run every fuzz target, one after another, each for FUZZTIME (30s)
	@for found in $$(grep -rEo --include='*_test.go' '^func Fuzz[[:alnum:]_]+' ctl internal server | sed 's/:func /:/'); do \
		package=./$$(dirname $${found%:*}) target=$${found#*:}; \
		echo "$$target in $$package for $(FUZZTIME)"; \
		go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
	done

cover: ## run all tests and write which lines they reach to bin/cover.html
	@mkdir -p bin
	go test -coverpkg=./... -coverprofile=bin/cover.all ./...
	@grep -v '\.pb\.go:' bin/cover.all >bin/cover.out
	@go tool cover -html=bin/cover.out -o bin/cover.html
	@go tool cover -func=bin/cover.out | tail -n 1

check-unit: ## check the systemd unit (needs systemd-analyze)
	packaging/systemd/check.sh

windows-smoke: windows-amd64 ## try the Windows programs, and install their package (needs Wine)
	packaging/wine/smoke $(CURDIR)/bin/windows-amd64
	packaging/msi/smoke $(CURDIR)/bin/windows-amd64

bench: ## measure the gateway beside a plain proxy, ten minutes on Linux; BENCH='-only short -json FILE' does less, and keeps it
	go run ./bench $(BENCH)

bench-smoke: ## see in some seconds that the benchmark works, without judging times
	go run ./bench -smoke

soak: ## torture the data path for SOAK (10m), half of it with each engine: every byte hashed, nothing left over
	OMSGATEWAY_SOAK=$(SOAK) go test -count=1 -timeout 0 -v -run '^TestTorture$$' ./server/forward

MODULE         := psmodule/out/OMSGateway
MODULE_BUILD   := psmodule/out/build/bin
MODULE_VERSION  = $(or $(shell git describe --tags 2>/dev/null | sed -nE 's/^v?([0-9]+\.[0-9]+\.[0-9]+).*/\1/p'),0.0.1)

.PHONY: psmodule test-psmodule
ifeq ($(shell dotnet --list-sdks 2>/dev/null | grep -E '^[1-9][0-9]'),)
psmodule test-psmodule:
	@echo '$@: skipped, because there is no .NET SDK 10 (dotnet) on PATH'; test -z "$$OMSGATEWAY_TEST_REQUIRE"
else
psmodule: resources ## build the PowerShell module into psmodule/out/OMSGateway/ (needs the .NET SDK 10)
	dotnet build psmodule/help --configuration Release --nologo --verbosity quiet -p:Version=$(MODULE_VERSION)
	@rm -rf $(MODULE) && mkdir -p $(MODULE)
	@cp psmodule/OMSGateway/* $(MODULE_BUILD)/OMSGateway/release/OMSGateway.dll $(MODULE)/
	@sed "s/^\( *ModuleVersion *=\).*/\1 '$(MODULE_VERSION)'/" psmodule/OMSGateway/OMSGateway.psd1 >$(MODULE)/OMSGateway.psd1
	@dotnet $(MODULE_BUILD)/OMSGateway.Help/release/OMSGateway.Help.dll psmodule/docs $(MODULE)/en-US
	@for platform in $(PLATFORMS); do \
		CGO_ENABLED=0 GOOS=$${platform%-*} GOARCH=$${platform#*-} go build -trimpath -ldflags '-X main.version=$(VERSION)' \
			-o $(MODULE)/bin/$$platform/ ./cmd/omsgwctl || exit 1; \
	done

test-psmodule: psmodule ## test the PowerShell module (needs the .NET SDK 10; with pwsh and Pester 5 also in PowerShell)
	@$(call compile,bin)
	dotnet test psmodule/tests/unit --configuration Release --nologo --verbosity quiet -p:Version=$(MODULE_VERSION)
	@if command -v pwsh >/dev/null; then pwsh -NoProfile -NonInteractive -File psmodule/tests/pester/Run.ps1 && \
		pwsh -NoProfile -NonInteractive -File psmodule/tests/pester/Run.ps1 packaging/msi/pester; \
	else echo '$@: the Pester tests are skipped, because there is no pwsh on PATH'; test -z "$$OMSGATEWAY_TEST_REQUIRE"; fi
endif

# What the release is made of. Its files have the time of the commit, so that the same tree and tools make the same bytes.
RELEASE           := bin/release
MSI                = $(RELEASE)/OMSGateway-$(PACKAGE_VERSION)-x64.msi
PACKAGE_VERSION    = $(shell packaging/version.sh $(VERSION))
MAINTAINER        ?= maintainers@omsgateway.invalid
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date +%s)

.PHONY: msi pieces packages test-packages release
pieces packages test-packages release: export SOURCE_DATE_EPOCH := $(SOURCE_DATE_EPOCH)
packages test-packages release: export MAINTAINER := $(MAINTAINER)

# See packaging/msi/build.sh for signing.
msi: windows-amd64 psmodule ## build the Windows package into bin/release/ (needs wixl, msitools and mingw's gcc)
	@go run ./packaging/bom -version - -licences bin/windows-amd64/third-party-licences.txt bin/windows-amd64/omsg*.exe
	packaging/msi/build.sh $(VERSION) bin/windows-amd64 $(MODULE) $(MSI)
	@cp $(MSI) '$(RELEASE)/OMS Gateway.msi' # the name in the original's documents

pieces: build
	@packaging/pieces.sh bin/pieces

packages: pieces $(TOOLS)/nfpm$(EXE) ## build the .deb and .rpm packages into bin/release/, with the PowerShell module if it was built
	@packaging/linux/build.sh $(PACKAGE_VERSION) $(RELEASE)

test-packages: packages ## test the .deb and .rpm packages in roots that are thrown away (needs root or sudo)
	@VERSION=$(VERSION) PACKAGE_VERSION=$(PACKAGE_VERSION) packaging/linux/test.sh $(RELEASE)

release: ## build all that is published into bin/release/: packages, archives, bill of materials, sums (needs zip)
	@rm -rf $(RELEASE) $(MODULE)
	@$(MAKE) --no-print-directory psmodule packages
	@if command -v wixl >/dev/null; then $(MAKE) --no-print-directory msi; else echo 'no .msi, because there is no wixl on PATH'; fi
	@packaging/archives.sh $(PACKAGE_VERSION) $(RELEASE)
	@go run ./packaging/bom -version $(PACKAGE_VERSION) -sbom $(RELEASE)/omsgateway-$(PACKAGE_VERSION).cdx.json $(PLATFORMS:%=bin/%/omsg*)
	@cd $(RELEASE) && sha256sum * >SHA256SUMS && cat SHA256SUMS

clean: ## remove what make built; the state in .run/ stays
	rm -rf bin psmodule/out cmd/*/*.syso

# Each tool has a module of its own, so that their dependencies do not mix; it is built again when the module changes.
# They run here, whatever system the target that needs them is for.
$(TOOLS)/%$(EXE): export GOOS =
$(TOOLS)/%$(EXE): export GOARCH =
$(TOOLS)/%$(EXE): tools/%/go.mod tools/%/go.sum
	go -C tools/$* build -o ../../$(TOOLS)/ tool
	@touch $@
