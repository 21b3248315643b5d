# pragma version 0.4.3
# pragma evm-version cancun
"""
@title WarmStep
@notice Steps of phase `transaction begin`, stages warm and authorize: one address or one slot of
        the access list; one authorization.
@dev The twin of `_warm` and `_authorize` in evm/step/transaction_begin.py. EIP-2930, 7702. Whether
     the items have their form has been checked when they were counted; it is checked again.
"""

import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Delegations as Delegations
import rollup.settlement.contracts.step.modules.Entries as Entries
import rollup.settlement.contracts.step.modules.Frames as Frames
import rollup.settlement.contracts.step.modules.Jobs as Jobs
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Refusals as Refusals
import rollup.settlement.contracts.step.modules.RlpItems as RlpItems
import rollup.settlement.contracts.step.modules.Signers as Signers
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Windows as Windows
import rollup.settlement.contracts.step.modules.WordTree as WordTree
import rollup.settlement.contracts.step.modules.WorldMap as WorldMap

# Two windows and the ways to them, five ways in the world map.
MAX_WITNESS: constant(uint256) = 49152
ADDRESS_BYTES: constant(uint256) = 20
# An access list's entry up to its slots, or a slot.
LONGEST_HEAD: constant(uint256) = 64
LONGEST_AUTHORIZATION: constant(uint256) = 160
REFUND_EXISTING_ACCOUNT: constant(uint256) = 12500

rules: immutable(uint256)


struct Work:
    machine: State.Machine
    job: Jobs.Job
    # Once they are opened.
    effects: State.Effects
    cursor: uint256
    # The kind of load for what the map lacks, of whom, and its key; 0 where it lacks nothing.
    lacking: uint256
    target: uint256
    key: uint256
    isRefused: bool


struct Authorization:
    chainId: uint256
    target: uint256
    nonce: uint256
    parity: uint256
    r: uint256
    s: uint256
    fields: RlpItems.Fields


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _openEffects(given: Work) -> Work:
    work: Work = given
    work.effects = State.openEffects(work.cursor, work.machine.effects)
    work.cursor += State.EFFECTS_ITEM
    return work


@internal
@pure
def _lack(given: Work, kind: uint256, target: uint256, key: uint256) -> Work:
    work: Work = given
    work.lacking = kind
    work.target = target
    work.key = key
    return work


@internal
@pure
def _put(given: Work, world: bytes32) -> Work:
    """
    @notice Another map.
    """
    work: Work = given
    work.effects.world = world
    work.machine.effects = State.nameEffects(work.effects)
    return work


@internal
@view
def _address(given: Work, piece: Bytes[Windows.WINDOW]) -> Work:
    """
    @notice An entry of the access list up to its slots: its address is warm.
    """
    work: Work = given
    fields: RlpItems.Fields = empty(RlpItems.Fields)
    entry: RlpItems.Span = empty(RlpItems.Span)
    fields, entry = RlpItems.header(piece, fields, True)
    fields.position = entry.start
    account: uint256 = 0
    fields, account = RlpItems.exactly(piece, fields, ADDRESS_BYTES)
    slots: RlpItems.Span = empty(RlpItems.Span)
    fields, slots = RlpItems.header(piece, fields, True)
    work.isRefused = fields.failed
    if work.isRefused:
        return work
    work = self._openEffects(work)
    met: Accounts.Met = Accounts.meet(
        work.cursor, work.effects.world, account, work.effects.transaction, rules
    )
    work.cursor = met.cursor
    if met.isMissing:
        return self._lack(work, Pending.LOAD_ACCOUNT, account, 0)
    work = self._put(work, met.world)
    work.job.entryAddress = account
    work.job.entryEnd = work.job.cursor + entry.end
    work.job.cursor += slots.start
    return work


