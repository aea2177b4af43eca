# make demo: the main job on this machine.  make test: every test.  make lint, make unit: in seconds.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

.PHONY: demo test lint unit integration sanity molecule clean

demo: $(VENV)/controller
	@demo/run

$(VENV)/controller: requirements.txt
	$(PYTHON) -m venv $(VENV) || { apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV); }
	$(BIN)/pip install -q -r requirements.txt
	@touch $@

clean:
	rm -rf .demo $(VENV) .cache
