"""Checking a proof from `Trie.prove`, `eth_getProof` or any other client against a root.

Trusts nothing but the root. Work is bounded by the length of the key: nodes beyond the path of the
key are refused unread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chain.crypto.keccak import keccak256

from .errors import ProofError, TrieNodeError
from .hexary import EMPTY_ROOT
from .node import (
    EMPTY_REFERENCE,
    HASH_REFERENCE_BYTES,
    Branch,
    Leaf,
    Node,
    decode_node,
    hash_reference,
    hex_digits,
    nibbles,
    seal,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def verify_proof(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes | None:
    """Return the value that the trie with this root holds under key, or None if it holds none.

    The proof is the list of nodes from the root down, inlined ones left out (EIP-1186). For the
    empty trie it is empty, or the one node 0x80. Raises ProofError if a node is malformed, missing,
    not the one its parent names, or not needed.
    """
    if root == EMPTY_ROOT:
        if list(proof) not in ([], [EMPTY_REFERENCE]):
            raise ProofError(f"the trie is empty, yet the proof has {len(proof)} nodes")
        return None
    path = nibbles(key)
    position = used = 0
    reference = hash_reference(root)
    while True:
        node = _open(reference, proof, used, hex_digits(path[:position]))
        used += len(reference) == HASH_REFERENCE_BYTES
        following = _step(node, path, position)
        if following is None or isinstance(following, _Found):
            break
        reference, position = following
    if used != len(proof):
        raise ProofError(f"the key is settled by {used} nodes, the proof has {len(proof)}")
    return None if following is None else following.value


class _Found:
    """The end of a walk at a value."""

    __slots__ = ("value",)

    def __init__(self, value: bytes) -> None:
        self.value = value


def _step(node: Node, path: bytes, position: int) -> tuple[bytes, int] | _Found | None:
    """Go one node on: the next reference and position, the value, or None for a key not there."""
    if type(node) is Branch:
        if position == len(path):
            return _Found(node.value) if node.value else None
        child = node.children[path[position]]
        following = position + 1
    elif type(node) is Leaf:
        return _Found(node.value) if path[position:] == node.path else None
    else:
        if not path.startswith(node.path, position):
            return None
        child = node.child
        following = position + len(node.path)
    if child == EMPTY_REFERENCE:
        return None
    return seal(child) if not isinstance(child, bytes) else child, following


def _open(reference: bytes, proof: Sequence[bytes], used: int, path: str) -> Node:
    """Read the node behind a reference: the proof's next, or the reference itself if inlined."""
    data = reference
    where = f"path {path or '(root)'}"
    if len(reference) == HASH_REFERENCE_BYTES:
        if used == len(proof):
            raise ProofError(f"the proof ends after {used} nodes, before {where}")
        data = proof[used]
        if keccak256(data) != reference[1:]:
            raise ProofError(
                f"node {used} at {where}: hash is 0x{keccak256(data).hex()}, "
                f"expected 0x{reference[1:].hex()}"
            )
    try:
        return decode_node(data)
    except TrieNodeError as error:
        raise ProofError(f"node at {where} is malformed: {error}") from None
