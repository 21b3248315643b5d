"""Keccak-256 block by block: in Python against the library, in Vyper against Python."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from step_contracts import StepModule

from chain.crypto.keccak import keccak256
from evm.step.sponge import BLOCK_BYTES, FRESH, SPONGE_BYTES, absorb, finish

ABSORB, FINISH = "absorb(bytes,bytes)", "finish(bytes,bytes)"
MOST_GAS = 90_000


def hashed(data: bytes) -> bytes:
    sponge, rest = FRESH, data
    while len(rest) >= BLOCK_BYTES:
        sponge, rest = absorb(sponge, rest[:BLOCK_BYTES]), rest[BLOCK_BYTES:]
    return finish(sponge, rest)


@pytest.fixture(scope="module")
def contract() -> StepModule:
    return StepModule("sponge_harness.vy")


@pytest.mark.parametrize("size", [0, 1, 32, 134, 135, 136, 137, 271, 272, 273, 1000])
def test_the_digest_is_keccak_256_at_every_edge_of_a_block(size):
    data = random.Random(size).randbytes(size)
    assert hashed(data) == keccak256(data)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=700))
def test_the_digest_is_keccak_256(data):
    assert hashed(data) == keccak256(data)


def test_a_sponge_or_block_of_another_length_is_refused():
    with pytest.raises(ValueError, match="sponge of 199 bytes"):
        absorb(FRESH[1:], bytes(BLOCK_BYTES))
    with pytest.raises(ValueError, match="block of 135"):
        absorb(FRESH, bytes(BLOCK_BYTES - 1))
    with pytest.raises(ValueError, match="rest of 136 bytes"):
        finish(FRESH, bytes(BLOCK_BYTES))


def test_the_contract_absorbs_as_python_does(contract):
    rng, sponge = random.Random(1), FRESH
    for _ in range(12):
        block = rng.randbytes(BLOCK_BYTES)
        given = contract.result(ABSORB, "bytes", sponge, block)
        sponge = absorb(sponge, block)
        assert given == sponge
    assert contract.result(ABSORB, "bytes", bytes([255]) * SPONGE_BYTES, block) == absorb(
        bytes([255]) * SPONGE_BYTES, block
    )


def test_the_contract_finishes_with_a_rest_of_every_length(contract):
    rng = random.Random(2)
    sponge = rng.randbytes(SPONGE_BYTES)
    for size in (*range(9), 31, 32, 33, 64, 127, 128, 133, 134, 135):
        rest = rng.randbytes(size)
        assert contract.result(FINISH, "bytes32", sponge, rest) == finish(sponge, rest), size


def test_the_contract_refuses_other_lengths(contract):
    wrong = (
        (ABSORB, FRESH[1:], bytes(BLOCK_BYTES), "Sponge: a sponge has 200 bytes"),
        (ABSORB, FRESH, bytes(BLOCK_BYTES - 1), "Sponge: a block has 136 bytes"),
        (FINISH, FRESH, bytes(BLOCK_BYTES), "Sponge: the rest is a whole block"),
    )
    for signature, sponge, block, reason in wrong:
        assert contract.call(signature, sponge, block).reason == reason


def test_a_permutation_stays_within_its_gas(contract):
    outcome = contract.call(ABSORB, FRESH, bytes(BLOCK_BYTES))
    assert outcome.succeeded
    assert MOST_GAS // 2 < outcome.gas_used < MOST_GAS, outcome.gas_used
