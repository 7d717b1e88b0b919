# Everything here does its own set-up first (local/setup.sh); nothing but Python 3.11+ and Node 20.19+ is expected.
RUN := .venv/bin/python
UV := .venv/bin/uv
# npm writes it last, and `npm ci` makes it anew.
NEXTAUTH := tests/nextauth/node_modules/.package-lock.json
WEB_PACKAGES := web/node_modules/.package-lock.json
# The build writes it last, too.
PAGE := web/dist/embed/linefeed-upload.js
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' -not -path 'web/dist/*' -not -name schema.d.ts)
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --no-header

.PHONY: help setup page demo up test screenshots faults bench lint synth audit lock clean

help: ## This list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: .venv/.ready $(NEXTAUTH) $(PAGE) ## Install what is needed

.venv/.ready: requirements/dev.txt requirements/uv.txt local/setup.sh
	@bash local/setup.sh

$(NEXTAUTH): tests/nextauth/package-lock.json
	@bash local/setup.sh tests

$(WEB_PACKAGES): web/package-lock.json
	@bash local/setup.sh page

$(PAGE): $(WEB_PACKAGES) $(WEB_SOURCES) docs/openapi.json
	@npm run build --prefix web --silent

page: $(PAGE) ## Build the upload page into web/dist

demo: .venv/.ready $(PAGE) ## Start the system, import the sample file, show what became of it
	@$(RUN) -m local demo

up: .venv/.ready $(PAGE) ## Keep the system running until Ctrl-C
	@$(RUN) -m local up

test: setup lint synth ## Everything that must hold
	$(RUN) -m pytest -n 2

screenshots: setup ## Take the pictures of the page in docs/images
	$(RUN) -m tests.browser.screenshots

faults: setup ## Import while everything fails, 200 seeded runs; FAULT_SEED='17 42' does those again
	$(RUN) -m pytest tests/faults -m "full or not full"

bench: setup ## Measure the engine and the system against Postgres' COPY
	$(RUN) -m bench

lint: .venv/.ready $(PAGE) ## Style, types, layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	npm run lint --prefix web --silent

synth: .venv/.ready $(PAGE) ## The CloudFormation templates in cdk.out/, checked by cfn-lint
	$(RUN) infra/app.py
	.venv/bin/cfn-lint cdk.out/*.template.json

audit: .venv/.ready ## Ask PyPI for known weaknesses of what is deployed (needs the internet)
	.venv/bin/pip-audit -r requirements/common.txt -r requirements/loader.txt --require-hashes --disable-pip

lock: .venv/.ready ## Lock the newest allowed versions of all packages
	$(COMPILE) --upgrade --group dev -o requirements/dev.txt
	$(COMPILE) --constraint requirements/dev.txt --group loader -o requirements/loader.txt
	$(COMPILE) --constraint requirements/dev.txt --group common -o requirements/common.txt
	$(COMPILE) --constraint requirements/dev.txt --group clamav -o requirements/clamav.txt

clean: ## Forget the local state: database, synthesized templates, the built page, caches
	rm -rf .local cdk.out build web/dist .mypy_cache .ruff_cache .pytest_cache
