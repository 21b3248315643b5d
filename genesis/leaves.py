"""The leaf that a contribution is in the snapshot root of a Datanet version.

`datanet_registry` builds the root from these leaves, workers and auditors rebuild it from events.
It knows nothing of the rows below a content root.
"""

from __future__ import annotations

from chain.abi import encode
from chain.crypto.merkle import leaf_hash
from chain.types import Address, Hash32

CONTRIBUTION_LEAF_TYPES = ["uint256", "uint256", "address", "bytes32", "uint64", "bytes32"]
"""ABI types under the leaf hash; six words, 192 bytes."""

CONTRIBUTION_LEAF_BYTES = 32 * len(CONTRIBUTION_LEAF_TYPES)


def contribution_leaf(
    datanet_id: int,
    contribution_id: int,
    contributor: Address,
    content_root: Hash32,
    row_count: int,
    licence: Hash32,
) -> Hash32:
    """Leaf hash that binds content to its contributor, its size and its licence."""
    fields = (datanet_id, contribution_id, contributor, content_root, row_count, licence)
    return leaf_hash(encode(CONTRIBUTION_LEAF_TYPES, fields))
