# pragma version 0.4.3
# pragma evm-version cancun
# The sponge module behind a door of its own, for tests.

from rollup.settlement.contracts.step.modules import Sponge


@external
@pure
def absorb(sponge: Bytes[200], piece: Bytes[136]) -> Bytes[200]:
    return Sponge.absorb(sponge, piece)


@external
@pure
def finish(sponge: Bytes[200], rest: Bytes[136]) -> bytes32:
    return Sponge.finish(sponge, rest)
