# make expert_rollouts   expert CarRacing rollouts by the shipped agent, in carracing/expert_rollouts/
#                        (ROLLOUTS=20 in all, by THREADS processes: as many as there are cores)
# make doom_demo         the shipped agent plays Doom Take Cover, and dreams of it: one video of each, in doomrnn/
# make report            all runs that are here on one page, report.html: those that ship, and yours
# make tables            the tables of results in the READMEs, made of the raw numbers in results/
# make web               both dreams as a page, in web/dist/ (needs node and npm, to fetch onnxruntime-web)
# make web-serve         the same, and shows it at http://localhost:8000 (PORT=8000)
# make web-pictures      the page's pictures in docs/ (needs Chromium)
# make pictures          the agents' pictures in docs/
# make test              all tests but those of the next two
# make test_cluster      several hosts and Slurm: as root, with openssh-server, iproute2, openmpi-bin, munge, slurmctld
#                        and slurmd of Debian; what is missing is skipped
# make test_jax          those of V, M, C, the agent, dreams and training once more, with Keras on JAX; evosax's strategies
# make setup             the environment alone; make clean removes it
# make lint              ruff
# Each does its own set-up: a virtual environment in .venv, packages from wheels; no sudo, no compiler, no display.

SYSTEM_PYTHON ?= $(shell command -v python3.11 || command -v python3)
PYTHON = "$(CURDIR)/.venv/bin/python"
THREADS ?= $(shell nproc 2>/dev/null || echo 1)
ROLLOUTS ?= 20
PORT ?= 8000
DOOM_AGENT = pretrained/doomrnn.cma.16.64.best.json

.PHONY: setup expert_rollouts doom_demo report tables web web-serve web-pictures pictures test test_cluster test_jax lint clean

setup: .venv/installed

expert_rollouts: .venv/installed
	cd carracing && $(PYTHON) generation_script.py --threads $(THREADS) --rollouts $(ROLLOUTS)

doom_demo: .venv/installed
	cd doomrnn && $(PYTHON) model.py doomreal render $(DOOM_AGENT) --video "$(CURDIR)/doomrnn/game.mp4"
	cd doomrnn && $(PYTHON) model.py doomrnn render $(DOOM_AGENT) --video "$(CURDIR)/doomrnn/dream.mp4"

report: .venv/installed
	$(PYTHON) results/report.py

tables: .venv/installed
	@$(PYTHON) results/tables.py

web: .venv/installed .venv/installed-web
	$(PYTHON) -m web.build

web-serve: web
	$(PYTHON) -m web.serve --port $(PORT)

web-pictures: web .venv/installed-dev
	$(PYTHON) -m web.pictures

pictures: .venv/installed
	$(PYTHON) docs/pictures.py

test: .venv/installed .venv/installed-dev
	$(PYTHON) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test_cluster: .venv/installed .venv/installed-dev
	$(PYTHON) -m pytest tests/cluster

JAX_TESTS = vae rnn controller rollout agent dream doom_dream dream_env loading evaluation published
JAX_TESTS += sequences schedules training_loop train_vae train_rnn evosax device

test_jax: .venv/installed-jax
	KERAS_BACKEND=jax $(PYTHON) -m pytest -n 2 --dist loadfile $(JAX_TESTS:%=tests/test_%.py)

lint: .venv/installed .venv/installed-dev
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

# The stamp is written last, so that an interrupted set-up is taken up again.
.venv/installed: requirements.txt pyproject.toml setup.py
	@"$(SYSTEM_PYTHON)" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "error: Python 3.11, 3.12 or 3.13 is needed: make SYSTEM_PYTHON=/path/to/python3.11"; exit 2; }
	@# Debian keeps ensurepip in a package of its own; a system pip does as well.
	"$(SYSTEM_PYTHON)" -m venv .venv 2>/dev/null \
	  || { "$(SYSTEM_PYTHON)" -m venv --without-pip .venv && "$(SYSTEM_PYTHON)" -m pip --python $(PYTHON) install pip; } \
	  || { echo "error: this Python can make no virtual environment with pip: install python3-venv or python3-pip"; exit 2; }
	$(PYTHON) -m pip install --disable-pip-version-check -q -r requirements.txt
	@touch $@

.venv/installed-web: .venv/installed web/requirements.txt
	$(PYTHON) -m pip install --disable-pip-version-check -q -r web/requirements.txt
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt web/requirements.txt requirements-minari.txt
	$(PYTHON) -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	@touch $@

.venv/installed-jax: .venv/installed-dev requirements-jax.txt
	$(PYTHON) -m pip install --disable-pip-version-check -q -r requirements-jax.txt
	@touch $@

clean:
	rm -rf .venv build dist *.egg-info web/dist web/node_modules
