# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Preimages
@notice Preimages whose length is not known before: short ones, trie nodes, headers, builders.
@dev The twin of `raw` in evm/step/opener.py. A slice of msg.data has a constant length, so one is
     taken that ends with the call where the preimage stands near its end. That asks for a call of
     at least so many bytes: each function says why it has them.
"""

import rollup.settlement.contracts.step.modules.Tape as Tape

MAX_SHORT: constant(uint256) = 64
# A branch of sixteen hashes: 17 items in 529 bytes, and three of header.
MAX_NODE: constant(uint256) = 532
MAX_HEADER: constant(uint256) = 1024
MAX_BUILDER: constant(uint256) = 3372
# What a builder is taken from the call by, if it has no more bytes.
SMALL_BUILDER: constant(uint256) = 1472
MIDDLE_BUILDER: constant(uint256) = 2944


@internal
@view
def _skipped(at: uint256, most: uint256) -> uint256:
    # How many bytes before `at` a slice of `most` has to begin so that it ends with the call.
    return at + most - len(msg.data) if at + most > len(msg.data) else 0


@internal
@view
def short(cursor: uint256, wanted: bytes32, limit: uint256) -> Bytes[MAX_SHORT]:
    """
    @notice Open at most `limit` bytes, which are at most 64. A call always has as many.
    """
    size: uint256 = Tape.size(cursor)
    assert size <= limit, "Preimages: the preimage is too long"
    at: uint256 = cursor + Tape.HEAD
    skipped: uint256 = self._skipped(at, MAX_SHORT)
    taken: Bytes[MAX_SHORT] = slice(msg.data, at - skipped, MAX_SHORT)
    found: Bytes[MAX_SHORT] = slice(taken, skipped, size)
    Tape.expect(keccak256(found) == wanted)
    return found


@internal
@view
def header(cursor: uint256, wanted: bytes32) -> Bytes[MAX_HEADER]:
    """
    @notice Open the bytes of a block's header. None has fewer than 490 bytes, and what stands
            before it in the call has more than 534: any shorter one is refused.
    """
    size: uint256 = Tape.size(cursor)
    assert size <= MAX_HEADER, "Preimages: the preimage is too long"
    at: uint256 = cursor + Tape.HEAD
    skipped: uint256 = self._skipped(at, MAX_HEADER)
    taken: Bytes[MAX_HEADER] = slice(msg.data, at - skipped, MAX_HEADER)
    found: Bytes[MAX_HEADER] = slice(taken, skipped, size)
    Tape.expect(keccak256(found) == wanted)
    return found


@internal
@view
def node(cursor: uint256, wanted: bytes32) -> Bytes[MAX_NODE]:
    """
    @notice Open a trie's node. At least 532 bytes of the call stand before it.
    """
    size: uint256 = Tape.size(cursor)
    assert size <= MAX_NODE, "Preimages: the preimage is too long"
    at: uint256 = cursor + Tape.HEAD
    skipped: uint256 = self._skipped(at, MAX_NODE)
    taken: Bytes[MAX_NODE] = slice(msg.data, at - skipped, MAX_NODE)
    found: Bytes[MAX_NODE] = slice(taken, skipped, size)
    Tape.expect(keccak256(found) == wanted)
    return found


@internal
@view
def builder(cursor: uint256, wanted: bytes32) -> Bytes[MAX_BUILDER]:
    """
    @notice Open the builder of a list's trie. 1,490 bytes of the call stand before it, so there
            are as many as each slice takes, whatever its own length.
    """
    size: uint256 = Tape.size(cursor)
    assert size <= MAX_BUILDER, "Preimages: the preimage is too long"
    at: uint256 = cursor + Tape.HEAD
    found: Bytes[MAX_BUILDER] = b""
    if size <= SMALL_BUILDER:
        few: uint256 = self._skipped(at, SMALL_BUILDER)
        found = slice(slice(msg.data, at - few, SMALL_BUILDER), few, size)
    elif size <= MIDDLE_BUILDER:
        some: uint256 = self._skipped(at, MIDDLE_BUILDER)
        found = slice(slice(msg.data, at - some, MIDDLE_BUILDER), some, size)
    else:
        all: uint256 = self._skipped(at, MAX_BUILDER)
        found = slice(slice(msg.data, at - all, MAX_BUILDER), all, size)
    Tape.expect(keccak256(found) == wanted)
    return found
