# pragma version 0.4.3
# pragma evm-version cancun
"""
@title NativeFrame
@notice One call to a native precompile: its gas, its slots, its logs, wei that it moves; and how it
        ends.
@dev The twin of `NativeFrame` in evm/step/precompiled.py, of evm/precompiles/frame.py and dispatch.py.
     A native that ends otherwise than by its last line ends by a revert that says how; its contract
     calls itself, so that this is a call that reverts, and makes the state behind it. A revert with
     anything else refuses the witness. That signal is given only behind a witness that is used up.
"""

import rollup.settlement.contracts.step.modules.Accounts as Accounts
import rollup.settlement.contracts.step.modules.Context as Context
import rollup.settlement.contracts.step.modules.Entries as Entries
import rollup.settlement.contracts.step.modules.Frames as Frames
import rollup.settlement.contracts.step.modules.Pending as Pending
import rollup.settlement.contracts.step.modules.Program as Program
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Texts as Texts
import rollup.settlement.contracts.step.modules.WordTree as WordTree
import rollup.settlement.contracts.step.modules.WorldMap as WorldMap

# Where fields of frame and call and the calldata begin in msg.data, as State.openFrame and openCall
# have them.
FRAME_AT: constant(uint256) = Tape.PROOF + Tape.HEAD
CALL_AT: constant(uint256) = Tape.PROOF + State.FRAME_ITEM + Tape.HEAD
INPUT_AT: constant(uint256) = Tape.PROOF + State.FRAME_ITEM + State.CALL_ITEM
MAX_REASON: constant(uint256) = 640
# What a reason is built of before the native's name stands in front of it.
MAX_MESSAGE: constant(uint256) = 560
# "<native>.<function>".
MAX_PLACE: constant(uint256) = 64
MAX_DATA: constant(uint256) = 1024
MAX_CALLDATA: constant(uint256) = 65536
MAX_SIGNAL: constant(uint256) = 1024

# The signal: how the native has ended, three words, a reason. A native ends as outcomes do, or lacks
# an account or a slot: its kind, the account, the slot. One that is refused has its gas first.
ENDED: constant(bytes4) = method_id(
    "Ended(uint256,uint256,uint256,uint256,bytes)", output_type=bytes4
)
LACKING: constant(uint256) = 255
SIGNAL_REASON: constant(uint256) = 164

# Prices; evm/step/gas.py and evm/precompiles/gas.py.
CALL_BASE: constant(uint256) = 500
ABI_WORD: constant(uint256) = 30
MAPPING_KEY: constant(uint256) = 42
NESTED_CALL: constant(uint256) = 700
WARM: constant(uint256) = 100
COLD_SLOT: constant(uint256) = 2100
COLD_ACCOUNT: constant(uint256) = 2600
STORAGE_SET: constant(uint256) = 20000
STORAGE_RESET: constant(uint256) = 2900
STORAGE_CLEARS_REFUND: constant(uint256) = 4800
CALL_STIPEND: constant(uint256) = 2300
CALL_VALUE: constant(uint256) = 9000
NEW_ACCOUNT: constant(uint256) = 25000
LOG: constant(uint256) = 375
LOG_TOPIC: constant(uint256) = 375
LOG_BYTE: constant(uint256) = 8
MAX_NESTED_DEPTH: constant(uint256) = 8
MAX_DEPTH: constant(uint256) = 1024


struct Frame:
    # The native's account, who calls it and with how many wei.
    target: uint256
    caller: uint256
    amount: uint256
    isStatic: bool
    depth: uint256
    # How many natives lie below one another, this one not counted.
    nested: uint256
    # The calldata in the witness.
    start: uint256
    length: uint256
    gas: uint256
    # Effects and block are opened when they are first needed.
    hasEffects: bool
    effectsName: bytes32
    effects: State.Effects
    hasBlock: bool
    contextName: bytes32
    number: uint256
    timestamp: uint256
    chainId: uint256
    cursor: uint256
    # Bits of Rules.
    rules: uint256
    # What was read last: a slot, a field, a place.
    found: uint256


# -- how a native ends -----------------------------------------------------------------------------


