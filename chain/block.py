"""Headers, withdrawals and blocks with their encodings and roots, in every form up to Prague.

Knows nothing of which header follows which, or of what a block may hold; those rules are the
executor's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from . import rlp
from .crypto.keccak import keccak256
from .encodable import Encodable
from .errors import DecodeError, EncodeError
from .receipt import BLOOM_BYTES
from .transaction import decode_transaction
from .trie import EMPTY_ROOT, ordered_trie_root
from .types import ADDRESS_BYTES, HASH_BYTES, Address, Hash32

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .receipt import Receipt
    from .transaction import Transaction

EMPTY_OMMERS_HASH: Final = keccak256(b"\xc0")
EMPTY_TRANSACTIONS_ROOT: Final = EMPTY_ROOT
EMPTY_REQUESTS_HASH: Final = Hash32(
    bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
)
"""sha256(b""): the requests hash of a block without EIP-7685 requests."""

NONCE_BYTES: Final = 8

# Frontier, London, Shanghai, Cancun, Prague: each fork appends to the header, none takes away.
_HEADER_LENGTHS: Final = (15, 16, 17, 20, 21)
_FIRST_LIST_PREFIX: Final = 0xC0


@dataclass(frozen=True, slots=True)
class Header(Encodable):
    """A block header. Gas in units, `base_fee_per_gas` in wei, `timestamp` in seconds.

    The optional fields came with London (base fee), Shanghai (withdrawals), Cancun (blobs, beacon
    root) and Prague (requests); one may only be given with all that came before it.
    """

    parent_hash: Hash32
    beneficiary: Address
    state_root: Hash32
    transactions_root: Hash32
    receipts_root: Hash32
    logs_bloom: bytes
    number: int
    gas_limit: int
    gas_used: int
    timestamp: int
    extra_data: bytes
    prev_randao: Hash32
    difficulty: int = 0
    ommers_hash: Hash32 = EMPTY_OMMERS_HASH
    nonce: bytes = bytes(NONCE_BYTES)
    base_fee_per_gas: int | None = None
    withdrawals_root: Hash32 | None = None
    blob_gas_used: int | None = None
    excess_blob_gas: int | None = None
    parent_beacon_block_root: Hash32 | None = None
    requests_hash: Hash32 | None = None

    def _optional_fields(self) -> list[bytes]:
        numbers = (self.base_fee_per_gas, self.blob_gas_used, self.excess_blob_gas)
        base_fee, blob_gas_used, excess_blob_gas = (
            None if number is None else rlp.encode_int(number) for number in numbers
        )
        given: list[bytes | None] = [
            base_fee,
            self.withdrawals_root,
            blob_gas_used,
            excess_blob_gas,
            self.parent_beacon_block_root,
            self.requests_hash,
        ]
        while given and given[-1] is None:
            given.pop()
        fields = [field for field in given if field is not None]
        if len(fields) != len(given):
            raise EncodeError(f"header {self.number}: an optional field is left out before another")
        return fields

    def _build(self) -> bytes:
        return rlp.encode(
            [
                self.parent_hash,
                self.ommers_hash,
                self.beneficiary,
                self.state_root,
                self.transactions_root,
                self.receipts_root,
                self.logs_bloom,
                rlp.encode_int(self.difficulty),
                rlp.encode_int(self.number),
                rlp.encode_int(self.gas_limit),
                rlp.encode_int(self.gas_used),
                rlp.encode_int(self.timestamp),
                self.extra_data,
                self.prev_randao,
                self.nonce,
                *self._optional_fields(),
            ]
        )


def _hash_field(item: rlp.DecodedItem, what: str) -> Hash32:
    return Hash32(rlp.decode_bytes(item, what, size=HASH_BYTES))


def _uint64(item: rlp.DecodedItem, what: str) -> int:
    return rlp.decode_int(item, what, max_bytes=8)


def decode_header(raw: bytes) -> Header:
    """Decode one header. Raises DecodeError naming the field; consensus rules are not checked."""
    fields = rlp.decode_list(rlp.decode(raw), "header")
    if len(fields) not in _HEADER_LENGTHS:
        raise DecodeError(f"header: expected one of {_HEADER_LENGTHS} items, got {len(fields)}")
    parent, ommers, beneficiary, state_root, transactions, receipts, bloom, *rest = fields
    difficulty, number, gas_limit, gas_used, timestamp, extra_data, randao, nonce, *optional = rest
    optional += [b""] * (6 - len(optional))
    base_fee, withdrawals, blob_gas, excess_blob_gas, beacon_root, requests = optional
    count = len(fields)
    return Header(
        parent_hash=_hash_field(parent, "parent_hash"),
        ommers_hash=_hash_field(ommers, "ommers_hash"),
        beneficiary=Address(rlp.decode_bytes(beneficiary, "beneficiary", size=ADDRESS_BYTES)),
        state_root=_hash_field(state_root, "state_root"),
        transactions_root=_hash_field(transactions, "transactions_root"),
        receipts_root=_hash_field(receipts, "receipts_root"),
        logs_bloom=rlp.decode_bytes(bloom, "logs_bloom", size=BLOOM_BYTES),
        difficulty=rlp.decode_int(difficulty, "difficulty"),
        number=_uint64(number, "number"),
        gas_limit=_uint64(gas_limit, "gas_limit"),
        gas_used=_uint64(gas_used, "gas_used"),
        timestamp=_uint64(timestamp, "timestamp"),
        extra_data=rlp.decode_bytes(extra_data, "extra_data"),
        prev_randao=_hash_field(randao, "prev_randao"),
        nonce=rlp.decode_bytes(nonce, "nonce", size=NONCE_BYTES),
        base_fee_per_gas=rlp.decode_int(base_fee, "base_fee_per_gas") if count > 15 else None,
        withdrawals_root=_hash_field(withdrawals, "withdrawals_root") if count > 16 else None,
        blob_gas_used=_uint64(blob_gas, "blob_gas_used") if count > 17 else None,
        excess_blob_gas=_uint64(excess_blob_gas, "excess_blob_gas") if count > 17 else None,
        parent_beacon_block_root=(
            _hash_field(beacon_root, "parent_beacon_block_root") if count > 17 else None
        ),
        requests_hash=_hash_field(requests, "requests_hash") if count > 20 else None,
    )._with_encoding(raw)


@dataclass(frozen=True, slots=True)
class Withdrawal(Encodable):
    """A payout from the beacon chain (EIP-4895); none ever occurs on an OP Stack L2."""

    index: int
    validator_index: int
    address: Address
    amount_gwei: int

    def _build(self) -> bytes:
        return rlp.encode(
            (
                rlp.encode_int(self.index),
                rlp.encode_int(self.validator_index),
                self.address,
                rlp.encode_int(self.amount_gwei),
            )
        )


def decode_withdrawal(raw: bytes) -> Withdrawal:
    """Decode one withdrawal. Raises DecodeError naming the field."""
    fields = rlp.decode_list(rlp.decode(raw), "withdrawal", length=4)
    index, validator_index, address, amount = fields
    return Withdrawal(
        index=_uint64(index, "withdrawal index"),
        validator_index=_uint64(validator_index, "withdrawal validator_index"),
        address=Address(rlp.decode_bytes(address, "withdrawal address", size=ADDRESS_BYTES)),
        amount_gwei=_uint64(amount, "withdrawal amount"),
    )._with_encoding(raw)


@dataclass(frozen=True, slots=True)
class Block(Encodable):
    """A header with its body; `withdrawals` begin with Shanghai, `ommers` end with the merge."""

    header: Header
    transactions: tuple[Transaction, ...]
    withdrawals: tuple[Withdrawal, ...] | None = None
    ommers: tuple[Header, ...] = ()

    @property
    def hash(self) -> Hash32:
        """The hash of the header, by which the block is named."""
        return self.header.hash

    @property
    def number(self) -> int:
        """The block's height."""
        return self.header.number

    def _build(self) -> bytes:
        parts = [
            self.header.encode(),
            rlp.encode_list(_in_body(tx.encode()) for tx in self.transactions),
            rlp.encode_list(ommer.encode() for ommer in self.ommers),
        ]
        if self.withdrawals is not None:
            parts.append(rlp.encode_list(item.encode() for item in self.withdrawals))
        return rlp.encode_list(parts)