@internal
@view
def _slot(given: Work, piece: Bytes[Windows.WINDOW]) -> Work:
    """
    @notice A slot of the entry at hand is warm.
    """
    work: Work = given
    fields: RlpItems.Fields = empty(RlpItems.Fields)
    slot: uint256 = 0
    fields, slot = RlpItems.exactly(piece, fields, 32)
    work.isRefused = fields.failed
    if work.isRefused:
        return work
    account: uint256 = work.job.entryAddress
    work = self._openEffects(work)
    met: Accounts.Met = Accounts.look(work.cursor, work.effects.world, account)
    work.cursor = met.cursor
    if met.isMissing:
        return self._lack(work, Pending.LOAD_ACCOUNT, account, 0)
    key: bytes32 = Entries.slotKey(account, met.account.generation, slot)
    way: WorldMap.Way = WorldMap.find(work.cursor, work.effects.world, key)
    work.cursor = way.cursor
    if not way.isFound:
        return self._lack(work, Pending.LOAD_SLOT, account, slot)
    found: Entries.Slot = Entries.openSlot(work.cursor, way.value)
    work.cursor += Entries.SLOT_ITEM
    found.warm = work.effects.transaction
    work = self._put(work, WorldMap.put(way, key, Entries.nameSlot(found)))
    work.job.cursor += fields.position
    return work


@internal
@view
def _warm(given: Work) -> Work:
    work: Work = given
    if work.job.cursor == work.job.listEnd:
        work.job.stage = Jobs.AUTHORIZE if work.job.authorizations > 0 else Jobs.START
        work.job.cursor = work.job.authorizationsStart
        return work
    read: WordTree.Window = Windows.read(
        work.cursor, work.job.body, work.job.length, work.job.cursor, LONGEST_HEAD
    )
    work.cursor = read.cursor
    if work.job.cursor == work.job.entryEnd:
        return self._address(work, read.data)
    return self._slot(work, read.data)


@internal
@pure
def _authorization(piece: Bytes[Windows.WINDOW]) -> Authorization:
    read: Authorization = empty(Authorization)
    whole: RlpItems.Span = empty(RlpItems.Span)
    fields: RlpItems.Fields = empty(RlpItems.Fields)
    fields, whole = RlpItems.header(piece, fields, True)
    fields.position = whole.start
    fields, read.chainId = RlpItems.number(piece, fields, 32)
    fields, read.target = RlpItems.exactly(piece, fields, ADDRESS_BYTES)
    fields, read.nonce = RlpItems.number(piece, fields, 8)
    fields, read.parity = RlpItems.number(piece, fields, 1)
    fields, read.r = RlpItems.number(piece, fields, 32)
    fields, read.s = RlpItems.number(piece, fields, 32)
    fields.failed = fields.failed or fields.position != whole.end
    read.fields = fields
    return read


@internal
@view
def _signer(given: Authorization) -> uint256:
    """
    @notice Who has signed an authorization; zero: nobody.
    """
    signed: Bytes[137] = RlpItems.encodedList(
        concat(
            RlpItems.encodedNumber(given.chainId),
            RlpItems.encodedAddress(given.target),
            RlpItems.encodedNumber(given.nonce),
        )
    )
    return Signers.recover(keccak256(concat(0x05, signed)), given.parity, given.r, given.s)


@internal
@view
def _delegate(given: Work, authority: uint256, authorization: Authorization) -> Work:
    """
    @notice Put the code of a delegation and who delegates; no code where nobody is named.
    """
    work: Work = given
    world: bytes32 = work.effects.world
    made: Delegations.Made = empty(Delegations.Made)
    made.codeHash = Accounts.EMPTY_CODE_HASH
    if authorization.target != 0:
        made = Delegations.make(authorization.target)
        key: bytes32 = Entries.codeKey(made.codeHash)
        way: WorldMap.Way = WorldMap.find(work.cursor, world, key)
        work.cursor = way.cursor
        if way.isFound:
            known: Entries.Code = Entries.openCode(work.cursor, way.value)
            work.cursor += Entries.CODE_ITEM
        world = WorldMap.put(way, key, Entries.nameCode(made.code))
    place: Accounts.Place = Accounts.place(work.cursor, world, authority)
    work.cursor = place.cursor
    changed: Entries.Account = place.account
    changed.codeHash = made.codeHash
    changed.nonce = authorization.nonce + 1
    changed.exists = 1
    work.job.refund += REFUND_EXISTING_ACCOUNT * place.account.exists
    return self._put(work, Accounts.put(place, authority, changed))


