"""Blocks and transactions of the field: every good one is read and written back, every one whose
form is wrong is refused. Whether a well-formed block may follow another is not judged here.
"""

from __future__ import annotations

import dataclasses
import json

import pytest
from vectors import vectors_root

from chain import rlp
from chain.block import decode_block, transactions_root, withdrawals_root
from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.transaction import InvalidSignature, decode_transaction, recover_sender


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


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _is_of_form(exception: str) -> bool:
    """Say whether the field's name of an error is about bytes rather than rules."""
    return any(word in exception for word in ("RLP_", "INCORRECT_BLOCK_FORMAT"))


@pytest.mark.parametrize(
    "folder",
    [
        "ethereum_tests/BlockchainTests_ValidBlocks",
        "ethereum_tests/BlockchainTests_InvalidBlocks",
        "ethereum_tests/BlockchainTests_TransitionTests",
        "eest/blockchain_tests",
    ],
)
def test_blocks_of_chain_tests(folder):
    count = 0
    for file in sorted((vectors_root() / folder).rglob("*.json")):
        for case in json.loads(file.read_text()).values():
            for entry in case["blocks"]:
                raw = _hex(entry["rlp"])
                exception = next((v for k, v in entry.items() if "expectException" in k), "")
                if _is_of_form(exception):
                    with pytest.raises(DecodeError):
                        decode_block(raw)
                    continue
                block = decode_block(raw)
                assert dataclasses.replace(block).encode() == raw, file.name
                count += 1
    assert count > 10


@pytest.mark.parametrize(
    "folder", ["ethereum_tests/GeneralStateTests/stTransactionTest", "eest/state_tests/prague"]
)
def test_transactions_of_state_tests(folder):
    count = 0
    for file in sorted((vectors_root() / folder).rglob("*.json")):
        for case in json.loads(file.read_text()).values():
            for post in (post for posts in case["post"].values() for post in posts):
                raw = _hex(post["txbytes"])
                if "RLP_" in post.get("expectException", ""):
                    with pytest.raises((DecodeError, InvalidSignature)):
                        recover_sender(decode_transaction(raw))
                    continue
                tx = decode_transaction(raw)
                assert len(recover_sender(tx)) == 20
                assert dataclasses.replace(tx).encode() == raw, file.name
                count += 1
    assert count > 10
