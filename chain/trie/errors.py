"""What can go wrong in a trie: a node is absent, a node is malformed, a proof does not hold."""

from __future__ import annotations

from chain.errors import DecodeError, StemmaError


class MissingNode(StemmaError):
    """The trie refers to a node that its reader does not have.

    Attributes:
        node_hash: the Keccak-256 hash under which the node was asked for.
        path: the way to the node from the root, one hexadecimal digit for each nibble.
        owner: the address whose storage trie this is; empty for any other trie.

    """

    def __init__(self, node_hash: bytes, path: str, owner: bytes = b"") -> None:
        place = f" of the storage of 0x{owner.hex()}" if owner else ""
        super().__init__(
            f"trie node 0x{node_hash.hex()} at path {path or '(root)'}{place} is missing"
        )
        self.node_hash = node_hash
        self.path = path
        self.owner = owner


class TrieNodeError(DecodeError):
    """The bytes of a trie node are not a canonical leaf, extension or branch."""


class ProofError(DecodeError):
    """A proof is malformed, incomplete, too long, or belongs to another root."""


class TrieOrderError(StemmaError, ValueError):
    """Keys for a trie that is built in one pass did not come in ascending order."""
