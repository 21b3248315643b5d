# pragma version 0.4.3
# pragma evm-version cancun
"""
@title CodeStep
@notice Steps that open a whole code: a creation is entered, a new contract's code is deposited, a
        code is loaded.
@dev The twin of evm/step/entering.py, leaving.py and loading.py where they open codes. EIP-161,
     170, 684, 1014, 3541, 7610.
"""

import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Entries as Entries
import rollup.settlement.contracts.step.modules.Frames as Frames
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Program as Program
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.WorldMap as WorldMap

MAX_WITNESS: constant(uint256) = 81920
MAX_INIT_CODE: constant(uint256) = 49152
MAX_CODE: constant(uint256) = 24576
CODE_BYTE: constant(uint256) = 200
RESERVED_PREFIX: constant(uint256) = 239  # 0xef
EMPTY_ROOT: constant(bytes32) = keccak256(x"80")

rules: immutable(uint256)


struct Whole:
    # Where it begins in msg.data, and the cursor after it.
    start: uint256
    cursor: uint256


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _data(cursor: uint256, tree: bytes32, length: uint256) -> Whole:
    """
    @notice Open a whole data as one item.
    """
    if length == 0:
        return Whole(start=cursor, cursor=cursor)
    depth: uint256 = Tape.depth((length + 31) >> 5)
    size: uint256 = 32 << depth
    Tape.expect(
        Tape.size(cursor) == size and Program.wordTree(cursor + Tape.HEAD, depth) == tree
    )
    return Whole(start=cursor + Tape.HEAD, cursor=cursor + Tape.HEAD + size)


@internal
@view
def _nonce(cursor: uint256, world: bytes32, account: uint256) -> Accounts.Moved:
    """
    @notice Count the creator's nonce up. It is looked up, then looked up to be changed.
    """
    found: Accounts.Place = Accounts.place(cursor, world, account)
    if found.isMissing:
        return Accounts.Moved(
            world=world, cursor=found.cursor, isMissing=True, missing=account
        )
    found = Accounts.place(found.cursor, world, account)
    changed: Entries.Account = found.account
    changed.nonce += 1
    changed.exists = 1
    made: bytes32 = Accounts.put(found, account, changed)
    return Accounts.Moved(world=made, cursor=found.cursor, isMissing=False, missing=0)


@internal
@view
def _collide(
    given: State.Machine, message: Pending.Message, cursor: uint256
) -> (State.Machine, uint256):
    """
    @notice The address is taken: what was handed on is gone.
    """
    machine: State.Machine = given
    if message.depth == 0:
        machine.phase = State.TRANSACTION_END
        machine.pending = Pending.nameOutcome(empty(Pending.Outcome))
        return machine, cursor
    frame: State.Frame = State.openFrame(cursor, machine.frame)
    frame.returned = empty(bytes32)
    frame.returnedLength = 0
    frame.stack = keccak256(concat(frame.stack, empty(bytes32)))
    frame.size += 1
    machine.frame = State.nameFrame(frame)
    machine.phase = State.RUN
    machine.pending = empty(bytes32)
    return machine, cursor + State.FRAME_ITEM


@internal
@view
def _create(
    given: State.Machine, message: Pending.Message, whole: Whole, digest: bytes32
) -> (State.Machine, uint256):
    """
    @notice Enter a creation whose init code is open; `digest` is the hash of the code.
    """
    machine: State.Machine = given
    account: uint256 = message.target
    if message.flags & State.SALTED != 0:
        account = State.U160 & convert(
            keccak256(
                concat(
                    0xff,
                    convert(convert(message.caller, uint160), bytes20),
                    convert(message.salt, bytes32),
                    digest,
                )
            ),
            uint256,
        )
    effects: State.Effects = State.openEffects(whole.cursor, machine.effects)
    cursor: uint256 = whole.cursor + State.EFFECTS_ITEM
    moved: Accounts.Moved = empty(Accounts.Moved)
    if message.depth > 0:
        moved = self._nonce(cursor, effects.world, message.caller)
        if moved.isMissing:
            return Frames.load(
                given, Pending.LOAD_ACCOUNT, message.caller, 0
            ), moved.cursor
        effects.world = moved.world
        cursor = moved.cursor
    met: Accounts.Met = Accounts.meet(
        cursor, effects.world, account, effects.transaction, rules
    )
    cursor = met.cursor
    if met.isMissing:
        return Frames.load(given, Pending.LOAD_ACCOUNT, account, 0), cursor
    effects.world = met.world
    machine.effects = State.nameEffects(effects)
    if (
        met.account.nonce != 0
        or met.account.codeHash != Accounts.EMPTY_CODE_HASH
        or met.account.storageRoot != EMPTY_ROOT
    ):
        return self._collide(machine, message, cursor)
    entryEffects: bytes32 = machine.effects
    found: Accounts.Place = Accounts.place(cursor, effects.world, account)
    cursor = found.cursor
    changed: Entries.Account = found.account
    changed.nonce = 1
    changed.exists = 1
    changed.created = effects.transaction
    effects.world = Accounts.put(found, account, changed)
    if message.amount > 0:
        moved = Accounts.transfer(
            cursor, effects.world, message.caller, account, message.amount
        )
        cursor = moved.cursor
        if moved.isMissing:
            return Frames.load(given, Pending.LOAD_ACCOUNT, moved.missing, 0), cursor
        effects.world = moved.world
    machine.effects = State.nameEffects(effects)
    call: bytes32 = State.nameCall(
        State.Call(
            depth=message.depth,
            flags=message.flags,
            target=account,
            caller=message.caller,
            amount=message.amount,
            codeAddress=account,
            generation=found.account.generation,
            calldata=empty(bytes32),
            calldataLength=0,
            outputOffset=message.outputOffset,
            outputSize=message.outputSize,
            entryEffects=entryEffects,
            parent=machine.frame,
        )
    )
    code: bytes32 = Program.codeTree(whole.start, message.calldataLength)
    return Frames.begin(machine, call, message.gas, code, message.calldataLength), cursor


