# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title ModelRefuseStep
@notice Steps of phase `precompile` of the native model_registry: calls of its function
        `submitTraining` that are refused.
@dev The twin of `submit_training` in evm/precompiles/model_registry.py up to its last check, reason by
     reason. ModelRegistryStep asks it where ModelSubmitStep has not answered.
"""

import rollup.settlement.contracts.step.modules.Models as Models
import rollup.settlement.contracts.step.modules.NativeData as NativeData
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Signers as Signers
import rollup.settlement.contracts.step.modules.State as State
import rollup.settlement.contracts.step.modules.Tape as Tape
import rollup.settlement.contracts.step.modules.Texts as Texts
import rollup.settlement.contracts.step.modules.TrainingStatements as TrainingStatements

SELECTOR: constant(uint256) = 1842420167
PLACE: constant(Bytes[29]) = b"model_registry.submitTraining"

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _refuseSignature(
    frame: NativeFrame.Frame, statement: uint256[TrainingStatements.FIELDS], error: Bytes[320]
):
    Models.refuse(
        frame,
        concat(b"signature of job ", Texts.decimal(statement[TrainingStatements.JOB_ID]), b": ", error),
    )


@internal
@view
def _signer(
    frame: NativeFrame.Frame, statement: uint256[TrainingStatements.FIELDS], at: uint256, length: uint256
) -> uint256:
    """
    @notice Who signed a statement, by 65 bytes r, s, v; chain/crypto/secp256k1.py.
    """
    if length != TrainingStatements.SIGNATURE:
        self._refuseSignature(
            frame,
            statement,
            concat(b"signature: expected 65 bytes, got ", Texts.decimal(length)),
        )
    r: uint256 = Tape.word(at)
    s: uint256 = Tape.word(at + 32)
    v: uint256 = Tape.word(at + 64) >> 248
    parity: uint256 = v - Signers.FIRST_V if v >= Signers.FIRST_V else v
    if parity > 1:
        self._refuseSignature(
            frame,
            statement,
            concat(b"signature: v must be 0, 1, 27 or 28, got ", Texts.decimal(v)),
        )
    both: Bytes[138] = concat(b"r=", Texts.hexNumber(r), b", s=", Texts.hexNumber(s))
    if r == 0 or r >= Signers.CURVE_ORDER or s == 0 or s >= Signers.CURVE_ORDER:
        self._refuseSignature(
            frame,
            statement,
            concat(
                b"signature values out of range: y_parity=", Texts.decimal(parity), b", ", both
            ),
        )
    if s > Signers.HALF_CURVE_ORDER:
        self._refuseSignature(
            frame,
            statement,
            concat(
                b"signature has a high s (EIP-2): ", Texts.hexNumber(s), b" > ",
                Texts.hexNumber(Signers.HALF_CURVE_ORDER),
            ),
        )
    signer: uint256 = Signers.recover(TrainingStatements.digest(frame, statement), parity, r, s)
    if signer == 0:
        self._refuseSignature(
            frame, statement, concat(b"no public key fits the signature: ", both)
        )
    return signer


@internal
@pure
def _term(index: uint256) -> Bytes[13]:
    if index == 0:
        return b"datanet_id"
    if index == 1:
        return b"snapshot_root"
    return b"base_model" if index == 2 else b"recipe_hash"


@internal
@view
def _requireTerms(
    given: NativeFrame.Frame, job: uint256, statement: uint256[TrainingStatements.FIELDS]
) -> NativeFrame.Frame:
    """
    @notice The statement speaks of exactly what the job asked for.
    """
    frame: NativeFrame.Frame = given
    for i: uint256 in range(4):
        slot: uint256 = unsafe_add(job, Models.JOB_WORKER + i)
        if i == 0:
            frame = NativeFrame.loadPart(frame, slot, Models.DATANET_AT, Models.COUNT)
        else:
            frame = NativeFrame.sload(frame, slot)
        stated: uint256 = statement[TrainingStatements.DATANET_ID + i]
        if frame.found != stated:
            first: Bytes[78] = Texts.decimal(frame.found)
            second: Bytes[78] = Texts.decimal(stated)
            if i > 0:
                first = Texts.hexOf(frame.found, 32)
                second = Texts.hexOf(stated, 32)
            Models.refuse(
                frame,
                concat(
                    self._term(i), b" of job ", Texts.decimal(statement[TrainingStatements.JOB_ID]), b" is ",
                    first, b", stated ", second,
                ),
            )
    return frame


@internal
@view
def _submitTraining(given: NativeFrame.Frame):
    """
    @notice Whatever a statement can be refused for.
    """
    frame: NativeFrame.Frame = given
    reader: NativeData.Reader = NativeData.start(frame)
    statement: uint256[TrainingStatements.FIELDS] = empty(uint256[TrainingStatements.FIELDS])
    for i: uint256 in range(TrainingStatements.FIELDS):
        if i == TrainingStatements.STEPS:
            reader = NativeData.unsigned(reader, frame, PLACE, b"uint64", i, State.U64)
        else:
            type_: Bytes[7] = b"bytes32"
            if i < TrainingStatements.SNAPSHOT_ROOT:
                type_ = b"uint256"
            reader = NativeData.word(reader, frame, PLACE, type_, 32 * i)
        statement[i] = reader.found
    reader = NativeData.content(reader, frame, PLACE, b"bytes", TrainingStatements.FIELDS)
    identity: uint256 = statement[TrainingStatements.JOB_ID]
    frame = Models.jobInTime(frame, identity, Models.CLAIMED)
    job: uint256 = frame.found
    frame = self._requireTerms(frame, job, statement)
    frame = NativeFrame.mapped(frame, Models.ADAPTERS, statement[TrainingStatements.ADAPTER_ID])
    adapter: uint256 = frame.found
    if statement[TrainingStatements.ADAPTER_ID] != 0:
        frame = NativeFrame.loadPart(frame, adapter, 0, Models.ADDRESS)
    if statement[TrainingStatements.ADAPTER_ID] == 0 or frame.found != 0:
        Models.refuse(
            frame,
            concat(b"adapter id ", Texts.hexOf(statement[TrainingStatements.ADAPTER_ID], 32), b" is taken"),
        )
    frame = NativeFrame.loadPart(
        frame, unsafe_add(job, Models.JOB_WORKER), 0, Models.ADDRESS
    )
    worker: uint256 = frame.found
    frame = NativeFrame.charge(NativeFrame.charge(frame, TrainingStatements.DIGEST), TrainingStatements.ECRECOVER)
    signer: uint256 = self._signer(frame, statement, reader.found, reader.length)
    assert signer != worker, "ModelRefuseStep: not refused"
    Models.refuseJob(
        frame, identity, b" was claimed by ", Texts.hexOf(worker, 20), b", signed by ",
        Texts.hexOf(signer, 20),
    )


@internal
@view
def _step():
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Models.NATIVE, rules), NativeFrame.CALL_BASE
    )
    assert (
        NativeFrame.selector(frame) == SELECTOR
    ), "ModelRefuseStep: another function"
    self._submitTraining(NativeFrame.called(frame, PLACE, False, False))


@external
@view
@raw_return
def __default__() -> Bytes[32]:
    """
    @notice The commitment after the step, asked for as `step(bytes,bytes,bytes32)`.
    """
    if msg.sender == self:
        self._step()
    hasEnded: bool = False
    answer: Bytes[NativeFrame.MAX_SIGNAL] = b""
    hasEnded, answer = raw_call(
        self,
        msg.data,
        max_outsize=NativeFrame.MAX_SIGNAL,
        is_static_call=True,
        revert_on_failure=False,
    )
    return slice(NativeFrame.signalled(answer), 0, 32)
