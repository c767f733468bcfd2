SHELL := /bin/bash
.DEFAULT_GOAL := help

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

run: ## console with the demo company at http://localhost:8080
	go run ./cmd/joinery serve --demo

check: ## format, vet, unit tests without outside systems
	@test -z "$$(gofmt -l cmd web views internal flows migrations static e2e)" || (gofmt -l . ; exit 1)
	go vet ./...
	go test -short ./...

generate: ## templ pages
	go tool templ generate

.PHONY: help run check generate
