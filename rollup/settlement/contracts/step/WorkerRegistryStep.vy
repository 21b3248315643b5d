# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title WorkerRegistryStep
@notice Steps of phase `precompile` of the native worker_registry.
@dev The twin of evm/precompiles/worker_registry.py, function by function and reason by reason. All
     the wei there are have less than 128 bits: a bond fits in its field, and with REWARD_SCALE, of
     90 bits, what a worker or all of them are owed in a word.
"""

import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.Texts as Texts

NATIVE: constant(uint256) = Rules.FIRST_NATIVE + 1
NAME: constant(Bytes[15]) = b"worker_registry"
MIN_BOND: constant(uint256) = 10**18
EXIT_DELAY: constant(uint256) = 604800
REWARD_SCALE: constant(uint256) = 10**27

# Slots of the registry, and of a worker from its place on.
TOTAL_BOND: constant(uint256) = 0
REWARD_PER_BOND: constant(uint256) = 1
REWARD_REMAINDER: constant(uint256) = 2
WORKERS: constant(uint256) = 3
CAPABILITY: constant(uint256) = 1
ENDPOINT_KEY: constant(uint256) = 2
REWARD_SEEN: constant(uint256) = 3
OWED: constant(uint256) = 4
# Fields of a worker's first slot: bond, status, exitAt.
BOND_SIZE: constant(uint256) = 16
STATUS_AT: constant(uint256) = 16
EXIT_AT: constant(uint256) = 17
EXIT_SIZE: constant(uint256) = 8

UNKNOWN: constant(uint256) = 0
ACTIVE: constant(uint256) = 1
EXITING: constant(uint256) = 2

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


# Functions in the order of their numbers: payable ones, others that write, views.
REGISTER: constant(uint256) = 0
ADD_BOND: constant(uint256) = 1
DEPOSIT_REWARDS: constant(uint256) = 2
REQUEST_EXIT: constant(uint256) = 3
WITHDRAW_BOND: constant(uint256) = 4
CLAIM_STAKER_REWARDS: constant(uint256) = 5
GET_WORKER: constant(uint256) = 6
IS_ACTIVE: constant(uint256) = 7
PENDING_REWARDS: constant(uint256) = 8
TOTAL_BOND_OF_ALL: constant(uint256) = 9
FUNCTIONS: constant(uint256) = 10
# Their selectors, four bytes each, their names, and where each name begins, a byte each.
SELECTORS: constant(uint256[FUNCTIONS]) = [
    798123826, 4005667729, 354488823, 2140027726, 1726717164,
    1929782125, 3222385091, 2676626391, 836215394, 2601087550,
]
NAMES: constant(Bytes[110]) = b"registeraddBonddepositRewardsrequestExitwithdrawBondclaimStakerRewardsgetWorkerisActivependingRewardstotalBond"
STARTS: constant(uint256) = 38057734010765556802926


@internal
@view
def _function(frame: NativeFrame.Frame) -> (uint256, Bytes[34]):
    """
    @notice The function that the calldata names, and where its refusals say that they come from.
    """
    selector: uint256 = NativeFrame.selector(frame)
    end: uint256 = 8 * FUNCTIONS
    for known: uint256 in SELECTORS:
        end = unsafe_sub(end, 8)
        if known == selector:
            start: uint256 = (STARTS >> unsafe_add(end, 8)) & 255
            name: Bytes[18] = convert(
                slice(NAMES, start, unsafe_sub((STARTS >> end) & 255, start)), Bytes[18]
            )
            return FUNCTIONS - 1 - end // 8, concat(NAME, b".", name)
    NativeFrame.noFunction(frame, NAME)
    return 0, b""


@internal
@view
def _emit(
    frame: NativeFrame.Frame, topic: bytes32, words: uint256, data: Bytes[96]
) -> NativeFrame.Frame:
    """
    @notice Write a log about the caller, whose arguments have so many words.
    """
    topics: uint256[4] = [convert(topic, uint256), frame.caller, 0, 0]
    return NativeFrame.emit(frame, words, topics, 2, data)


@internal
@pure
def _statusName(status: uint256) -> Bytes[14]:
    if status == UNKNOWN:
        return b"not registered"
    return b"active" if status == ACTIVE else b"exiting"


@internal
@view
def _refuse(frame: NativeFrame.Frame, message: Bytes[NativeFrame.MAX_MESSAGE]):
    NativeFrame.refuse(frame, concat(NAME, b": ", message))


@internal
@view
def _refuseWei(
    frame: NativeFrame.Frame, before: Bytes[24], amount: uint256, behind: Bytes[40]
):
    self._refuse(frame, concat(before, Texts.decimal(amount), behind))


@internal
@view
def _status(given: NativeFrame.Frame, worker: uint256) -> NativeFrame.Frame:
    return NativeFrame.loadPart(given, worker, STATUS_AT, 1)


@internal
@view
def _bond(given: NativeFrame.Frame, worker: uint256) -> NativeFrame.Frame:
    return NativeFrame.loadPart(given, worker, 0, BOND_SIZE)


@internal
@view
def _setBond(given: NativeFrame.Frame, worker: uint256, bond: uint256) -> NativeFrame.Frame:
    return NativeFrame.storePart(given, worker, 0, BOND_SIZE, bond)


@internal
@view
def _own(given: NativeFrame.Frame, expected: uint256) -> (NativeFrame.Frame, uint256):
    """
    @notice The place of the caller, who has to have a status.
    """
    frame: NativeFrame.Frame = NativeFrame.mapped(given, WORKERS, given.caller)
    worker: uint256 = frame.found
    frame = self._status(frame, worker)
    if frame.found != expected:
        self._refuse(
            frame,
            concat(
                b"worker ", Texts.hexOf(frame.caller, 20), b" is ",
                self._statusName(frame.found), b", not ", self._statusName(expected),
            ),
        )
    return frame, worker


@internal
@view
def _owed(given: NativeFrame.Frame, worker: uint256) -> NativeFrame.Frame:
    """
    @notice Rewards owed up to now, in wei times REWARD_SCALE.
    """
    frame: NativeFrame.Frame = NativeFrame.sload(given, unsafe_add(worker, OWED))
    owed: uint256 = frame.found
    frame = self._status(frame, worker)
    if frame.found == ACTIVE:
        frame = self._bond(frame, worker)
        bond: uint256 = frame.found
        frame = NativeFrame.sload(frame, REWARD_PER_BOND)
        perBond: uint256 = frame.found
        frame = NativeFrame.sload(frame, unsafe_add(worker, REWARD_SEEN))
        owed += bond * (perBond - frame.found)
    frame.found = owed
    return frame


@internal
@view
def _accrue(given: NativeFrame.Frame, worker: uint256) -> NativeFrame.Frame:
    """
    @notice Write down what the bond has earned so far.
    """
    frame: NativeFrame.Frame = self._owed(given, worker)
    owed: uint256 = frame.found
    frame = NativeFrame.sload(
        NativeFrame.sstore(frame, unsafe_add(worker, OWED), owed), REWARD_PER_BOND
    )
    frame = NativeFrame.sstore(frame, unsafe_add(worker, REWARD_SEEN), frame.found)
    frame.found = owed
    return frame


@internal
@view
def _raiseTotal(given: NativeFrame.Frame) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = NativeFrame.sload(given, TOTAL_BOND)
    return NativeFrame.sstore(frame, TOTAL_BOND, frame.found + frame.amount)


@internal
@view
def _setContent(
    given: NativeFrame.Frame, worker: uint256, contents: uint256[2]
) -> NativeFrame.Frame:
    """
    @notice Capability and endpoint key.
    """
    frame: NativeFrame.Frame = NativeFrame.sstore(
        given, unsafe_add(worker, CAPABILITY), contents[0]
    )
    return NativeFrame.sstore(frame, unsafe_add(worker, ENDPOINT_KEY), contents[1])


@internal
@view
def _register(
    given: NativeFrame.Frame, contents: uint256[2]
) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = given
    worker: uint256 = 0
    frame, worker = self._own(frame, UNKNOWN)
    if frame.amount < MIN_BOND:
        self._refuseWei(
            frame, b"bond of ", frame.amount, b" wei, at least 1000000000000000000"
        )
    frame = self._setBond(self._accrue(frame, worker), worker, given.amount)
    frame = self._setContent(
        NativeFrame.storePart(frame, worker, STATUS_AT, 1, ACTIVE),
        worker,
        contents,
    )
    frame = self._raiseTotal(frame)
    topic: bytes32 = keccak256("WorkerRegistered(address,uint256,bytes32,bytes32)")
    return self._emit(frame, topic, 4, abi_encode(frame.amount, contents))


@internal
@view
def _addBond(given: NativeFrame.Frame) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = given
    worker: uint256 = 0
    frame, worker = self._own(frame, ACTIVE)
    if frame.amount == 0:
        self._refuse(frame, b"addBond without value")
    frame = self._bond(self._accrue(frame, worker), worker)
    bond: uint256 = frame.found + frame.amount
    frame = self._raiseTotal(self._setBond(frame, worker, bond))
    topic: bytes32 = keccak256("BondAdded(address,uint256,uint256)")
    return self._emit(frame, topic, 3, abi_encode(frame.amount, bond))


@internal
@view
def _requestExit(given: NativeFrame.Frame) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = given
    worker: uint256 = 0
    frame, worker = self._own(frame, ACTIVE)
    frame = NativeFrame.withBlock(self._accrue(frame, worker))
    exitAt: uint256 = frame.timestamp + EXIT_DELAY
    frame = NativeFrame.storePart(frame, worker, STATUS_AT, 1, EXITING)
    frame = NativeFrame.sload(
        NativeFrame.storePart(frame, worker, EXIT_AT, EXIT_SIZE, exitAt), TOTAL_BOND
    )
    total: uint256 = frame.found
    frame = self._bond(frame, worker)
    frame = NativeFrame.sstore(frame, TOTAL_BOND, total - frame.found)
    topic: bytes32 = keccak256("ExitRequested(address,uint64)")
    return self._emit(frame, topic, 2, abi_encode(exitAt))


@internal
@view
def _paidOut(given: NativeFrame.Frame, topic: bytes32, amount: uint256) -> NativeFrame.Frame:
    """
    @notice The event of a bond or of rewards that go to the caller, and the wei; `found` is how many.
    """
    frame: NativeFrame.Frame = self._emit(given, topic, 2, abi_encode(amount))
    frame = NativeFrame.transfer(frame, frame.caller, amount)
    frame.found = amount
    return frame


@internal
@view
def _withdrawBond(given: NativeFrame.Frame) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = given
    worker: uint256 = 0
    frame, worker = self._own(frame, EXITING)
    frame = NativeFrame.loadPart(frame, worker, EXIT_AT, EXIT_SIZE)
    exitAt: uint256 = frame.found
    frame = self._bond(frame, worker)
    bond: uint256 = frame.found
    frame = NativeFrame.withBlock(frame)
    if frame.timestamp < exitAt:
        self._refuse(
            frame,
            concat(
                b"bond is locked until ", Texts.decimal(exitAt), b", now is ",
                Texts.decimal(frame.timestamp),
            ),
        )
    # Bond, status, exitAt, one after the other.
    for part: uint256[2] in [[0, BOND_SIZE], [STATUS_AT, 1], [EXIT_AT, EXIT_SIZE]]:
        frame = NativeFrame.storePart(frame, worker, part[0], part[1], 0)
    frame = self._setContent(frame, worker, empty(uint256[2]))
    return self._paidOut(frame, keccak256("BondWithdrawn(address,uint256)"), bond)


@internal
@view
def _depositRewards(given: NativeFrame.Frame) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = NativeFrame.sload(given, TOTAL_BOND)
    total: uint256 = frame.found
    if frame.amount == 0:
        self._refuse(frame, b"depositRewards without value")
    if total == 0:
        self._refuseWei(frame, b"no bond to share ", frame.amount, b" wei of rewards")
    frame = NativeFrame.sload(frame, REWARD_REMAINDER)
    scaled: uint256 = frame.amount * REWARD_SCALE + frame.found
    frame = NativeFrame.sload(frame, REWARD_PER_BOND)
    frame = NativeFrame.sstore(
        NativeFrame.sstore(frame, REWARD_PER_BOND, frame.found + scaled // total),
        REWARD_REMAINDER,
        scaled % total,
    )
    topics: uint256[4] = empty(uint256[4])
    topics[0] = convert(keccak256("RewardsDeposited(uint256)"), uint256)
    return NativeFrame.emit(frame, 1, topics, 1, abi_encode(frame.amount))


@internal
@view
def _claim(given: NativeFrame.Frame) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = NativeFrame.mapped(given, WORKERS, given.caller)
    worker: uint256 = frame.found
    frame = self._accrue(frame, worker)
    owed: uint256 = frame.found
    amount: uint256 = owed // REWARD_SCALE
    if amount == 0:
        self._refuse(frame, concat(b"no rewards to claim for ", Texts.hexOf(frame.caller, 20)))
    frame = NativeFrame.sstore(frame, unsafe_add(worker, OWED), owed % REWARD_SCALE)
    return self._paidOut(frame, keccak256("RewardsClaimed(address,uint256)"), amount)


@internal
@view
def _getWorker(
    given: NativeFrame.Frame, worker: uint256
) -> (NativeFrame.Frame, uint256[5]):
    frame: NativeFrame.Frame = self._bond(given, worker)
    results: uint256[5] = [frame.found, 0, 0, 0, 0]
    frame = NativeFrame.sload(frame, unsafe_add(worker, CAPABILITY))
    results[1] = frame.found
    frame = NativeFrame.sload(frame, unsafe_add(worker, ENDPOINT_KEY))
    results[2] = frame.found
    frame = self._status(frame, worker)
    results[3] = frame.found
    frame = NativeFrame.loadPart(frame, worker, EXIT_AT, EXIT_SIZE)
    results[4] = frame.found
    return frame, results


@internal
@view
def _write(
    given: NativeFrame.Frame, function: uint256, place: Bytes[34]
) -> NativeFrame.Frame:
    """
    @notice Functions that change state; the last two give `found`.
    """
    if function == REGISTER:
        contents: uint256[2] = empty(uint256[2])
        for i: uint256 in range(2):
            contents[i] = NativeFrame.argument(given, place, i, b"bytes32")
        return self._register(given, contents)
    if function == ADD_BOND:
        return self._addBond(given)
    if function == DEPOSIT_REWARDS:
        return self._depositRewards(given)
    if function == REQUEST_EXIT:
        return self._requestExit(given)
    if function == WITHDRAW_BOND:
        return self._withdrawBond(given)
    return self._claim(given)


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(NATIVE, rules), NativeFrame.CALL_BASE
    )
    function: uint256 = 0
    place: Bytes[34] = b""
    function, place = self._function(frame)
    frame = NativeFrame.called(
        frame, place, function <= DEPOSIT_REWARDS, function >= GET_WORKER
    )
    # Results are static types, a word each.
    results: uint256[5] = empty(uint256[5])
    count: uint256 = 1
    if function < GET_WORKER:
        frame = self._write(frame, function, place)
        count = 1 if function >= WITHDRAW_BOND else 0
    elif function == TOTAL_BOND_OF_ALL:
        frame = NativeFrame.sload(frame, TOTAL_BOND)
    else:
        account: uint256 = NativeFrame.account(frame, place, 0)
        frame = NativeFrame.mapped(frame, WORKERS, account)
        worker: uint256 = frame.found
        if function == GET_WORKER:
            count = 5
            frame, results = self._getWorker(frame, worker)
        elif function == PENDING_REWARDS:
            frame = self._owed(frame, worker)
            frame.found = frame.found // REWARD_SCALE
        else:
            frame = self._status(frame, worker)
            frame.found = 1 if frame.found == ACTIVE else 0
    if count == 1:
        results[0] = frame.found
    return NativeFrame.succeed(
        NativeFrame.chargeWords(frame, count), slice(abi_encode(results), 0, 32 * count)
    )


@external
@view
@raw_return
def __default__() -> Bytes[32]:
    """
    @notice The commitment after the step, asked for as `step(bytes,bytes,bytes32)`.
    """
    if msg.sender == self:
        return slice(self._step(), 0, 32)
    hasEnded: bool = False
    answer: Bytes[NativeFrame.MAX_SIGNAL] = b""
    hasEnded, answer = raw_call(
        self,
        msg.data,
        max_outsize=NativeFrame.MAX_SIGNAL,
        is_static_call=True,
        revert_on_failure=False,
    )
    if hasEnded:
        return slice(extract32(answer, 0), 0, 32)
    return slice(NativeFrame.signalled(answer), 0, 32)
