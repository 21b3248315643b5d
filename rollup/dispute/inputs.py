"""The inputs root: one hash for what each L2 block of a game is made from.

A binary tree of 2^16 leaves, inner node keccak(left ‖ right), no leaf: the zero hash; the block of
number n is leaf n mod 65,536, so a game reaches at most 65,536 blocks behind its anchor. The
proposer chooses the root; nothing on L1 proves yet that L1 gives these inputs
(docs/protocol/dispute-scope.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from chain import rlp
from chain.block import Header
from chain.crypto.keccak import keccak256
from chain.types import ZERO_HASH, Hash32

INPUTS_DEPTH: Final = 16


def block_inputs(header: Header) -> Hash32:
    """The leaf of a block: what its payload attributes are, as far as its header tells.

    keccak(rlp([timestamp, prev_randao, fee recipient, gas limit, beacon root, extra data,
    transactions root])).
    """
    return keccak256(
        rlp.encode(
            [
                rlp.encode_int(header.timestamp),
                header.prev_randao,
                header.beneficiary,
                rlp.encode_int(header.gas_limit),
                header.parent_beacon_block_root or b"",
                header.extra_data,
                header.transactions_root,
            ]
        )
    )


def inputs_root(leaves: Mapping[int, Hash32]) -> Hash32:
    """The root over leaves by block number. Later blocks take the place of those 65,536 before."""
    level = {number % (1 << INPUTS_DEPTH): leaves[number] for number in sorted(leaves)}
    empty = ZERO_HASH
    for _ in range(INPUTS_DEPTH):
        level = {
            index: keccak256(level.get(2 * index, empty) + level.get(2 * index + 1, empty))
            for index in {position // 2 for position in level}
        }
        empty = keccak256(empty + empty)
    return level.get(0, empty)
