"""A binary Merkle tree over keccak-256 with separate prefixes for leaves and nodes.

The shape: leaves pair up from the left, a last odd node moves up unchanged, the root of no leaves
is keccak256(b""). The prefixes (0x00 leaf, 0x01 node, as RFC 6962 has them) stop a node from
passing as a leaf. Knows nothing of what the leaves say. Format: docs/protocol/merkle.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .keccak import keccak256
from .words import Hash32

if TYPE_CHECKING:
    from collections.abc import Sequence

EMPTY_MERKLE_ROOT: Final = keccak256(b"")


def leaf_hash(data: bytes) -> Hash32:
    """Hash the content of one leaf: keccak256(0x00 || data)."""
    return keccak256(b"\x00" + data)


def node_hash(left: Hash32, right: Hash32) -> Hash32:
    """Hash an inner node: keccak256(0x01 || left || right)."""
    return keccak256(b"\x01" + left + right)


def _level_up(level: Sequence[Hash32]) -> list[Hash32]:
    parents = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    if len(level) % 2:
        parents.append(level[-1])
    return parents


def merkle_root(leaves: Sequence[Hash32]) -> Hash32:
    """Return the root over leaves that are already hashed with `leaf_hash`, in order."""
    if not leaves:
        return EMPTY_MERKLE_ROOT
    level = leaves
    while len(level) > 1:
        level = _level_up(level)
    return level[0]


def merkle_proof(leaves: Sequence[Hash32], index: int) -> list[Hash32]:
    """Return the siblings from the leaf at index up to the root; levels without one are left out.

    Raises IndexError if there is no such leaf: the caller chooses the index.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"merkle proof: index {index} of {len(leaves)} leaves")
    proof: list[Hash32] = []
    level = leaves
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            proof.append(level[sibling])
        level = _level_up(level)
        index //= 2
    return proof


def verify_merkle(
    root: Hash32, leaf: Hash32, index: int, count: int, proof: Sequence[Hash32]
) -> bool:
    """Say whether `leaf` is leaf number `index` of exactly the tree shape with `count` leaves.

    At most one hash for each bit of count; a proof that is too long or too short is false, as is
    any word that is not 32 bytes. The count must come from a trusted place: the root does not
    commit to it.
    """
    if not 0 <= index < count or len(leaf) != len(root):
        return False
    node, used = leaf, 0
    while count > 1:
        sibling = index ^ 1
        if sibling < count:
            if used == len(proof) or len(proof[used]) != len(root):
                return False
            other = proof[used]
            node = node_hash(other, node) if index & 1 else node_hash(node, other)
            used += 1
        index //= 2
        count = (count + 1) // 2
    return used == len(proof) and node == root
