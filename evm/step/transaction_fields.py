"""The fields of a transaction out of its first 1,024 bytes, as far as they stand before its lists.

Strict as `chain.transaction`: canonical RLP only, each field of its width. Lists and signature are
read later, step by step (`transaction_begin.py`). Formats: docs/protocol/transactions.md.
"""

from __future__ import annotations

from typing import Any, Final

from .block_records import Job, Stage
from .names import Name, layout
from .refusal import NotInOrder
from .rlp_items import Fields

LEGACY, ACCESS_LIST, DYNAMIC_FEE, BLOB, SET_CODE = range(5)
DEPOSIT: Final = 0x7E
HEAD_BYTES: Final = 1024
ADDRESS_BYTES: Final = 20
_LIST: Final = 0xC0


def read_head(head: bytes, data: Name, length: int) -> Job:
    """The job of a transaction, from its first bytes. Raises NotInOrder."""
    if not head:
        raise NotInOrder("a transaction without bytes")
    kind = LEGACY if head[0] >= _LIST else head[0]
    if head[0] == LEGACY or (kind > SET_CODE and kind != DEPOSIT):
        raise NotInOrder(f"transaction type {head[0]:#04x}")
    reader = Fields(head, 0 if kind == LEGACY else 1)
    payload = reader.header(is_list=True)
    if payload.end != length:
        raise NotInOrder(f"a transaction of {length} bytes whose list ends at {payload.end}")
    reader.position = payload.start
    values = _deposit(reader) if kind == DEPOSIT else _signed(reader, kind)
    body = reader.header(is_list=False)
    if body.end > length or (kind == DEPOSIT and body.end != length):
        raise NotInOrder(f"a transaction of {length} bytes whose data ends at {body.end}")
    stage = {LEGACY: Stage.SIGNATURE, DEPOSIT: Stage.SCAN}.get(kind, Stage.ACCESS_LIST)
    return blank(
        stage=stage, data=data, length=length, type=kind, payload_start=payload.start,
        data_start=body.start, data_length=body.end - body.start, cursor=body.end,
        signature_start=body.end, **values,
    )  # fmt: skip


def _signed(reader: Fields, kind: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if kind != LEGACY:
        values["chain_id"] = reader.number()
    values["nonce"] = reader.number(8)
    values["tip_cap"] = reader.number()
    values["fee_cap"] = values["tip_cap"]
    if kind >= DYNAMIC_FEE:
        values["fee_cap"] = reader.number()
    values["gas_limit"] = reader.number(8)
    values.update(_recipient(reader, may_create=kind < BLOB))
    values["value"] = reader.number()
    return values


def _deposit(reader: Fields) -> dict[str, Any]:
    reader.fixed(32)  # the source hash, which makes the transaction's own unlike any other's
    values: dict[str, Any] = {"sender": reader.fixed(ADDRESS_BYTES)}
    values.update(_recipient(reader, may_create=True))
    values["mint"] = reader.number()
    values["value"] = reader.number()
    values["gas_limit"] = reader.number(8)
    is_system = reader.string(1)
    if is_system not in (b"", b"\x01"):
        raise NotInOrder(f"is_system_transaction 0x{is_system.hex()}")
    values["is_system"] = len(is_system)
    return values


def _recipient(reader: Fields, *, may_create: bool) -> dict[str, Any]:
    to = reader.string(ADDRESS_BYTES)
    if len(to) != ADDRESS_BYTES and (to or not may_create):
        raise NotInOrder(f"a recipient of {len(to)} bytes")
    return {"to": to or bytes(ADDRESS_BYTES), "is_creation": int(not to)}


def blank(**values: object) -> Job:
    """A job with these values; all else is nothing."""
    empty = {
        name: 0 if kind == "unsigned" else bytes(size) for name, size, kind in layout(Job).fields
    }
    return Job(**{**empty, **values})  # type: ignore[arg-type]
