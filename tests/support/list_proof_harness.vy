# pragma version 0.4.3
# pragma evm-version cancun
# The module that follows proofs in lists' tries, behind a door of its own, for tests.

from rollup.settlement.contracts.inputs.modules import ListProof
from rollup.settlement.contracts.inputs.modules import Calldata


@external
@view
def read(root: bytes32, index: uint256, proof: Bytes[16384]) -> (uint256, Bytes[16384]):
    # As L1Blocks and BlockInputs go along a proof: NODE, VALUE or ABSENT, and the value.
    key: ListProof.Key = ListProof.keyOf(index)
    found: ListProof.Step = ListProof.Step(
        kind=ListProof.NODE, reference=root, used=0, start=0, end=0
    )
    base: uint256 = 132
    at: uint256 = 1
    for _: uint256 in range(Calldata.octet(base), bound=7):
        size: uint256 = Calldata.word(base + at) >> 232
        at += 3
        assert found.kind == ListProof.NODE, "behind the end"
        assert keccak256(slice(proof, at, size)) == found.reference, "another node"
        found = ListProof.follow(base + at, size, key, found.used)
        at += size
    assert at == len(proof), "length"
    if found.kind != ListProof.VALUE:
        return found.kind, b""
    return found.kind, slice(proof, found.start - base, found.end - found.start)
