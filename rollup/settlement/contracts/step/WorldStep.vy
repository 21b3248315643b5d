# pragma version 0.4.3
# pragma evm-version cancun
"""
@title WorldStep
@notice Steps of opcodes that read accounts and their code, and that read and write storage,
        permanent and transient.
@dev The twin of evm/step/slots.py, instructions/storage.py and of what reads accounts in
     environment.py. Prices: EIP-1153, 2200, 2929, 3529.
"""

import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Entries as Entries
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Run as Run
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.WorldMap as WorldMap

MAX_WITNESS: constant(uint256) = 16384
MINE: constant(bytes32) = 0x0000000000000000000000000000000000000000303000809802000000000000
LOW: constant(uint256) = 5
COPY_WORD: constant(uint256) = 3
WARM: constant(uint256) = 100
COLD_SLOT: constant(uint256) = 2100
COLD_ACCOUNT: constant(uint256) = 2600
STORAGE_SET: constant(uint256) = 20000
STORAGE_RESET: constant(uint256) = 2900
STORAGE_CLEARS_REFUND: constant(uint256) = 4800
CALL_STIPEND: constant(uint256) = 2300

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _copyCode(given: Run.Work, code: Accounts.Program) -> Run.Work:
    """
    @notice The rest of EXTCODECOPY: memory grows, phase copy does the rest.
    """
    target: uint256 = given.items[1]
    size: uint256 = given.items[3]
    work: Run.Work = Run.touch(given, target, size)
    if not work.hasFailed and size > 0:
        work = Run.charge(work, COPY_WORD * ((size + 31) >> 5))
    if work.hasFailed:
        return work
    work.frame.pc += 1
    return Run.copyToMemory(
        work, Pending.CODE, code.root, code.length, work.items[2], target, size
    )


@internal
@view
def _account(given: Run.Work) -> Run.Work:
    """
    @notice BALANCE, EXTCODESIZE, EXTCODECOPY, EXTCODEHASH.
    """
    work: Run.Work = Run.pop(given, 4 if given.opcode == 60 else 1)
    address_: uint256 = work.items[0] & State.U160
    effects: State.Effects = State.openEffects(work.cursor, work.machine.effects)
    work.cursor += State.EFFECTS_ITEM
    met: Accounts.Met = Accounts.meet(
        work.cursor, effects.world, address_, effects.transaction, rules
    )
    work.cursor = met.cursor
    if met.isMissing:
        return Run.load(work, Pending.LOAD_ACCOUNT, address_, 0)
    if met.isCold:
        work = Run.charge(work, COLD_ACCOUNT - WARM)
        if work.hasFailed:
            return work
        effects.world = met.world
        work.machine.effects = State.nameEffects(effects)
    if work.opcode == 49:  # BALANCE
        work.frame = Run.push(work.frame, met.account.balance)
        return work
    if work.opcode == 63:  # EXTCODEHASH
        word: uint256 = 0
        if not Accounts.isEmpty(met.account):
            word = convert(met.account.codeHash, uint256)
        work.frame = Run.push(work.frame, word)
        return work
    code: Accounts.Program = Accounts.program(work.cursor, met.world, met.account.codeHash)
    work.cursor = code.cursor
    if code.isMissing:
        key: uint256 = convert(met.account.codeHash, uint256)
        return Run.load(work, Pending.LOAD_CODE, address_, key)
    if work.opcode == 60:
        return self._copyCode(work, code)
    work.frame = Run.push(work.frame, code.length)
    return work


@internal
@view
def _selfBalance(given: Run.Work) -> Run.Work:
    work: Run.Work = given
    call: State.Call = State.openCall(work.cursor, work.frame.call)
    work.cursor += State.CALL_ITEM
    effects: State.Effects = State.openEffects(work.cursor, work.machine.effects)
    work.cursor += State.EFFECTS_ITEM
    met: Accounts.Met = Accounts.look(work.cursor, effects.world, call.target)
    work.cursor = met.cursor
    if met.isMissing:
        return Run.load(work, Pending.LOAD_ACCOUNT, call.target, 0)
    work.frame = Run.push(work.frame, met.account.balance)
    return work


@internal
@pure
def _refund(original: uint256, current: uint256, new: uint256) -> uint256:
    """
    @notice What writing `new` over `current` adds to the refund counter, modulo 2^256 (EIP-3529).
    """
    if original == current:
        return STORAGE_CLEARS_REFUND if original != 0 and new == 0 else 0
    refund: uint256 = 0
    if original != 0:
        if new == 0:
            refund = STORAGE_CLEARS_REFUND
        if current == 0:
            refund = unsafe_sub(refund, STORAGE_CLEARS_REFUND)
    if original == new:
        refund = unsafe_add(refund, (STORAGE_RESET if original != 0 else STORAGE_SET) - WARM)
    return refund


