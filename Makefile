# make demo: the main job on this machine.  make test: every test.  make lint, make unit: in seconds.
# A fresh Debian 12 is enough: what is missing is installed, in .venv and .cache, and by apt where root runs it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# ansible-lint and molecule look for each other's programs here.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# What weasyprint needs of the system; where a library lies depends on the processor.
FOR_PDF := libpangoft2-1.0-0:$(or $(wildcard /usr/lib/*/libpangoft2-1.0.so.0),/missing) \
	fonts-dejavu-core:/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf

RESULTS := .cache/results
TESTS := lint unit engine sanity integration browser newest molecule story

.PHONY: demo test $(TESTS) bench reference pages clean

demo: $(VENV)/controller
	@demo/run

# All of them, whatever fails, so that one run tells everything; it fails when any of them does, and says which last.
# The test hosts wait for each other most of the time: what needs no more than one core runs beside them.
test: all = $(MAKE) --no-print-directory --keep-going
test: $(VENV)/dev
	@rm -rf $(RESULTS)
	@tests/need git shellcheck mmdebstrap chromium faketime:/usr/bin/faketime
	@failed=; $(all) unit integration || failed=1; \
	$(all) lint engine sanity browser newest & beside=$$!; \
	$(all) molecule story || failed=1; \
	wait $$beside || failed=1; \
	[ -z "$$failed" ] || { $(BIN)/python tests/failed.py $(RESULTS); false; }

lint: $(VENV)/dev pages
	$(BIN)/python docs/reference/playbooks.py --check
	ruff check
	ruff format --check
	yamllint --strict .
	antsibull-changelog lint
	ansible-lint --profile production --offline

unit: $(VENV)/dev
	tests/need $(FOR_PDF)
	pytest tests/unit -m 'not engine' --numprocesses 2 --junitxml=$(RESULTS)/$@.xml

# The unit tests that work with the real restic.
engine: $(VENV)/dev
	pytest tests/unit -m engine --numprocesses 2 --dist worksteal --junitxml=$(RESULTS)/$@.xml

integration: $(VENV)/dev
	tests/need $(FOR_PDF) git chromium faketime:/usr/bin/faketime
	tests/need e2fsprogs:/usr/sbin/mkfs.ext4 exfatprogs:/usr/sbin/mkfs.exfat exfat-fuse:/usr/sbin/mount.exfat-fuse
	pytest tests/integration --numprocesses 2 --dist loadscope --junitxml=$(RESULTS)/$@.xml

# The page of report.yml in a real Chromium.
browser: $(VENV)/dev
	tests/need chromium
	pytest tests/browser --junitxml=$(RESULTS)/$@.xml

sanity: $(VENV)/dev
	tests/need git shellcheck
	$(BIN)/python tests/sanity/run.py

# The demo under the newest ansible-core, in a root of a newer Debian.
newest:
	tests/newest

molecule: export MOLECULE_EPHEMERAL_DIRECTORY := $(CURDIR)/.cache/molecule/default
molecule: $(VENV)/dev
	molecule test

# The sample institution's autumn, from the first request to the audit of the record, with a clock that is moved.
story: export MOLECULE_EPHEMERAL_DIRECTORY := $(CURDIR)/.cache/molecule/story
story: $(VENV)/dev
	tests/need faketime:/usr/bin/faketime
	molecule test --scenario-name story

# What it costs, side by side, on test hosts of its own: half an hour, QUICK=1 five minutes, ONLY="ledger ways" in part.
bench: export PYTHONPATH := $(CURDIR)/collections:$(CURDIR)
bench: $(VENV)/dev
	tests/need zstd chromium
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(ONLY)

# From the sources: docs/playbooks.md, which is committed, and .cache/reference/html/index.html with all of roles, modules
# and the callback.
reference: $(VENV)/dev pages
	$(BIN)/python docs/reference/playbooks.py

pages: export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/collections
pages: $(VENV)/dev
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs self --skip-rstcheck .
	mkdir -p .cache/reference/rst
	antsibull-docs collection --use-current --squash-hierarchy --dest-dir .cache/reference/rst dse.backup
	sphinx-build --quiet --fail-on-warning -c docs/reference .cache/reference/rst .cache/reference/html

$(VENV)/controller: requirements.txt
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || tests/need python3-venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -r requirements.txt
	@touch $@

$(VENV)/dev: tests/requirements.txt $(VENV)/controller
	$(BIN)/pip install -q -r tests/requirements.txt
	@touch $@

clean:
	rm -rf .demo $(VENV) .cache