@internal
@view
def _signal(
    frame: Frame, ending: uint256, first: uint256, second: uint256, third: uint256,
    reason: Bytes[MAX_REASON]
):
    Tape.finish(frame.cursor)
    raw_revert(
        abi_encode(
            ending, first, second, third, reason,
            method_id=method_id("Ended(uint256,uint256,uint256,uint256,bytes)"),
        )
    )


@internal
@view
def fail(frame: Frame):
    """
    @notice All gas is gone.
    """
    self._signal(frame, Pending.FAILED, 0, 0, 0, b"")


@internal
@view
def lack(frame: Frame, kind: uint256, target: uint256, key: uint256):
    """
    @notice The map lacks an account or slot: the step becomes a load.
    """
    self._signal(frame, LACKING, kind, target, key, b"")


@internal
@view
def refuse(frame: Frame, reason: Bytes[MAX_REASON]):
    """
    @notice The call is refused: its effects go back, its gas stays.
    """
    self._signal(frame, Pending.REVERTED, frame.gas, 0, 0, reason)


@internal
@pure
def unsupported(target: uint256):
    """
    @notice A call that is too much for a transaction on L1.
    """
    raw_revert(
        abi_encode(
            convert(convert(target, uint160), address),
            method_id=method_id("UnsupportedPrecompile(address)"),
        )
    )


@internal
@pure
def dataTree(data: Bytes[MAX_DATA]) -> bytes32:
    """
    @notice The word tree of bytes, padded with zeros.
    """
    count: uint256 = (len(data) + 31) >> 5
    if count == 0:
        return empty(bytes32)
    nothing: bytes32[32] = empty(bytes32[32])
    padded: Bytes[2 * MAX_DATA] = concat(data, abi_encode(nothing))
    return WordTree.treeOf(slice(padded, 0, MAX_DATA), Tape.depth(count))


@internal
@view
def _ended(
    given: State.Machine, ending: uint256, left: uint256, output: Bytes[MAX_DATA]
) -> bytes32:
    # The call is the last field of the frame, which was opened by its hash before.
    machine: State.Machine = given
    machine.phase = State.LEAVE
    machine.frame = empty(bytes32)
    machine.pending = Pending.nameOutcome(
        Pending.Outcome(
            ending=ending,
            gas=left,
            output=self.dataTree(output),
            outputLength=len(output),
            call=Tape.name(FRAME_AT + 154),
        )
    )
    return State.commitment(machine)


@internal
@view
def signalled(signal: Bytes[MAX_SIGNAL]) -> bytes32:
    """
    @notice The commitment after a native has ended by a signal; any other revert is passed on.
    """
    if len(signal) < SIGNAL_REASON + 32 or convert(slice(signal, 0, 4), bytes4) != ENDED:
        raw_revert(signal)
    machine: State.Machine = State.read()
    ending: uint256 = convert(extract32(signal, 4), uint256)
    first: uint256 = convert(extract32(signal, 36), uint256)
    if ending == LACKING:
        return State.commitment(
            Frames.load(
                machine,
                first,
                convert(extract32(signal, 68), uint256),
                convert(extract32(signal, 100), uint256),
            )
        )
    output: Bytes[MAX_DATA] = b""
    if ending == Pending.REVERTED:
        length: uint256 = convert(extract32(signal, SIGNAL_REASON), uint256)
        reason: Bytes[MAX_SIGNAL] = slice(signal, SIGNAL_REASON + 32, length)
        output = abi_encode(
            convert(reason, Bytes[MAX_REASON]), method_id=method_id("Error(string)")
        )
    return self._ended(machine, ending, first, output)


@internal
@view
def succeed(frame: Frame, output: Bytes[MAX_DATA]) -> bytes32:
    """
    @notice The commitment after a native that has come to its end.
    """
    Tape.finish(frame.cursor)
    machine: State.Machine = State.read()
    if frame.hasEffects:
        machine.effects = State.nameEffects(frame.effects)
    return self._ended(machine, Pending.SUCCEEDED, frame.gas, output)


# -- how a native begins ---------------------------------------------------------------------------


