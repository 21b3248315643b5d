# The two commands a newcomer needs are `make demo` and `make test`; each sets itself up from nothing.
PYTHON ?= python3
TORCH ?= cpu
BIN := .venv/bin
RUN := $(BIN)/python
# Single cases of the full runs take minutes.
LONG := -o timeout=3600

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format fixtures verify-games verify-steps verify-steps-on-l1 bench bench-evm bench-derive bench-join bench-gossip bench-batcher bench-tools bench-memory bench-state bench-da bench-steps node-tools clean

help:  ## what each command does
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 20

setup:  ## virtual environment in .venv with everything pinned (TORCH=cpu|cuda|none)
	@$(PYTHON) scripts/setup.py --torch $(TORCH)

demo: setup  ## the whole payable-AI loop on a real rollup, verified by a second process
	@$(BIN)/stemma demo

test: setup  ## all tests; those that need node.js, vectors or a GPU say so when they are skipped
	@$(RUN) -m pytest -q -m "not e2e" -n auto --maxprocesses 4 --dist loadfile
	@$(RUN) -m pytest -q -m e2e -n auto --maxprocesses 2 --dist loadfile

fixtures: setup  ## every case of the outside vectors, not the seeded share (about half an hour on two cores)
	@STEMMA_FIXTURES=all $(RUN) -m pytest -q -n auto --maxprocesses 4 --dist worksteal $(LONG) tests/vectors

verify-steps: setup  ## the step machine against the fast path: 10,000 programs, every state fixture, 17 real L2 blocks
	@STEMMA_STEP_PROGRAMS=2500 STEMMA_FIXTURES=all $(RUN) -m pytest -q -n auto --maxprocesses 4 --dist worksteal $(LONG) tests/differential/test_step_machine.py tests/vectors/test_step_fixtures.py tests/vectors/test_op_stack_steps.py tests/vectors/test_step_chains.py tests/property/test_step_blocks.py

verify-games: setup  ## 1,000 random dispute games: the honest side never loses (half a minute)
	@STEMMA_GAMES=1000 $(RUN) -m pytest -q tests/property/test_dispute_games.py

verify-steps-on-l1: setup  ## 20,000 steps on the contracts beside the step machine, 100,000 wrong witnesses
	@$(RUN) scripts/verify_steps_on_l1.py $(ARGS)

check: setup  ## format, lint, types, import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup  ## rewrite the code in the project's format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: setup  ## one table of speeds, with stock py-evm and anvil beside ours
	@$(RUN) benchmarks/run.py

bench-evm: setup bench-tools  ## one table of EVM speeds: ours, py-evm, EELS, eth-tester, revm, anvil
	@$(RUN) benchmarks/execution_table.py $(ARGS)

bench-derive: setup  ## a chain of 100,000 blocks derived from L1: blocks a second, and where the time goes
	@$(RUN) benchmarks/derivation.py --blocks 100000 $(ARGS)

bench-join: setup  ## a verifier joins a chain of 100,000 blocks by snapshot, beside full derivation: seconds and bytes
	@$(RUN) benchmarks/snapshot_join.py --blocks 100000 $(ARGS)

bench-gossip: setup  ## 2,000 transactions a second for a minute, sent to four nodes: how many are lost
	@$(RUN) benchmarks/gossip_load.py $(ARGS)

bench-batcher: setup  ## L1 gas and bytes of an L2 transaction: calldata and blobs, singular and span, zlib and brotli
	@$(RUN) benchmarks/batcher_cost.py

bench-tools: setup  ## EELS, eth-tester and anvil, for benchmarks and fuzzing; says what it cannot get
	@$(RUN) scripts/bench_tools.py

bench-memory: setup  ## resident memory over 86,400 empty and 10,000 full blocks (half an hour or more)
	@$(RUN) benchmarks/long_run.py

bench-state: setup  ## blocks imported on LevelDB states of up to a million accounts, with a cold cache
	@$(RUN) benchmarks/large_state.py

bench-da: setup  ## blobs, cells, proofs, sampling, and blobs a second through eight DA nodes
	@$(RUN) benchmarks/data_availability.py $(ARGS)

bench-steps: setup  ## the trace of a 20-Mgas block, and the proofs of single steps
	@$(RUN) benchmarks/step_proofs.py $(ARGS)

node-tools:  ## anvil, cast and viem from npm, into .node, for the tests that use them
	@npm install --silent --no-audit --no-fund --no-package-lock --prefix .node $(shell $(PYTHON) scripts/node_tools.py)

clean:  ## forget the virtual environment and caches
	rm -rf .venv .node .mypy_cache .ruff_cache .pytest_cache .hypothesis
