# pragma version 0.4.3
# pragma evm-version cancun
"""
@title CounterVM
@notice The machine of counter_machine.py on L1: a verifier of single steps for tests of the game.
"""

LENGTH: constant(uint256) = 5
BEGIN: constant(uint256) = 0
RUN: constant(uint256) = 1
DONE: constant(uint256) = 9
UNFINISHED: constant(uint256) = 3
MASK: constant(uint256) = 2**248 - 1


@internal
@pure
def _commitment(status: uint256, phase: uint256, pending: bytes32, counter: uint256) -> bytes32:
    state: Bytes[129] = concat(
        convert(convert(phase, uint8), bytes1), pending, empty(bytes32), convert(counter, bytes32),
        empty(bytes32),
    )
    return convert((convert(keccak256(state), uint256) & MASK) | (status << 248), bytes32)


@external
@pure
def step(_stateData: Bytes[1024], _proof: Bytes[4096], _localContext: bytes32) -> bytes32:
    """
    @notice The commitment after one step.
    """
    assert len(_stateData) == 129, "CounterVM: state"
    phase: uint256 = convert(slice(_stateData, 0, 1), uint256)
    pending: bytes32 = convert(slice(_stateData, 1, 32), bytes32)
    counter: uint256 = convert(slice(_stateData, 65, 32), uint256)
    if phase == RUN and counter + 1 < LENGTH:
        return self._commitment(UNFINISHED, RUN, pending, counter + 1)
    assert len(_proof) >= 136, "CounterVM: bounds"
    assert keccak256(slice(_proof, 0, 136)) == _localContext, "CounterVM: bounds"
    agreed: bytes32 = convert(slice(_proof, 0, 32), bytes32)
    disputed: bytes32 = convert(slice(_proof, 32, 32), bytes32)
    number: bytes8 = convert(slice(_proof, 64, 8), bytes8)
    computed: bytes32 = pending
    if phase != DONE:
        assert pending == _localContext, "CounterVM: another trace"
        if phase == BEGIN:
            assert len(_proof) == 176, "CounterVM: agreed root"
            assert keccak256(slice(_proof, 136, 40)) == agreed, "CounterVM: agreed root"
            if convert(slice(_proof, 136, 8), bytes8) != number:
                return self._commitment(UNFINISHED, RUN, pending, 0)
            computed = agreed
        else:
            assert phase == RUN, "CounterVM: phase"
            computed = keccak256(concat(number, agreed))
    status: uint256 = 1
    if computed == disputed:
        status = 0
    return self._commitment(status, DONE, computed, 0)