@internal
@view
def _consent(given: Work, authorization: Authorization) -> Work:
    """
    @notice What becomes of an authorization that somebody has signed for this chain.
    """
    work: Work = given
    authority: uint256 = self._signer(authorization)
    if authority == 0:
        return work
    work = self._openEffects(work)
    met: Accounts.Met = Accounts.meet(
        work.cursor, work.effects.world, authority, work.effects.transaction, rules
    )
    work.cursor = met.cursor
    if met.isMissing:
        return self._lack(work, Pending.LOAD_ACCOUNT, authority, 0)
    work = self._put(work, met.world)
    code: Accounts.Program = Accounts.program(work.cursor, met.world, met.account.codeHash)
    work.cursor = code.cursor
    if code.isMissing:
        key: uint256 = convert(met.account.codeHash, uint256)
        return self._lack(work, Pending.LOAD_CODE, authority, key)
    if code.length > 0:
        delegation: Delegations.Delegation = Delegations.read(
            work.cursor, code.root, code.length
        )
        work.cursor = delegation.cursor
        if not delegation.isOne:
            return work
    if met.account.nonce != authorization.nonce:
        return work
    return self._delegate(work, authority, authorization)


@internal
@view
def _authorize(given: Work) -> Work:
    """
    @notice What does not fit is passed over.
    """
    work: Work = given
    if work.job.cursor == work.job.authorizationsEnd:
        work.job.stage = Jobs.START
        return work
    read: WordTree.Window = Windows.read(
        work.cursor, work.job.body, work.job.length, work.job.cursor, LONGEST_AUTHORIZATION
    )
    work.cursor = read.cursor
    authorization: Authorization = self._authorization(read.data)
    work.isRefused = authorization.fields.failed
    if work.isRefused:
        return work
    work.job.cursor += authorization.fields.position
    blockName: bytes32 = Tape.pair(work.cursor, work.machine.context)[0]
    work.cursor += Tape.PAIR
    surrounding: Context.Block = Context.openBlock(work.cursor, blockName)
    work.cursor += Context.BLOCK_ITEM
    isOurs: bool = (
        authorization.chainId == 0 or authorization.chainId == surrounding.chainId
    )
    if not isOurs or authorization.nonce == State.U64:
        return work
    return self._consent(work, authorization)


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    work: Work = empty(Work)
    work.cursor = Tape.begin()
    given: State.Machine = State.read()
    work.machine = given
    assert (
        given.phase == State.TRANSACTION_BEGIN and given.pending != empty(bytes32)
    ), "WarmStep: not a state of phase transaction begin with a job"
    work.job = Jobs.openJob(work.cursor, given.pending)
    work.cursor += Jobs.JOB_ITEM
    if work.job.stage == Jobs.WARM:
        work = self._warm(work)
    else:
        assert work.job.stage == Jobs.AUTHORIZE, "WarmStep: not a job of stage warm or authorize"
        work = self._authorize(work)
    machine: State.Machine = work.machine
    cursor: uint256 = work.cursor
    if work.lacking != 0:
        machine = Frames.load(given, work.lacking, work.target, work.key)
    elif work.isRefused:
        machine, cursor = Refusals.refuse(given, cursor)
    else:
        machine.pending = Jobs.nameJob(work.job)
    Tape.finish(cursor)
    return State.commitment(machine)