@internal
@view
def begin(native: uint256, rules: uint256) -> Frame:
    """
    @notice Open what the innermost frame was told; it runs a native in that one's own account only.
    """
    assert Tape.begin() == Tape.PROOF
    machine: State.Machine = State.read()
    frame: Frame = empty(Frame)
    frame.gas = Tape.word(FRAME_AT + 4) >> 192
    inner: Bytes[State.FRAME_SIZE] = slice(msg.data, FRAME_AT, State.FRAME_SIZE)
    told: Bytes[State.CALL_SIZE] = slice(msg.data, CALL_AT, State.CALL_SIZE)
    Tape.expect(
        keccak256(inner) == machine.frame
        and Tape.size(Tape.PROOF) == State.FRAME_SIZE
        and keccak256(told) == Tape.name(FRAME_AT + 154)
        and Tape.size(Tape.PROOF + State.FRAME_ITEM) == State.CALL_SIZE
    )
    Tape.expect(machine.phase == State.PRECOMPILE and Tape.word(CALL_AT + 75) >> 96 == native)
    head: uint256 = Tape.word(CALL_AT)
    frame.depth = head >> 240
    frame.isStatic = (head >> 232) & State.STATIC != 0
    frame.target = (head >> 72) & State.U160
    frame.caller = Tape.word(CALL_AT + 23) >> 96
    frame.amount = Tape.word(CALL_AT + 43)
    frame.length = Tape.word(CALL_AT + 131) >> 224
    frame.effectsName = machine.effects
    frame.contextName = machine.context
    frame.rules = rules
    frame.start = INPUT_AT + Tape.HEAD
    frame.cursor = INPUT_AT
    if frame.length > MAX_CALLDATA:
        self.unsupported(native)
    if frame.length > 0:
        depth: uint256 = Tape.depth((frame.length + 31) >> 5)
        Tape.expect(
            Tape.size(INPUT_AT) == 32 << depth
            and Program.wordTree(frame.start, depth) == Tape.name(CALL_AT + 99)
        )
        frame.cursor = frame.start + (32 << depth)
    if frame.target != native:
        self.refuse(
            frame,
            concat(
                Texts.hexOf(native, 20),
                b" runs in its own account only: DELEGATECALL and CALLCODE are refused",
            ),
        )
    return frame


@internal
@view
def selector(frame: Frame) -> uint256:
    """
    @notice The selector, with zeros where calldata is shorter: `noFunction` then says so.
    """
    return Tape.word(frame.start) >> 224 if frame.length >= 4 else 0


@internal
@view
def shownSelector() -> uint256:
    """
    @notice The selector where it stands if the witness is right; none where calldata is too short.
    """
    if Tape.word(CALL_AT + 131) >> 224 < 4:
        return max_value(uint256)
    return Tape.word(INPUT_AT + Tape.HEAD) >> 224


@internal
@view
def noFunction(frame: Frame, native: Bytes[MAX_PLACE]):
    """
    @notice Refuse a selector that is no function's.
    """
    size: uint256 = min(frame.length, 4)
    found: uint256 = Tape.word(frame.start) >> (256 - 8 * size) if size > 0 else 0
    self.refuse(
        frame, concat(native, b": no function has selector ", Texts.hexOf(found, size))
    )


@internal
@view
def called(given: Frame, place: Bytes[MAX_PLACE], isPayable: bool, isView: bool) -> Frame:
    """
    @notice What is checked and paid for before arguments are decoded.
    """
    if given.amount > 0 and not isPayable:
        self.refuse(
            given,
            concat(place, b": takes no value, ", Texts.decimal(given.amount), b" wei sent"),
        )
    if given.isStatic and not isView:
        self.refuse(given, concat(place, b": changes state, called in a static call"))
    return self.charge(given, ABI_WORD * ((given.length + 31) >> 5))


@internal
@view
def argument(frame: Frame, place: Bytes[MAX_PLACE], index: uint256, type_: Bytes[16]) -> uint256:
    """
    @notice Word `index` of the arguments, which calldata has to hold.
    """
    end: uint256 = 32 * (index + 1)
    if frame.length < 4 + end:
        self.refuse(
            frame,
            concat(
                place, b": abi ", type_, b": needs bytes ", Texts.decimal(end - 32), b" to ",
                Texts.decimal(end), b" of ", Texts.decimal(frame.length - 4),
            ),
        )
    return Tape.word(frame.start + 4 + 32 * index)


