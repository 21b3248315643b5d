# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Datanets
@notice Where datanet_registry has its records, and how its functions find them.
@dev Of evm/precompiles/datanet_registry.py, reason by reason. A Datanet or a contribution is its place:
     the first of its slots.
"""

import rollup.settlement.contracts.step.modules.NativeFrame as NativeFrame
import rollup.settlement.contracts.step.modules.Rules as Rules
import rollup.settlement.contracts.step.modules.Texts as Texts

NATIVE: constant(uint256) = Rules.FIRST_NATIVE
NAME: constant(Bytes[16]) = b"datanet_registry"

# Slots of the registry.
DATANET_COUNT: constant(uint256) = 0
DATANETS: constant(uint256) = 1
# Slots of a Datanet from its place on; its mappings.
SCHEMA_HASH: constant(uint256) = 1
LICENCE: constant(uint256) = 2
METADATA_HASH: constant(uint256) = 3
COUNTS: constant(uint256) = 4
CONTRIBUTIONS: constant(uint256) = 5
VERSIONS: constant(uint256) = 6
ROOT_MARKS: constant(uint256) = 7
# Slots of a contribution.
CONTENT_ROOT: constant(uint256) = 1
CONTRIBUTION_LICENCE: constant(uint256) = 2
# Where fields that share a slot lie, and how many bytes they have.
ADDRESS: constant(uint256) = 20
COUNT: constant(uint256) = 8
OPEN_AT: constant(uint256) = 20
FROZEN_AT: constant(uint256) = 21
VERSION_COUNT_AT: constant(uint256) = 8
ROW_COUNT_AT: constant(uint256) = 20
STATUS_AT: constant(uint256) = 28

PENDING: constant(uint256) = 0
APPROVED: constant(uint256) = 1
REJECTED: constant(uint256) = 2
REVOKED: constant(uint256) = 3


@internal
@view
def refuse(frame: NativeFrame.Frame, message: Bytes[NativeFrame.MAX_MESSAGE]):
    NativeFrame.refuse(frame, concat(NAME, b": ", message))


@internal
@pure
def statusName(status: uint256) -> Bytes[8]:
    if status == PENDING:
        return b"pending"
    if status == APPROVED:
        return b"approved"
    return b"rejected" if status == REJECTED else b"revoked"


@internal
@pure
def ofDatanet(contribution: uint256, datanet: uint256) -> Bytes[200]:
    """
    @notice How a reason names a contribution.
    """
    return concat(
        b"contribution ", Texts.decimal(contribution), b" of datanet ", Texts.decimal(datanet)
    )


@internal
@view
def datanet(given: NativeFrame.Frame, identity: uint256) -> NativeFrame.Frame:
    """
    @notice The place of a Datanet that exists, as `found`.
    """
    frame: NativeFrame.Frame = NativeFrame.mapped(given, DATANETS, identity)
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, 0, ADDRESS)
    if frame.found == 0:
        frame = NativeFrame.sload(frame, DATANET_COUNT)
        self.refuse(
            frame,
            concat(
                b"no datanet ", Texts.decimal(identity), b", there are ",
                Texts.decimal(frame.found),
            ),
        )
    frame.found = place
    return frame


@internal
@view
def notFrozen(
    given: NativeFrame.Frame, place: uint256, identity: uint256
) -> NativeFrame.Frame:
    frame: NativeFrame.Frame = NativeFrame.loadPart(given, place, FROZEN_AT, 1)
    if frame.found != 0:
        self.refuse(frame, concat(b"datanet ", Texts.decimal(identity), b" is frozen"))
    return frame


@internal
@view
def owned(given: NativeFrame.Frame, identity: uint256) -> NativeFrame.Frame:
    """
    @notice The place of a Datanet that the caller owns and that is not frozen, as `found`.
    """
    frame: NativeFrame.Frame = self.datanet(given, identity)
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, 0, ADDRESS)
    if frame.found != frame.caller:
        self.refuse(
            frame,
            concat(
                b"datanet ", Texts.decimal(identity), b" is owned by ",
                Texts.hexOf(frame.found, 20), b", caller is ", Texts.hexOf(frame.caller, 20),
            ),
        )
    frame = self.notFrozen(frame, place, identity)
    frame.found = place
    return frame


@internal
@view
def contribution(
    given: NativeFrame.Frame, datanetPlace: uint256, datanetId: uint256, identity: uint256
) -> NativeFrame.Frame:
    """
    @notice The place of a contribution that exists, as `found`.
    """
    frame: NativeFrame.Frame = NativeFrame.mapped(
        given, unsafe_add(datanetPlace, CONTRIBUTIONS), identity
    )
    place: uint256 = frame.found
    frame = NativeFrame.loadPart(frame, place, 0, ADDRESS)
    if frame.found == 0:
        frame = NativeFrame.loadPart(frame, unsafe_add(datanetPlace, COUNTS), 0, COUNT)
        self.refuse(
            frame,
            concat(
                b"no contribution ", Texts.decimal(identity), b" in datanet ",
                Texts.decimal(datanetId), b", there are ", Texts.decimal(frame.found),
            ),
        )
    frame.found = place
    return frame


@internal
@view
def emit(
    frame: NativeFrame.Frame, topic: bytes32, words: uint256, ids: uint256[2], data: Bytes[96]
) -> NativeFrame.Frame:
    """
    @notice Write a log of the caller about a contribution, whose arguments have so many words.
    """
    topics: uint256[4] = [convert(topic, uint256), ids[0], ids[1], frame.caller]
    return NativeFrame.emit(frame, words, topics, 4, data)


@internal
@view
def setStatus(
    frame: NativeFrame.Frame, contributionPlace: uint256, ids: uint256[2], status: uint256
) -> NativeFrame.Frame:
    topic: bytes32 = keccak256("ContributionApproved(uint256,uint256,address)")
    if status == REJECTED:
        topic = keccak256("ContributionRejected(uint256,uint256,address)")
    elif status == REVOKED:
        topic = keccak256("ContributionRevoked(uint256,uint256,address)")
    return self.emit(
        NativeFrame.storePart(frame, contributionPlace, STATUS_AT, 1, status),
        topic,
        3,
        ids,
        b"",
    )
