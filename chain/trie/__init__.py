"""The Merkle-Patricia trie: a key-value map with a root hash, and proofs against that hash.

Ethereum's "modified Merkle Patricia trie" (Yellow Paper, appendix D). Keys are taken as given:
state and storage hash theirs first, lists of transactions and receipts use RLP indices. Knows
nothing of accounts, blocks or disks; nodes come from whoever passes a `NodeReader`.
"""

from __future__ import annotations

from .errors import MissingNode, ProofError, TrieNodeError
from .hexary import EMPTY_ROOT, Fetch, NodeReader, Trie
from .node import hashes_in
from .ordered import ordered_trie_root
from .proof import verify_proof

__all__ = [
    "EMPTY_ROOT",
    "Fetch",
    "MissingNode",
    "NodeReader",
    "ProofError",
    "Trie",
    "TrieNodeError",
    "hashes_in",
    "ordered_trie_root",
    "verify_proof",
]
