"""The three kinds of trie node, and their bytes.

A child is held in one of two ways. Unresolved, it is the *reference* as the parent's RLP carries
it: 0xa0 and a 32-byte hash, or the whole RLP of a node shorter than 32 bytes, or 0x80 for nothing.
A branch is then encoded by joining its references, with no work for each child. Resolved, it is a
node object. Knows nothing of where nodes are kept.
"""

from __future__ import annotations

from typing import Final, TypeAlias, final

from chain.crypto.keccak import keccak256

from .errors import TrieNodeError

EMPTY_REFERENCE: Final = b"\x80"
HASH_REFERENCE_BYTES: Final = 33
INLINE_LIMIT_BYTES: Final = 32  # a node of this size or more is referred to by its hash
_HASH_PREFIX: Final = b"\xa0"
_FULL_BRANCH_BYTES: Final = 532
_FULL_BRANCH_PREFIX: Final = b"\xf9\x02\x11"
_SIXTEEN_HASHES: Final = _HASH_PREFIX * 16

_FROM_HEX: Final = bytes.maketrans(b"0123456789abcdef", bytes(range(16)))
_TO_HEX: Final = bytes.maketrans(bytes(range(16)), b"0123456789abcdef")
_BYTE: Final = tuple(bytes((i,)) for i in range(256))


@final
class Leaf:
    """The rest of one key and its value."""

    __slots__ = ("encoding", "path", "reference", "value")

    def __init__(self, path: bytes, value: bytes, reference: bytes | None = None) -> None:
        self.path = path
        self.value = value
        self.reference = reference
        self.encoding: bytes | None = None


@final
class Extension:
    """A stretch of path that all keys below share; its child is always a branch."""

    __slots__ = ("child", "encoding", "path", "reference")

    def __init__(self, path: bytes, child: Reference, reference: bytes | None = None) -> None:
        self.path = path
        self.child = child
        self.reference = reference
        self.encoding: bytes | None = None


@final
class Branch:
    """Sixteen children by the next nibble, and the value of the key that ends here (or b"")."""

    __slots__ = ("children", "encoding", "reference", "value")

    def __init__(
        self, children: list[Reference], value: bytes, reference: bytes | None = None
    ) -> None:
        self.children = children
        self.value = value
        self.reference = reference
        self.encoding: bytes | None = None


# `reference` is None while a node differs from what was last hashed. `encoding` is kept from the
# hashing until the node has been handed out for storing, so that it is encoded once.
Node: TypeAlias = Leaf | Extension | Branch
Reference: TypeAlias = bytes | Node


def nibbles(key: bytes) -> bytes:
    """Spread a key into one byte for each of its nibbles, high nibble first."""
    return key.hex().encode("ascii").translate(_FROM_HEX)


def hex_digits(path: bytes) -> str:
    """Write a path of nibbles as hexadecimal digits."""
    return path.translate(_TO_HEX).decode("ascii")


def encode_string(data: bytes) -> bytes:
    """RLP of a byte string."""
    size = len(data)
    if size == 1 and data[0] < 0x80:
        return data
    if size < 56:
        return _BYTE[0x80 + size] + data
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return _BYTE[0xB7 + len(length)] + length + data


def encode_list(payload: bytes) -> bytes:
    """RLP of a list whose items are encoded already."""
    size = len(payload)
    if size < 56:
        return _BYTE[0xC0 + size] + payload
    if size < 256:
        return b"\xf8" + _BYTE[size] + payload
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return _BYTE[0xF7 + len(length)] + length + payload


def hex_prefix(path: bytes, flags: int) -> bytes:
    """Hex-prefix encoding (Yellow Paper, appendix C); flags is 0 for an extension, 2 for a leaf."""
    prefix = str(flags + 1) if len(path) & 1 else f"{flags}0"
    return bytes.fromhex(prefix + hex_digits(path))


def encode_node(node: Node) -> bytes:
    """RLP of a node; children that changed are hashed first."""
    if type(node) is Branch:
        references = [
            child if isinstance(child, bytes) else child.reference or seal(child)
            for child in node.children
        ]
        references.append(encode_string(node.value))
        return encode_list(b"".join(references))
    if type(node) is Leaf:
        return encode_list(encode_string(hex_prefix(node.path, 2)) + encode_string(node.value))
    child = node.child
    reference = child if isinstance(child, bytes) else seal(child)
    return encode_list(encode_string(hex_prefix(node.path, 0)) + reference)


def seal(node: Node) -> bytes:
    """Return the node's reference; hash it and the changed nodes below it where that is due."""
    reference = node.reference
    if reference is None:
        encoding = encode_node(node)
        if len(encoding) < INLINE_LIMIT_BYTES:
            reference = encoding
        else:
            reference = _HASH_PREFIX + keccak256(encoding)
            node.encoding = encoding
        node.reference = reference
    return reference


def hash_reference(node_hash: bytes) -> bytes:
    """The reference to a node by its 32-byte hash."""
    return _HASH_PREFIX + node_hash