@internal
@view
def _putCode(
    at: uint256, world: bytes32, digest: bytes32, code: Entries.Code
) -> (bytes32, uint256):
    """
    @notice The map with a code under its hash, and the cursor.
    """
    key: bytes32 = Entries.codeKey(digest)
    way: WorldMap.Way = WorldMap.find(at, world, key)
    cursor: uint256 = way.cursor
    if way.isFound:
        known: Entries.Code = Entries.openCode(cursor, way.value)
        cursor += Entries.CODE_ITEM
    return WorldMap.put(way, key, Entries.nameCode(code)), cursor


@internal
@view
def _deposit(
    given: State.Machine,
    outcome: Pending.Outcome,
    account: uint256,
    whole: Whole,
    digest: bytes32,
) -> (State.Machine, uint256):
    """
    @notice Set the code of a new contract, which is paid for and allowed.
    """
    machine: State.Machine = given
    effects: State.Effects = State.openEffects(whole.cursor, machine.effects)
    cursor: uint256 = whole.cursor + State.EFFECTS_ITEM
    length: uint256 = outcome.outputLength
    code: Entries.Code = Entries.Code(
        root=Program.codeTree(whole.start, length), length=length
    )
    effects.world, cursor = self._putCode(cursor, effects.world, digest, code)
    found: Accounts.Place = Accounts.place(cursor, effects.world, account)
    assert not found.isMissing, "CodeStep: a new contract is not in the map"
    changed: Entries.Account = found.account
    changed.codeHash = digest
    changed.exists = 1
    effects.world = Accounts.put(found, account, changed)
    machine.effects = State.nameEffects(effects)
    machine.pending = Pending.nameOutcome(
        Pending.Outcome(
            ending=Pending.DEPOSITED,
            gas=outcome.gas - CODE_BYTE * length,
            output=empty(bytes32),
            outputLength=0,
            call=outcome.call,
        )
    )
    return machine, found.cursor


@internal
@pure
def _failed(given: State.Machine, call: bytes32) -> State.Machine:
    machine: State.Machine = given
    machine.pending = Pending.nameOutcome(
        Pending.Outcome(
            ending=Pending.FAILED, gas=0, output=empty(bytes32), outputLength=0, call=call
        )
    )
    return machine


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    cursor: uint256 = Tape.begin()
    machine: State.Machine = State.read()
    whole: Whole = empty(Whole)
    if machine.phase == State.ENTER:
        message: Pending.Message = Pending.openMessage(cursor, machine.pending)
        assert message.flags & State.CREATION != 0, "CodeStep: a call is EnterStep's"
        length: uint256 = message.calldataLength
        assert length <= MAX_INIT_CODE, "CodeStep: init code has more than 49,152 bytes"
        whole = self._data(cursor + Pending.MESSAGE_ITEM, message.calldata, length)
        digest: bytes32 = empty(bytes32)
        if message.flags & State.SALTED != 0:
            digest = keccak256(slice(proof, whole.start - Tape.PROOF, length))
        machine, cursor = self._create(machine, message, whole, digest)
    elif machine.phase == State.LEAVE:
        outcome: Pending.Outcome = Pending.openOutcome(cursor, machine.pending)
        cursor += Pending.OUTCOME_ITEM
        call: State.Call = State.openCall(cursor, outcome.call)
        cursor += State.CALL_ITEM
        length: uint256 = outcome.outputLength
        assert (
            call.flags & State.CREATION != 0
            and outcome.ending == Pending.SUCCEEDED
            and length > 0
        ), "CodeStep: no deposit of code"
        if length > MAX_CODE or CODE_BYTE * length > outcome.gas:
            machine = self._failed(machine, outcome.call)
        else:
            whole = self._data(cursor, outcome.output, length)
            cursor = whole.cursor
            if Tape.word(whole.start) >> 248 == RESERVED_PREFIX:
                machine = self._failed(machine, outcome.call)
            else:
                digest: bytes32 = keccak256(slice(proof, whole.start - Tape.PROOF, length))
                machine, cursor = self._deposit(machine, outcome, call.target, whole, digest)
    else:
        assert machine.phase == State.LOAD, "CodeStep: not a state of its phases"
        load: Pending.Load = Pending.openLoad(cursor, machine.pending)
        assert load.kind == Pending.LOAD_CODE, "CodeStep: an account or slot is LoadStep's"
        cursor += Pending.LOAD_ITEM
        length: uint256 = Tape.size(cursor)
        assert length <= MAX_INIT_CODE, "CodeStep: a code has more than 49,152 bytes"
        start: uint256 = cursor + Tape.HEAD
        Tape.expect(
            convert(keccak256(slice(proof, start - Tape.PROOF, length)), uint256) == load.key
        )
        effects: State.Effects = State.openEffects(start + length, machine.effects)
        code: Entries.Code = Entries.Code(
            root=Program.codeTree(start, length), length=length
        )
        effects.world, cursor = self._putCode(
            start + length + State.EFFECTS_ITEM,
            effects.world,
            convert(load.key, bytes32),
            code,
        )
        machine.effects = State.nameEffects(effects)
        machine.phase = load.backPhase
        machine.pending = load.backPending
    Tape.finish(cursor)
    return State.commitment(machine)