@internal
@view
def account(frame: Frame, place: Bytes[MAX_PLACE], index: uint256) -> uint256:
    """
    @notice Argument `index`, an address.
    """
    word: uint256 = self.argument(frame, place, index, b"address")
    if word > State.U160:
        self.refuse(
            frame,
            concat(place, b": abi address: more than 20 bytes in ", Texts.hexOf(word, 32)),
        )
    return word


@internal
@view
def unsigned(
    frame: Frame, place: Bytes[MAX_PLACE], index: uint256, type_: Bytes[16], most: uint256
) -> uint256:
    """
    @notice Argument `index`, an integer of a type whose greatest value is `most`.
    """
    word: uint256 = self.argument(frame, place, index, type_)
    if word > most:
        self.refuse(
            frame,
            concat(
                place, b": abi ", type_, b": ", Texts.hexNumber(word), b" is not in 0 to ",
                Texts.decimal(most),
            ),
        )
    return word


# -- what a native does ----------------------------------------------------------------------------


@internal
@view
def charge(given: Frame, amount: uint256) -> Frame:
    frame: Frame = given
    if amount > frame.gas:
        self.fail(frame)
    frame.gas -= amount
    return frame


@internal
@view
def chargeWords(given: Frame, count: uint256) -> Frame:
    """
    @notice Pay for so many words of results, of an event or of a nested call.
    """
    return self.charge(given, ABI_WORD * count)


@internal
@view
def withBlock(given: Frame) -> Frame:
    """
    @notice Open the block, if that has not been done: its number, timestamp and chain.
    """
    if given.hasBlock:
        return given
    frame: Frame = given
    blockName: bytes32 = Tape.pair(frame.cursor, frame.contextName)[0]
    frame.cursor += Tape.PAIR
    at: uint256 = frame.cursor + Tape.HEAD
    surrounding: Bytes[Context.BLOCK_SIZE] = slice(msg.data, at, Context.BLOCK_SIZE)
    Tape.expect(
        keccak256(surrounding) == blockName and Tape.size(frame.cursor) == Context.BLOCK_SIZE
    )
    frame.cursor += Context.BLOCK_ITEM
    frame.hasBlock = True
    head: uint256 = Tape.word(at)
    frame.number = head >> 192
    frame.timestamp = (head >> 128) & State.U64
    frame.chainId = Tape.word(at + 140)
    return frame


@internal
@view
def _withEffects(given: Frame) -> Frame:
    if given.hasEffects:
        return given
    frame: Frame = given
    frame.effects = State.openEffects(frame.cursor, frame.effectsName)
    frame.cursor += State.EFFECTS_ITEM
    frame.hasEffects = True
    return frame


@internal
@view
def _own(given: Frame) -> (Frame, Entries.Account):
    # The native's own account.
    frame: Frame = self._withEffects(given)
    place: Accounts.Place = Accounts.place(frame.cursor, frame.effects.world, frame.target)
    frame.cursor = place.cursor
    if place.isMissing:
        self.lack(frame, Pending.LOAD_ACCOUNT, frame.target, 0)
    return frame, place.account


struct Place:
    slot: Entries.Slot
    way: WorldMap.Way
    key: bytes32


@internal
@view
def _place(given: Frame, generation: uint256, slot: uint256) -> (Frame, Place):
    # Where a slot of the native lies.
    frame: Frame = given
    place: Place = empty(Place)
    place.key = Entries.slotKey(frame.target, generation, slot)
    place.way = WorldMap.find(frame.cursor, frame.effects.world, place.key)
    frame.cursor = place.way.cursor
    if not place.way.isFound:
        self.lack(frame, Pending.LOAD_SLOT, frame.target, slot)
    place.slot = Entries.openSlot(frame.cursor, place.way.value)
    frame.cursor += Entries.SLOT_ITEM
    return frame, place


