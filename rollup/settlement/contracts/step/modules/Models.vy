# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Models
@notice Where model_registry has its records, and how its functions find them.
@dev Of evm/precompiles/model_registry.py, reason by reason. A base model, a job or an adapter is its
     place: the first of its slots.
"""

import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.Texts as Texts

NATIVE: constant(uint256) = Rules.FIRST_NATIVE + 2
NAME: constant(Bytes[14]) = b"model_registry"
DATANET_REGISTRY: constant(uint256) = Rules.FIRST_NATIVE
WORKER_REGISTRY: constant(uint256) = Rules.FIRST_NATIVE + 1
MAX_ROYALTY: constant(uint256) = 2500

# Slots of the registry.
JOB_COUNT: constant(uint256) = 0
BASE_MODELS: constant(uint256) = 1
JOBS: constant(uint256) = 2
ADAPTERS: constant(uint256) = 3
# Slots of a base model from its place on, of a job, of an adapter.
METADATA_HASH: constant(uint256) = 1
JOB_WORKER: constant(uint256) = 1
JOB_SNAPSHOT_ROOT: constant(uint256) = 2
JOB_BASE_MODEL: constant(uint256) = 3
JOB_RECIPE_HASH: constant(uint256) = 4
JOB_FEE: constant(uint256) = 5
JOB_PRICES: constant(uint256) = 6
ADAPTER_BASE_MODEL: constant(uint256) = 1
ADAPTER_SNAPSHOT_ROOT: constant(uint256) = 2
ADAPTER_JOB: constant(uint256) = 3
ADAPTER_PRICES: constant(uint256) = 4
# Where fields that share a slot lie, and how many bytes they have. Royalties and the Datanet's id
# lie behind an address: an adapter's behind its owner, a job's behind its worker.
ADDRESS: constant(uint256) = 20
COUNT: constant(uint256) = 8
PRICE: constant(uint256) = 16
ROYALTY: constant(uint256) = 2
ROYALTY_AT: constant(uint256) = 20
BASE_ROYALTY_AT: constant(uint256) = 22
DATANET_AT: constant(uint256) = 24
DEADLINE_AT: constant(uint256) = 20
STATUS_AT: constant(uint256) = 28

OPEN: constant(uint256) = 1
CLAIMED: constant(uint256) = 2
DONE: constant(uint256) = 3
REFUNDED: constant(uint256) = 4


@internal
@view
def refuse(frame: NativeFrame.Frame, message: Bytes[NativeFrame.MAX_MESSAGE]):
    NativeFrame.refuse(frame, concat(NAME, b": ", message))


@internal
@pure
def statusName(status: uint256) -> Bytes[8]:
    if status == OPEN:
        return b"open"
    if status == CLAIMED:
        return b"claimed"
    return b"done" if status == DONE else b"refunded"


@internal
@view
def refuseJob(
    frame: NativeFrame.Frame, identity: uint256, between: Bytes[24], first: Bytes[78],
    behind: Bytes[24], second: Bytes[78],
):
    """
    @notice Refuse what is asked of a job, with two sides.
    """
    self.refuse(
        frame, concat(b"job ", Texts.decimal(identity), between, first, behind, second)
    )


@internal
@view
def requireRoyalty(frame: NativeFrame.Frame, royalty: uint256):
    if royalty > MAX_ROYALTY:
        self.refuse(
            frame,
            concat(b"royalty of ", Texts.decimal(royalty), b" basis points, at most 2500"),
        )


@internal
@view
def job(given: NativeFrame.Frame, identity: uint256) -> NativeFrame.Frame:
    """
    @notice The place of a job that exists, as `found`.
    """
    frame: NativeFrame.Frame = NativeFrame.mapped(given, JOBS, identity)
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, 0, ADDRESS)
    if frame.found == 0:
        frame = NativeFrame.sload(frame, JOB_COUNT)
        self.refuse(
            frame,
            concat(
                b"no job ", Texts.decimal(identity), b", there are ",
                Texts.decimal(frame.found),
            ),
        )
    frame.found = place
    return frame


@internal
@view
def jobInTime(
    given: NativeFrame.Frame, identity: uint256, expected: uint256
) -> NativeFrame.Frame:
    """
    @notice The place of a job that has a status and whose deadline is not over, as `found`.
    """
    frame: NativeFrame.Frame = self.job(given, identity)
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, STATUS_AT, 1)
    if frame.found != expected:
        self.refuseJob(
            frame, identity, b" is ", self.statusName(frame.found), b", not ",
            self.statusName(expected),
        )
    frame = NativeFrame.withBlock(NativeFrame.loadPart(frame, place, DEADLINE_AT, COUNT))
    if frame.timestamp > frame.found:
        self.refuseJob(
            frame, identity, b" was due at ", Texts.decimal(frame.found), b", now is ",
            Texts.decimal(frame.timestamp),
        )
    frame.found = place
    return frame


@internal
@view
def adapter(given: NativeFrame.Frame, identity: uint256) -> NativeFrame.Frame:
    """
    @notice The place of an adapter that exists, as `found`.
    """
    frame: NativeFrame.Frame = NativeFrame.mapped(given, ADAPTERS, identity)
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, 0, ADDRESS)
    if frame.found == 0:
        self.refuse(frame, concat(b"no adapter ", Texts.hexOf(identity, 32)))
    frame.found = place
    return frame
