# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Any Python from 3.11 on. Everything else is installed into .venv; nothing outside this folder is written.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
OLDEST := $(VENV)/core-2.16
LINK := $(VENV)/collections/ansible_collections/edgeops/digicert

export PATH := $(CURDIR)/$(BIN):$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/$(VENV)/collections
export ANSIBLE_HOME := $(CURDIR)/$(VENV)/home/.ansible
export ANSIBLE_REMOTE_TMP := $(ANSIBLE_HOME)/tmp
export XDG_CACHE_HOME := $(CURDIR)/$(VENV)/cache

# LONG=1 runs the long form of a target. TESTS and ONLY select a part of it.
ifdef LONG
NO_TIME_LIMIT := -o faulthandler_timeout=0
endif

.PHONY: help
help:
	@echo 'Run one of these. LONG=1 runs the long form; TESTS="PATH ..." passes paths and options to pytest.'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 13

.PHONY: demo
demo: $(READY) ## Show the module at work against the simulator
	$(BIN)/python tests/demo/demo.py

# pytest runs beside the others, which have one process each. The output of each is printed when it has ended.
.PHONY: test
test: $(READY) ## Run everything that has to pass before a commit
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target pytest lint docs sanity

.PHONY: lint
lint: $(READY) ## Check style, formatting and types (LONG=1: run the sessions of antsibull-nox, too)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	cd $(VENV)/collections && mypy --config-file ../../mypy.ini --cache-dir ../mypy $(addprefix ansible_collections/edgeops/digicert/,plugins roles)
	$(BIN)/shellcheck .ci/run
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/python tests/words/check.py
	$(BIN)/ansible-lint --offline --profile production
	$(if $(LONG),$(MAKE) conformance)

