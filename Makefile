# make demo: everything from a fresh clone to pictures. make test: the checks. Both need only Python >= 3.10 and make.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: demo review test clean

demo: $(VENV)/installed
	rm -rf runs/demo
	$(RUN) tools/train.py --config configs/demo.yaml
	$(RUN) tools/eval.py --checkpoint runs/demo/checkpoints/best.pt --split test
	@echo
	@echo "table:     runs/demo/evaluation_test/metrics.txt"
	@echo "pictures:  runs/demo/evaluation_test/overlays/"
	@echo "curves:    $(VENV)/bin/tensorboard --logdir runs/demo"

# The demo's films in the browser; SIGINT (Ctrl+C) ends the page.
review: $(VENV)/installed
	[ -d data/review ] || $(RUN) tools/synthesize.py --output data/review --num 12
	$(RUN) tools/review.py data/review

test: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(RUN) -m pytest

$(VENV)/installed: setup.cfg
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit(1)' || \
		{ echo "Python 3.10 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		{ echo "Python's venv is missing; on Debian and Ubuntu: apt install python3-venv"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) runs/demo
