"""What nodes say to each other: one dataclass a message, with a limit for each kind.

    body   MessagePack array of the fields, in one canonical form; a Publish: the payload
    kind   one byte before it, so that a reader knows the limit before it takes a byte of the body

Decoding refuses what encoding would not have written. Knows nothing of who sent a message, nor of
what a block, transaction or cell is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final, TypeAlias, cast

import msgpack

from chain.errors import EncodeError

from .errors import RemoteProtocolError

ID_BYTES: Final = 20
"""Gossip ids: the first bytes of SHA-256 over topic and payload."""

HASH_BYTES: Final = 32
MAX_IDS: Final = 2048
MAX_PEER_RECORDS: Final = 32
MAX_PEER_RECORD_BYTES: Final = 256
MAX_TEXT: Final = 256
MAX_UINT64: Final = 2**64 - 1
MAX_ITEMS: Final = 1024
MAX_RANGES: Final = 128
_KIB: Final = 1024
_MIB: Final = 1024 * 1024


class Topic(IntEnum):
    """What is gossiped."""

    BLOCKS = 0
    TRANSACTIONS = 1
    CELLS = 2
    ATTESTATIONS = 3


TOPIC_LIMITS: Final[dict[Topic, int]] = {
    Topic.BLOCKS: 10 * _MIB,  # OP Stack specs, rollup-node-p2p.md: MAX_GOSSIP_SIZE
    Topic.TRANSACTIONS: 256 * _KIB,  # a batch; one transaction has at most 128 KiB in the pool
    Topic.CELLS: 4 * _KIB,  # a cell of 2,048 bytes, proof, commitment, index
    Topic.ATTESTATIONS: 4 * _KIB,
}


class Status(IntEnum):
    """How a request was answered."""

    OK = 0
    UNKNOWN = 1
    BUSY = 2
    REFUSED = 3


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The last message: why the sender closes."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ping:
    """Wants a Pong with the same number."""

    number: int


@dataclass(frozen=True, slots=True)
class Pong:
    """Answers a Ping."""

    number: int


@dataclass(frozen=True, slots=True)
class HeadStatus:
    """How far the sender's chain goes."""

    unsafe_number: int
    unsafe_hash: bytes
    safe_number: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    """The topics that the sender wants; replaces what it said before."""

    topics: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Graft:
    """Take me into your mesh of a topic."""

    topic: int


@dataclass(frozen=True, slots=True)
class Prune:
    """You are not in my mesh of a topic; ask again after so many seconds."""

    topic: int
    backoff_s: int


@dataclass(frozen=True, slots=True)
class IHave:
    """Ids that the sender has seen."""

    topic: int
    ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class IWant:
    """Ids that the sender wants in full."""

    ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Publish:
    """Something gossiped, in full."""

    topic: Topic
    payload: bytes


@dataclass(frozen=True, slots=True)
class GetPeers:
    """Wants signed peer records."""

    count: int


@dataclass(frozen=True, slots=True)
class Peers:
    """Signed peer records (address_book.py)."""

    records: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class GetHeaders:
    """Wants `count` headers from a number up."""

    id: int
    start: int
    count: int


@dataclass(frozen=True, slots=True)
class GetBlocks:
    """Wants `count` blocks from a number up, with their signatures where there are any."""

    id: int
    start: int
    count: int


@dataclass(frozen=True, slots=True)
class GetCells:
    """Wants cells of a blob by index."""

    id: int
    commitment: bytes
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class GetState:
    """Wants trie nodes and contract code by hash, each with what hangs below it while it fits."""

    id: int
    hashes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class GetRanges:
    """Wants the leaves of tries by root: of the first from a key on, of the others all."""

    id: int
    roots: tuple[bytes, ...]
    start: bytes


@dataclass(frozen=True, slots=True)
class GetOutput:
    """Wants what the output root of a block commits to, and the block's header."""

    id: int
    number: int


@dataclass(frozen=True, slots=True)
class Response:
    """Answers one request, by its id."""

    id: int
    status: int
    items: tuple[bytes, ...]


Message: TypeAlias = (
    Goodbye | Ping | Pong | HeadStatus | Subscribe | Graft | Prune | IHave | IWant | Publish
    | GetPeers | Peers | GetHeaders | GetBlocks | GetCells | GetState | GetRanges | GetOutput
    | Response
)  # fmt: skip
Request: TypeAlias = GetHeaders | GetBlocks | GetCells | GetState | GetRanges | GetOutput

_Check: TypeAlias = Callable[[Any], bool]


def _uint(limit: int) -> _Check:
    # A Topic or Status is an int; True is none here, though Python thinks so.
    return lambda value: (
        isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= limit
    )


def _binary(low: int, high: int) -> _Check:
    return lambda value: type(value) is bytes and low <= len(value) <= high


def _text(limit: int) -> _Check:
    return lambda value: type(value) is str and len(value) <= limit


def _list(item: _Check, limit: int) -> _Check:
    return lambda value: isinstance(value, tuple) and len(value) <= limit and all(map(item, value))


_UINT64: Final = _uint(MAX_UINT64)
_UINT32: Final = _uint(2**32 - 1)
_TOPIC: Final = _uint(len(Topic) - 1)
_HASH: Final = _binary(HASH_BYTES, HASH_BYTES)
_IDS: Final = _list(_binary(ID_BYTES, ID_BYTES), MAX_IDS)


@dataclass(frozen=True, slots=True)
class _Form:
    """A kind's number, the most bytes of its body, and what each field has to be."""

    kind: int
    limit: int
    fields: dict[str, _Check]


