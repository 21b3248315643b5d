# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title InferenceEscrowStep
@notice Steps of phase `precompile` of the native inference_escrow.
@dev The twin of evm/precompiles/inference_escrow.py, function by function and reason by reason. What is
     called `open` is InferenceOpenStep's: both together are too long for one contract.
"""

import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.Texts as Texts

NATIVE: constant(uint256) = Rules.FIRST_NATIVE + 3
NAME: constant(Bytes[16]) = b"inference_escrow"
WORKER_REGISTRY: constant(uint256) = Rules.FIRST_NATIVE + 1
MODEL_REGISTRY: constant(uint256) = Rules.FIRST_NATIVE + 2
ATTRIBUTION: constant(uint256) = Rules.FIRST_NATIVE + 4
U64: constant(uint256) = 2**64 - 1

# Slots of the mappings, and of a request from its place on.
REQUESTS: constant(uint256) = 0
NONCES: constant(uint256) = 1
ADAPTER_ID: constant(uint256) = 1
WORKER: constant(uint256) = 2
PROMPT_HASH: constant(uint256) = 3
PRICES: constant(uint256) = 4
MAX_FEE: constant(uint256) = 5
# Where fields that share a slot lie, and how many bytes they have.
ADDRESS: constant(uint256) = 20
DEADLINE_AT: constant(uint256) = 20
STATUS_AT: constant(uint256) = 28
INPUT_AT: constant(uint256) = 20
PRICE: constant(uint256) = 16
FEE: constant(uint256) = 24
COUNT: constant(uint256) = 8

OPEN: constant(uint256) = 1
SETTLED: constant(uint256) = 2
REFUNDED: constant(uint256) = 3

# Functions in the order of their numbers: the payable one, others that write, views.
OPEN_REQUEST: constant(uint256) = 0
REFUND: constant(uint256) = 1
SETTLE: constant(uint256) = 2
GET_REQUEST: constant(uint256) = 3
PRICES_OF: constant(uint256) = 4
NONCE_OF: constant(uint256) = 5
REQUEST_ID_OF: constant(uint256) = 6
FUNCTIONS: constant(uint256) = 7
# Their selectors and names, and where each name begins, a byte each.
SELECTORS: constant(uint256[FUNCTIONS]) = [
    3234460017, 1917451190, 2046070092, 4213072330,
    2033369944, 3978964324, 1721080968,
]
NAMES: constant(Bytes[52]) = b"openrefundsettlegetRequestpricesOfnonceOfrequestIdOf"
STARTS: constant(uint256) = 1136964181043508

rules: immutable(uint256)
opening: immutable(address)


@deploy
def __init__(forkRules: uint256, openStep: address):
    rules = forkRules
    opening = openStep


@internal
@view
def _function(frame: NativeFrame.Frame) -> (uint256, Bytes[28]):
    """
    @notice The function that the calldata names, and where its refusals say that they come from.
    """
    selector: uint256 = NativeFrame.selector(frame)
    end: uint256 = 8 * FUNCTIONS
    for known: uint256 in SELECTORS:
        end = unsafe_sub(end, 8)
        if known == selector:
            start: uint256 = (STARTS >> unsafe_add(end, 8)) & 255
            name: Bytes[11] = convert(
                slice(NAMES, start, unsafe_sub((STARTS >> end) & 255, start)), Bytes[11]
            )
            return FUNCTIONS - 1 - end // 8, concat(NAME, b".", name)
    NativeFrame.noFunction(frame, NAME)
    return 0, b""


@internal
@view
def _refuse(frame: NativeFrame.Frame, message: Bytes[NativeFrame.MAX_MESSAGE]):
    NativeFrame.refuse(frame, concat(NAME, b": ", message))


@internal
@view
def _refuseUntil(
    frame: NativeFrame.Frame, before: Bytes[120], moment: uint256, between: Bytes[24]
):
    self._refuse(
        frame,
        concat(before, Texts.decimal(moment), between, Texts.decimal(frame.timestamp)),
    )


@internal
@view
def _request(given: NativeFrame.Frame, identity: uint256) -> (NativeFrame.Frame, uint256):
    """
    @notice The place of a request, which has to be there.
    """
    frame: NativeFrame.Frame = NativeFrame.mapped(given, REQUESTS, identity)
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, 0, ADDRESS)
    if frame.found == 0:
        self._refuse(frame, concat(b"no request ", Texts.hexOf(identity, 32)))
    return frame, place


@internal
@pure
def _statusName(status: uint256) -> Bytes[8]:
    if status == SETTLED:
        return b"settled"
    if status == REFUNDED:
        return b"refunded"
    return b"unknown"


@internal
@view
def _openRequest(
    given: NativeFrame.Frame, identity: uint256
) -> (NativeFrame.Frame, uint256):
    """
    @notice The place of a request that is open; `found` is its deadline.
    """
    frame: NativeFrame.Frame = given
    place: uint256 = 0
    frame, place = self._request(given, identity)
    frame = NativeFrame.loadPart(frame, place, STATUS_AT, 1)
    if frame.found != OPEN:
        self._refuse(
            frame,
            concat(
                b"request ", Texts.hexOf(identity, 32), b" is ",
                self._statusName(frame.found), b", not open",
            ),
        )
    return NativeFrame.loadPart(frame, place, DEADLINE_AT, COUNT), place


@internal
@view
def _requestId(given: NativeFrame.Frame, caller: uint256, nonce: uint256) -> NativeFrame.Frame:
    """
    @notice Identity of a request, as `found`: no other chain, escrow, caller or moment has the same.
    """
    # Keccak of four words.
    frame: NativeFrame.Frame = NativeFrame.withBlock(NativeFrame.charge(given, 54))
    frame.found = convert(
        keccak256(abi_encode(frame.chainId, frame.target, caller, nonce)), uint256
    )
    return frame


@internal
@view
def _emit(
    frame: NativeFrame.Frame, topic: bytes32, identity: uint256, words: uint256, data: Bytes[64]
) -> NativeFrame.Frame:
    topics: uint256[4] = [convert(topic, uint256), identity, 0, 0]
    return NativeFrame.emit(frame, words, topics, 2, data)


@internal
@view
def _refund(given: NativeFrame.Frame, identity: uint256) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = given
    place: uint256 = 0
    frame, place = self._openRequest(given, identity)
    frame = NativeFrame.withBlock(frame)
    if frame.timestamp <= frame.found:
        self._refuseUntil(
            frame,
            concat(b"request ", Texts.hexOf(identity, 32), b" runs until "),
            frame.found,
            b", now is ",
        )
    frame = NativeFrame.loadPart(
        NativeFrame.storePart(frame, place, STATUS_AT, 1, REFUNDED),
        unsafe_add(place, MAX_FEE),
        0,
        FEE,
    )
    amount: uint256 = frame.found
    topic: bytes32 = keccak256("RequestRefunded(bytes32,uint256)")
    frame = self._emit(frame, topic, identity, 2, abi_encode(amount))
    frame = NativeFrame.loadPart(frame, place, 0, ADDRESS)
    return NativeFrame.transfer(frame, frame.found, amount)


@internal
@view
def _settle(given: NativeFrame.Frame) -> NativeFrame.Frame:
    """
    @notice Settle is for proof_of_attribution, which calls it below a frame of its own: not here.
    """
    assert given.caller != ATTRIBUTION, "InferenceEscrowStep: a native that calls from outside"
    self._refuse(
        given,
        concat(
            b"settle is for ", Texts.hexOf(ATTRIBUTION, 20), b", caller is ",
            Texts.hexOf(given.caller, 20),
        ),
    )
    return given


@internal
@view
def _getRequest(
    given: NativeFrame.Frame, identity: uint256
) -> (NativeFrame.Frame, uint256[9]):
    frame: NativeFrame.Frame = given
    place: uint256 = 0
    results: uint256[9] = empty(uint256[9])
    frame, place = self._request(given, identity)
    i: uint256 = 0
    # Slot, offset and size of caller, adapter, worker, prompt, tokens, deadline, fee and status.
    for part: uint256[3] in [
        [0, 0, ADDRESS], [ADAPTER_ID, 0, 32], [WORKER, 0, ADDRESS], [PROMPT_HASH, 0, 32],
        [WORKER, INPUT_AT, COUNT], [MAX_FEE, FEE, COUNT], [0, DEADLINE_AT, COUNT],
        [MAX_FEE, 0, FEE], [0, STATUS_AT, 1],
    ]:
        slot: uint256 = unsafe_add(place, part[0])
        if part[2] == 32:
            frame = NativeFrame.sload(frame, slot)
        else:
            frame = NativeFrame.loadPart(frame, slot, part[1], part[2])
        results[i] = frame.found
        i += 1
    return frame, results


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(NATIVE, rules), NativeFrame.CALL_BASE
    )
    function: uint256 = 0
    place: Bytes[28] = b""
    function, place = self._function(frame)
    assert function != OPEN_REQUEST, "InferenceEscrowStep: open is InferenceOpenStep's"
    frame = NativeFrame.called(frame, place, False, function >= GET_REQUEST)
    # Results are static types, a word each.
    results: uint256[9] = empty(uint256[9])
    count: uint256 = 1
    if function == NONCE_OF or function == REQUEST_ID_OF:
        account: uint256 = NativeFrame.account(frame, place, 0)
        if function == NONCE_OF:
            frame = NativeFrame.mapped(frame, NONCES, account)
            frame = NativeFrame.sload(frame, frame.found)
        else:
            nonce: uint256 = NativeFrame.argument(frame, place, 1, b"uint256")
            frame = self._requestId(frame, account, nonce)
        results[0] = frame.found
    else:
        identity: uint256 = NativeFrame.argument(frame, place, 0, b"bytes32")
        if function == GET_REQUEST:
            count = 9
            frame, results = self._getRequest(frame, identity)
        elif function == PRICES_OF:
            count = 2
            request: uint256 = 0
            frame, request = self._request(frame, identity)
            for i: uint256 in range(2):
                frame = NativeFrame.loadPart(
                    frame, unsafe_add(request, PRICES), PRICE * i, PRICE
                )
                results[i] = frame.found
        else:
            count = 0
            if function == REFUND:
                frame = self._refund(frame, identity)
            else:
                fee: uint256 = NativeFrame.argument(frame, place, 1, b"uint256")
                frame = self._settle(frame)
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
    if NativeFrame.shownSelector() == SELECTORS[OPEN_REQUEST]:
        return raw_call(opening, msg.data, max_outsize=32, is_static_call=True)
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
