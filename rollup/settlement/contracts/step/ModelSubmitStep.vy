# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title ModelSubmitStep
@notice Steps of phase `precompile` of the native model_registry: calls of its function
        `submitTraining` that are not refused.
@dev The twin of `submit_training` in evm/precompiles/model_registry.py without its reasons: where one
     would be given, or arguments are malformed, it reverts without a signal, and ModelRegistryStep
     asks ModelRefuseStep. Where gas runs out or a slot has to be loaded before, either answers the
     same. A worker is never the zero account: one has claimed the job.
"""

import rollup.settlement.contracts.step.modules.Models as Models
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Signers as Signers
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.TrainingStatements as TrainingStatements

SELECTOR: constant(uint256) = 1842420167
PLACE: constant(Bytes[29]) = b"model_registry.submitTraining"

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _registerAdapter(
    given: NativeFrame.Frame, job: uint256, adapter: uint256, statement: uint256[TrainingStatements.FIELDS]
) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = NativeFrame.loadPart(given, job, 0, Models.ADDRESS)
    owner: uint256 = frame.found
    behind: uint256 = unsafe_add(job, Models.JOB_WORKER)
    frame = NativeFrame.loadPart(frame, behind, Models.ROYALTY_AT, Models.ROYALTY)
    royalty: uint256 = frame.found
    prices: uint256[2] = empty(uint256[2])
    for i: uint256 in range(2):
        frame = NativeFrame.loadPart(
            frame, unsafe_add(job, Models.JOB_PRICES), Models.PRICE * i, Models.PRICE
        )
        prices[i] = frame.found
    frame = NativeFrame.storePart(frame, adapter, 0, Models.ADDRESS, owner)
    frame = NativeFrame.storePart(frame, adapter, Models.ROYALTY_AT, Models.ROYALTY, royalty)
    frame = NativeFrame.loadPart(frame, behind, Models.BASE_ROYALTY_AT, Models.ROYALTY)
    frame = NativeFrame.storePart(
        frame, adapter, Models.BASE_ROYALTY_AT, Models.ROYALTY, frame.found
    )
    frame = NativeFrame.storePart(
        frame, adapter, Models.DATANET_AT, Models.COUNT, statement[TrainingStatements.DATANET_ID]
    )
    words: uint256[3] = [statement[TrainingStatements.BASE_MODEL], statement[TrainingStatements.SNAPSHOT_ROOT], statement[TrainingStatements.JOB_ID]]
    for i: uint256 in range(3):
        frame = NativeFrame.sstore(
            frame, unsafe_add(adapter, Models.ADAPTER_BASE_MODEL + i), words[i]
        )
    for i: uint256 in range(2):
        frame = NativeFrame.storePart(
            frame,
            unsafe_add(adapter, Models.ADAPTER_PRICES),
            Models.PRICE * i,
            Models.PRICE,
            prices[i],
        )
    topic: bytes32 = keccak256(
        "AdapterRegistered(bytes32,uint256,address,bytes32,uint256,uint256,uint16)"
    )
    topics: uint256[4] = [
        convert(topic, uint256), statement[TrainingStatements.ADAPTER_ID], statement[TrainingStatements.JOB_ID], owner
    ]
    return NativeFrame.emit(
        frame, 7, topics, 4, abi_encode(statement[TrainingStatements.BASE_MODEL], prices, royalty)
    )


@internal
@view
def _statement(
    frame: NativeFrame.Frame,
) -> (uint256[TrainingStatements.FIELDS], uint256):
    """
    @notice The fields, and where the length of the signature stands, which is 65. All of it is looked
            at before anything is opened, as decoding does.
    """
    # Ten words, the signature's length and its padded bytes are read once each.
    assert frame.length >= 4 + 448
    start: uint256 = frame.start + 4
    statement: uint256[TrainingStatements.FIELDS] = empty(uint256[TrainingStatements.FIELDS])
    for i: uint256 in range(TrainingStatements.FIELDS):
        statement[i] = Tape.word(start + 32 * i)
    assert statement[TrainingStatements.STEPS] <= State.U64
    offset: uint256 = Tape.word(start + 32 * TrainingStatements.FIELDS)
    assert offset <= frame.length - 132
    at: uint256 = start + offset
    assert Tape.word(at) == TrainingStatements.SIGNATURE and Tape.word(at + 96) << 8 == 0
    return statement, at


@internal
@view
def _signer(
    frame: NativeFrame.Frame, statement: uint256[TrainingStatements.FIELDS], at: uint256
) -> uint256:
    """
    @notice Who signed; zero where nobody can have.
    """
    v: uint256 = Tape.word(at + 96) >> 248
    return Signers.recover(
        TrainingStatements.digest(frame, statement),
        v - Signers.FIRST_V if v >= Signers.FIRST_V else v,
        Tape.word(at + 32),
        Tape.word(at + 64),
    )


@internal
@view
def _claimedJob(
    given: NativeFrame.Frame, statement: uint256[TrainingStatements.FIELDS]
) -> NativeFrame.Frame:
    """
    @notice The place of a job that is claimed, in time, and asked for what the statement speaks of.
    """
    frame: NativeFrame.Frame = NativeFrame.mapped(given, Models.JOBS, statement[TrainingStatements.JOB_ID])
    job: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, job, 0, Models.ADDRESS)
    assert frame.found != 0
    frame = NativeFrame.loadPart(frame, job, Models.STATUS_AT, 1)
    assert frame.found == Models.CLAIMED
    frame = NativeFrame.withBlock(
        NativeFrame.loadPart(frame, job, Models.DEADLINE_AT, Models.COUNT)
    )
    assert frame.timestamp <= frame.found
    # The Datanet's id behind the worker, then snapshot, base and recipe, a slot each.
    for i: uint256 in range(4):
        frame = NativeFrame.sload(frame, unsafe_add(job, Models.JOB_WORKER + i))
        if i == 0:
            frame.found = frame.found >> (8 * Models.DATANET_AT)
        assert frame.found == statement[TrainingStatements.DATANET_ID + i]
    frame.found = job
    return frame


@internal
@view
def _submitTraining(given: NativeFrame.Frame) -> NativeFrame.Frame:
    """
    @notice Close a job with its worker's statement: pay the fee, register the adapter.
    """
    statement: uint256[TrainingStatements.FIELDS] = empty(uint256[TrainingStatements.FIELDS])
    at: uint256 = 0
    statement, at = self._statement(given)
    identity: uint256 = statement[TrainingStatements.JOB_ID]
    frame: NativeFrame.Frame = self._claimedJob(given, statement)
    job: uint256 = frame.found
    frame = NativeFrame.mapped(frame, Models.ADAPTERS, statement[TrainingStatements.ADAPTER_ID])
    adapter: uint256 = frame.found
    assert statement[TrainingStatements.ADAPTER_ID] != 0
    frame = NativeFrame.loadPart(frame, adapter, 0, Models.ADDRESS)
    assert frame.found == 0
    frame = NativeFrame.loadPart(
        frame, unsafe_add(job, Models.JOB_WORKER), 0, Models.ADDRESS
    )
    worker: uint256 = frame.found
    frame = NativeFrame.charge(NativeFrame.charge(frame, TrainingStatements.DIGEST), TrainingStatements.ECRECOVER)
    assert self._signer(frame, statement, at) == worker
    frame = NativeFrame.storePart(frame, job, Models.STATUS_AT, 1, Models.DONE)
    frame = self._registerAdapter(frame, job, adapter, statement)
    topic: bytes32 = keccak256(
        "TrainingSubmitted(uint256,bytes32,address,bytes32,uint64,bytes32)"
    )
    topics: uint256[4] = [convert(topic, uint256), identity, statement[TrainingStatements.ADAPTER_ID], worker]
    frame = NativeFrame.emit(
        frame,
        6,
        topics,
        4,
        abi_encode(statement[TrainingStatements.CHECKPOINTS_ROOT], statement[TrainingStatements.STEPS], statement[TrainingStatements.METRICS_HASH]),
    )
    frame = NativeFrame.sload(frame, unsafe_add(job, Models.JOB_FEE))
    return NativeFrame.transfer(frame, worker, frame.found)


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Models.NATIVE, rules), NativeFrame.CALL_BASE
    )
    assert (
        NativeFrame.selector(frame) == SELECTOR
    ), "ModelSubmitStep: another function"
    frame = self._submitTraining(NativeFrame.called(frame, PLACE, False, False))
    return NativeFrame.succeed(frame, b"")


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
