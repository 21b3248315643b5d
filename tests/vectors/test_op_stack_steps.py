"""Real L2 blocks stepped through: each has the header hash that the chain has given it.

The short ones by default; all of them with `make verify-steps`.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import step_blocks
from executor_blocks import load
from vectors import vectors_root

BLOCKS = sorted((vectors_root() / "op_stack" / "executor_blocks").glob("*.json.gz"))
SHORT = ("block-120794432", "block-10211000", "block-121057303", "block-26207960")
ALL = os.environ.get("STEMMA_FIXTURES") == "all"
PROVEN_STEPS = 300
"""Of each block, chosen by chance: everything but RUN would be few of its steps."""


@pytest.mark.parametrize("path", BLOCKS, ids=lambda path: path.name.split(".")[0])
def test_real_block_stepped_through_has_its_hash(path: Path):
    if not ALL and not path.name.startswith(SHORT):
        pytest.skip("a long block: make verify-steps")
    vector = load(path)
    block = step_blocks.prepare(vector.config, vector.parent, vector.attributes, vector.preimages)
    _, counts, header_hash = step_blocks.run(block)
    assert header_hash == vector.expected_hash
    print(f"{path.name}: {sum(counts.values())} steps, {dict(counts)}")


@pytest.mark.parametrize("name", ["block-120794432", "block-26207960"])
def test_steps_of_a_real_block_follow_from_their_witnesses(name):
    (path,) = [path for path in BLOCKS if path.name.startswith(name)]
    vector = load(path)
    block = step_blocks.prepare(vector.config, vector.parent, vector.attributes, vector.preimages)
    rng = random.Random(7)
    proven = step_blocks.verify(
        block, lambda _, state: state.phase < 5 or rng.random() < PROVEN_STEPS / 30_000
    )
    assert proven > 30
