# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title InferenceOpenStep
@notice Steps of phase `precompile` of the native inference_escrow: calls of its function `open`.
@dev The twin of `open_request` in evm/precompiles/inference_escrow.py, of `is_active` in
     worker_registry.py and `get_adapter` in model_registry.py, which it calls. InferenceEscrowStep asks
     it. All the wei there are have less than 128 bits: they fit in `max_fee_wei`.
"""

import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Texts as Texts

NATIVE: constant(uint256) = Rules.FIRST_NATIVE + 3
NAME: constant(Bytes[16]) = b"inference_escrow"
WORKER_REGISTRY: constant(uint256) = Rules.FIRST_NATIVE + 1
MODEL_REGISTRY: constant(uint256) = Rules.FIRST_NATIVE + 2

# Slots of the mappings.
REQUESTS: constant(uint256) = 0
NONCES: constant(uint256) = 1

OPEN: constant(uint256) = 1

PLACE: constant(Bytes[21]) = b"inference_escrow.open"
# Fields of a request in the order in which one is written: slot, offset and size, of four, six and
# six bits.
FIELDS: constant(uint256[11]) = [
    20, 1288, 1793, 4128, 8212, 9480,
    12320, 16400, 17424, 20504, 22024,
]
# Of the other natives: mappings and the field that are read below.
WORKERS: constant(uint256) = 3
WORKER_STATUS_AT: constant(uint256) = 16
ACTIVE: constant(uint256) = 1
ADAPTERS: constant(uint256) = 3

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _refuse(frame: NativeFrame.Frame, message: Bytes[NativeFrame.MAX_MESSAGE]):
    NativeFrame.refuse(frame, concat(NAME, b": ", message))


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
def _requireActive(given: NativeFrame.Frame, worker: uint256) -> NativeFrame.Frame:
    """
    @notice isActive of worker_registry, called below.
    """
    frame: NativeFrame.Frame = NativeFrame.below(given, 1, WORKER_REGISTRY, 36)
    frame = NativeFrame.mapped(frame, WORKERS, worker)
    frame = NativeFrame.loadPart(frame, frame.found, WORKER_STATUS_AT, 1)
    frame = NativeFrame.above(frame, given, 1)
    if frame.found != ACTIVE:
        self._refuse(frame, concat(Texts.hexOf(worker, 20), b" is not an active worker"))
    return frame


@internal
@view
def _prices(given: NativeFrame.Frame, adapter: uint256) -> NativeFrame.Frame:
    """
    @notice getAdapter of model_registry, called below; both prices are `found`, one above the other.
    """
    frame: NativeFrame.Frame = NativeFrame.below(given, 1, MODEL_REGISTRY, 36)
    frame = NativeFrame.mapped(frame, ADAPTERS, adapter)
    place: uint256 = frame.found
    prices: uint256 = 0
    # The owner first, then all fields of the result.
    isFirst: bool = True
    for slot: uint256 in [0, 0, 1, 0, 2, 3, 4, 4, 0]:
        frame = NativeFrame.sload(frame, unsafe_add(place, slot))
        if isFirst and frame.found & State.U160 == 0:
            NativeFrame.refuse(
                frame, concat(b"model_registry: no adapter ", Texts.hexOf(adapter, 32))
            )
        isFirst = False
        if slot == 4:
            prices = frame.found
    frame = NativeFrame.above(frame, given, 8)
    frame.found = prices
    return frame


@internal
@view
def _open(given: NativeFrame.Frame, arguments: uint256[6]) -> NativeFrame.Frame:
    """
    @notice Ask an active worker for an answer of a registered adapter; `found` is the request's id.
            Of the arguments: adapter, worker, prompt, input and output tokens, deadline.
    """
    frame: NativeFrame.Frame = NativeFrame.withBlock(given)
    if arguments[5] <= frame.timestamp:
        self._refuse(
            frame,
            concat(
                b"deadline ", Texts.decimal(arguments[5]), b" is not after now, ",
                Texts.decimal(frame.timestamp),
            ),
        )
    frame = self._prices(self._requireActive(frame, arguments[1]), arguments[0])
    prices: uint256 = frame.found
    low: uint256 = prices & (2**128 - 1)
    needed: uint256 = arguments[3] * low + arguments[4] * (prices >> 128)
    if frame.amount < needed:
        self._refuse(
            frame,
            concat(
                Texts.decimal(frame.amount), b" wei sent, ", Texts.decimal(needed),
                b" needed for ", Texts.decimal(arguments[3]), b" input tokens at ",
                Texts.decimal(low), b" and ", Texts.decimal(arguments[4]),
                b" output tokens at ", Texts.decimal(prices >> 128),
            ),
        )
    frame = NativeFrame.mapped(frame, NONCES, frame.caller)
    account: uint256 = frame.found
    frame = NativeFrame.sload(frame, account)
    nonce: uint256 = frame.found
    frame = self._requestId(
        NativeFrame.sstore(frame, account, nonce + 1), frame.caller, nonce
    )
    identity: uint256 = frame.found
    frame = NativeFrame.mapped(frame, REQUESTS, identity)
    place: uint256 = frame.found
    fields: uint256[11] = [
        frame.caller, arguments[5], OPEN, arguments[0], arguments[1], arguments[3],
        arguments[2], low, prices >> 128, frame.amount, arguments[4],
    ]
    i: uint256 = 0
    # Slot, offset and size of each field in this order, four, six and six bits.
    for part: uint256 in FIELDS:
        slot: uint256 = unsafe_add(place, part >> 12)
        size: uint256 = part & 63
        if size == 32:
            frame = NativeFrame.sstore(frame, slot, fields[i])
        else:
            frame = NativeFrame.storePart(frame, slot, (part >> 6) & 63, size, fields[i])
        i = unsafe_add(i, 1)
    topic: bytes32 = keccak256(
        "RequestOpened(bytes32,address,bytes32,address,bytes32,uint64,uint64,uint64,uint256)"
    )
    topics: uint256[4] = [convert(topic, uint256), identity, frame.caller, arguments[0]]
    frame = NativeFrame.emit(
        frame,
        9,
        topics,
        4,
        abi_encode(
            arguments[1], arguments[2], arguments[3], arguments[4], arguments[5], frame.amount
        ),
    )
    frame.found = identity
    return frame


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(NATIVE, rules), NativeFrame.CALL_BASE
    )
    assert NativeFrame.selector(frame) == convert(
        method_id("open(bytes32,address,bytes32,uint64,uint64,uint64)", output_type=bytes4), uint256
    ), "InferenceOpenStep: another function"
    frame = NativeFrame.called(frame, PLACE, True, False)
    arguments: uint256[6] = empty(uint256[6])
    for i: uint256 in range(6):
        if i == 1:
            arguments[i] = NativeFrame.account(frame, PLACE, i)
        elif i < 3:
            arguments[i] = NativeFrame.argument(frame, PLACE, i, b"bytes32")
        else:
            arguments[i] = NativeFrame.unsigned(frame, PLACE, i, b"uint64", State.U64)
    frame = self._open(frame, arguments)
    return NativeFrame.succeed(NativeFrame.chargeWords(frame, 1), abi_encode(frame.found))


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
