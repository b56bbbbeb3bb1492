# Copyright (c) 2026, edgeops.digicert contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Any Python from 3.11 on. Everything else is installed into .venv; nothing outside this folder is written.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
LINK := $(VENV)/collections/ansible_collections/edgeops/digicert

export PATH := $(CURDIR)/$(BIN):$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/$(VENV)/collections
export ANSIBLE_HOME := $(CURDIR)/$(VENV)/home/.ansible
export ANSIBLE_REMOTE_TMP := $(ANSIBLE_HOME)/tmp
export XDG_CACHE_HOME := $(CURDIR)/$(VENV)/cache

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | expand -t 18

.PHONY: demo
demo: $(READY) ## See the module at work against the simulator
	$(BIN)/python tests/demo/demo.py

.PHONY: test
test: lint docs sanity pytest ## Everything to run before a commit

.PHONY: lint
lint: $(READY) ## Check style, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	cd $(VENV)/collections && mypy --config-file ../../mypy.ini --cache-dir ../mypy ansible_collections/edgeops/digicert/plugins
	$(BIN)/shellcheck .ci/run
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/ansible-lint --offline --profile production

.PHONY: format
format: $(READY) ## Mend style and formatting where a tool can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: docs
docs: $(READY) ## Write the tables of the roles, and check the documentation and the changelog
	for role in $(wildcard roles/*); do $(BIN)/aar-doc --output-template tests/role_readme.j2 $$role markdown; done
	HOME=$(CURDIR)/$(VENV)/home $(BIN)/antsibull-docs lint-collection-docs --plugin-docs .
	$(BIN)/antsibull-changelog lint

SITE := $(VENV)/site
.PHONY: picture site
picture: $(READY) ## Draw the picture of the demo anew
	$(BIN)/python tests/demo/picture.py
site: $(READY) ## Build the documentation as a site, in .venv/site/html
	rm -rf $(SITE)
	mkdir -p -m 700 $(SITE)/rst/docsite
	antsibull-docs --config-file docs/site/antsibull-docs.cfg collection --use-current --squash-hierarchy --fail-on-error \
	    --dest-dir $(SITE)/rst edgeops.digicert
	cp docs/docsite/rst/*.svg $(SITE)/rst/docsite
	sphinx-build -M html $(SITE)/rst $(SITE) -c docs/site -W --keep-going --quiet

.PHONY: conformance
conformance: export CI = true
conformance: $(READY) ## Run the sessions of antsibull-nox that need no containers
	# In CI nothing is reformatted, only told. NOXSESSION may name some of the sessions.
	$(BIN)/nox --envdir $(VENV)/nox --error-on-missing-interpreters

.PHONY: sanity
sanity: $(READY) ## Run ansible-test sanity
	$(BIN)/python tests/sanity/ansible_test.py sanity
.PHONY: cores
cores: $(READY) ## Run ansible-test sanity with each ansible-core (takes long)
	$(BIN)/python tests/sanity/each_core.py

.PHONY: unit playbooks pytest thorough
unit: $(READY) ## Run the unit tests
	$(BIN)/pytest tests/unit
playbooks: $(READY) ## Run the playbook tests
	$(BIN)/pytest -n auto tests/playbooks
pytest: $(READY) ## Run the unit and the playbook tests, but for the thorough ones
	$(BIN)/pytest -n auto -m 'not thorough'
thorough: $(READY) ## Run the playbook tests that take longest
	$(BIN)/pytest -n auto -m thorough tests/playbooks

.PHONY: coverage mutation
coverage: export COVERAGE_FILE = $(VENV)/coverage
coverage: $(READY) ## Measure which lines and branches of module_utils the unit tests reach
	$(BIN)/coverage run --branch --source=plugins/module_utils -m pytest --quiet tests/unit/plugins
	$(BIN)/coverage report --fail-under=100 --show-missing --skip-covered
mutation: $(READY) ## Break the planning code in every way, and see the unit tests go red (takes long)
	rm -rf $(VENV)/mutation
	git clone --quiet . $(VENV)/mutation
	mkdir -p $(VENV)/mutation/collections/ansible_collections/edgeops
	ln -s ../../.. $(VENV)/mutation/collections/ansible_collections/edgeops/digicert
	cd $(VENV)/mutation && cosmic-ray init tests/mutation.toml session.sqlite
	cd $(VENV)/mutation && cr-filter-operators session.sqlite tests/mutation.toml
	cd $(VENV)/mutation && cosmic-ray exec tests/mutation.toml session.sqlite
	cd $(VENV)/mutation && cr-report --show-diff --surviving-only session.sqlite

.PHONY: awx browser guides servers
awx: $(READY) ## Run a job as AWX does, and see what its images need
	$(BIN)/pytest tests/awx
browser: $(READY) ## Try the page of a fleet report in a browser (needs chromium and its driver)
	$(BIN)/pytest tests/browser
guides: $(READY) ## Check each example in the guides and in the README, and go their ways
	$(BIN)/pytest -n auto tests/guides tests/demo
servers: $(READY) ## Try the modules behind nginx and tinyproxy
	$(BIN)/pytest -n auto tests/servers

.PHONY: hardware
hardware: $(READY) ## Try keys in a token and in a TPM, both in software
	# Making a host takes minutes, once.
	$(BIN)/pytest -o faulthandler_timeout=900 tests/hardware

.PHONY: hosts
hosts: $(READY) ## Bring bare Debian 11, 12 and 13 hosts to a true record, over SSH (needs root)
	# Making the hosts takes minutes, once.
	$(BIN)/pytest -o faulthandler_timeout=900 tests/hosts

.PHONY: matrix
matrix: $(READY) ## Try each ansible-core with each Python, and write the table into the guide (takes long)
	$(BIN)/python tests/matrix/matrix.py --write

.PHONY: faults proxies fuzz gateway kill
proxies: export FAULT_PROXIES = all
proxies: $(READY) ## Run every fault behind each kind of proxy (takes long)
	$(BIN)/pytest -n auto --quiet -o faulthandler_timeout=0 tests/faults/test_matrix.py -k proxy
faults: $(READY) ## Run every fault at every step, and a short fuzz
	$(BIN)/pytest -n auto --quiet tests/faults
fuzz: export FUZZ_ANSWERS = 100000
fuzz: export FUZZ_ARGUMENTS = 20000
fuzz: export FUZZ_TASKS = 300
fuzz: $(READY) ## Make up 100,000 answers, 20,000 tasks, and 300 for ansible-playbook
	$(BIN)/pytest -n auto -o faulthandler_timeout=0 tests/faults/test_fuzz.py tests/faults/test_playbook.py
gateway: export GATEWAY_DEVICES = 1000
gateway: $(READY) ## Ten runs over 1,000 devices in one process, with bad answers
	$(BIN)/pytest -o faulthandler_timeout=0 tests/faults/test_devices.py
kill: export KILL_POINTS = all
kill: $(READY) ## Kill the module at each system call (needs strace)
	$(BIN)/pytest -n auto -o faulthandler_timeout=0 tests/faults/test_kill.py tests/faults/test_kill_renewal.py

.PHONY: bench bench-unchanged bench-fleet bench-inventory
bench: $(READY) ## Compare with what a user would pick instead, and write the guide with its picture
	$(BIN)/python tests/benchmark/comparison.py --write
bench-fleet: $(READY) ## Time a push over many hosts
	$(BIN)/python tests/benchmark/fleet_cost.py
bench-inventory: $(READY) ## Time the inventory of an account
	$(BIN)/python tests/benchmark/inventory_cost.py
bench-unchanged: $(READY) ## Measure the cost of an unchanged run (needs valgrind)
	$(BIN)/python tests/benchmark/unchanged_cost.py

.PHONY: clean
clean: ## Remove what the other targets made
	rm -rf $(VENV) .ansible .hypothesis .pytest_cache .ruff_cache tests/output

$(READY): tests/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade -r tests/requirements.txt
	mkdir -p $(VENV)/home $(dir $(LINK))
	ln -sfn ../../../.. $(LINK)
	touch $@
