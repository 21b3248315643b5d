"""A chain of empty blocks that hash, without any state: for tests of what travels."""

from __future__ import annotations

from chain.block import Block, Header
from chain.types import Address


def chain(length: int) -> list[Block]:
    blocks: list[Block] = []
    for number in range(length):
        parent = blocks[-1].hash if blocks else bytes(32)
        blocks.append(Block(header(number, parent), (), None))
    return blocks


def header(number: int, parent: bytes) -> Header:
    zero = bytes(32)
    return Header(
        parent_hash=parent,
        beneficiary=Address(bytes(20)),
        state_root=zero,
        transactions_root=zero,
        receipts_root=zero,
        logs_bloom=bytes(256),
        difficulty=0,
        number=number,
        gas_limit=1,
        gas_used=0,
        timestamp=number,
        extra_data=b"",
        prev_randao=zero,
        nonce=bytes(8),
    )
