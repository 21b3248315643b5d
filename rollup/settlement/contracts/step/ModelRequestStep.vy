# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title ModelRequestStep
@notice Steps of phase `precompile` of the native model_registry: calls of its function
        `requestTraining`.
@dev The twin of `request_training` in evm/precompiles/model_registry.py. ModelRegistryStep asks it.
"""

import rollup.settlement.contracts.step.modules.Models as Models
import rollup.settlement.contracts.step.modules.NativeData as NativeData
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Texts as Texts

SELECTOR: constant(uint256) = 1661183329
PLACE: constant(Bytes[30]) = b"model_registry.requestTraining"
# Of the other native: mappings that are read below.
DATANETS: constant(uint256) = 1
ROOT_MARKS: constant(uint256) = 7

# Arguments.
DATANET_ID: constant(uint256) = 0
SNAPSHOT_ROOT: constant(uint256) = 1
BASE_MODEL: constant(uint256) = 2
RECIPE_HASH: constant(uint256) = 3
DEADLINE: constant(uint256) = 4
INPUT_PRICE: constant(uint256) = 5
OUTPUT_PRICE: constant(uint256) = 6
ROYALTY: constant(uint256) = 7

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _arguments(frame: NativeFrame.Frame) -> uint256[8]:
    arguments: uint256[8] = empty(uint256[8])
    for i: uint256 in range(8):
        if i == DEADLINE:
            arguments[i] = NativeFrame.unsigned(frame, PLACE, i, b"uint64", State.U64)
        elif i == ROYALTY:
            arguments[i] = NativeFrame.unsigned(frame, PLACE, i, b"uint16", 65535)
        else:
            type_: Bytes[7] = b"uint256"
            if i >= SNAPSHOT_ROOT and i <= RECIPE_HASH:
                type_ = b"bytes32"
            arguments[i] = NativeFrame.argument(frame, PLACE, i, type_)
    return arguments


@internal
@view
def _requireVersion(
    given: NativeFrame.Frame, identity: uint256, root: uint256
) -> NativeFrame.Frame:
    """
    @notice isVersion of datanet_registry, called below.
    """
    frame: NativeFrame.Frame = NativeFrame.below(given, 2, Models.DATANET_REGISTRY, 68)
    frame = NativeFrame.mapped(frame, DATANETS, identity)
    frame = NativeFrame.mapped(frame, unsafe_add(frame.found, ROOT_MARKS), root)
    frame = NativeFrame.sload(frame, frame.found)
    frame = NativeFrame.above(frame, given, 1)
    if frame.found == 0:
        Models.refuse(
            frame,
            concat(
                Texts.hexOf(root, 32), b" is no version of datanet ", Texts.decimal(identity)
            ),
        )
    return frame


@internal
@view
def _writeJob(
    given: NativeFrame.Frame, place: uint256, arguments: uint256[8]
) -> NativeFrame.Frame:
    """
    @notice The fields of a job, in the order in which they are written.
    """
    frame: NativeFrame.Frame = NativeFrame.storePart(
        given, place, 0, Models.ADDRESS, given.caller
    )
    frame = NativeFrame.storePart(
        frame, place, Models.DEADLINE_AT, Models.COUNT, arguments[DEADLINE]
    )
    frame = NativeFrame.storePart(frame, place, Models.STATUS_AT, 1, Models.OPEN)
    behind: uint256 = unsafe_add(place, Models.JOB_WORKER)
    frame = NativeFrame.storePart(
        frame, behind, Models.ROYALTY_AT, Models.ROYALTY, arguments[ROYALTY]
    )
    frame = NativeFrame.mapped(frame, Models.BASE_MODELS, arguments[BASE_MODEL])
    frame = NativeFrame.loadPart(frame, frame.found, Models.ROYALTY_AT, Models.ROYALTY)
    frame = NativeFrame.storePart(
        frame, behind, Models.BASE_ROYALTY_AT, Models.ROYALTY, frame.found
    )
    # A Datanet that has a version has an id that fits: they count from 1.
    frame = NativeFrame.storePart(
        frame, behind, Models.DATANET_AT, Models.COUNT, arguments[DATANET_ID]
    )
    # Snapshot, base, recipe and fee lie one behind the other, as the first three arguments do.
    for i: uint256 in range(4):
        word: uint256 = frame.amount if i == 3 else arguments[SNAPSHOT_ROOT + i]
        frame = NativeFrame.sstore(
            frame, unsafe_add(place, Models.JOB_SNAPSHOT_ROOT + i), word
        )
    prices: uint256 = unsafe_add(place, Models.JOB_PRICES)
    frame = NativeData.storeAmount(
        frame, prices, 0, b"Job.input_price_wei", arguments[INPUT_PRICE]
    )
    return NativeData.storeAmount(
        frame, prices, Models.PRICE, b"Job.output_price_wei", arguments[OUTPUT_PRICE]
    )


@internal
@view
def _requestTraining(given: NativeFrame.Frame) -> NativeFrame.Frame:
    """
    @notice Ask for an adapter; `found` is the job's id.
    """
    arguments: uint256[8] = self._arguments(given)
    frame: NativeFrame.Frame = NativeFrame.withBlock(given)
    if arguments[DEADLINE] <= frame.timestamp:
        Models.refuse(
            frame,
            concat(
                b"deadline ", Texts.decimal(arguments[DEADLINE]), b" is not after now, ",
                Texts.decimal(frame.timestamp),
            ),
        )
    Models.requireRoyalty(frame, arguments[ROYALTY])
    frame = self._requireVersion(frame, arguments[DATANET_ID], arguments[SNAPSHOT_ROOT])
    frame = NativeFrame.sload(frame, Models.JOB_COUNT)
    identity: uint256 = frame.found + 1
    frame = NativeFrame.sstore(frame, Models.JOB_COUNT, identity)
    frame = NativeFrame.mapped(frame, Models.JOBS, identity)
    frame = self._writeJob(frame, frame.found, arguments)
    topic: bytes32 = keccak256(
        "TrainingRequested(uint256,uint256,address,bytes32,bytes32,bytes32,uint64,uint256)"
    )
    topics: uint256[4] = [
        convert(topic, uint256), identity, arguments[DATANET_ID], frame.caller
    ]
    frame = NativeFrame.emit(
        frame,
        8,
        topics,
        4,
        abi_encode(
            arguments[SNAPSHOT_ROOT],
            arguments[BASE_MODEL],
            arguments[RECIPE_HASH],
            arguments[DEADLINE],
            frame.amount,
        ),
    )
    frame.found = identity
    return frame


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Models.NATIVE, rules), NativeFrame.CALL_BASE
    )
    assert (
        NativeFrame.selector(frame) == SELECTOR
    ), "ModelRequestStep: another function"
    frame = self._requestTraining(NativeFrame.called(frame, PLACE, True, False))
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
