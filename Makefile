SHELL := /bin/bash
.DEFAULT_GOAL := help
SOURCES := cmd web views internal flows migrations static e2e

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: ## the console with a demo company at http://localhost:8080
	@go run ./cmd/joinery serve --demo

test: ## everything, end to end; installs what it needs
	@e2e/setup.sh
	@test -z "$$(gofmt -l $(SOURCES))" || { echo "These files need gofmt:"; gofmt -l $(SOURCES); exit 1; }
	GOGC=400 go vet ./...
	GOGC=400 go test -race -vet=off -timeout 60m -gcflags=joinery/...=-dwarf=false ./e2e ./web ./internal/engine ./internal/chaos ./... ; status=$$?; \
	go test -vet=off -timeout 10m -run '$(PLAIN)' ./web ./internal/engine || status=1; e2e/setup.sh unproven; exit $$status

# What measures, or takes minutes under the race detector, runs without it.
PLAIN := TestPolicyForm_AnswersWhileTyping|TestHTTPRequest_LearnsThePace|TestBacktest_TwoHundredJoiners|TestShippedFlows_Many
CHAOS ?= 10m
chaos: ## the whole campaign of faults, about half an hour; CHAOS=2m shortens its loops, JOINERY_CHAOS_SEED=n repeats one
	@e2e/setup.sh
	@seed=$${JOINERY_CHAOS_SEED:-$$RANDOM}; echo "JOINERY_CHAOS_SEED=$$seed"; \
	JOINERY_CHAOS=$(CHAOS) JOINERY_CHAOS_SEED=$$seed nice go test -race -count=1 -v -timeout 240m -p 1 -run "TestFault|TestUpgrade_F31" ./internal/chaos ./cmd/joinery 2>&1 | tee chaos.log | \
		grep --line-buffered -E '^ *--- |kills over|cuts before|^(ok|FAIL|PASS)|accepted again|_test.go'
	@! grep -q '^FAIL' chaos.log

check: ## format, vet and the tests that need no outside system; the inner loop
	@test -z "$$(gofmt -l $(SOURCES))" || { echo "These files need gofmt:"; gofmt -l $(SOURCES); exit 1; }
	go vet ./...
	go test -short ./...

dast: ## attacks a console of its own with wapiti, ffuf and sqlmap (15 minutes)
	@e2e/dast.sh

generate: ## templ pages and static/dist after editing a .templ file or static/src
	go tool templ generate -path views
	cd static && npm ci --ignore-scripts --no-audit --no-fund --silent && npm run --silent build

build: ## bin/joinery, and beside it the small program that workers for function code start from
	CGO_ENABLED=0 go build -trimpath -tags worker -ldflags="-s -w" -o bin/joinery-worker ./cmd/joinery-worker
	go build -trimpath -ldflags="-X joinery/internal/luavm.workerHash=$$({ sha256sum 2>/dev/null || shasum -a 256; } <bin/joinery-worker | cut -c1-64)" -o bin/joinery ./cmd/joinery

deploy: ## what docs/deploy says, tried: the image built by buildah, nginx; installs both (Debian, Ubuntu)
	@command -v buildah >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends buildah || echo "buildah cannot be installed: the image is not built"
	@command -v nginx >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nginx-light
	JOINERY_TEST_DEPLOY=1 go test -count=1 -v -timeout 20m -run TestDeploy ./cmd/joinery

.PHONY: help run test chaos check dast generate build deploy
