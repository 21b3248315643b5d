"""A gossiped block and its signature."""

from __future__ import annotations

import contextlib

import pytest
from p2p_chain import chain

from chain.crypto.secp256k1 import address_of
from chain.errors import DecodeError
from node.p2p.unsafe_block import read_signed_block, sign_block

KEY = b"\x07" * 32


def test_a_signed_block_is_read_with_its_signer() -> None:
    block = chain(2)[1]
    assert read_signed_block(sign_block(block, 7, KEY), 7) == (block, address_of(KEY))


def test_on_another_chain_it_is_somebody_elses() -> None:
    payload = sign_block(chain(2)[1], 7, KEY)
    assert read_signed_block(payload, 8)[1] != address_of(KEY)


def test_a_changed_block_is_somebody_elses_or_malformed() -> None:
    payload = bytearray(sign_block(chain(2)[1], 7, KEY))
    for position in range(0, len(payload), 7):
        changed = bytes(
            payload[:position] + bytes([payload[position] ^ 1]) + payload[position + 1 :]
        )
        with contextlib.suppress(DecodeError):
            assert read_signed_block(changed, 7)[1] != address_of(KEY)


@pytest.mark.parametrize("payload", [b"", bytes(65), bytes(66), b"\xff" * 700])
def test_anything_else_is_refused(payload) -> None:
    with pytest.raises(DecodeError):
        read_signed_block(payload, 7)
