# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Ancestors
@notice The hashes of the 256 blocks before the one at hand: a word tree, block n being word n mod
        256. A block begins with its parent's alone; an older one is loaded when it is asked for.
@dev The twin of what evm/step/block_begin.py, loading.py and instructions/block.py know of it.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

COUNT: constant(uint256) = 256
DEPTH: constant(uint256) = 8
# What the way to a hash takes from the witness.
WAY: constant(uint256) = DEPTH * Tape.PAIR
# Of a load, beside those in Pending.
LOAD: constant(uint256) = 8


@internal
@pure
def only(parentHash: bytes32, number: uint256) -> bytes32:
    """
    @notice The tree with one hash in it, that of block `number`.
    """
    tree: bytes32 = parentHash
    zeros: bytes32 = empty(bytes32)
    for level: uint256 in range(DEPTH):
        if (number >> level) & 1 == 1:
            tree = keccak256(concat(zeros, tree))
        else:
            tree = keccak256(concat(tree, zeros))
        zeros = keccak256(concat(zeros, zeros))
    return tree


@internal
@view
def hashOf(cursor: uint256, tree: bytes32, number: uint256) -> bytes32:
    """
    @notice Open the way to a block's hash, which is zero where it is not known.
    """
    return Tape.descend(cursor, tree, DEPTH, number % COUNT)


@internal
@view
def known(cursor: uint256, tree: bytes32, number: uint256, blockHash: bytes32) -> bytes32:
    """
    @notice Open the way to a block's hash; the tree with another one in its place.
    """
    replaced: bytes32 = self.hashOf(cursor, tree, number)
    return Tape.ascend(cursor, DEPTH, number % COUNT, blockHash)