def _in_body(encoded: bytes) -> bytes:
    """Wrap a typed transaction as a string; a legacy one stands as the list that it is."""
    return encoded if encoded[0] >= _FIRST_LIST_PREFIX else rlp.encode(encoded)


Known: TypeAlias = "Callable[[bytes], Transaction | None]"
"""Finds a transaction that is decoded already by its bytes."""


def _from_body(item: bytes, known: Known) -> Transaction:
    if item[0] >= _FIRST_LIST_PREFIX:
        return known(item) or decode_transaction(item)
    payload = rlp.decode_bytes(rlp.decode(item), "transaction")
    if payload[:1] >= b"\xc0":
        raise DecodeError("transaction: a legacy transaction is wrapped as a typed one")
    return known(payload) or decode_transaction(payload)


def _nothing_known(_: bytes) -> None:
    return None


def decode_block(raw: bytes, known: Known = _nothing_known) -> Block:
    """Decode one block. Raises DecodeError; roots are not checked against the body.

    `known` gives a transaction of just these bytes that is decoded already, or None.
    """
    parts = rlp.split_list(raw, "block")
    if len(parts) not in (3, 4):
        raise DecodeError(f"block: expected 3 or 4 items, got {len(parts)}")
    withdrawals = None
    if len(parts) == 4:
        items = rlp.split_list(parts[3], "withdrawals")
        withdrawals = tuple(decode_withdrawal(item) for item in items)
    return Block(
        header=decode_header(parts[0]),
        transactions=tuple(
            _from_body(item, known) for item in rlp.split_list(parts[1], "transactions")
        ),
        withdrawals=withdrawals,
        ommers=tuple(decode_header(item) for item in rlp.split_list(parts[2], "ommers")),
    )._with_encoding(raw)


def ommers_hash(ommers: Sequence[Header]) -> Hash32:
    """Return the hash of a list of ommers, as a header holds it."""
    if not ommers:
        return EMPTY_OMMERS_HASH
    return keccak256(rlp.encode_list(ommer.encode() for ommer in ommers))


def transactions_root(transactions: Sequence[bytes]) -> Hash32:
    """Return the trie root over encoded transactions in order."""
    return ordered_trie_root(transactions)


def receipts_root(receipts: Sequence[Receipt]) -> Hash32:
    """Return the trie root over receipts in order."""
    return ordered_trie_root([receipt.hashed_form for receipt in receipts])


def withdrawals_root(withdrawals: Sequence[Withdrawal]) -> Hash32:
    """Return the trie root over withdrawals in order."""
    return ordered_trie_root([item.encode() for item in withdrawals])
