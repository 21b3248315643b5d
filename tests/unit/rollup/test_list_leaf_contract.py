"""Streams and the leaves of lists on L1, beside the step machine's."""

from __future__ import annotations

import random

import pytest
from step_contracts import StepModule

from chain.crypto.keccak import keccak256
from evm.step.ordered_trie import leaf_head
from evm.step.rlp_items import number
from evm.step.streams import FRESH_CARRY, MAX_CARRY_BYTES, absorbed, digest

OF_CARRY = "absorbed(bytes,bytes)"
OPEN = "step(bytes,bytes,bytes32)"
LEAF_HEAD = "leafHead(uint256,uint256,uint256,uint256)"
SIZES = (1, 2, 31, 32, 55, 56, 255, 256, 1023, 65_535, 65_536, 2**24, 2**32 - 1)


@pytest.fixture(scope="module")
def contract():
    return StepModule("list_leaf_harness.vy")


def places():
    """Indices beside lengths at which a trie changes its shape, and some between."""
    rnd = random.Random(5)
    counts = {1, 2, 3, 15, 16, 17, 127, 128, 129, 130, 144, 145, 255, 256, 257, 258, 272, 4096}
    counts |= {65_535, 65_536, rnd.randrange(2**16)}
    for count in sorted(counts):
        near = {0, 1, 2, 15, 16, 17, 126, 127, 128, 129, 143, 144, 255, 256, 257, 511, 512}
        near |= {count - 1, count - 2, count // 2, rnd.randrange(count)}
        for index in sorted(at for at in near if 0 <= at < count):
            yield index, count


def test_the_head_of_a_leaf(contract):
    rnd = random.Random(6)
    for index, count in places():
        size, first = rnd.choice(SIZES), rnd.choice((0, 1, 127, 128, 192, 249))
        expected = leaf_head(index, count, size, bytes((first,)))
        assert contract.result(LEAF_HEAD, "bytes", index, count, size, first) == expected


def test_the_head_of_a_value_of_one_byte_or_none(contract):
    for size, first in ((0, 256), (1, 0), (1, 127), (1, 128), (1, 255)):
        value = b"" if first == 256 else bytes((first,))
        expected = leaf_head(3, 9, size, value)
        assert contract.result(LEAF_HEAD, "bytes", 3, 9, size, first) == expected


def test_no_leaf_behind_the_list(contract):
    outcome = contract.call(LEAF_HEAD, 5, 5, 1, 1)
    assert not outcome.succeeded
    assert "ListLeaf: an item behind the list" in outcome.reason


def test_integers(contract):
    values = [0, 1, 127, 128, 255, 256, 2**64 - 1, 2**248 - 1]
    for value in values:
        assert contract.result("encoded(uint256)", "bytes", value) == number(value)
    assert not contract.call("encoded(uint256)", 2**248).succeeded


@pytest.mark.parametrize("sizes", [(0, 0), (1, 134, 1), (135, 1), (136, 135), (1536,), (1024, 7)])
def test_a_long_hash(contract, sizes):
    rnd = random.Random(sum(sizes))
    carry, whole = FRESH_CARRY, b""
    assert contract.result("fresh()", "bytes") == FRESH_CARRY
    for size in sizes:
        data = rnd.randbytes(size)
        whole += data
        expected = absorbed(carry, data)
        assert contract.result(OF_CARRY, "bytes", carry, data) == expected
        carry = expected
    assert contract.result("digest(bytes)", "bytes32", carry) == digest(carry) == keccak256(whole)


@pytest.mark.parametrize("size", [200, 201, 231, 232, 233, 264, 328, 334, MAX_CARRY_BYTES])
def test_a_carry_is_opened_by_its_hash(contract, size):
    carry = random.Random(size).randbytes(size)
    witness = size.to_bytes(3, "big") + carry
    opened = contract.result(OPEN, "bytes", bytes(129), witness, keccak256(carry))
    assert opened == carry
    for wrong in (witness[:-1], witness[:3] + b"\x00" + witness[4:], witness[:-1] + b"\x00"):
        if wrong != witness:  # a carry may begin or end with a zero
            assert not contract.call(OPEN, bytes(129), wrong, keccak256(carry)).succeeded


@pytest.mark.parametrize("size", [0, 199, MAX_CARRY_BYTES + 1])
def test_a_carry_has_200_to_335_bytes(contract, size):
    carry = bytes(size)
    witness = size.to_bytes(3, "big") + carry
    outcome = contract.call(OPEN, bytes(129), witness, keccak256(carry))
    assert not outcome.succeeded
    assert "Streams: a carry has 200 to 335 bytes" in outcome.reason
