"""The trie's twin on L1: same root, same nodes opened, for every write that Python makes."""

from __future__ import annotations

import random

import pytest
from step_contracts import StepModule

from chain import abi
from chain.crypto.keccak import keccak256
from chain.trie import EMPTY_ROOT, Trie
from evm.step.opener import encode_witness
from evm.step.trie_update import look_up, update

UPDATE = "update(uint256[17],bytes32,bytes32,bytes,bytes)"
LOOK_UP = "lookUp(uint256[17],bytes32,bytes32,bytes)"
ROOM = [0] * 17
VALUES = (b"\x01", b"\x80", b"v" * 20, b"w" * 33, b"x" * 60, b"y" * 110, b"z" * 128)
PREFIXES = (bytes(30), b"\x11" * 30, bytes(29) + b"\x10", bytes(15) + b"\x0f" * 15)
MOST_GAS = 500_000
"""Of a write into a trie of ten thousand keys."""


class Nodes(dict):
    def __init__(self):
        super().__init__()
        self.opened = []

    def open(self, name):
        self.opened.append(self[name])
        return self[name]

    def keep(self, node):
        self[keccak256(node)] = node


@pytest.fixture(scope="module")
def contract() -> StepModule:
    return StepModule("trie_update_harness.vy")


def agree(contract, nodes, root, key, value):
    nodes.opened = []
    expected = update(nodes.open, root, key, value, nodes.keep)
    witness = encode_witness(nodes.opened)
    outcome = contract.call(UPDATE, ROOM, root, key, witness, value)
    assert outcome.succeeded, outcome.reason
    assert abi.decode(["bytes32", "uint256"], outcome.output) == (expected, len(witness))
    return expected, outcome.gas_used


@pytest.mark.parametrize("seed", range(4))
def test_keys_that_share_long_stretches_are_written_as_in_python(contract, seed):
    rng, nodes, root = random.Random(seed), Nodes(), EMPTY_ROOT
    for _ in range(40):
        last = bytes((rng.randrange(3), rng.choice((0, 1, 2, 16, 17, 0xF0, 0xFF))))
        key = rng.choice(PREFIXES) + last
        value = rng.choice((*VALUES, b"", b"", b""))
        root, _ = agree(contract, nodes, root, key, value)
        nodes.opened = []
        assert look_up(nodes.open, root, key) == value
        witness = encode_witness(nodes.opened)
        found = contract.call(LOOK_UP, ROOM, root, key, witness)
        assert abi.decode(["bytes", "uint256"], found.output) == (value, len(witness))


def test_hashed_keys_of_a_large_trie_cost_little_enough(contract):
    nodes, trie = Nodes(), Trie({})
    for number in range(10_000):
        trie.set(keccak256(number.to_bytes(4, "big")), b"z" * 70)
    root, made = trie.commit()
    nodes.update(made)
    rng, costs = random.Random(1), []
    for _ in range(40):
        key = keccak256(rng.randrange(12_000).to_bytes(4, "big"))
        costs.append(agree(contract, nodes, root, key, rng.choice((b"y" * 70, b"")))[1])
    print(f"gas of a write: median {sorted(costs)[len(costs) // 2]}, most {max(costs)}")
    assert max(costs) < MOST_GAS


def test_another_node_than_the_named_one_is_refused(contract):
    nodes, trie = Nodes(), Trie({})
    for number in range(300):
        trie.set(keccak256(bytes((number & 255, number >> 8))), b"z" * 70)
    root, made = trie.commit()
    nodes.update(made)
    key = keccak256(bytes((7, 0)))
    update(nodes.open, root, key, b"")
    for place, node in enumerate(nodes.opened):
        for at in range(3, len(node), 61):
            changed = bytearray(node)
            changed[at] ^= 1
            given = [*nodes.opened[:place], bytes(changed), *nodes.opened[place + 1 :]]
            outcome = contract.call(UPDATE, ROOM, root, key, encode_witness(given), b"")
            assert outcome.reason == "Tape: not the preimage that was named"
        witness = encode_witness(nodes.opened[:place])
        assert not contract.call(UPDATE, ROOM, root, key, witness, b"").succeeded
