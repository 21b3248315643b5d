"""The transactions of a span batch: all of one field, then all of the next.

    txs = contract_creation_bits ++ y_parity_bits ++ signatures ++ tos ++ datas ++ nonces ++
          gas_limits ++ protected_bits

    data of type 0 = rlp([value, gas_price, data])
            type 1 = 0x01 ++ rlp([value, gas_price, data, access_list])
            type 2 = 0x02 ++ rlp([value, tip, fee_cap, data, access_list])
            type 4 = 0x04 ++ rlp([value, tip, fee_cap, data, access_list, authorization_list])

The chain id is not written; `protected_bits` has one bit for each legacy transaction and says
whether it is signed for the chain (EIP-155). Columns are checked when they are read and put
together when a transaction is asked for.
Source: OP Stack specs, protocol/delta/span-batches.md, "Span batch format";
protocol/isthmus/derivation.md, "Span Batch Updates". Knows nothing of blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from chain import rlp
from chain.errors import DecodeError, EncodeError
from chain.transaction import (
    ACCESS_LIST_TYPE,
    DYNAMIC_FEE_TYPE,
    LEGACY_TYPE,
    SET_CODE_TYPE,
    AccessListTransaction,
    BlobTransaction,
    DepositTransaction,
    DynamicFeeTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    decode_transaction,
)

from .compact import CompactReader, encode_bits, encode_uvarints

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_Spannable: TypeAlias = (
    LegacyTransaction | AccessListTransaction | DynamicFeeTransaction | SetCodeTransaction
)

MAX_SPAN_BATCH_ELEMENT_COUNT: Final = 10_000_000
"""Most blocks, transactions, and bytes of one transaction's data (specs, "Protocol Parameters")."""

_SIGNATURE_BYTES: Final = 64
_ADDRESS_BYTES: Final = 20
_FIRST_TYPELESS: Final = 0x80
_UNPROTECTED_V: Final = 27
_EIP155_V: Final = 35
# Fields of each type's data: integers in front, then the call's data, then lists.
_FIELDS: Final = {LEGACY_TYPE: 3, ACCESS_LIST_TYPE: 4, DYNAMIC_FEE_TYPE: 5, SET_CODE_TYPE: 6}
_INTEGERS: Final = {LEGACY_TYPE: 2, ACCESS_LIST_TYPE: 2, DYNAMIC_FEE_TYPE: 3, SET_CODE_TYPE: 3}


@dataclass(frozen=True, slots=True)
class SpanTransactions:
    """The columns. Bit i of `creation_bits` and `y_parity_bits` belongs to transaction i, bit j of
    `protected_bits` to the j-th legacy one; `recipients` leaves out those that create a contract.
    """

    creation_bits: int
    y_parity_bits: int
    signatures: bytes
    recipients: tuple[bytes, ...]
    data: tuple[bytes, ...]
    nonces: tuple[int, ...]
    gas_limits: tuple[int, ...]
    protected_bits: int

    def __len__(self) -> int:
        return len(self.data)

    def encode(self) -> bytes:
        """The columns as they stand in the batch. Raises EncodeError."""
        count = len(self.data)
        legacy = sum(data[0] >= _FIRST_TYPELESS for data in self.data)
        return b"".join(
            (
                encode_bits(self.creation_bits, count),
                encode_bits(self.y_parity_bits, count),
                self.signatures,
                *self.recipients,
                *self.data,
                encode_uvarints(self.nonces),
                encode_uvarints(self.gas_limits),
                encode_bits(self.protected_bits, legacy),
            )
        )


def read_span_transactions(reader: CompactReader, count: int) -> SpanTransactions:
    """Take the columns of `count` transactions. Raises DecodeError, also for one that is none."""
    creation_bits = reader.bits(count, "contract creation bits")
    y_parity_bits = reader.bits(count, "y parity bits")
    signatures = reader.take(count * _SIGNATURE_BYTES, "signatures")
    tos = reader.take((count - creation_bits.bit_count()) * _ADDRESS_BYTES, "recipients")
    data = tuple([_read_data(reader, index) for index in range(count)])
    nonces = reader.uvarints(count, "nonces")
    gas_limits = reader.uvarints(count, "gas limits")
    legacy = sum(item[0] >= _FIRST_TYPELESS for item in data)
    protected_bits = reader.bits(legacy, "protected bits")
    _require_sound(data, creation_bits)
    return SpanTransactions(
        creation_bits=creation_bits,
        y_parity_bits=y_parity_bits,
        signatures=signatures,
        recipients=tuple([tos[at : at + 20] for at in range(0, len(tos), _ADDRESS_BYTES)]),
        data=data,
        nonces=nonces,
        gas_limits=gas_limits,
        protected_bits=protected_bits,
    )


