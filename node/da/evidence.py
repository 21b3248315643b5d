"""Receipts that nodes have signed, and what shows that one of them does not keep its word.

    "r" identity commitment   receipt (168)
    "f" identity commitment   fault: JSON with what was found, when, and the signer's receipt

A fault is one of two: a cell whose proof does not hold, or an answer without a cell that the node
has signed for. That somebody did not answer at all is none: the network may be at fault. Both kinds
are bounded in number; what is oldest goes first. Knows nothing of who asked whom.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from chain.storage.kv import KeyValueStore
from rollup.da.errors import DataAvailabilityError
from rollup.da.receipt import StorageReceipt

WRONG_CELL: Final = "wrong cell"
NOT_SERVED: Final = "signed and not served"
MAX_RECEIPTS: Final = 65_536
MAX_FAULTS: Final = 4_096
_RECEIPTS: Final = b"r"
_FAULTS: Final = b"f"
_SWEPT: Final = 1024
"""Receipts that are looked at, and made room for, at a time."""


class Evidence:
    """Receipts and faults in a key-value store; one writer."""

    def __init__(self, store: KeyValueStore, now: Callable[[], float]) -> None:
        """Count what is there; `now` in seconds since the Unix epoch."""
        self._store = store
        self._now = now
        self._receipts = sum(1 for _ in store.scan(_RECEIPTS))

    # -- receipts

    def keep(self, receipt: StorageReceipt) -> bool:
        """Keep a receipt whose signature was checked; whether it says more than what is here."""
        key = _RECEIPTS + receipt.identity + receipt.commitment
        known = self.receipt(receipt.identity, receipt.commitment)
        if known is not None and known.stored_until >= receipt.stored_until:
            return False
        if known is None:
            if self._receipts >= MAX_RECEIPTS:
                self._make_room()
            self._receipts += 1
        self._store.write({key: receipt.encode()}, sync=False)
        return True

    def receipt(self, identity: bytes, commitment: bytes) -> StorageReceipt | None:
        """A node's word for a blob, if it is here."""
        record = self._store.get(_RECEIPTS + identity + commitment)
        return None if record is None else StorageReceipt.decode(record)

    def receipts(self, identities: Sequence[bytes], commitment: bytes) -> list[StorageReceipt]:
        """The words of these nodes for a blob, those that are here."""
        found = (self.receipt(identity, commitment) for identity in identities)
        return [receipt for receipt in found if receipt is not None]

    def _make_room(self) -> None:
        """Drop what is over, or else what ends first among some."""
        some = []
        for key, record in self._store.scan(_RECEIPTS):
            some.append((StorageReceipt.decode(record).stored_until, key))
            if len(some) == _SWEPT:
                break
        some.sort()
        over = [key for until, key in some if until <= self._now()] or [key for _, key in some[:64]]
        self._store.write({}, over, sync=False)
        self._receipts -= len(over)

    # -- faults

    def accuse(
        self, identity: bytes, commitment: bytes, kind: str, cells: Sequence[int]
    ) -> dict[str, Any]:
        """Note a fault, with the node's receipt where it is here; what is noted."""
        receipt = self.receipt(identity, commitment)
        key = _FAULTS + identity + commitment
        before = self._store.get(key)
        seen = set(cells)
        if before is not None:
            known = json.loads(before)
            if known["fault"] == kind:
                seen |= set(known["faulty_cells"])
        fault: dict[str, Any] = {
            "identity": f"0x{identity.hex()}",
            "commitment": f"0x{commitment.hex()}",
            "fault": kind,
            "faulty_cells": sorted(seen),
            "seen_at": int(self._now()),
            "receipt": None if receipt is None else receipt.to_json(),
        }
        deletes = [] if before is not None else self._oldest_fault()
        self._store.write({key: json.dumps(fault).encode()}, deletes, sync=True)
        return fault

    def _oldest_fault(self) -> list[bytes]:
        faults = [(json.loads(record)["seen_at"], key) for key, record in self._store.scan(_FAULTS)]
        return [min(faults)[1]] if len(faults) >= MAX_FAULTS else []

    def faults(self) -> list[dict[str, Any]]:
        """Everything that was found, newest first."""
        found = [json.loads(record) for _, record in self._store.scan(_FAULTS)]
        return sorted(found, key=lambda fault: -fault["seen_at"])

    def has_promised(self, identity: bytes, commitment: bytes, cells: Sequence[int]) -> list[int]:
        """Those of the cells that the node has signed for, for a time that is not over."""
        receipt = self.receipt(identity, commitment)
        if receipt is None or receipt.stored_until <= self._now():
            return []
        return [index for index in cells if receipt.cells >> index & 1]


def receipt_holds(fault: dict[str, Any]) -> bool:
    """Whether the receipt of a fault is its node's word for at least the faulty cells."""
    shown = fault["receipt"]
    if shown is None:
        return False
    try:
        receipt = StorageReceipt.decode(bytes.fromhex(shown["receipt"][2:]))
        receipt.check(
            bytes.fromhex(fault["identity"][2:]), bytes.fromhex(fault["commitment"][2:]), 0
        )
    except (DataAvailabilityError, ValueError):
        return False
    return all(receipt.cells >> index & 1 for index in fault["faulty_cells"])