.PHONY: format
format: $(READY) ## Fix style and formatting where a tool can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: docs
docs: $(READY) ## Write the tables of the roles, and check the documentation and the changelog
	for role in $(wildcard roles/*); do $(BIN)/aar-doc --output-template tests/role_readme.j2 $$role markdown; done
	HOME=$(CURDIR)/$(VENV)/home $(BIN)/antsibull-docs lint-collection-docs --plugin-docs .
	$(BIN)/antsibull-changelog lint

SITE := $(VENV)/site
.PHONY: site
site: $(READY) ## Build the documentation as a site in .venv/site/html
	rm -rf $(SITE)
	mkdir -p -m 700 $(SITE)/rst/docsite
	antsibull-docs --config-file docs/site/antsibull-docs.cfg collection --use-current --squash-hierarchy --fail-on-error \
	    --dest-dir $(SITE)/rst edgeops.digicert
	cp docs/docsite/rst/*.svg $(SITE)/rst/docsite
	sphinx-build -M html $(SITE)/rst $(SITE) -c docs/site -W --keep-going --quiet

.PHONY: sanity
sanity: $(READY) ## Run ansible-test sanity on the collection (LONG=1: and on its tests, with each ansible-core)
	$(BIN)/python tests/sanity/$(if $(LONG),each_core.py,ansible_test.py sanity --exclude tests/)

.PHONY: units
units: $(READY) $(OLDEST)/ready ## Run ansible-test units with the oldest and the newest Python (LONG=1: with all)
	$(OLDEST)/bin/python tests/sanity/ansible_test.py units --python 3.7
	$(BIN)/python tests/sanity/ansible_test.py units $(if $(LONG),,--python 3.13)

.PHONY: integration
integration: $(READY) ## Run ansible-test integration (TESTS=TARGET: one target)
	$(BIN)/python tests/sanity/ansible_test.py integration $(TESTS)

.PHONY: pytest
pytest: $(READY) ## Run the unit and the playbook tests (LONG=1: including the slow ones)
	$(BIN)/pytest -n auto $(if $(LONG),,-m 'not thorough') $(TESTS)

.PHONY: coverage
coverage: export COVERAGE_FILE = $(VENV)/coverage
coverage: $(READY) ## Measure the coverage of module_utils by the unit tests (LONG=1: run the mutation tests, too)
	$(BIN)/coverage run --branch --source=plugins/module_utils -m pytest --quiet tests/unit/plugins
	$(BIN)/coverage report --fail-under=100 --show-missing --skip-covered
	$(if $(LONG),$(MAKE) mutation)

.PHONY: faults
ifdef LONG
faults: export FAULT_ENROLLMENTS = all
faults: export FAULT_EST = all
faults: export FAULT_PROXIES = all
faults: export FUZZ_ANSWERS = 100000
faults: export FUZZ_ARGUMENTS = 20000
faults: export FUZZ_TASKS = 300
faults: export GATEWAY_DEVICES = 1000
faults: export KILL_POINTS = all
endif
# Most faults end with a timeout, so there are more processes than cores. A kill test has many runs of a module.
faults: $(READY) ## Run every fault at every step (LONG=1: all proxies, long fuzz, all kill points, 1,000 devices)
	$(BIN)/pytest -n 6 --quiet -o faulthandler_timeout=600 $(NO_TIME_LIMIT) $(or $(TESTS),tests/faults)

.PHONY: guides
guides: $(READY) ## Check each example in the guides and in the README, and follow the guides
	$(BIN)/pytest -n auto tests/guides tests/demo tests/words

.PHONY: system
system: $(or $(ONLY),awx browser hardware hosts servers) ## Test with other programs (ONLY=awx, browser, hardware, hosts, servers or matrix)

.PHONY: bench
bench: $(or $(addprefix bench-,$(ONLY)),bench-comparison) ## Compare with the alternatives and write the guide (ONLY=registrations, unchanged, fleet or inventory)

.PHONY: clean
clean: ## Remove the files that the other targets made
	rm -rf $(VENV) .ansible .hypothesis .pytest_cache .ruff_cache tests/output

# The parts of the targets above, and targets for the release and the CI.

.PHONY: thorough
thorough: $(READY)
	$(BIN)/pytest -n auto -m thorough tests/playbooks

.PHONY: sanity-oldest
sanity-oldest: $(READY) $(OLDEST)/ready
	$(OLDEST)/bin/python tests/sanity/ansible_test.py sanity

.PHONY: conformance
conformance: export CI = true
conformance: SHELL := bash
conformance: .SHELLFLAGS := -o pipefail -c
conformance: $(READY)
	# With CI set, nothing is reformatted. NOXSESSION selects sessions. .ci/run reads the log.
	$(BIN)/nox --envdir $(VENV)/nox --error-on-missing-interpreters 2>&1 | tee $(VENV)/conformance.log

.PHONY: mutation
mutation: $(READY)
	rm -rf $(VENV)/mutation
	git clone --quiet . $(VENV)/mutation
	mkdir -p $(VENV)/mutation/collections/ansible_collections/edgeops
	ln -s ../../.. $(VENV)/mutation/collections/ansible_collections/edgeops/digicert
	cd $(VENV)/mutation && cosmic-ray init tests/mutation.toml session.sqlite
	cd $(VENV)/mutation && cr-filter-operators session.sqlite tests/mutation.toml
	cd $(VENV)/mutation && cosmic-ray exec tests/mutation.toml session.sqlite
	cd $(VENV)/mutation && cr-report --show-diff --surviving-only session.sqlite

# Creating the hosts of hardware and hosts takes minutes, once. hosts needs root, and so do the EST tests of servers;
# browser needs chromium and its driver.
.PHONY: awx browser hardware hosts servers matrix
awx browser: $(READY)
	$(BIN)/pytest tests/$@
hardware hosts: $(READY)
	$(BIN)/pytest -o faulthandler_timeout=900 tests/$@
servers: $(READY)
	$(BIN)/pytest -n auto tests/$@
matrix: $(READY)
	$(BIN)/python tests/matrix/matrix.py --write

.PHONY: extremes
extremes: $(READY)
	$(BIN)/python tests/matrix/matrix.py 2.16/3.7/oldest 2.21/3.9/newest

.PHONY: bench-comparison bench-fleet bench-inventory bench-registrations bench-unchanged
bench-comparison: $(READY)
	$(BIN)/python tests/benchmark/comparison.py --write
bench-registrations: $(READY)
	$(BIN)/python tests/benchmark/registrations_cost.py --write
bench-fleet bench-inventory bench-unchanged: bench-%: $(READY)
	$(BIN)/python tests/benchmark/$*_cost.py

.PHONY: picture
picture: $(READY)
	$(BIN)/python tests/demo/picture.py

# A program compiles what it imports. pip would compile all files, in one process.
PIP_INSTALL := python -m pip install --quiet --disable-pip-version-check --no-compile

$(READY): tests/requirements.txt
	@echo 'Installing the requirements into $(VENV). This takes about a minute, once.'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(filter-out --quiet,$(PIP_INSTALL)) --upgrade -r tests/requirements.txt
	mkdir -p $(VENV)/home $(dir $(LINK))
	ln -sfn ../../../.. $(LINK)
	touch $@

$(OLDEST)/ready:
	$(PYTHON) -m venv $(OLDEST)
	$(OLDEST)/bin/$(PIP_INSTALL) 'ansible-core==2.16.*' aiohttp cryptography requests
	touch $@

IMPORTER := $(VENV)/importer
.PHONY: importer
importer: $(IMPORTER)/ready

$(IMPORTER)/ready:
	$(PYTHON) -m venv $(IMPORTER)
	$(IMPORTER)/bin/$(PIP_INSTALL) galaxy-importer
	touch $@
