# pragma version 0.4.3
# pragma evm-version cancun
"""
@title CallStep
@notice Steps of opcodes that begin a frame below a frame, and of SELFDESTRUCT. A call pays here and
        leaves a message; phases copy, enter and leave do the rest.
@dev The twin of evm/step/instructions/system.py. EIP-150, 161, 214, 2929, 3860, 6780, 7702.
"""

import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Code as Code
import rollup.settlement.contracts.step.modules.Entries as Entries
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.Run as Run
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape

MAX_WITNESS: constant(uint256) = 32768
MINE: constant(bytes32) = 0x8437000000000000000000000000000000000000000000000000000000000000
MAX_DEPTH: constant(uint256) = 1024
WARM: constant(uint256) = 100
COLD_ACCOUNT: constant(uint256) = 2600
CALL_VALUE: constant(uint256) = 9000
CALL_STIPEND: constant(uint256) = 2300
NEW_ACCOUNT: constant(uint256) = 25000
CREATE: constant(uint256) = 32000
SELF_DESTRUCT: constant(uint256) = 5000
KECCAK256_WORD: constant(uint256) = 6
INIT_CODE_WORD: constant(uint256) = 2
MAX_INIT_CODE: constant(uint256) = 49152
DELEGATION_BYTES: constant(uint256) = 23
DELEGATION_PREFIX: constant(uint256) = 15663360  # 0xef0100

rules: immutable(uint256)


struct Target:
    work: Run.Work
    effects: State.Effects
    isEmpty: bool
    # Whose code runs: another account's where the one that is called delegates.
    codeAddress: uint256
    flags: uint256


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _access(given: Target, account: uint256) -> (Target, Accounts.Met):
    """
    @notice Meet an account where WARM is paid.
    """
    target: Target = given
    met: Accounts.Met = Accounts.meet(
        target.work.cursor, target.effects.world, account, target.effects.transaction, rules
    )
    target.work.cursor = met.cursor
    if met.isMissing:
        target.work = Run.load(target.work, Pending.LOAD_ACCOUNT, account, 0)
    elif met.isCold:
        target.work = Run.charge(target.work, COLD_ACCOUNT - WARM)
        target.effects.world = met.world
    return target, met


@internal
@view
def _delegate(given: Target, account: uint256, codeHash: bytes32) -> Target:
    """
    @notice Follow the delegation (EIP-7702) that a code may be, and meet that account too.
    """
    target: Target = given
    code: Accounts.Program = Accounts.program(
        target.work.cursor, target.effects.world, codeHash
    )
    target.work.cursor = code.cursor
    if code.isMissing:
        target.work = Run.load(
            target.work, Pending.LOAD_CODE, account, convert(codeHash, uint256)
        )
        return target
    if code.length != DELEGATION_BYTES:
        return target
    part: Code.Chunk = Code.chunk(target.work.cursor, code.root, code.length, 0)
    target.work.cursor = part.cursor
    if part.data >> 232 != DELEGATION_PREFIX:
        return target
    target.codeAddress = (part.data >> 72) & State.U160
    target.flags = State.DELEGATED
    target.work = Run.charge(target.work, WARM)
    if target.work.hasFailed:
        return target
    met: Accounts.Met = empty(Accounts.Met)
    target, met = self._access(target, target.codeAddress)
    return target


@internal
@view
def _meet(given: Run.Work, account: uint256) -> Target:
    """
    @notice Pay for meeting the account that is called, and find out whose code it runs.
    """
    target: Target = Target(
        work=given,
        effects=State.openEffects(given.cursor, given.machine.effects),
        isEmpty=False,
        codeAddress=account,
        flags=0,
    )
    target.work.cursor += State.EFFECTS_ITEM
    met: Accounts.Met = empty(Accounts.Met)
    target, met = self._access(target, account)
    target.isEmpty = Accounts.isEmpty(met.account)
    if not (target.work.isOver or target.work.hasFailed) and rules & Rules.HAS_DELEGATIONS != 0:
        target = self._delegate(target, account, met.account.codeHash)
    target.work.machine.effects = State.nameEffects(target.effects)
    if target.work.isOver or target.work.hasFailed:
        target.work.machine.effects = State.read().effects
    return target


@internal
@pure
def _refuse(given: Run.Work) -> Run.Work:
    """
    @notice Push 0 for a frame that did not come to be.
    """
    work: Run.Work = given
    work.frame.returned = empty(bytes32)
    work.frame.returnedLength = 0
    work.frame = Run.push(work.frame, 0)
    return work


@internal
@pure
def _enter(given: Run.Work, message: Pending.Message, start: uint256) -> Run.Work:
    """
    @notice Send a message: its call data is copied out of memory first.
    """
    work: Run.Work = given
    work.frame.pc += 1
    named: bytes32 = Pending.nameMessage(message)
    if message.calldataLength > 0:
        return Run.copyFromMemory(
            work, Pending.THEN_MESSAGE, start, message.calldataLength, named
        )
    work.machine.phase = State.ENTER
    work.machine.pending = named
    return work


