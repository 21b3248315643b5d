"""The layout of keys and values: one letter for the kind of record, then what it is about.

docs/protocol/storage.md is the table. Every value begins with the CRC-32 of its key and itself, so
that damage, and a value under another's key, is seen when it is read. Knows nothing of when what is
written.
"""

from __future__ import annotations

import zlib
from enum import Enum
from typing import TYPE_CHECKING, Final
from zlib import crc32

from chain import rlp
from chain.account import EMPTY_CODE_HASH
from chain.errors import DecodeError
from chain.heads import BlockId, Heads
from chain.trie import EMPTY_ROOT
from chain.types import ADDRESS_BYTES, HASH_BYTES, Address, Hash32

from .errors import CorruptRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA_VERSION: Final = 3
"""Of a store that keeps every state. Raised when a key or value changes its form."""

PRUNED_SCHEMA_VERSION: Final = 4
"""Of a store that drops states: the same, with counts of uses and journals."""

OLDER_SCHEMA_VERSIONS: Final = {1: SCHEMA_VERSION, 2: PRUNED_SCHEMA_VERSION}
"""What is read as well, and becomes what when it is opened: the same without packed values."""

CHECKSUM_BYTES: Final = 4
_PACKED_NODE: Final = b"\x00"
_ZLIB_STREAM: Final = b"\x78"
_FASTEST: Final = 1
_PLAIN_ACCOUNT_END: Final = b"\xa0" + EMPTY_ROOT + b"\xa0" + EMPTY_CODE_HASH
"""The last two items of an account without storage and code."""
NUMBER_BYTES: Final = 8
INDEX_BYTES: Final = 4


class Kind(Enum):
    """The kinds of record; the value is the first byte of the key."""

    BODY = b"b"
    CANONICAL = b"c"
    HEADER = b"h"
    JOURNAL = b"j"
    CODE = b"k"
    META = b"m"
    NODE = b"n"
    RECEIPTS = b"r"
    SENDERS = b"s"
    TRANSACTION = b"t"
    USES = b"u"


# For the two kinds that are read and written by the thousand.
NODE_PREFIX: Final = Kind.NODE.value
CODE_PREFIX: Final = Kind.CODE.value


def key_of(kind: Kind, subject: bytes) -> bytes:
    """The key of what is known about a hash or a name."""
    return kind.value + subject


def canonical_key(number: int) -> bytes:
    """The key of the canonical block's hash at a height; big-endian, to lie in order of height."""
    return Kind.CANONICAL.value + number.to_bytes(NUMBER_BYTES, "big")


def journal_key(number: int, block_hash: bytes) -> bytes:
    """The key of what a block did to the uses of records; without a hash, of a height's blocks."""
    return Kind.JOURNAL.value + number.to_bytes(NUMBER_BYTES, "big") + block_hash


def uses_key(record_key: bytes) -> bytes:
    """The key of how often a record is used, where that is more than once."""
    return Kind.USES.value + record_key


class Batch:
    """What one write will do to the store: deletes, then puts."""

    def __init__(self) -> None:
        self.puts: dict[bytes, bytes] = {}
        self.deletes: list[bytes] = []

    def put(self, key: bytes, payload: bytes) -> None:
        """Write a value under its checksum."""
        self.puts[key] = seal(key, payload)


def seal(key: bytes, payload: bytes) -> bytes:
    """Put the checksum before a value."""
    return crc32(payload, crc32(key)).to_bytes(CHECKSUM_BYTES, "big") + payload


def unseal(key: bytes, record: bytes) -> bytes:
    """Take the checksum off. Raises CorruptRecord if it is not that of this key and value."""
    payload = record[CHECKSUM_BYTES:]
    expected = crc32(payload, crc32(key)).to_bytes(CHECKSUM_BYTES, "big")
    if record[:CHECKSUM_BYTES] != expected:
        raise CorruptRecord(
            key, f"checksum is 0x{record[:CHECKSUM_BYTES].hex()}, expected 0x{expected.hex()}"
        )
    return payload


def pack_node(node: bytes) -> bytes:
    """A trie node as it is stored: without the 66 bytes in which most accounts end alike."""
    if node.endswith(_PLAIN_ACCOUNT_END):
        return _PACKED_NODE + node[: -len(_PLAIN_ACCOUNT_END)]
    return node


def unpack_node(packed: bytes) -> bytes:
    """The RLP of a stored node; it never begins with the mark of a packed one."""
    if packed[:1] == _PACKED_NODE:
        return packed[1:] + _PLAIN_ACCOUNT_END
    return packed


def pack_list(encoded: bytes) -> bytes:
    """An RLP list as it is stored: deflated where that is smaller."""
    packed = zlib.compress(encoded, _FASTEST)
    return packed if len(packed) < len(encoded) else encoded


def unpack_list(packed: bytes) -> bytes:
    """The RLP list of a stored one, which no zlib stream begins like. Raises DecodeError."""
    if packed[:1] != _ZLIB_STREAM:
        return packed
    try:
        return zlib.decompress(packed)
    except zlib.error as error:
        raise DecodeError(f"deflated list: {error}") from error


def encode_heads(heads: Heads) -> bytes:
    """RLP of three pairs of number and hash: unsafe, safe, finalized."""
    blocks = (heads.unsafe, heads.safe, heads.finalized)
    return rlp.encode([[rlp.encode_int(block.number), block.hash] for block in blocks])


def decode_heads(payload: bytes) -> Heads:
    """Read heads back. Raises DecodeError, or InvalidHeadMove if they are out of order."""
    blocks = []
    for item in rlp.decode_list(rlp.decode(payload), "heads", length=3):
        number, block_hash = rlp.decode_list(item, "head", length=2)
        blocks.append(
            BlockId(
                rlp.decode_int(number, "number of a head", max_bytes=NUMBER_BYTES),
                Hash32(rlp.decode_bytes(block_hash, "hash of a head", size=HASH_BYTES)),
            )
        )
    return Heads(*blocks)


def encode_location(block: BlockId, index: int) -> bytes:
    """Where a transaction is: block hash, height, index in the block."""
    number = block.number.to_bytes(NUMBER_BYTES, "big")
    return block.hash + number + index.to_bytes(INDEX_BYTES, "big")


def decode_location(payload: bytes) -> tuple[BlockId, int]:
    """Read a transaction's place back. Raises DecodeError."""
    if len(payload) != HASH_BYTES + NUMBER_BYTES + INDEX_BYTES:
        raise DecodeError(f"transaction location: expected 44 bytes, got {len(payload)}")
    number = int.from_bytes(payload[HASH_BYTES : HASH_BYTES + NUMBER_BYTES], "big")
    block = BlockId(number, Hash32(payload[:HASH_BYTES]))
    return block, int.from_bytes(payload[HASH_BYTES + NUMBER_BYTES :], "big")


def encode_senders(senders: Iterable[Address]) -> bytes:
    """The senders of a block's transactions, one after the other."""
    return b"".join(senders)


def decode_senders(payload: bytes) -> tuple[Address, ...]:
    """Read senders back. Raises DecodeError."""
    if len(payload) % ADDRESS_BYTES:
        raise DecodeError(f"senders: {len(payload)} bytes are not a multiple of {ADDRESS_BYTES}")
    starts = range(0, len(payload), ADDRESS_BYTES)
    return tuple(Address(payload[start : start + ADDRESS_BYTES]) for start in starts)