@internal
@view
def _store(given: Run.Work, opened: State.Effects, way: WorldMap.Way, key: bytes32) -> Run.Work:
    """
    @notice SSTORE into a slot that is in the map.
    """
    work: Run.Work = given
    effects: State.Effects = opened
    slot: Entries.Slot = Entries.openSlot(work.cursor, way.value)
    work.cursor += Entries.SLOT_ITEM
    new: uint256 = work.items[1]
    current: uint256 = slot.now
    original: uint256 = current
    if slot.originalIn == effects.transaction:
        original = slot.original
    cost: uint256 = COLD_SLOT if slot.warm != effects.transaction else 0
    isFirst: bool = new != current and original == current
    if isFirst:
        work = Run.charge(work, cost + (STORAGE_RESET if original != 0 else STORAGE_SET))
    else:
        work = Run.charge(work, cost + WARM)
    if work.hasFailed:
        return work
    slot.warm = effects.transaction
    if new != current:
        slot.now = new
        slot.original = original
        slot.originalIn = effects.transaction
        effects.refund = unsafe_add(effects.refund, self._refund(original, current, new))
    if new != current or cost > 0:
        effects.world = WorldMap.put(way, key, Entries.nameSlot(slot))
        work.machine.effects = State.nameEffects(effects)
    work.frame.pc += 1
    return work


@internal
@view
def _slot(given: Run.Work, call: State.Call) -> Run.Work:
    """
    @notice SLOAD and SSTORE.
    """
    work: Run.Work = given
    if work.opcode == 85 and work.frame.gas <= CALL_STIPEND:
        work.hasFailed = True
        return work
    effects: State.Effects = State.openEffects(work.cursor, work.machine.effects)
    key: bytes32 = Entries.slotKey(call.target, call.generation, work.items[0])
    way: WorldMap.Way = WorldMap.find(work.cursor + State.EFFECTS_ITEM, effects.world, key)
    work.cursor = way.cursor
    if not way.isFound:
        return Run.load(work, Pending.LOAD_SLOT, call.target, work.items[0])
    if work.opcode == 85:
        return self._store(work, effects, way, key)
    slot: Entries.Slot = Entries.openSlot(work.cursor, way.value)
    work.cursor += Entries.SLOT_ITEM
    if slot.warm != effects.transaction:
        work = Run.charge(work, COLD_SLOT - WARM)
        if work.hasFailed:
            return work
        slot.warm = effects.transaction
        effects.world = WorldMap.put(way, key, Entries.nameSlot(slot))
        work.machine.effects = State.nameEffects(effects)
    work.frame = Run.push(work.frame, slot.now)
    return work


@internal
@view
def _transient(given: Run.Work, call: State.Call) -> Run.Work:
    """
    @notice TLOAD and TSTORE.
    """
    work: Run.Work = given
    effects: State.Effects = State.openEffects(work.cursor, work.machine.effects)
    key: bytes32 = Entries.transientKey(effects.transaction, call.target, work.items[0])
    way: WorldMap.Way = WorldMap.find(work.cursor + State.EFFECTS_ITEM, effects.world, key)
    work.cursor = way.cursor
    word: uint256 = 0
    if way.isFound:
        word = Entries.openTransient(work.cursor, way.value)
        work.cursor += Entries.TRANSIENT_ITEM
    if work.opcode == 92:
        work.frame = Run.push(work.frame, word)
        return work
    effects.world = WorldMap.put(way, key, keccak256(convert(work.items[1], bytes32)))
    work.machine.effects = State.nameEffects(effects)
    work.frame.pc += 1
    return work


@internal
@view
def _storage(given: Run.Work) -> Run.Work:
    # Reading pops before it opens the call; writing asks first whether it may.
    isReading: bool = given.opcode == 84 or given.opcode == 92
    work: Run.Work = given
    if isReading:
        work = Run.pop(work, 1)
    call: State.Call = State.openCall(work.cursor, work.frame.call)
    work.cursor += State.CALL_ITEM
    if not isReading:
        if call.flags & State.STATIC != 0:
            work.hasFailed = True
            return work
        work = Run.pop(work, 2)
    if work.opcode >= 92:
        return self._transient(work, call)
    return self._slot(work, call)


@internal
@view
def _run(given: Run.Work) -> Run.Work:
    opcode: uint256 = given.opcode
    work: Run.Work = given
    if opcode == 71:  # SELFBALANCE
        work = Run.afford(work, 0, 1, LOW)
        return work if work.hasFailed else self._selfBalance(work)
    if opcode < 64:
        work = Run.afford(work, 4 if opcode == 60 else 1, 0 if opcode == 60 else 1, WARM)
        return work if work.hasFailed else self._account(work)
    if opcode == 84 or opcode == 92:  # SLOAD, TLOAD
        work = Run.afford(work, 1, 1, WARM)
    else:  # SSTORE, TSTORE
        work = Run.afford(work, 2, 0, 0 if opcode == 85 else WARM)
    return work if work.hasFailed else self._storage(work)


@external
@view
def step(stateData: Bytes[129], proof: Bytes[MAX_WITNESS], localContext: bytes32) -> bytes32:
    """
    @notice The commitment after the step. Reverts if the witness is not that of this step.
    """
    return Run.finish(self._run(Run.begin(MINE)))
