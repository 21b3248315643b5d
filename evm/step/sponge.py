"""Keccak-256 as a sponge that can be left and taken up again, one block of 136 bytes at a time.

What is hashed may be longer than one step can hold: a step absorbs some blocks and leaves the
sponge to the next. A sponge is 200 bytes: the 25 lanes of keccak-f[1600], lane (x, y) at 5·y + x,
each u64 big-endian (the standard reads them little-endian; so the twin on L1 need not turn what it
keeps). Source: FIPS 202, 3.2 to 3.4 and 5.1, with the padding from before it (0x01 … 0x80). Knows
nothing of what is hashed.
"""

from __future__ import annotations

import struct
from typing import Final

BLOCK_BYTES: Final = 136
"""The rate of Keccak-256."""
SPONGE_BYTES: Final = 200
FRESH: Final = bytes(SPONGE_BYTES)
"""A sponge that has absorbed nothing."""

_MASK: Final = 2**64 - 1
_LANES: Final = struct.Struct(">25Q")
_BLOCK: Final = struct.Struct("<17Q")
_DIGEST: Final = struct.Struct("<4Q")


def _round_constants() -> tuple[int, ...]:
    """Iota's constants: a bit of the LFSR of FIPS 202, algorithm 5, at each place 2^j - 1."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            constant |= (register & 1) << (2**j - 1)
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
        constants.append(constant)
    return tuple(constants)


def _rotations() -> tuple[tuple[int, int, int], ...]:
    """Rho and pi: from which lane, to which lane, turned by how many bits."""
    moves, x, y = [], 1, 0
    for t in range(24):
        to_x, to_y = y, (2 * x + 3 * y) % 5
        moves.append((5 * y + x, 5 * to_y + to_x, (t + 1) * (t + 2) // 2 % 64))
        x, y = to_x, to_y
    return tuple(moves)


_CONSTANTS: Final = _round_constants()
_MOVES: Final = _rotations()


def _turned(lane: int, bits: int) -> int:
    return (lane << bits | lane >> (64 - bits)) & _MASK


def _permute(lanes: list[int]) -> list[int]:
    """keccak-f[1600]."""
    for constant in _CONSTANTS:
        columns = [
            lanes[x] ^ lanes[5 + x] ^ lanes[10 + x] ^ lanes[15 + x] ^ lanes[20 + x]
            for x in range(5)
        ]
        theta = [columns[x - 1] ^ _turned(columns[(x + 1) % 5], 1) for x in range(5)]
        mixed = [lane ^ theta[at % 5] for at, lane in enumerate(lanes)]
        moved = mixed[:]
        for source, target, bits in _MOVES:
            moved[target] = _turned(mixed[source], bits)
        lanes = [
            moved[row + x] ^ (~moved[row + (x + 1) % 5] & moved[row + (x + 2) % 5])
            for row in range(0, 25, 5)
            for x in range(5)
        ]
        lanes[0] ^= constant
    return lanes


def absorb(sponge: bytes, block: bytes) -> bytes:
    """The sponge after one block. Raises ValueError where either has another length."""
    if len(sponge) != SPONGE_BYTES or len(block) != BLOCK_BYTES:
        raise ValueError(
            f"sponge of {len(sponge)} bytes and block of {len(block)}: "
            f"expected {SPONGE_BYTES} and {BLOCK_BYTES}"
        )
    lanes = list(_LANES.unpack(sponge))
    for at, word in enumerate(_BLOCK.unpack(block)):
        lanes[at] ^= word
    return _LANES.pack(*_permute(lanes))


def finish(sponge: bytes, rest: bytes) -> bytes:
    """The digest, 32 bytes, when `rest`, shorter than a block, is all that is left to absorb.

    Raises ValueError for a longer rest.
    """
    if len(rest) >= BLOCK_BYTES:
        raise ValueError(f"rest of {len(rest)} bytes: expected fewer than {BLOCK_BYTES}")
    padded = bytearray(rest + b"\x01" + bytes(BLOCK_BYTES - 1 - len(rest)))
    padded[-1] |= 0x80
    lanes = _LANES.unpack(absorb(sponge, bytes(padded)))
    return _DIGEST.pack(*lanes[:4])
