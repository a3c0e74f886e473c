.DEFAULT_GOAL := help
RACE := -race

.PHONY: help demo test flake torture cluster-test bench lint vuln fuzz golden

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: ## start the server on its embedded database and let the suite judge it
	@scripts/demo

test: ## all tests; on a real MySQL too where Docker runs (RACE= without a C compiler)
	go test $(RACE) -shuffle=on -timeout 60m ./...
	go test -run 'TestEveryFault(IsCaught|GetsTheSameVerdict)|TestMoreShapes' -timeout 30m ./conformance

FLAKE := 100
flake: ## judge healthy servers over and over, in two processes at once: no verdict may ever differ; FLAKE=100 in memory, a fifth on MySQL
	@FLAKE=$(FLAKE) go test -count=1 -v -timeout 1h -parallel 4 -run '^TestFlakeMySQL$$' ./server & other=$$!; \
	FLAKE=$(FLAKE) go test -count=1 -v -timeout 1h -parallel 8 -run '^TestFlake$$' ./conformance; failed=$$?; wait $$other && exit $$failed

TORTURE := 20s
ENDURE := 2m
KILLS := 100
RECORD :=
torture: ## what the server does when its database is in trouble or either is killed; TORTURE=20s for each trouble, ENDURE=2m for all, KILLS=100, RECORD=DIR
	TORTURE=$(TORTURE) ENDURE=$(ENDURE) KILLS=$(KILLS) RECORD=$(abspath $(RECORD)) go test -count=1 -v -timeout 5h -run 'TestTorture|Killed|TestRollingRestart|TestEndurance' ./server

FAILOVERS := 2
FREEZES := 0
cluster-test: ## three servers on a MySQL group of three whose primary is killed; FAILOVERS=10 FREEZES=1 for longer
	go run ./cluster -kills $(FAILOVERS) -freezes $(FREEZES)

bench: ## rotations and logins per second beside their floors, on a real MySQL
	go run ./bench

lint: ## gofmt, go vet and golangci-lint
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	go vet ./...
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI) run ./...

vuln: ## known vulnerabilities in what is imported
	go run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK) ./...

fuzz: ## half a minute for each fuzz target
	@scripts/fuzz 30s

golden: ## write the golden files anew; read the diff
	go test ./conformance ./conformance/report ./docs -update
	go test ./server -run '^TestFaultyStores$$' -update

# Pinned here, not in go.mod: users of the packages should not inherit them.
GOLANGCI    := v2.15.0
GOVULNCHECK := v1.9.0