def _end_of_item(data: bytes, start: int) -> int:
    """Return where the RLP item at start ends, refusing lengths that are not canonical."""
    first = data[start]
    if first < 0x80:
        return start + 1
    if first < 0xB8:
        if first == 0x81 and data[start + 1] < 0x80:
            raise TrieNodeError(f"byte {start}: a single byte below 0x80 must stand for itself")
        return start + 1 + first - 0x80
    if 0xC0 <= first < 0xF8:
        return start + 1 + first - 0xC0
    length_bytes = first - (0xB7 if first < 0xC0 else 0xF7)
    body = start + 1 + length_bytes
    length = int.from_bytes(data[start + 1 : body], "big")
    if length < 56 or data[start + 1] == 0:
        raise TrieNodeError(f"byte {start}: the length of an item is not canonical")
    return body + length


def _string_payload(item: bytes, what: str) -> bytes:
    first = item[0]
    if first < 0x80:
        return item
    if first < 0xB8:
        return item[1:]
    if first < 0xC0:
        return item[1 + first - 0xB7 :]
    raise TrieNodeError(f"{what} is a list, expected a byte string")


def _split(data: bytes) -> list[bytes]:
    """Cut a list into its items, each with its own RLP header."""
    if not data or data[0] < 0xC0:
        raise TrieNodeError("not a list")
    first = data[0]
    position = 1 if first < 0xF8 else 1 + first - 0xF7
    end = len(data)
    items = []
    try:
        if _end_of_item(data, 0) != end:
            raise TrieNodeError(f"the list says {_end_of_item(data, 0)} bytes, there are {end}")
        while position < end:
            first = data[position]
            if first == 0xA0:
                following = position + HASH_REFERENCE_BYTES
            elif first == 0x80:
                following = position + 1
            else:
                following = _end_of_item(data, position)
            items.append(data[position:following])
            position = following
    except IndexError:
        raise TrieNodeError("an item reaches past the end") from None
    if position != end:
        raise TrieNodeError("an item reaches past the end")
    return items


def _check_reference(item: bytes) -> None:
    size = len(item)
    by_hash = size == HASH_REFERENCE_BYTES and item[0] == 0xA0
    inline = item[0] >= 0xC0 and size < INLINE_LIMIT_BYTES
    if not by_hash and not inline:
        raise TrieNodeError(
            f"a child must be a hash or a node of under 32 bytes, "
            f"got {size} bytes 0x{item[:40].hex()}"
        )


def _decode_branch(items: list[bytes], reference: bytes | None) -> Branch:
    value = _string_payload(items.pop(), "the value of a branch")
    for item in items:
        if item[0] not in (0xA0, 0x80):  # a hash, nothing: their lengths follow from the first byte
            _check_reference(item)
    return Branch([*items], value, reference)


def _decode_short(items: list[bytes], reference: bytes | None) -> Leaf | Extension:
    prefixed = nibbles(_string_payload(items[0], "a path"))
    if not prefixed or prefixed[0] > 3:
        raise TrieNodeError(f"hex prefix of a path must be 0 to 3, got 0x{items[0][:40].hex()}")
    odd = prefixed[0] & 1
    if not odd and prefixed[1]:
        raise TrieNodeError("the padding nibble of a path of even length must be 0")
    path = prefixed[1:] if odd else prefixed[2:]
    if prefixed[0] >= 2:
        value = _string_payload(items[1], "the value of a leaf")
        if not value:
            raise TrieNodeError("a leaf has no value")
        return Leaf(path, value, reference)
    if not path:
        raise TrieNodeError("an extension has an empty path")
    _check_reference(items[1])
    return Extension(path, items[1], reference)


def hashes_in(data: bytes) -> list[bytes]:
    """The hashes by which a node refers to its children. Raises TrieNodeError."""
    node = decode_node(data)
    if type(node) is Branch:
        references = node.children
    else:
        references = [node.child] if type(node) is Extension else []
    return [
        item[1:]
        for item in references
        if isinstance(item, bytes) and len(item) == HASH_REFERENCE_BYTES
    ]


def decode_node(data: bytes, reference: bytes | None = None) -> Node:
    """Read one node; children stay unresolved. Raises TrieNodeError if it is not canonical."""
    if (
        len(data) == _FULL_BRANCH_BYTES
        and data.startswith(_FULL_BRANCH_PREFIX)
        and data[3:531:HASH_REFERENCE_BYTES] == _SIXTEEN_HASHES
        and data[531] == EMPTY_REFERENCE[0]
    ):
        # Near the root of a large trie all branches have sixteen children by hash and no value.
        return Branch([data[start : start + 33] for start in range(3, 531, 33)], b"", reference)
    items = _split(data)
    if len(items) == 17:
        return _decode_branch(items, reference)
    if len(items) == 2:
        return _decode_short(items, reference)
    raise TrieNodeError(f"a node has 2 or 17 items, this list has {len(items)}")
