"""The trie against ethereum/tests TrieTests: sequences of writes, any order, hashed keys."""

from __future__ import annotations

import json

import pytest
from vectors import vectors_root

from chain.block import decode_block
from chain.crypto.keccak import keccak256
from chain.rlp import encode_list, split_list
from chain.trie import Trie, ordered_trie_root, verify_proof


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:]) if text.startswith("0x") else text.encode()


def _cases():
    folder = vectors_root() / "ethereum_tests" / "TrieTests"
    for file in sorted(folder.glob("*.json")):
        if file.stem == "trietestnextprev":  # asks for neighbours of keys, which nothing here needs
            continue
        hashed = "secure" in file.stem.lower()
        for name, case in json.loads(file.read_text()).items():
            yield pytest.param(case, hashed, id=f"{file.stem}-{name}")


@pytest.mark.parametrize(("case", "hashed"), list(_cases()))
def test_trie_vector(case, hashed):
    pairs = case["in"].items() if isinstance(case["in"], dict) else case["in"]
    nodes: dict[bytes, bytes] = {}
    trie = Trie(nodes)
    model: dict[bytes, bytes | None] = {}
    for key, value in pairs:
        raw = keccak256(_bytes(key)) if hashed else _bytes(key)
        model[raw] = None if value is None else _bytes(value)
        trie.set(raw, model[raw] or b"")
    root, new = trie.commit()
    assert root == _bytes(case["root"])
    nodes.update(new)
    reopened = Trie(nodes, root)
    for key, value in model.items():
        assert reopened.get(key) == value
        assert verify_proof(root, key, reopened.prove(key)) == value


def test_roots_of_the_lists_of_every_block_of_a_foreign_chain():
    raw = (vectors_root() / "execution_apis_prague" / "tests" / "chain.rlp").read_bytes()
    transactions = 0
    for item in split_list(encode_list([raw]), "chain"):
        block = decode_block(item)
        encoded = [transaction.encode() for transaction in block.transactions]
        assert ordered_trie_root(encoded) == block.header.transactions_root
        transactions += len(encoded)
    assert transactions > 40
