"""What a block asks of the beacon chain (EIP-7685): deposits, exits and consolidations.

Deposits are read from the logs of the deposit contract (EIP-6110); exits and consolidations come
out of system calls at the end of the block (EIP-7002, EIP-7251), whose contracts have to be there.
An L2 has no requests at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final

from chain.errors import StemmaError
from chain.receipt import Receipt
from chain.types import Address, Hash32, to_address
from genesis.addresses import CONSOLIDATION_REQUESTS, WITHDRAWAL_REQUESTS

from .environment import Outcome

DEPOSIT_CONTRACT: Final = to_address("0x00000000219ab540356cbb839cbe05303d7705fa")

_DEPOSIT_EVENT: Final = Hash32(
    bytes.fromhex("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5")
)
_DEPOSIT_TYPE: Final = b"\x00"
_CONTRACT_TYPES: Final = ((b"\x01", WITHDRAWAL_REQUESTS), (b"\x02", CONSOLIDATION_REQUESTS))
_EVENT_BYTES: Final = 576
# Offset and size of public key, withdrawal credentials, amount, signature and index in the event.
_EVENT_LAYOUT: Final = ((160, 48), (256, 32), (320, 8), (384, 96), (512, 8))


class InvalidRequests(StemmaError):
    """A block whose requests cannot be made out: a malformed event or a failed system call."""


def block_requests(
    receipts: Iterable[Receipt],
    system_call: Callable[[Address], Outcome | None],
    deposit_contract: Address = DEPOSIT_CONTRACT,
) -> list[bytes]:
    """The requests of a block, each with its type byte, empty ones left out.

    `system_call` runs a contract as the system and gives None where there is none. Raises
    InvalidRequests.
    """
    deposits = b"".join(
        _deposit(log.data)
        for receipt in receipts
        for log in receipt.logs
        if log.address == deposit_contract and log.topics[:1] == (_DEPOSIT_EVENT,)
    )
    requests = [_DEPOSIT_TYPE + deposits] if deposits else []
    for kind, contract in _CONTRACT_TYPES:
        outcome = system_call(contract)
        if outcome is None:
            raise InvalidRequests(f"no system contract at 0x{contract.hex()}")
        if not outcome.succeeded:
            raise InvalidRequests(f"system call to 0x{contract.hex()}: {outcome.error}")
        if outcome.output:
            requests.append(kind + outcome.output)
    return requests


def requests_hash(requests: Iterable[bytes]) -> Hash32:
    """The commitment of a header to its block's requests (EIP-7685)."""
    digests = [hashlib.sha256(request).digest() for request in requests]
    return Hash32(hashlib.sha256(b"".join(digests)).digest())


def _deposit(event: bytes) -> bytes:
    if len(event) != _EVENT_BYTES:
        raise InvalidRequests(f"deposit event of {len(event)} bytes, expected {_EVENT_BYTES}")
    parts = []
    for position, (offset, size) in enumerate(_EVENT_LAYOUT):
        stated = int.from_bytes(event[32 * position : 32 * position + 32], "big")
        length = int.from_bytes(event[offset : offset + 32], "big")
        if (stated, length) != (offset, size):
            raise InvalidRequests(
                f"deposit event: part {position} is at {stated} with {length} bytes, "
                f"expected at {offset} with {size}"
            )
        parts.append(event[offset + 32 : offset + 32 + size])
    return b"".join(parts)
