"""The root of a trie over a list, whose keys are all known before the first node is made.

Nothing is looked up, split or kept: nodes are made from the leaves upwards, each once. Knows
nothing of what the values are.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from chain.crypto.keccak import keccak256
from chain.types import Hash32

from .node import (
    EMPTY_REFERENCE,
    INLINE_LIMIT_BYTES,
    encode_list,
    encode_string,
    hash_reference,
    hex_prefix,
    nibbles,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_NIBBLES: Final = tuple(bytes((nibble,)) for nibble in range(16))
_FIRST_OF_TWO_BYTES: Final = 0x80
_EXTENSION, _LEAF = 0, 2
_LAST_LEAF: Final = hex_prefix(b"", _LEAF)
"""The path of a leaf right below a branch."""


def ordered_trie_root(values: Sequence[bytes]) -> Hash32:
    """The root over a list: each value under the RLP of its index (transactions, receipts).

    No value may be empty, as nothing that a block lists is.
    """
    if not values:
        return keccak256(EMPTY_REFERENCE)
    # Index 0 is written as 0x80: behind 1 to 127, before those that take two bytes.
    order = [*range(1, min(len(values), _FIRST_OF_TWO_BYTES)), 0]
    order += range(_FIRST_OF_TWO_BYTES, len(values))
    paths = [_path(index) for index in order]
    return keccak256(_node(paths, [values[index] for index in order], 0, len(order), 0))


@lru_cache(maxsize=4096)
def _path(index: int) -> bytes:
    return nibbles(encode_string(index.to_bytes((index.bit_length() + 7) // 8, "big")))


def _node(paths: list[bytes], values: list[bytes], start: int, end: int, depth: int) -> bytes:
    """RLP of the node over paths[start:end], which agree on their first `depth` nibbles.

    No path begins with another one, so that a value never ends in a branch.
    """
    first = paths[start]
    if end == start + 1:
        path = hex_prefix(first[depth:], _LEAF) if len(first) > depth else _LAST_LEAF
        return encode_list(encode_string(path) + encode_string(values[start]))
    last = paths[end - 1]
    shared = depth
    while first[shared] == last[shared]:
        shared += 1
    branch = _branch(paths, values, start, end, shared)
    if shared == depth:
        return branch
    return encode_list(
        encode_string(hex_prefix(first[depth:shared], _EXTENSION)) + _reference(branch)
    )


def _branch(paths: list[bytes], values: list[bytes], start: int, end: int, depth: int) -> bytes:
    above = paths[start][:depth]
    references: list[bytes] = []
    while start < end:
        nibble = paths[start][depth]
        references += [EMPTY_REFERENCE] * (nibble - len(references))
        child_end = end
        if nibble < 15:
            child_end = bisect_left(paths, above + _NIBBLES[nibble + 1], start, end)
        references.append(_reference(_node(paths, values, start, child_end, depth + 1)))
        start = child_end
    references += [EMPTY_REFERENCE] * (17 - len(references))
    return encode_list(b"".join(references))


def _reference(encoded: bytes) -> bytes:
    return encoded if len(encoded) < INLINE_LIMIT_BYTES else hash_reference(keccak256(encoded))
