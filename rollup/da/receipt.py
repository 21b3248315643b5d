"""A node's signed word that it stores some cells of a blob until a certain time.

A node that signed and does not serve is shown up by its own receipt. Ed25519 by the node's
identity; L1 never sees one.

    message = "stemma DA receipt v1" ++ commitment (48) ++ cells (128 bits, cell i is bit i, u128)
              ++ stored until (u64, seconds)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chain.crypto import ed25519

from .commitment import COMMITMENT_BYTES
from .erasure import CELLS_PER_BLOB, check_index
from .errors import InvalidReceipt, MalformedInput

if TYPE_CHECKING:
    from collections.abc import Iterable

_DOMAIN: Final = b"stemma DA receipt v1"
RECEIPT_BYTES: Final = 32 + COMMITMENT_BYTES + 16 + 8 + 64


def cell_set(indices: Iterable[int]) -> int:
    """The bit set of cell indices. Raises WrongIndex."""
    bits = 0
    for index in indices:
        check_index(index)
        bits |= 1 << index
    return bits


@dataclass(frozen=True, slots=True)
class StorageReceipt:
    """Who (Ed25519 key), which blob, which cells (bit set), until when (seconds), signed."""

    identity: bytes
    commitment: bytes
    cells: int
    stored_until: int
    signature: bytes

    @staticmethod
    def sign(commitment: bytes, cells: int, stored_until: int, seed: bytes) -> StorageReceipt:
        """Give one's word. Raises MalformedInput on values that do not fit."""
        message = _message(commitment, cells, stored_until)
        identity = ed25519.public_key_of(seed)
        return StorageReceipt(
            identity, commitment, cells, stored_until, ed25519.sign(message, seed)
        )

    def check(self, identity: bytes, commitment: bytes, cells: int) -> None:
        """That it is this node's word for at least these cells. Raises InvalidReceipt."""
        if self.identity != identity or self.commitment != commitment:
            raise InvalidReceipt(
                f"receipt of 0x{self.identity.hex()} for blob 0x{self.commitment.hex()}; expected "
                f"one of 0x{identity.hex()} for 0x{commitment.hex()}"
            )
        lacking = cells & ~self.cells
        if lacking:
            left_out = [index for index in range(CELLS_PER_BLOB) if lacking >> index & 1]
            raise InvalidReceipt(f"receipt of 0x{identity.hex()} leaves out cells {left_out}")
        message = _message(commitment, self.cells, self.stored_until)
        if not ed25519.verify(message, self.signature, identity):
            raise InvalidReceipt(f"receipt of 0x{identity.hex()}: it did not sign this")

    def encode(self) -> bytes:
        """168 bytes: key, commitment, cells, time, signature."""
        return b"".join(
            (
                self.identity,
                self.commitment,
                self.cells.to_bytes(16, "big"),
                self.stored_until.to_bytes(8, "big"),
                self.signature,
            )
        )

    @staticmethod
    def decode(data: bytes) -> StorageReceipt:
        """Read a receipt; `check` says what it is worth. Raises MalformedInput."""
        if len(data) != RECEIPT_BYTES:
            raise MalformedInput(f"receipt: expected {RECEIPT_BYTES} bytes, got {len(data)}")
        return StorageReceipt(
            data[:32],
            data[32:80],
            int.from_bytes(data[80:96], "big"),
            int.from_bytes(data[96:104], "big"),
            data[104:],
        )

    def to_json(self) -> dict[str, Any]:
        """For people and for evidence."""
        return {
            "identity": f"0x{self.identity.hex()}",
            "commitment": f"0x{self.commitment.hex()}",
            "cells": [index for index in range(CELLS_PER_BLOB) if self.cells >> index & 1],
            "stored_until": self.stored_until,
            "receipt": f"0x{self.encode().hex()}",
        }


def _message(commitment: bytes, cells: int, stored_until: int) -> bytes:
    if len(commitment) != COMMITMENT_BYTES or cells >> CELLS_PER_BLOB or cells < 0:
        raise MalformedInput(f"receipt: commitment of {len(commitment)} bytes, cells {cells:#x}")
    if not 0 <= stored_until < 1 << 64:
        raise MalformedInput(f"receipt: stored until {stored_until} is no time")
    return _DOMAIN + commitment + cells.to_bytes(16, "big") + stored_until.to_bytes(8, "big")