@internal
@view
def _send(
    given: Run.Work,
    effects: State.Effects,
    message: Pending.Message,
    payer: uint256,
    amount: uint256,
    start: uint256,
) -> Run.Work:
    """
    @notice Send a message that is paid for, or take its gas back where it cannot be sent.
    """
    work: Run.Work = given
    isPoor: bool = False
    if amount > 0:
        met: Accounts.Met = Accounts.look(work.cursor, effects.world, payer)
        work.cursor = met.cursor
        if met.isMissing:
            return Run.load(work, Pending.LOAD_ACCOUNT, payer, 0)
        isPoor = met.account.balance < amount
    if isPoor or message.depth > MAX_DEPTH:
        work.frame.gas += message.gas
        return self._refuse(work)
    return self._enter(work, message, start)


@internal
@view
def _call(given: Run.Work) -> Run.Work:
    """
    @notice CALL, CALLCODE, DELEGATECALL, STATICCALL.
    """
    opcode: uint256 = given.opcode
    hasValue: bool = opcode == 241 or opcode == 242
    work: Run.Work = Run.pop(given, 3 if hasValue else 2)
    wanted: uint256 = work.items[0]
    account: uint256 = work.items[1] & State.U160
    amount: uint256 = work.items[2] if hasValue else 0
    call: State.Call = empty(State.Call)
    isOpen: bool = opcode == 241 and amount > 0
    if isOpen:
        call = State.openCall(work.cursor, work.frame.call)
        work.cursor += State.CALL_ITEM
        if call.flags & State.STATIC != 0:
            work.hasFailed = True
            return work
    work = Run.pop(work, 4)
    start: uint256 = work.items[0]
    size: uint256 = work.items[1]
    outputOffset: uint256 = work.items[2]
    outputSize: uint256 = work.items[3]
    work = Run.touch(work, start, size)
    if not work.hasFailed:
        work = Run.touch(work, outputOffset, outputSize)
    if work.hasFailed:
        return work
    target: Target = self._meet(work, account)
    work = target.work
    if work.isOver or work.hasFailed:
        return work
    if amount > 0:
        isNew: bool = opcode == 241 and target.isEmpty
        work = Run.charge(work, CALL_VALUE + (NEW_ACCOUNT if isNew else 0))
        if work.hasFailed:
            return work
    handed: uint256 = min(wanted, work.frame.gas - work.frame.gas // 64)
    work.frame.gas -= handed
    if not isOpen:
        call = State.openCall(work.cursor, work.frame.call)
        work.cursor += State.CALL_ITEM
    message: Pending.Message = Pending.Message(
        gas=handed + (CALL_STIPEND if amount > 0 else 0),
        flags=(call.flags & State.STATIC) | target.flags,
        depth=call.depth + 1,
        target=account,
        caller=call.target,
        amount=amount,
        codeAddress=target.codeAddress,
        calldata=empty(bytes32),
        calldataLength=size,
        outputOffset=outputOffset if outputSize > 0 else 0,
        outputSize=outputSize,
        salt=0,
    )
    if opcode == 242 or opcode == 244:
        message.flags |= State.KEEPS_VALUE
        message.target = call.target
    if opcode == 244:
        message.caller = call.caller
        message.amount = call.amount
    elif opcode == 250:
        message.flags |= State.STATIC
    return self._send(work, target.effects, message, call.target, amount, start)


@internal
@pure
def _createdAddress(creator: uint256, nonce: uint256) -> uint256:
    # Keccak-256 of the RLP of creator and nonce (Yellow Paper, 7).
    account: bytes20 = convert(convert(creator, uint160), bytes20)
    digest: bytes32 = empty(bytes32)
    if nonce < 128:
        number: bytes1 = convert(convert(nonce if nonce > 0 else 128, uint8), bytes1)
        digest = keccak256(concat(0xd6, 0x94, account, number))
    else:
        size: uint256 = 1
        for _: uint256 in range(7):
            if nonce >> (8 * size) == 0:
                break
            size += 1
        shifted: bytes32 = convert(nonce << (256 - 8 * size), bytes32)
        number: Bytes[8] = convert(slice(shifted, 0, size), Bytes[8])
        head: bytes1 = convert(convert(214 + size, uint8), bytes1)
        digest = keccak256(
            concat(head, 0x94, account, convert(convert(128 + size, uint8), bytes1), number)
        )
    return convert(digest, uint256) & State.U160


@internal
@view
def _create(given: Run.Work) -> Run.Work:
    """
    @notice CREATE and CREATE2: all gas that may be goes to a message whose call data is init code.
    """
    work: Run.Work = given
    call: State.Call = State.openCall(work.cursor, work.frame.call)
    work.cursor += State.CALL_ITEM
    if call.flags & State.STATIC != 0:
        work.hasFailed = True
        return work
    isSalted: bool = work.opcode == 245
    work = Run.pop(work, 4 if isSalted else 3)
    amount: uint256 = work.items[0]
    start: uint256 = work.items[1]
    size: uint256 = work.items[2]
    if size > MAX_INIT_CODE:
        work.hasFailed = True
        return work
    perWord: uint256 = INIT_CODE_WORD + (KECCAK256_WORD if isSalted else 0)
    work = Run.charge(work, perWord * ((size + 31) >> 5))
    if not work.hasFailed:
        work = Run.touch(work, start, size)
    if work.hasFailed:
        return work
    effects: State.Effects = State.openEffects(work.cursor, work.machine.effects)
    work.cursor += State.EFFECTS_ITEM
    met: Accounts.Met = Accounts.look(work.cursor, effects.world, call.target)
    work.cursor = met.cursor
    if met.isMissing:
        return Run.load(work, Pending.LOAD_ACCOUNT, call.target, 0)
    if call.depth >= MAX_DEPTH or met.account.balance < amount or met.account.nonce >= State.U64:
        return self._refuse(work)
    created: uint256 = 0
    if not isSalted:
        created = self._createdAddress(call.target, met.account.nonce)
    handed: uint256 = work.frame.gas - work.frame.gas // 64
    work.frame.gas -= handed
    message: Pending.Message = Pending.Message(
        gas=handed,
        flags=State.CREATION | (State.SALTED if isSalted else 0),
        depth=call.depth + 1,
        target=created,
        caller=call.target,
        amount=amount,
        codeAddress=created,
        calldata=empty(bytes32),
        calldataLength=size,
        outputOffset=0,
        outputSize=0,
        salt=work.items[3] if isSalted else 0,
    )
    return self._enter(work, message, start)


@internal
@view
def _destroy(
    given: Run.Work, opened: State.Effects, own: uint256, heir: uint256, amount: uint256
) -> (Run.Work, State.Effects):
    """
    @notice Give all wei away, even where it is to itself, and note that the account is gone.
    """
    work: Run.Work = given
    effects: State.Effects = opened
    moved: Accounts.Moved = empty(Accounts.Moved)
    if amount > 0:
        moved = Accounts.addBalance(work.cursor, effects.world, heir, amount)
    else:
        moved = Accounts.touchEmpty(work.cursor, effects.world, heir)
    found: Accounts.Place = Accounts.place(moved.cursor, moved.world, own)
    work.cursor = found.cursor
    changed: Entries.Account = found.account
    changed.balance = 0
    changed.destroyed = effects.transaction
    effects.world = Accounts.put(found, own, changed)
    if found.account.destroyed != effects.transaction:
        effects.destroyed = keccak256(concat(effects.destroyed, Entries.accountKey(own)))
    return work, effects


@internal
@view
def _selfDestruct(given: Run.Work) -> Run.Work:
    work: Run.Work = given
    call: State.Call = State.openCall(work.cursor, work.frame.call)
    work.cursor += State.CALL_ITEM
    if call.flags & State.STATIC != 0:
        work.hasFailed = True
        return work
    work = Run.pop(work, 1)
    heir: uint256 = work.items[0] & State.U160
    effects: State.Effects = State.openEffects(work.cursor, work.machine.effects)
    work.cursor += State.EFFECTS_ITEM
    met: Accounts.Met = Accounts.meet(
        work.cursor, effects.world, heir, effects.transaction, rules
    )
    work.cursor = met.cursor
    if met.isMissing:
        return Run.load(work, Pending.LOAD_ACCOUNT, heir, 0)
    if met.isCold:
        work = Run.charge(work, COLD_ACCOUNT)
        if work.hasFailed:
            return work
        effects.world = met.world
    own: Accounts.Met = Accounts.look(work.cursor, effects.world, call.target)
    work.cursor = own.cursor
    if own.isMissing:
        return Run.load(work, Pending.LOAD_ACCOUNT, call.target, 0)
    amount: uint256 = own.account.balance
    if amount > 0 and Accounts.isEmpty(met.account):
        work = Run.charge(work, NEW_ACCOUNT)
        if work.hasFailed:
            return work
    if own.account.created == effects.transaction:
        work, effects = self._destroy(work, effects, call.target, heir, amount)
    elif amount > 0 and heir != call.target:
        moved: Accounts.Moved = Accounts.transfer(
            work.cursor, effects.world, call.target, heir, amount
        )
        work.cursor = moved.cursor
        effects.world = moved.world
    work.machine.effects = State.nameEffects(effects)
    return Run.end(work, Pending.SUCCEEDED, work.frame.gas)


@internal
@view
def _run(given: Run.Work) -> Run.Work:
    opcode: uint256 = given.opcode
    work: Run.Work = given
    if opcode == 255:
        work = Run.afford(work, 1, 0, SELF_DESTRUCT)
        return work if work.hasFailed else self._selfDestruct(work)
    if opcode == 240 or opcode == 245:
        work = Run.afford(work, 3 if opcode == 240 else 4, 1, CREATE)
        return work if work.hasFailed else self._create(work)
    work = Run.afford(work, 7 if opcode < 243 else 6, 1, WARM)
    return work if work.hasFailed else self._call(work)


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    return Run.finish(self._run(Run.begin(MINE)))
