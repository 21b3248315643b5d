# pragma version 0.4.3
# pragma evm-version cancun
"""
@title LeaveStep
@notice Steps of phase `leave`: effects, gas and return data of a frame go to the frame below. The
        deposit of a new contract's code is CodeStep's.
@dev The twin of evm/step/leaving.py. EIP-211.
"""

import rollup.settlement.contracts.step.modules.Frames as Frames
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

MAX_WITNESS: constant(uint256) = 2048


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert machine.phase == State.LEAVE, "LeaveStep: not a state of phase leave"
    outcome: Pending.Outcome = Pending.openOutcome(cursor, machine.pending)
    cursor += Pending.OUTCOME_ITEM
    call: State.Call = State.openCall(cursor, outcome.call)
    cursor += State.CALL_ITEM
    isCreation: bool = call.flags & State.CREATION != 0
    hasSucceeded: bool = (
        outcome.ending == Pending.SUCCEEDED or outcome.ending == Pending.DEPOSITED
    )
    assert not (
        isCreation and outcome.ending == Pending.SUCCEEDED and outcome.outputLength > 0
    ), "LeaveStep: a deposit of code is CodeStep's"
    if not hasSucceeded:
        machine.effects = call.entryEffects
    if call.parent == empty(bytes32):
        machine.phase = State.TRANSACTION_END
        if call.flags & State.SYSTEM != 0:
            machine.phase = State.SYSTEM_CALL
    else:
        frame: State.Frame = State.openFrame(cursor, call.parent)
        cursor += State.FRAME_ITEM
        frame.gas += outcome.gas
        result: uint256 = 0
        if hasSucceeded:
            result = call.target if isCreation else 1
        frame.stack = keccak256(concat(frame.stack, convert(result, bytes32)))
        frame.size += 1
        frame.returned = outcome.output
        frame.returnedLength = outcome.outputLength
        size: uint256 = min(call.outputSize, outcome.outputLength)
        machine = Frames.copyToMemory(
            machine, frame, outcome.output, outcome.outputLength, call.outputOffset, size
        )
    Tape.finish(cursor)
    return State.commitment(machine)
