# pragma version 0.4.3
# pragma evm-version cancun
"""
@title EnterStep
@notice Steps of phase `enter` for calls: the frame comes to be. The state's frame is the caller's,
        or nothing for the outermost. Creations are CodeStep's.
@dev The twin of evm/step/entering.py. EIP-161, 7702.
"""

import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Frames as Frames
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

MAX_WITNESS: constant(uint256) = 32768

rules: immutable(uint256)


struct Progress:
    cursor: uint256
    world: bytes32
    # What the map lacks, if something.
    lacking: uint256
    target: uint256
    key: uint256


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _move(given: Progress, message: Pending.Message, hasCode: bool) -> Progress:
    """
    @notice Move the wei of a call; where it has none and meets no code, an empty account is gone.
    """
    progress: Progress = given
    moved: Accounts.Moved = empty(Accounts.Moved)
    if message.amount > 0:
        moved = Accounts.transfer(
            progress.cursor, progress.world, message.caller, message.target, message.amount
        )
    elif not hasCode:
        moved = Accounts.touchEmpty(progress.cursor, progress.world, message.target)
    else:
        return progress
    progress.cursor = moved.cursor
    progress.world = moved.world
    if moved.isMissing:
        progress.lacking = Pending.LOAD_ACCOUNT
        progress.target = moved.missing
    return progress


@internal
@view
def _program(
    given: Progress, message: Pending.Message, codeHash: bytes32
) -> (Progress, Accounts.Program):
    """
    @notice The code that the call runs, which may be another account's.
    """
    progress: Progress = given
    hashed: bytes32 = codeHash
    code: Accounts.Program = empty(Accounts.Program)
    if message.codeAddress != message.target:
        met: Accounts.Met = Accounts.look(progress.cursor, progress.world, message.codeAddress)
        progress.cursor = met.cursor
        if met.isMissing:
            progress.lacking = Pending.LOAD_ACCOUNT
            progress.target = message.codeAddress
            return progress, code
        hashed = met.account.codeHash
    code = Accounts.program(progress.cursor, progress.world, hashed)
    progress.cursor = code.cursor
    if code.isMissing:
        progress.lacking = Pending.LOAD_CODE
        progress.target = message.codeAddress
        progress.key = convert(hashed, uint256)
    return progress, code


@internal
@view
def _enter(given: State.Machine, message: Pending.Message) -> (State.Machine, uint256):
    machine: State.Machine = given
    cursor: uint256 = Tape.PROOF + Pending.MESSAGE_ITEM
    effects: State.Effects = State.openEffects(cursor, machine.effects)
    progress: Progress = empty(Progress)
    progress.world = effects.world
    met: Accounts.Met = Accounts.look(
        cursor + State.EFFECTS_ITEM, effects.world, message.target
    )
    progress.cursor = met.cursor
    if met.isMissing:
        loading: State.Machine = Frames.load(
            machine, Pending.LOAD_ACCOUNT, message.target, 0
        )
        return loading, met.cursor
    isPrecompile: bool = message.flags & State.DELEGATED == 0 and Rules.isPrecompile(
        rules, message.codeAddress
    )
    code: Accounts.Program = empty(Accounts.Program)
    if not isPrecompile:
        progress, code = self._program(progress, message, met.account.codeHash)
    if progress.lacking == 0 and message.flags & State.KEEPS_VALUE == 0:
        progress = self._move(progress, message, code.length > 0)
    if progress.lacking != 0:
        loading: State.Machine = Frames.load(
            machine, progress.lacking, progress.target, progress.key
        )
        return loading, progress.cursor
    call: bytes32 = State.nameCall(
        State.Call(
            depth=message.depth,
            flags=message.flags,
            target=message.target,
            caller=message.caller,
            amount=message.amount,
            codeAddress=message.codeAddress,
            generation=met.account.generation,
            calldata=message.calldata,
            calldataLength=message.calldataLength,
            outputOffset=message.outputOffset,
            outputSize=message.outputSize,
            entryEffects=machine.effects,
            parent=machine.frame,
        )
    )
    effects.world = progress.world
    machine.effects = State.nameEffects(effects)
    machine = Frames.begin(machine, call, message.gas, code.root, code.length)
    if isPrecompile:
        machine.frame = Frames.fresh(call, message.gas, empty(bytes32), 0)
        machine.phase = State.PRECOMPILE
        machine.pending = empty(bytes32)
    return machine, progress.cursor


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert machine.phase == State.ENTER, "EnterStep: not a state of phase enter"
    message: Pending.Message = Pending.openMessage(cursor, machine.pending)
    assert message.flags & State.CREATION == 0, "EnterStep: a creation is CodeStep's"
    machine, cursor = self._enter(machine, message)
    Tape.finish(cursor)
    return State.commitment(machine)
