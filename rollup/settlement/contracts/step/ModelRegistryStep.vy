# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title ModelRegistryStep
@notice Steps of phase `precompile` of the native model_registry.
@dev The twin of evm/precompiles/model_registry.py, function by function and reason by reason. What is
     called `registerBaseModel`, `requestTraining`, `claimTraining` or `submitTraining` is another
     contract's: all together are too long for one.
"""

import rollup.settlement.contracts.step.modules.Models as Models
import rollup.settlement.contracts.step.modules.NativeData as NativeData
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Texts as Texts

REGISTER_BASE_MODEL: constant(uint256) = 561904232
REQUEST_TRAINING: constant(uint256) = 1661183329
CLAIM_TRAINING: constant(uint256) = 86381988
SUBMIT_TRAINING: constant(uint256) = 1842420167
# Functions in the order of their numbers: those that write, views.
EXPIRE_TRAINING: constant(uint256) = 0
SET_PRICE: constant(uint256) = 1
GET_BASE_MODEL: constant(uint256) = 2
GET_JOB: constant(uint256) = 3
GET_ADAPTER: constant(uint256) = 4
GET_ROYALTIES: constant(uint256) = 5
JOB_COUNT: constant(uint256) = 6
FUNCTIONS: constant(uint256) = 7
# Their selectors and names, and where each name begins, a byte each.
SELECTORS: constant(uint256[FUNCTIONS]) = [
    3481375100, 2042655042, 697273007, 3206726743,
    2188566840, 3714330331, 1281198607,
]
NAMES: constant(Bytes[70]) = b"expireTrainingsetPricegetBaseModelgetJobgetAdaptergetRoyaltiesjobCount"
STARTS: constant(uint256) = 3964985633029702

rules: immutable(uint256)
registering: immutable(address)
requesting: immutable(address)
claiming: immutable(address)
submitting: immutable(address)
refusing: immutable(address)


@deploy
def __init__(
    forkRules: uint256,
    registerStep: address,
    requestStep: address,
    claimStep: address,
    submitStep: address,
    refuseStep: address,
):
    rules = forkRules
    registering = registerStep
    requesting = requestStep
    claiming = claimStep
    submitting = submitStep
    refusing = refuseStep


@internal
@view
def _function(frame: NativeFrame.Frame) -> (uint256, Bytes[29]):
    """
    @notice The function that the calldata names, and where its refusals say that they come from.
    """
    selector: uint256 = NativeFrame.selector(frame)
    end: uint256 = 8 * FUNCTIONS
    for known: uint256 in SELECTORS:
        end = unsafe_sub(end, 8)
        if known == selector:
            start: uint256 = (STARTS >> unsafe_add(end, 8)) & 255
            name: Bytes[14] = convert(
                slice(NAMES, start, unsafe_sub((STARTS >> end) & 255, start)), Bytes[14]
            )
            return FUNCTIONS - 1 - end // 8, concat(Models.NAME, b".", name)
    NativeFrame.noFunction(frame, Models.NAME)
    return 0, b""


@internal
@view
def _expire(given: NativeFrame.Frame, identity: uint256) -> NativeFrame.Frame:
    """
    @notice Give the fee of a job back that was not done in time.
    """
    frame: NativeFrame.Frame = Models.job(given, identity)
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, Models.STATUS_AT, 1)
    status: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, Models.DEADLINE_AT, Models.COUNT)
    if status > Models.CLAIMED:
        Models.refuseJob(
            frame, identity, b" is ", Models.statusName(status), b", not open or claimed", b""
        )
    frame = NativeFrame.withBlock(frame)
    if frame.timestamp <= frame.found:
        Models.refuseJob(
            frame, identity, b" runs until ", Texts.decimal(frame.found), b", now is ",
            Texts.decimal(frame.timestamp),
        )
    frame = NativeFrame.storePart(frame, place, Models.STATUS_AT, 1, Models.REFUNDED)
    frame = NativeFrame.sload(frame, unsafe_add(place, Models.JOB_FEE))
    fee: uint256 = frame.found
    topic: uint256 = convert(keccak256("TrainingExpired(uint256,uint256)"), uint256)
    frame = NativeFrame.emit(frame, 2, [topic, identity, 0, 0], 2, abi_encode(fee))
    frame = NativeFrame.loadPart(frame, place, 0, Models.ADDRESS)
    return NativeFrame.transfer(frame, frame.found, fee)


@internal
@view
def _setPrice(
    given: NativeFrame.Frame, identity: uint256, prices: uint256[2]
) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = Models.adapter(given, identity)
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, 0, Models.ADDRESS)
    if frame.found != frame.caller:
        Models.refuse(
            frame,
            concat(
                b"adapter ", Texts.hexOf(identity, 32), b" is owned by ",
                Texts.hexOf(frame.found, 20), b", caller is ", Texts.hexOf(frame.caller, 20),
            ),
        )
    place = unsafe_add(place, Models.ADAPTER_PRICES)
    frame = NativeData.storeAmount(frame, place, 0, b"Adapter.input_price_wei", prices[0])
    frame = NativeData.storeAmount(
        frame, place, Models.PRICE, b"Adapter.output_price_wei", prices[1]
    )
    topic: uint256 = convert(keccak256("PriceChanged(bytes32,uint256,uint256)"), uint256)
    return NativeFrame.emit(frame, 3, [topic, identity, 0, 0], 2, abi_encode(prices))


@internal
@view
def _getRoyalties(
    given: NativeFrame.Frame, identity: uint256
) -> (NativeFrame.Frame, uint256[9]):
    """
    @notice Owner and royalty of an adapter, then of its base model.
    """
    frame: NativeFrame.Frame = Models.adapter(given, identity)
    place: uint256 = frame.found
    frame = NativeFrame.sload(frame, unsafe_add(place, Models.ADAPTER_BASE_MODEL))
    frame = NativeFrame.mapped(frame, Models.BASE_MODELS, frame.found)
    frame = NativeFrame.loadPart(frame, frame.found, 0, Models.ADDRESS)
    baseOwner: uint256 = frame.found
    results: uint256[9] = empty(uint256[9])
    # Owner, royalty, base royalty.
    frame, results = NativeData.fields(frame, place, 85983364482, 3)
    results[3] = results[2]
    results[2] = baseOwner
    return frame, results


@internal
@view
def _read(
    given: NativeFrame.Frame, function: uint256, identity: uint256
) -> (NativeFrame.Frame, uint256[9], uint256):
    """
    @notice Views; their results, static types of a word each, and how many there are.
    """
    frame: NativeFrame.Frame = given
    results: uint256[9] = empty(uint256[9])
    if function == JOB_COUNT:
        frame = NativeFrame.sload(frame, Models.JOB_COUNT)
        results[0] = frame.found
        return frame, results, 1
    if function == GET_ROYALTIES:
        frame, results = self._getRoyalties(frame, identity)
        return frame, results, 4
    # Of a base model: owner, royalty.
    fields: uint256 = 1312002
    count: uint256 = 2
    if function == GET_BASE_MODEL:
        frame = NativeFrame.mapped(frame, Models.BASE_MODELS, identity)
    elif function == GET_JOB:
        frame = Models.job(frame, identity)
        # Requester, worker, Datanet, snapshot, base, recipe, deadline, fee, status.
        fields = 6827019279145277633446406096299717822209
        count = 9
    else:
        frame = Models.adapter(frame, identity)
        # Owner, base, Datanet, snapshot, job, both prices, royalty.
        fields = 104172992892288610732287860791051522
        count = 8
    frame, results = NativeData.fields(frame, frame.found, fields, count)
    return frame, results, count


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Models.NATIVE, rules), NativeFrame.CALL_BASE
    )
    function: uint256 = 0
    place: Bytes[29] = b""
    function, place = self._function(frame)
    frame = NativeFrame.called(frame, place, False, function >= GET_BASE_MODEL)
    identity: uint256 = 0
    if function != JOB_COUNT:
        type_: Bytes[7] = b"bytes32"
        if function == EXPIRE_TRAINING or function == GET_JOB:
            type_ = b"uint256"
        identity = NativeFrame.argument(frame, place, 0, type_)
    results: uint256[9] = empty(uint256[9])
    count: uint256 = 0
    if function >= GET_BASE_MODEL:
        frame, results, count = self._read(frame, function, identity)
    elif function == EXPIRE_TRAINING:
        frame = self._expire(frame, identity)
    else:
        prices: uint256[2] = empty(uint256[2])
        for i: uint256 in range(2):
            prices[i] = NativeFrame.argument(frame, place, i + 1, b"uint256")
        frame = self._setPrice(frame, identity, prices)
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
    selector: uint256 = NativeFrame.shownSelector()
    hasEnded: bool = False
    answer: Bytes[NativeFrame.MAX_SIGNAL] = b""
    part: address = empty(address)
    if selector == REGISTER_BASE_MODEL:
        part = registering
    elif selector == REQUEST_TRAINING:
        part = requesting
    elif selector == CLAIM_TRAINING:
        part = claiming
    elif selector == SUBMIT_TRAINING:
        hasEnded, answer = raw_call(
            submitting, msg.data, max_outsize=32, is_static_call=True, revert_on_failure=False
        )
        if hasEnded:
            return slice(extract32(answer, 0), 0, 32)
        part = refusing
    if part != empty(address):
        return raw_call(part, msg.data, max_outsize=32, is_static_call=True)
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
