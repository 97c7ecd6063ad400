# Two commands matter to a new user: `make run` and `make test`.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: run test crash rounds levels swarm mutants bench chaos fuzz lock clean

FUZZ_S ?= 60

run: .venv/installed
	$(BIN)/nightdesk run --dry-run --speed max --state-dir runs/first-night

test: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Ten nights in two processes, the daemon killed by SIGKILL four times in each; the tests run one of them.
crash: .venv/installed
	NIGHTDESK_CRASH_ROUNDS=10 $(BIN)/pytest -n 1 tests/processes/test_kill_nine.py

# A hundred nights in two processes, struck from outside as their seeds say; the tests run the first twenty of them.
rounds: .venv/installed
	NIGHTDESK_ROUNDS=100 $(BIN)/pytest -n 2 --dist load -rP tests/processes/test_twenty_rounds.py

# Ten thousand drawn events of a crypto index with kills and restarts, and a kill at every write; the tests do six hundred.
levels: .venv/installed
	NIGHTDESK_INDEX_EVENTS=10000 $(BIN)/pytest -n 1 -rP tests/state/test_index_lives.py tests/state/test_index_ledger.py

# Ten thousand faulted nights, then one night killed at every write and every await of it.
swarm: .venv/installed
	$(BIN)/nightdesk swarm --seeds 0:10000 --jobs 2
	$(BIN)/nightdesk swarm --crash-points --seeds 0:1 --jobs 2

# Known bugs planted in copies of the project, one at a time, until a checker catches each.
mutants: .venv/installed
	$(BIN)/python -m tests.mutants --jobs 2

bench: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	for name in pipeline backtest latency adapter startup midnight venue swarm index_price minimum_variance wash_trades crypto_index index_count; do $(BIN)/python -m bench.$$name || exit 1; done

# A day of three instances of the index price, a fault every ten minutes, in virtual time; an hour of a core.
chaos: .venv/installed
	$(BIN)/python -m bench.index_chaos --seconds 86400 --every 600

# Coverage-guided, each target for FUZZ_S seconds; the tests do the same with examples that never change.
fuzz: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-fuzz.lock
	$(BIN)/python -m fuzz list | while read -r name; do $(BIN)/python -m fuzz $$name --seconds $(FUZZ_S) || exit 1; done

lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra dev pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra dev --extra bench pyproject.toml -o requirements-bench.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra dev --extra fuzz pyproject.toml -o requirements-fuzz.lock

clean:
	rm -rf .venv build runs *.egg-info
