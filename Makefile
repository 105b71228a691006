# make demo: everything from a fresh clone to pictures. make test: the checks. make review: the page on the films of a folder.
# They call tools/bootstrap.py, which runs the same on Windows.

PYTHON ?= python3
FILMS ?=

.PHONY: demo review test clean

demo:
	$(PYTHON) tools/bootstrap.py demo

test:
	$(PYTHON) tools/bootstrap.py test

review:
	$(PYTHON) tools/bootstrap.py review $(FILMS)

clean:
	rm -rf .venv runs/demo
