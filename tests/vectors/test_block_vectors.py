"""The chains of execution-apis: bytes, hashes and transaction roots of the blocks of every fork."""

from __future__ import annotations

import dataclasses
import json

import pytest
from vectors import vectors_root

from chain import rlp
from chain.block import decode_block, transactions_root, withdrawals_root
from chain.crypto.keccak import keccak256


def _blocks(data: bytes) -> list[bytes]:
    """Cut a file of one encoded block after another."""
    return rlp.split_list(rlp.encode_list([data]))


@pytest.mark.parametrize("chain", ["execution_apis_prague", "execution_apis_osaka"])
def test_chain_of_execution_apis(chain):
    file = next((vectors_root() / chain).rglob("chain.rlp"))
    parent = None
    for raw in _blocks(file.read_bytes()):
        block = decode_block(raw)
        afresh = dataclasses.replace(
            block,
            header=dataclasses.replace(block.header),
            transactions=tuple(dataclasses.replace(tx) for tx in block.transactions),
        )
        assert afresh.encode() == raw
        assert afresh.hash == keccak256(block.header.encode())
        encoded = [tx.encode() for tx in block.transactions]
        assert transactions_root(encoded) == block.header.transactions_root
        if block.withdrawals is not None:
            assert withdrawals_root(block.withdrawals) == block.header.withdrawals_root
        assert parent is None or block.header.parent_hash == parent.hash
        parent = block
    head = json.loads(file.with_name("headfcu.json").read_text())
    assert "0x" + parent.hash.hex() == head["params"][0]["headBlockHash"]
