# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Frames
@notice How frames begin, and how a step gives way to a load.
@dev Shared by the phases around phase run; the twin of evm/step/machine.py and entering.py.
"""

import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.State as State


@internal
@pure
def load(
    given: State.Machine, kind: uint256, target: uint256, key: uint256
) -> State.Machine:
    """
    @notice Go and get what the world map lacks; `given` is the state before the step.
    """
    machine: State.Machine = given
    machine.pending = Pending.nameLoad(
        Pending.Load(
            kind=kind,
            target=target,
            key=key,
            backPhase=given.phase,
            backPending=given.pending,
        )
    )
    machine.phase = State.LOAD
    return machine


@internal
@pure
def fresh(call: bytes32, provided: uint256, code: bytes32, codeLength: uint256) -> bytes32:
    """
    @notice The name of a frame that has not run yet.
    """
    frame: State.Frame = empty(State.Frame)
    frame.gas = provided
    frame.code = code
    frame.codeLength = codeLength
    frame.call = call
    return State.nameFrame(frame)


@internal
@pure
def begin(
    given: State.Machine, call: bytes32, provided: uint256, code: bytes32, codeLength: uint256
) -> State.Machine:
    """
    @notice Run the code, or end at once where there is none.
    """
    machine: State.Machine = given
    if codeLength > 0:
        machine.frame = self.fresh(call, provided, code, codeLength)
        machine.phase = State.RUN
        machine.pending = empty(bytes32)
        return machine
    machine.frame = empty(bytes32)
    machine.phase = State.LEAVE
    machine.pending = Pending.nameOutcome(
        Pending.Outcome(
            ending=Pending.SUCCEEDED,
            gas=provided,
            output=empty(bytes32),
            outputLength=0,
            call=call,
        )
    )
    return machine


@internal
@pure
def copyToMemory(
    given: State.Machine, frame: State.Frame, source: bytes32, length: uint256, target: uint256,
    size: uint256
) -> State.Machine:
    """
    @notice Copy from the beginning of a data into memory, in phase copy; the frame then runs on.
    """
    machine: State.Machine = given
    machine.frame = State.nameFrame(frame)
    machine.phase = State.RUN
    machine.pending = empty(bytes32)
    if size > 0:
        machine.phase = State.COPY
        machine.pending = Pending.nameCopy(
            Pending.Copy(
                then=Pending.THEN_MEMORY,
                sourceKind=Pending.WORDS,
                source=source,
                sourceLength=length,
                sourceOffset=0,
                target=frame.memory,
                targetLength=frame.words << 5,
                targetOffset=target,
                left=size,
                next=empty(bytes32),
            )
        )
    return machine