@internal
@view
def sload(given: Frame, slot: uint256) -> Frame:
    """
    @notice Read a slot of the native at the price of EIP-2929, as `found`.
    """
    frame: Frame = self.charge(given, WARM)
    own: Entries.Account = empty(Entries.Account)
    frame, own = self._own(frame)
    place: Place = empty(Place)
    frame, place = self._place(frame, own.generation, slot)
    if place.slot.warm != frame.effects.transaction:
        frame = self.charge(frame, COLD_SLOT - WARM)
        place.slot.warm = frame.effects.transaction
        frame.effects.world = WorldMap.put(place.way, place.key, Entries.nameSlot(place.slot))
    frame.found = place.slot.now
    return frame


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
def sstore(given: Frame, slot: uint256, new: uint256) -> Frame:
    """
    @notice Write a slot of the native at the prices of EIP-2200, 2929 and 3529. In a static call a
            function that writes has been refused before.
    """
    frame: Frame = given
    own: Entries.Account = empty(Entries.Account)
    frame, own = self._own(frame)
    if frame.gas <= CALL_STIPEND:
        self.fail(frame)
    place: Place = empty(Place)
    frame, place = self._place(frame, own.generation, slot)
    current: uint256 = place.slot.now
    original: uint256 = current
    if place.slot.originalIn == frame.effects.transaction:
        original = place.slot.original
    cost: uint256 = COLD_SLOT if place.slot.warm != frame.effects.transaction else 0
    if new != current and original == current:
        frame = self.charge(frame, cost + (STORAGE_RESET if original != 0 else STORAGE_SET))
    else:
        frame = self.charge(frame, cost + WARM)
    place.slot.warm = frame.effects.transaction
    if new != current:
        place.slot.now = new
        place.slot.original = original
        place.slot.originalIn = frame.effects.transaction
        frame.effects.refund = unsafe_add(
            frame.effects.refund, self._refund(original, current, new)
        )
    if new != current or cost > 0:
        frame.effects.world = WorldMap.put(place.way, place.key, Entries.nameSlot(place.slot))
    return frame


@internal
@view
def loadPart(given: Frame, slot: uint256, offset: uint256, size: uint256) -> Frame:
    """
    @notice A field of `size` bytes that shares its slot, `offset` bytes above the lowest.
    """
    frame: Frame = self.sload(given, slot)
    frame.found = (frame.found >> (8 * offset)) & ((1 << (8 * size)) - 1)
    return frame


@internal
@view
def storePart(
    given: Frame, slot: uint256, offset: uint256, size: uint256, new: uint256
) -> Frame:
    """
    @notice Write a field that shares its slot, and that the value fits in.
    """
    assert new >> (8 * size) == 0
    frame: Frame = self.sload(given, slot)
    mask: uint256 = ((1 << (8 * size)) - 1) << (8 * offset)
    return self.sstore(frame, slot, (frame.found & ~mask) | (new << (8 * offset)))


@internal
@view
def mapped(given: Frame, position: uint256, key: uint256) -> Frame:
    """
    @notice Where a mapping at a slot has the value of a key, as `found`; pays for the hash.
    """
    frame: Frame = self.charge(given, MAPPING_KEY)
    frame.found = convert(
        keccak256(concat(convert(key, bytes32), convert(position, bytes32))), uint256
    )
    return frame


@internal
@view
def emit(
    given: Frame, words: uint256, topics: uint256[4], count: uint256, data: Bytes[MAX_DATA]
) -> Frame:
    """
    @notice Write a log of the native, whose arguments have so many words; `count` topics with the
            event's own.
    """
    frame: Frame = self.chargeWords(given, words)
    frame = self.charge(frame, LOG + LOG_TOPIC * count + LOG_BYTE * len(data))
    frame = self._withEffects(frame)
    item: bytes32 = Pending.nameLogItem(
        Pending.LogItem(
            emitter=frame.target,
            topicCount=count,
            topic0=topics[0],
            topic1=topics[1],
            topic2=topics[2],
            topic3=topics[3],
            data=self.dataTree(data),
            dataLength=len(data),
        )
    )
    frame.effects.logs = keccak256(concat(frame.effects.logs, item))
    return frame


