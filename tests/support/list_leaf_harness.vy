# pragma version 0.4.3
# pragma evm-version cancun
# Streams and the leaves of lists behind a door of their own, for tests.

from rollup.settlement.contracts.step.modules import ListLeaf
from rollup.settlement.contracts.step.modules import Streams


@external
@pure
def leafHead(index: uint256, count: uint256, size: uint256, first: uint256) -> Bytes[32]:
    return ListLeaf.bytesOf(ListLeaf.leafHead(index, count, size, first))


@external
@pure
def encoded(number: uint256) -> Bytes[32]:
    return ListLeaf.bytesOf(ListLeaf.encoded(number))


@external
@pure
def absorbed(carry: Bytes[Streams.MAX_CARRY], data: Bytes[Streams.MAX_DATA]) -> Bytes[Streams.MAX_CARRY]:
    return Streams.absorbed(carry, data)


@external
@pure
def fresh() -> Bytes[Streams.MAX_CARRY]:
    return Streams.fresh()


@external
@pure
def digest(carry: Bytes[Streams.MAX_CARRY]) -> bytes32:
    return Streams.digest(carry)


@external
@view
def step(stateData: Bytes[129], proof: Bytes[8192], wanted: bytes32) -> Bytes[Streams.MAX_CARRY]:
    # A witness of one carry.
    opened: Streams.Opened = Streams.open(324, wanted)
    assert opened.cursor == 324 + len(proof), "the witness goes on"
    return opened.carry
