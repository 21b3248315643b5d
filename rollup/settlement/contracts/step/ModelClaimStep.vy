# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize codesize
"""
@title ModelClaimStep
@notice Steps of phase `precompile` of the native model_registry: calls of its function
        `claimTraining`.
@dev The twin of `claim_training` in evm/precompiles/model_registry.py. ModelRegistryStep asks it.
"""

import rollup.settlement.contracts.step.modules.Models as Models
import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Texts as Texts

SELECTOR: constant(uint256) = 86381988
PLACE: constant(Bytes[28]) = b"model_registry.claimTraining"
# Of the other native: the mapping and the field that are read below.
WORKERS: constant(uint256) = 3
WORKER_STATUS_AT: constant(uint256) = 16
ACTIVE: constant(uint256) = 1

rules: immutable(uint256)


@deploy
def __init__(forkRules: uint256):
    rules = forkRules


@internal
@view
def _requireActive(given: NativeFrame.Frame) -> NativeFrame.Frame:
    """
    @notice isActive of worker_registry, called below.
    """
    frame: NativeFrame.Frame = NativeFrame.below(given, 1, Models.WORKER_REGISTRY, 36)
    frame = NativeFrame.mapped(frame, WORKERS, given.caller)
    frame = NativeFrame.loadPart(frame, frame.found, WORKER_STATUS_AT, 1)
    frame = NativeFrame.above(frame, given, 1)
    if frame.found != ACTIVE:
        Models.refuse(
            frame, concat(Texts.hexOf(frame.caller, 20), b" is not an active worker")
        )
    return frame


@internal
@view
def _claimTraining(given: NativeFrame.Frame) -> NativeFrame.Frame:
    """
    @notice Take an open job.
    """
    identity: uint256 = NativeFrame.argument(given, PLACE, 0, b"uint256")
    frame: NativeFrame.Frame = Models.jobInTime(given, identity, Models.OPEN)
    place: uint256 = frame.found
    frame = self._requireActive(frame)
    frame = NativeFrame.storePart(frame, place, Models.STATUS_AT, 1, Models.CLAIMED)
    frame = NativeFrame.storePart(
        frame, unsafe_add(place, Models.JOB_WORKER), 0, Models.ADDRESS, frame.caller
    )
    topic: uint256 = convert(keccak256("TrainingClaimed(uint256,address)"), uint256)
    return NativeFrame.emit(frame, 2, [topic, identity, frame.caller, 0], 3, b"")


@internal
@view
def _step() -> bytes32:
    frame: NativeFrame.Frame = NativeFrame.charge(
        NativeFrame.begin(Models.NATIVE, rules), NativeFrame.CALL_BASE
    )
    assert (
        NativeFrame.selector(frame) == SELECTOR
    ), "ModelClaimStep: another function"
    frame = self._claimTraining(NativeFrame.called(frame, PLACE, False, False))
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
