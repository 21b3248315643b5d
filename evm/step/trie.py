"""Looking up a key in a Merkle-Patricia trie whose nodes are opened by their hashes.

Nodes shorter than 32 bytes lie inside their parents and are not opened by themselves.
"""

from __future__ import annotations

from typing import Final

from chain.trie import EMPTY_ROOT
from chain.trie.errors import TrieNodeError
from chain.trie.node import (
    EMPTY_REFERENCE,
    HASH_REFERENCE_BYTES,
    Branch,
    Leaf,
    decode_node,
    hash_reference,
    nibbles,
)

from .errors import WitnessError
from .opener import Opener

MAX_NODE_BYTES: Final = 1_024
"""A branch of sixteen hashes has 532; values of our tries are shorter than 110."""


def lookup(opener: Opener, root: bytes, key: bytes) -> bytes | None:
    """The value of a 32-byte key, or None. Raises WitnessError where a node is malformed."""
    path, position = nibbles(key), 0
    reference = EMPTY_REFERENCE if root == EMPTY_ROOT else hash_reference(root)
    while reference != EMPTY_REFERENCE:
        data = reference
        if len(reference) == HASH_REFERENCE_BYTES:
            data = opener.raw(reference[1:], MAX_NODE_BYTES)
        try:
            node = decode_node(data)
        except TrieNodeError as error:
            raise WitnessError(f"trie node at nibble {position}: {error}") from None
        if type(node) is Branch:
            if position == len(path):
                return node.value or None
            child = node.children[path[position]]
            position += 1
        elif type(node) is Leaf:
            return node.value if path[position:] == node.path else None
        else:
            if not path.startswith(node.path, position):
                return None
            position += len(node.path)
            child = node.child
        assert isinstance(child, bytes)  # noqa: S101 - decode_node resolves no child
        reference = child
    return None
