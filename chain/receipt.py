"""Receipts, logs and their bloom filter, in the consensus form that the receipts root hashes.

Knows nothing of how a receipt came about, nor of what only JSON-RPC adds to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from . import rlp
from .crypto.keccak import keccak256
from .encodable import Encodable
from .errors import DecodeError
from .transaction import DEPOSIT_TYPE, LEGACY_TYPE, SET_CODE_TYPE
from .types import ADDRESS_BYTES, HASH_BYTES, Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Iterable

BLOOM_BYTES: Final = 256
EMPTY_BLOOM: Final = bytes(BLOOM_BYTES)
MAX_TOPICS: Final = 4

_BLOOM_BITS: Final = 8 * BLOOM_BYTES
_FIRST_LIST_PREFIX: Final = 0xC0


@dataclass(frozen=True, slots=True)
class Log:
    """One event: the contract that emitted it, up to four topics, and data."""

    address: Address
    topics: tuple[Hash32, ...]
    data: bytes


@lru_cache(maxsize=8192)  # half a kilobyte each
def _bloom_mask(entry: bytes) -> int:
    """Return the three bits that an address or a topic sets (Yellow Paper, 4.3.1)."""
    digest = keccak256(entry)
    mask = 0
    for position in (0, 2, 4):
        mask |= 1 << (int.from_bytes(digest[position : position + 2], "big") % _BLOOM_BITS)
    return mask


def logs_bloom(logs: Iterable[Log]) -> bytes:
    """Return the 256-byte bloom filter over the addresses and topics of logs."""
    bits = 0
    for log in logs:
        bits |= _bloom_mask(log.address)
        for topic in log.topics:
            bits |= _bloom_mask(topic)
    return bits.to_bytes(BLOOM_BYTES, "big")


def combine_blooms(blooms: Iterable[bytes]) -> bytes:
    """Return the union of filters, as a header holds it over its receipts."""
    bits = 0
    for bloom in blooms:
        bits |= int.from_bytes(bloom, "big")
    return bits.to_bytes(BLOOM_BYTES, "big")


def bloom_contains(bloom: bytes, entry: bytes) -> bool:
    """Say whether an address or topic may be in the filter; False is certain."""
    mask = _bloom_mask(entry)
    return int.from_bytes(bloom, "big") & mask == mask


@dataclass(frozen=True, slots=True)
class Receipt(Encodable):
    """What the chain remembers of a transaction's execution.

    `cumulative_gas_used` counts from the first transaction of the block. The two deposit fields
    are only in receipts of deposits (type 0x7E): the sender's nonce before, and version 1 since
    Canyon. `state_root` is only in receipts from before Byzantium (EIP-658), which say nothing of
    success: `succeeded` is True there.
    """

    type: int
    succeeded: bool
    cumulative_gas_used: int
    logs: tuple[Log, ...]
    deposit_nonce: int | None = None
    deposit_receipt_version: int | None = None
    state_root: Hash32 | None = None

    @property
    def bloom(self) -> bytes:
        """The 256-byte bloom filter over the logs."""
        return logs_bloom(self.logs) if self.logs else EMPTY_BLOOM

    @property
    def hashed_form(self) -> bytes:
        """What the receipts root commits to: without the deposit nonce where it has no version.

        Between Regolith and Canyon receipts knew the nonce and headers did not (specs deposits.md,
        Deposit Receipt).
        """
        if self.deposit_nonce is None or self.deposit_receipt_version is not None:
            return self.encode()
        return replace(self, deposit_nonce=None).encode()

    def _build(self) -> bytes:
        status = b"\x01" if self.succeeded else b""
        fields: list[rlp.RLPItem] = [
            status if self.state_root is None else self.state_root,
            rlp.encode_int(self.cumulative_gas_used),
            self.bloom,
            [(log.address, log.topics, log.data) for log in self.logs],
        ]
        if self.deposit_nonce is not None:
            fields.append(rlp.encode_int(self.deposit_nonce))
            if self.deposit_receipt_version is not None:
                fields.append(rlp.encode_int(self.deposit_receipt_version))
        encoded = rlp.encode(fields)
        return encoded if self.type == LEGACY_TYPE else bytes((self.type,)) + encoded


def _decode_log(item: rlp.DecodedItem) -> Log:
    address, topics, data = rlp.decode_list(item, "log", length=3)
    topic_items = rlp.decode_list(topics, "log topics")
    if len(topic_items) > MAX_TOPICS:
        raise DecodeError(f"log topics: expected at most {MAX_TOPICS}, got {len(topic_items)}")
    return Log(
        address=Address(rlp.decode_bytes(address, "log address", size=ADDRESS_BYTES)),
        topics=tuple(
            Hash32(rlp.decode_bytes(topic, "log topic", size=HASH_BYTES)) for topic in topic_items
        ),
        data=rlp.decode_bytes(data, "log data"),
    )


def _decode_deposit_fields(items: list[rlp.DecodedItem]) -> tuple[int | None, int | None]:
    if not items:
        return None, None
    nonce = rlp.decode_int(items[0], "deposit_nonce", max_bytes=8)
    if len(items) == 1:
        return nonce, None
    return nonce, rlp.decode_int(items[1], "deposit_receipt_version", max_bytes=8)


def decode_receipt(raw: bytes) -> Receipt:
    """Decode the consensus form of one receipt.

    The bloom filter must be the one that the logs make. Raises DecodeError naming the field.
    """
    if not raw:
        raise DecodeError("receipt: no bytes")
    kind = LEGACY_TYPE if raw[0] >= _FIRST_LIST_PREFIX else raw[0]
    if raw[0] == LEGACY_TYPE or (kind != DEPOSIT_TYPE and kind > SET_CODE_TYPE):
        raise DecodeError(f"receipt type not supported: {raw[0]:#04x}")
    fields = rlp.decode_list(rlp.decode(raw if kind == LEGACY_TYPE else raw[1:]), "receipt")
    most = 6 if kind == DEPOSIT_TYPE else 4
    if not 4 <= len(fields) <= most:
        raise DecodeError(f"receipt of type {kind}: expected 4 to {most} items, got {len(fields)}")
    status, gas, bloom, logs = fields[:4]
    state_root = None
    if isinstance(status, bytes) and len(status) == HASH_BYTES and kind == LEGACY_TYPE:
        state_root = Hash32(status)
    elif status not in (b"", b"\x01"):
        raise DecodeError(f"receipt status: expected 0x80 or 0x01, got {status!r:.80}")
    deposit_nonce, deposit_receipt_version = _decode_deposit_fields(fields[4:])
    receipt = Receipt(
        type=kind,
        succeeded=status != b"",
        cumulative_gas_used=rlp.decode_int(gas, "cumulative_gas_used", max_bytes=8),
        logs=tuple(_decode_log(log) for log in rlp.decode_list(logs, "logs")),
        deposit_nonce=deposit_nonce,
        deposit_receipt_version=deposit_receipt_version,
        state_root=state_root,
    )
    if bloom != receipt.bloom:
        raise DecodeError("receipt bloom: does not follow from the logs")
    return receipt._with_encoding(raw)