FORMS: Final[dict[type, _Form]] = {
    Goodbye: _Form(0x01, 2 * _KIB, {"reason": _text(MAX_TEXT)}),
    Ping: _Form(0x02, 16, {"number": _UINT64}),
    Pong: _Form(0x03, 16, {"number": _UINT64}),
    HeadStatus: _Form(
        0x04, 64, {"unsafe_number": _UINT64, "unsafe_hash": _HASH, "safe_number": _UINT64}
    ),
    Subscribe: _Form(0x10, 16, {"topics": _list(_TOPIC, len(Topic))}),
    Graft: _Form(0x11, 8, {"topic": _TOPIC}),
    Prune: _Form(0x12, 16, {"topic": _TOPIC, "backoff_s": _UINT32}),
    IHave: _Form(0x13, 64 * _KIB, {"topic": _TOPIC, "ids": _IDS}),
    IWant: _Form(0x14, 64 * _KIB, {"ids": _IDS}),
    GetPeers: _Form(0x30, 8, {"count": _uint(MAX_PEER_RECORDS)}),
    Peers: _Form(
        0x31,
        16 * _KIB,
        {"records": _list(_binary(1, MAX_PEER_RECORD_BYTES), MAX_PEER_RECORDS)},
    ),
    GetHeaders: _Form(
        0x40, 32, {"id": _UINT32, "start": _UINT64, "count": _uint(MAX_ITEMS)}
    ),
    GetBlocks: _Form(0x41, 32, {"id": _UINT32, "start": _UINT64, "count": _uint(MAX_ITEMS)}),
    GetCells: _Form(
        0x42,
        _KIB,
        {"id": _UINT32, "commitment": _binary(48, 48), "indices": _list(_uint(127), 128)},
    ),
    GetState: _Form(0x43, 16 * _KIB, {"id": _UINT32, "hashes": _list(_HASH, 256)}),
    GetRanges: _Form(
        0x44, 8 * _KIB, {"id": _UINT32, "roots": _list(_HASH, MAX_RANGES), "start": _HASH}
    ),
    GetOutput: _Form(0x45, 32, {"id": _UINT32, "number": _UINT64}),
    Response: _Form(
        0x4F,
        12 * _MIB,
        {
            "id": _UINT32,
            "status": _uint(max(Status)),
            "items": _list(_binary(0, 12 * _MIB), 64 * _KIB),
        },
    ),
}  # fmt: skip
PUBLISH_KIND: Final = 0x20
"""And the topic."""

LIMITS: Final[dict[int, int]] = {
    **{form.kind: form.limit for form in FORMS.values()},
    **{PUBLISH_KIND + topic: limit for topic, limit in TOPIC_LIMITS.items()},
}
"""Kind → the most bytes of its body."""

_BY_KIND: Final = {form.kind: kind for kind, form in FORMS.items()}


def encode_message(message: Message) -> tuple[int, bytes]:
    """Kind and body. Raises EncodeError for a field out of range or a body over its limit."""
    if isinstance(message, Publish):
        kind, body = PUBLISH_KIND + message.topic, message.payload
    else:
        form = FORMS[type(message)]
        values = []
        for name, check in form.fields.items():
            value = getattr(message, name)
            if not check(value):
                raise EncodeError(f"{type(message).__name__}.{name}: {_shown(value)} not allowed")
            values.append(value)
        kind, body = form.kind, cast("bytes", msgpack.packb(values))
    if len(body) > LIMITS[kind]:
        raise EncodeError(f"{type(message).__name__}: {len(body)} bytes, {LIMITS[kind]} at most")
    return kind, body


def decode_message(kind: int, body: bytes) -> Message:
    """Read one message. Raises RemoteProtocolError for anything that encoding does not write."""
    limit = LIMITS.get(kind)
    if limit is None:
        raise RemoteProtocolError(f"message: unknown kind 0x{kind:02x}")
    if len(body) > limit:
        raise RemoteProtocolError(f"message 0x{kind:02x}: {len(body)} bytes, {limit} at most")
    if kind not in _BY_KIND:
        return Publish(Topic(kind - PUBLISH_KIND), body)
    made = _BY_KIND[kind]
    form = FORMS[made]
    values = _unpacked(made.__name__, body)
    if len(values) != len(form.fields):
        raise RemoteProtocolError(
            f"{made.__name__}: {len(values)} fields, expected {len(form.fields)}"
        )
    for (name, check), value in zip(form.fields.items(), values, strict=True):
        if not check(value):
            raise RemoteProtocolError(f"{made.__name__}.{name}: {_shown(value)} not allowed")
    return cast("Message", made(*values))


def unpack_array(what: str, body: bytes) -> tuple[Any, ...]:
    """Read a canonical MessagePack array, nested at most once. Raises RemoteProtocolError."""
    return _unpacked(what, body)


def _unpacked(what: str, body: bytes) -> tuple[Any, ...]:
    try:
        values = msgpack.unpackb(
            body, use_list=False, raw=False, max_map_len=0, max_ext_len=0, strict_map_key=True
        )
        again = msgpack.packb(values)
    except (ValueError, TypeError, RecursionError, OverflowError, msgpack.UnpackException) as error:
        raise RemoteProtocolError(f"{what}: not MessagePack: {str(error)[:80]}") from None
    if not isinstance(values, tuple) or again != body:
        raise RemoteProtocolError(f"{what}: not an array in canonical form")
    return values


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes 0x{value[:8].hex()}"
    if isinstance(value, tuple):
        return f"a list of {len(value)}"
    return repr(value)[:60]
