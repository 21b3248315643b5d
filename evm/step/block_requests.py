"""What an L1 block asks of the beacon chain (EIP-7685): deposits, exits and consolidations.

SHA-256 cannot be left and taken up again on L1, so each kind's bytes are hashed whole. An L2 has no
requests; these steps serve to compare the machine with L1's own blocks. Source: EIP-6110, 7002,
7251.
"""

from __future__ import annotations

import hashlib
from typing import Final

from genesis.addresses import WITHDRAWAL_REQUESTS

from .machine import Machine
from .names import Name, Raw
from .refusal import NotInOrder
from .state import Ending, Outcome
from .structures.words import data_depth

MAX_BYTES: Final = 2**24 - 1
DEPOSIT_EVENT: Final = 0x649BBC62D0E31342AFEA4E5CD82D4049E7E1EE912FC0889AA790803BE39038C5
EVENT_BYTES: Final = 576
_DEPOSIT_TYPE: Final = b"\x00"
# Offset and size of public key, withdrawal credentials, amount, signature and index in the event.
_EVENT_LAYOUT: Final = ((160, 48), (256, 32), (320, 8), (384, 96), (512, 8))


def deposited(event: bytes) -> bytes:
    """The request that a deposit contract's event makes. Raises NotInOrder for another form."""
    if len(event) != EVENT_BYTES:
        raise NotInOrder(f"deposit event of {len(event)} bytes, expected {EVENT_BYTES}")
    parts = []
    for place, (offset, size) in enumerate(_EVENT_LAYOUT):
        stated = int.from_bytes(event[32 * place : 32 * place + 32], "big")
        length = int.from_bytes(event[offset : offset + 32], "big")
        if (stated, length) != (offset, size):
            raise NotInOrder(f"deposit event: part {place} is at {stated} with {length} bytes")
        parts.append(event[offset + 32 : offset + 32 + size])
    return b"".join(parts)


def requested(m: Machine, digests: Name, contract: bytes) -> Raw:
    """The hashes of requests, with that of what a system contract has just asked for."""
    outcome = m.opener.open(m.pending, Outcome)
    if outcome.ending != Ending.SUCCEEDED:
        raise NotInOrder(f"system call to 0x{contract.hex()} failed")
    before = m.opener.raw(digests, MAX_BYTES)
    size = outcome.output_length
    if not size:
        return Raw(before)
    kind = b"\x01" if contract == WITHDRAWAL_REQUESTS else b"\x02"
    output = m.opener.leaves(outcome.output, data_depth(size))[:size]
    return Raw(before + hashlib.sha256(kind + output).digest())


def requests_hash(m: Machine, deposits: Name, digests: Name) -> bytes:
    """The commitment of a header to its block's requests."""
    found = m.opener.raw(deposits, MAX_BYTES)
    first = hashlib.sha256(_DEPOSIT_TYPE + found).digest() if found else b""
    return hashlib.sha256(first + m.opener.raw(digests, MAX_BYTES)).digest()