@internal
@view
def transfer(given: Frame, receiver: uint256, amount: uint256) -> Frame:
    """
    @notice Credit wei without running code, for what CALL costs. A native holds what it owes.
    """
    frame: Frame = self._withEffects(given)
    place: Accounts.Place = Accounts.place(frame.cursor, frame.effects.world, receiver)
    frame.cursor = place.cursor
    if place.isMissing:
        self.lack(frame, Pending.LOAD_ACCOUNT, receiver, 0)
    cost: uint256 = WARM
    if place.account.warm != frame.effects.transaction and not Rules.isPrecompile(
        frame.rules, receiver
    ):
        cost = COLD_ACCOUNT
        place.account.warm = frame.effects.transaction
        frame.effects.world = Accounts.put(place, receiver, place.account)
    if amount > 0:
        cost += CALL_VALUE
        if Accounts.isEmpty(place.account):
            cost += NEW_ACCOUNT
    frame = self.charge(frame, cost)
    own: Entries.Account = empty(Entries.Account)
    frame, own = self._own(frame)
    assert amount <= own.balance
    if amount > 0:
        moved: Accounts.Moved = Accounts.transfer(
            frame.cursor, frame.effects.world, frame.target, receiver, amount
        )
        # Both were looked up a moment ago.
        frame.cursor = moved.cursor
        frame.effects.world = moved.world
    return frame


# -- natives below natives -------------------------------------------------------------------------


@internal
@view
def _requireDepth(frame: Frame):
    if frame.nested + 1 >= MAX_NESTED_DEPTH or frame.depth >= MAX_DEPTH:
        self.refuse(
            frame,
            concat(
                b"nested call at depth ", Texts.decimal(frame.nested + 1),
                b", 8 is the limit",
            ),
        )


@internal
@view
def _entered(given: Frame, native: uint256, length: uint256, amount: uint256) -> Frame:
    # The frame below, paid for up to its handler.
    frame: Frame = given
    frame.caller = frame.target
    frame.target = native
    frame.amount = amount
    frame.depth += 1
    frame.nested += 1
    frame = self.charge(frame, CALL_BASE)
    return self.chargeWords(frame, (length + 31) >> 5)


@internal
@view
def below(given: Frame, words: uint256, native: uint256, length: uint256) -> Frame:
    """
    @notice The frame of another native that is called without wei, with arguments of so many words
            and `length` bytes of calldata; paid for up to its handler. `above` goes back.
    """
    frame: Frame = self.chargeWords(given, words)
    frame = self.charge(frame, NESTED_CALL)
    self._requireDepth(frame)
    frame = self._withEffects(frame)
    moved: Accounts.Moved = Accounts.touchEmpty(frame.cursor, frame.effects.world, native)
    frame.cursor = moved.cursor
    if moved.isMissing:
        self.lack(frame, Pending.LOAD_ACCOUNT, native, 0)
    frame.effects.world = moved.world
    return self._entered(frame, native, length, 0)


@internal
@view
def belowPaid(
    given: Frame, words: uint256, native: uint256, length: uint256, amount: uint256
) -> Frame:
    """
    @notice As `below`, with wei, not none. A native holds what it sends.
    """
    frame: Frame = self.chargeWords(given, words)
    frame = self.charge(frame, NESTED_CALL + CALL_VALUE)
    self._requireDepth(frame)
    own: Entries.Account = empty(Entries.Account)
    frame, own = self._own(frame)
    assert amount <= own.balance
    moved: Accounts.Moved = Accounts.transfer(
        frame.cursor, frame.effects.world, frame.target, native, amount
    )
    frame.cursor = moved.cursor
    if moved.isMissing:
        self.lack(frame, Pending.LOAD_ACCOUNT, moved.missing, 0)
    frame.effects.world = moved.world
    return self._entered(frame, native, length, amount)


@internal
@view
def above(done: Frame, caller: Frame, words: uint256) -> Frame:
    """
    @notice Back in the frame that called: the results of so many words are paid for, here and there.
    """
    frame: Frame = self.chargeWords(done, words)
    frame.target = caller.target
    frame.caller = caller.caller
    frame.amount = caller.amount
    frame.depth = caller.depth
    frame.nested = caller.nested
    return self.chargeWords(frame, words)
