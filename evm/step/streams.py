"""A long hash over many steps: a sponge and what is left over of a block, carried as one item.

A carry is the sponge's 200 bytes and up to 135 that wait for a whole block. Knows nothing of what
is hashed.
"""

from __future__ import annotations

from typing import Final

from .sponge import BLOCK_BYTES, FRESH, SPONGE_BYTES, absorb, finish

MAX_CARRY_BYTES: Final = SPONGE_BYTES + BLOCK_BYTES - 1
FRESH_CARRY: Final = FRESH


def absorbed(carry: bytes, data: bytes) -> bytes:
    """The carry behind more bytes."""
    sponge, waiting = carry[:SPONGE_BYTES], carry[SPONGE_BYTES:] + data
    while len(waiting) >= BLOCK_BYTES:
        sponge, waiting = absorb(sponge, waiting[:BLOCK_BYTES]), waiting[BLOCK_BYTES:]
    return sponge + waiting


def digest(carry: bytes) -> bytes:
    """The Keccak-256 of everything absorbed."""
    return finish(carry[:SPONGE_BYTES], carry[SPONGE_BYTES:])