def _require_sound(data: Sequence[bytes], creation_bits: int) -> None:
    creations = creation_bits.to_bytes(len(data) // 8 + 1, "little")
    for index, item in enumerate(data):
        kind, _ = decode_span_data(item)
        if kind == SET_CODE_TYPE and _bit(creations, index):
            raise DecodeError(f"span batch transaction {index}: type 4 creates no contract")


def _read_data(reader: CompactReader, index: int) -> bytes:
    """The data of one transaction with its type byte: cut out, not looked into."""
    start = reader.position
    if reader.remaining == 0:
        raise reader.error(f"transaction {index}: no data")
    body = start if reader.data[start] >= _FIRST_TYPELESS else start + 1
    end = rlp.list_end(reader.data, body, f"span batch transaction {index}")
    if end - body > MAX_SPAN_BATCH_ELEMENT_COUNT:
        raise reader.error(f"transaction {index}: {end - body} bytes of data")
    return reader.take(end - start, f"transaction {index}")


class SpanTransactionReader:
    """Puts raw (EIP-2718) transactions together, one after the other, in the batch's order."""

    def __init__(self, columns: SpanTransactions, chain_id: int) -> None:
        self._columns = columns
        self._chain_id = chain_id
        # As bytes: shifting an integer of a million bits costs as much for every bit.
        count = len(columns)
        self._creations = columns.creation_bits.to_bytes(count // 8 + 1, "little")
        self._y_parities = columns.y_parity_bits.to_bytes(count // 8 + 1, "little")
        self._protected = columns.protected_bits.to_bytes(count // 8 + 1, "little")
        self._index = 0
        self._recipient = 0
        self._legacy = 0

    def next(self) -> bytes:
        """The next transaction, signed for the chain."""
        columns, index = self._columns, self._index
        kind, fields = decode_span_data(columns.data[index])
        to = b""
        if not _bit(self._creations, index):
            to = columns.recipients[self._recipient]
            self._recipient += 1
        y_parity = _bit(self._y_parities, index)
        signature = columns.signatures[index * _SIGNATURE_BYTES : (index + 1) * _SIGNATURE_BYTES]
        nonce = rlp.encode_int(columns.nonces[index])
        gas_limit = rlp.encode_int(columns.gas_limits[index])
        self._index += 1
        r, s = signature[:32].lstrip(b"\0"), signature[32:].lstrip(b"\0")
        if kind == LEGACY_TYPE:
            value, gas_price, data = fields
            v = rlp.encode_int(self._legacy_v(y_parity))
            return rlp.encode((nonce, gas_price, gas_limit, to, value, data, v, r, s))
        value, *prices, data = fields[: _INTEGERS[kind] + 1]
        lists = fields[_INTEGERS[kind] + 1 :]
        chain_id, parity = rlp.encode_int(self._chain_id), rlp.encode_int(y_parity)
        body = (chain_id, nonce, *prices, gas_limit, to, value, data, *lists, parity, r, s)
        return bytes((kind,)) + rlp.encode(body)

    def skip(self, count: int) -> None:
        """Leave out so many transactions."""
        for index in range(self._index, self._index + count):
            self._recipient += not _bit(self._creations, index)
            self._legacy += self._columns.data[index][0] >= _FIRST_TYPELESS
        self._index += count

    def _legacy_v(self, y_parity: int) -> int:
        is_protected = _bit(self._protected, self._legacy)
        self._legacy += 1
        return y_parity + (self._chain_id * 2 + _EIP155_V if is_protected else _UNPROTECTED_V)


def _bit(bits: bytes, index: int) -> int:
    return bits[index >> 3] >> (index & 7) & 1


def decode_span_data(data: bytes) -> tuple[int, list[rlp.DecodedItem]]:
    """(type, fields) of one transaction's data. Raises DecodeError for what no such type has."""
    kind = LEGACY_TYPE if data[0] >= _FIRST_TYPELESS else data[0]
    if kind not in _FIELDS or (kind == LEGACY_TYPE and data[0] < _FIRST_TYPELESS):
        raise DecodeError(f"span batch transaction: type {data[0]} has no place in a span batch")
    body = data if kind == LEGACY_TYPE else data[1:]
    fields = rlp.decode_list(rlp.decode(body), "span batch transaction", length=_FIELDS[kind])
    integers = _INTEGERS[kind]
    for item in fields[:integers]:
        rlp.decode_int(item, "span batch transaction: value or price")
    rlp.decode_bytes(fields[integers], "span batch transaction: call data")
    if kind != LEGACY_TYPE:
        _require_access_list(fields[integers + 1])
    if kind == SET_CODE_TYPE:
        _require_authorizations(fields[integers + 2])
    return kind, fields


def _require_access_list(item: rlp.DecodedItem) -> None:
    for entry in rlp.decode_list(item, "access list"):
        address, slots = rlp.decode_list(entry, "access list entry", length=2)
        rlp.decode_bytes(address, "access list address", size=_ADDRESS_BYTES)
        for slot in rlp.decode_list(slots, "access list slots"):
            rlp.decode_bytes(slot, "access list slot", size=32)


def _require_authorizations(item: rlp.DecodedItem) -> None:
    sizes = (("chain id", 32), ("address", 0), ("nonce", 8), ("parity", 1), ("r", 32), ("s", 32))
    for entry in rlp.decode_list(item, "authorization list"):
        fields = rlp.decode_list(entry, "authorization", length=len(sizes))
        for (name, size), field in zip(sizes, fields, strict=True):
            if size:
                rlp.decode_int(field, f"authorization {name}", max_bytes=size)
            else:
                rlp.decode_bytes(field, f"authorization {name}", size=_ADDRESS_BYTES)


def span_transactions(raw_transactions: Iterable[bytes], chain_id: int) -> SpanTransactions:
    """The columns of raw transactions.

    Raises EncodeError for one that a span batch cannot hold: a deposit, a blob transaction, one of
    another chain, or bytes that are no transaction.
    """
    transactions = [_decode(raw, index, chain_id) for index, raw in enumerate(raw_transactions)]
    legacy = [tx for tx in transactions if isinstance(tx, LegacyTransaction)]
    return SpanTransactions(
        creation_bits=_bits([tx.to is None for tx in transactions]),
        y_parity_bits=_bits([bool(tx.y_parity) for tx in transactions]),
        signatures=b"".join(
            [tx.r.to_bytes(32, "big") + tx.s.to_bytes(32, "big") for tx in transactions]
        ),
        recipients=tuple([tx.to for tx in transactions if tx.to is not None]),
        data=tuple([_data_of(tx) for tx in transactions]),
        nonces=tuple([tx.nonce for tx in transactions]),
        gas_limits=tuple([tx.gas_limit for tx in transactions]),
        protected_bits=_bits([tx.chain_id is not None for tx in legacy]),
    )


def _decode(raw: bytes, index: int, chain_id: int) -> _Spannable:
    try:
        tx = decode_transaction(raw)
    except DecodeError as error:
        raise EncodeError(f"span batch transaction {index}: {error}") from error
    if isinstance(tx, (BlobTransaction, DepositTransaction)):
        raise EncodeError(
            f"span batch transaction {index}: type {tx.type} has no place in a span batch"
        )
    if tx.chain_id not in (None, chain_id):
        raise EncodeError(
            f"span batch transaction {index}: signed for chain {tx.chain_id}, "
            f"the batch is of chain {chain_id}"
        )
    return tx


def _bits(flags: Sequence[bool]) -> int:
    """Bit i for flag i."""
    return int("".join(["01"[flag] for flag in reversed(flags)]) or "0", 2)


def _data_of(tx: _Spannable) -> bytes:
    """One transaction's data, taken out of its own encoding so that nothing is written anew."""
    raw = tx.encode()
    if isinstance(tx, LegacyTransaction):
        fields = rlp.split_list(raw)
        return rlp.encode_list((fields[4], fields[1], fields[5]))
    fields = rlp.split_list(raw[1:])
    prices = 1 if isinstance(tx, AccessListTransaction) else 2
    to = 3 + prices  # after chain id, nonce, prices and gas limit
    value, data, access_list = fields[to + 1 : to + 4]
    lists = fields[to + 3 : to + 5] if isinstance(tx, SetCodeTransaction) else [access_list]
    return raw[:1] + rlp.encode_list((value, *fields[2 : 2 + prices], data, *lists))
