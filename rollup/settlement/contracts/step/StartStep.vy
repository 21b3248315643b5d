# pragma version 0.4.3
# pragma evm-version cancun
"""
@title StartStep
@notice Steps of phase `transaction begin`, stage start: sender, target, coinbase and delegate are
        warm, and the message is made, whose data a copy takes out of the transaction.
@dev The twin of `_start` in evm/step/transaction_begin.py. EIP-2929, 3651, 7702.
"""

import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Delegations as Delegations
import rollup.settlement.contracts.step.modules.Frames as Frames
import rollup.settlement.contracts.step.modules.Jobs as Jobs
import rollup.settlement.contracts.step.modules.Ledger as Ledger
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.RlpItems as RlpItems
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.WordTree as WordTree

# Six ways in the world map.
MAX_WITNESS: constant(uint256) = 49152

rules: immutable(uint256)


struct Walk:
    world: bytes32
    transaction: uint256
    cursor: uint256
    # The kind of load for what the map lacks, of whom, and its key; 0 where it lacks nothing.
    lacking: uint256
    target: uint256
    key: uint256


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@pure
def _createdAddress(creator: uint256, nonce: uint256) -> uint256:
    # Keccak-256 of the RLP of creator and nonce (Yellow Paper, 7).
    made: bytes32 = keccak256(
        RlpItems.encodedList(
            concat(RlpItems.encodedAddress(creator), RlpItems.encodedNumber(nonce))
        )
    )
    return convert(made, uint256) & State.U160


@internal
@view
def _meet(given: Walk, account: uint256) -> Walk:
    """
    @notice An account is warm; nothing is opened behind one that is missing.
    """
    walk: Walk = given
    if walk.lacking != 0:
        return walk
    met: Accounts.Met = Accounts.meet(
        walk.cursor, walk.world, account, walk.transaction, rules
    )
    walk.cursor = met.cursor
    walk.world = met.world
    if met.isMissing:
        walk.lacking = Pending.LOAD_ACCOUNT
        walk.target = account
    return walk


@internal
@view
def _delegate(given: Walk, account: uint256) -> (Walk, Delegations.Delegation):
    """
    @notice Whose code runs for an account that the map has; it is warm, too.
    """
    walk: Walk = given
    found: Delegations.Delegation = empty(Delegations.Delegation)
    met: Accounts.Met = Accounts.look(walk.cursor, walk.world, account)
    code: Accounts.Program = Accounts.program(met.cursor, walk.world, met.account.codeHash)
    walk.cursor = code.cursor
    if code.isMissing:
        walk.lacking = Pending.LOAD_CODE
        walk.target = account
        walk.key = convert(met.account.codeHash, uint256)
        return walk, found
    found = Delegations.read(walk.cursor, code.root, code.length)
    walk.cursor = found.cursor
    if found.isOne:
        walk = self._meet(walk, found.target)
    return walk, found


@internal
@pure
def _sent(given: State.Machine, job: Jobs.Job, message: Pending.Message) -> State.Machine:
    """
    @notice The message is entered, once its data is copied if it has any.
    """
    machine: State.Machine = given
    machine.phase = State.ENTER
    machine.pending = Pending.nameMessage(message)
    if job.dataLength > 0:
        machine.phase = State.COPY
        machine.pending = Pending.nameCopy(
            Pending.Copy(
                then=Pending.THEN_MESSAGE,
                sourceKind=Pending.WORDS,
                source=job.body,
                sourceLength=job.length,
                sourceOffset=job.dataStart,
                target=WordTree.zeros(Tape.depth((job.dataLength + 31) >> 5)),
                targetLength=job.dataLength,
                targetOffset=0,
                left=job.dataLength,
                next=machine.pending,
            )
        )
    return machine


@internal
@view
def _start(
    given: State.Machine, opened: Jobs.Job, start: uint256
) -> (State.Machine, uint256):
    machine: State.Machine = given
    job: Jobs.Job = opened
    blockName: bytes32 = empty(bytes32)
    transactionName: bytes32 = empty(bytes32)
    blockName, transactionName = Tape.pair(start, given.context)
    cursor: uint256 = start + Tape.PAIR
    current: Context.Transaction = Context.openTransaction(cursor, transactionName)
    cursor += Context.TRANSACTION_ITEM
    progress: Ledger.Progress = Ledger.openProgress(cursor, current.rest)
    cursor += Ledger.PROGRESS_ITEM
    surrounding: Context.Block = Context.openBlock(cursor, blockName)
    cursor += Context.BLOCK_ITEM
    effects: State.Effects = State.openEffects(cursor, given.effects)
    recipient: uint256 = job.recipient
    flags: uint256 = 0
    if job.isCreation != 0:
        recipient = self._createdAddress(job.sender, job.nonce)
        flags = State.CREATION
    walk: Walk = empty(Walk)
    walk.world = effects.world
    walk.transaction = effects.transaction
    walk.cursor = cursor + State.EFFECTS_ITEM
    walk = self._meet(walk, job.sender)
    walk = self._meet(walk, recipient)
    walk = self._meet(walk, surrounding.coinbase)
    codeAddress: uint256 = recipient
    if walk.lacking == 0 and job.isCreation == 0 and rules & Rules.HAS_DELEGATIONS != 0:
        delegation: Delegations.Delegation = empty(Delegations.Delegation)
        walk, delegation = self._delegate(walk, recipient)
        if delegation.isOne:
            codeAddress = delegation.target
            flags = State.DELEGATED
    if walk.lacking != 0:
        return Frames.load(given, walk.lacking, walk.target, walk.key), walk.cursor
    effects.world = walk.world
    machine.effects = State.nameEffects(effects)
    machine = self._sent(
        machine,
        job,
        Pending.Message(
            gas=job.gasLeft,
            flags=flags,
            depth=0,
            target=recipient,
            caller=job.sender,
            amount=job.amount,
            codeAddress=codeAddress,
            calldata=empty(bytes32),
            calldataLength=job.dataLength,
            outputOffset=0,
            outputSize=0,
            salt=0,
        ),
    )
    job.stage = Jobs.SETTLE
    progress.job = Jobs.nameJob(job)
    current.rest = Ledger.nameProgress(progress)
    machine.context = keccak256(concat(blockName, Context.nameTransaction(current)))
    return machine, walk.cursor


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    assert (
        machine.phase == State.TRANSACTION_BEGIN and machine.pending != empty(bytes32)
    ), "StartStep: not a state of phase transaction begin with a job"
    job: Jobs.Job = Jobs.openJob(cursor, machine.pending)
    assert job.stage == Jobs.START, "StartStep: not a job of stage start"
    machine, cursor = self._start(machine, job, cursor + Jobs.JOB_ITEM)
    Tape.finish(cursor)
    return State.commitment(machine)
