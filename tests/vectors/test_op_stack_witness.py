"""Real L2 blocks: the witness that recording them makes is enough, and is no larger than theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from executor_blocks import load
from vectors import vectors_root

from evm.witness import decode_witness, execute_from_witness, record_witness

BLOCKS = sorted((vectors_root() / "op_stack" / "executor_blocks").glob("*.json.gz"))


@pytest.mark.parametrize("path", BLOCKS, ids=lambda path: path.name.split(".")[0])
def test_real_block_executes_from_the_witness_we_record(path: Path):
    block = load(path)
    result, witness = record_witness(
        block.config, block.parent, block.attributes, block.preimages, lambda _hash: None
    )
    assert result.header.hash == block.expected_hash
    members = {*witness.nodes, *witness.codes}
    assert members <= set(block.preimages.by_hash.values())
    again = execute_from_witness(
        block.config, witness.parent, block.attributes, decode_witness(witness.encode())
    )
    assert again.header.hash == block.expected_hash
