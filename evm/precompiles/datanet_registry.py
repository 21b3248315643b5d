"""Datanets: named collections of data, who contributed which part, and published versions.

Content never enters the chain; a contribution is the Merkle root of its rows, their number and a
licence. A version fixes a set of approved contributions under one snapshot root, which this
precompile computes itself, so that nobody can publish a root that hides a contributor.
It knows nothing of models and pays nobody. Format: docs/protocol/datanet-registry.md.
"""

from __future__ import annotations

from chain.crypto.keccak import keccak256
from chain.crypto.merkle import merkle_root
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from genesis.interfaces import DATANET_REGISTRY
from genesis.leaves import CONTRIBUTION_LEAF_BYTES, contribution_leaf

from . import gas
from .dispatch import NativePrecompile, emit
from .frame import Frame, refusal
from .mapping import mapping_slot
from .storage_layout import AddressField, BoolField, Bytes32Field, Record, UintField

MAX_METADATA_BYTES = 1_024
"""Metadata goes into an event and its hash into storage; a longer text belongs in a file."""

MAX_VERSION_CONTRIBUTIONS = 1_024
"""Each costs about 7,000 gas to read, so that the largest version fits in a 30 M gas block."""

PENDING, APPROVED, REJECTED, REVOKED = range(4)
STATUS_NAMES = ("pending", "approved", "rejected", "revoked")

_DATANETS = 1  # slot of mapping datanet id => Datanet

_refuse = refusal("datanet_registry")


class Registry(Record):
    """The precompile's own slots, from slot 0."""

    datanet_count = UintField(slot=0)


class Datanet(Record):
    """One Datanet, at its place in the mapping of slot 1."""

    owner = AddressField(slot=0)
    open_to_all = BoolField(slot=0, offset=20)
    frozen = BoolField(slot=0, offset=21)
    schema_hash = Bytes32Field(slot=1)
    licence = Bytes32Field(slot=2)
    metadata_hash = Bytes32Field(slot=3)
    contribution_count = UintField(slot=4, size=8)
    version_count = UintField(slot=4, offset=8, size=8)

    def contribution(self, contribution_id: int) -> Contribution:
        """Place of a contribution: mapping contribution id => Contribution at slot 5."""
        return Contribution(self.frame, mapping_slot(self.frame, self.slot(5), contribution_id))

    def version(self, version: int) -> Version:
        """Place of a version: mapping version => Version at slot 6."""
        return Version(self.frame, mapping_slot(self.frame, self.slot(6), version))

    def root_mark(self, snapshot_root: Hash32) -> RootMark:
        """Place of a root's mark: mapping snapshot root => first version at slot 7."""
        return RootMark(self.frame, mapping_slot(self.frame, self.slot(7), snapshot_root))


class Contribution(Record):
    """One contribution to a Datanet."""

    contributor = AddressField(slot=0)
    row_count = UintField(slot=0, offset=20, size=8)
    status = UintField(slot=0, offset=28, size=1)
    content_root = Bytes32Field(slot=1)
    licence = Bytes32Field(slot=2)


class Version(Record):
    """One published version of a Datanet."""

    snapshot_root = Bytes32Field(slot=0)
    row_count = UintField(slot=1, size=8)
    block_number = UintField(slot=1, offset=8, size=8)
    contribution_count = UintField(slot=1, offset=16, size=8)


class RootMark(Record):
    """Which version was the first to have a snapshot root; 0 for none."""

    version = UintField(slot=0)


def _place(frame: Frame, datanet_id: int) -> Datanet:
    return Datanet(frame, mapping_slot(frame, _DATANETS, datanet_id))


def _datanet(frame: Frame, datanet_id: int) -> Datanet:
    """Find an existing Datanet."""
    datanet = _place(frame, datanet_id)
    if datanet.owner == ZERO_ADDRESS:
        raise _refuse(f"no datanet {datanet_id}, there are {Registry(frame).datanet_count}")
    return datanet


def _owned_datanet(frame: Frame, datanet_id: int) -> Datanet:
    """Find a Datanet that the caller owns and that is not frozen."""
    datanet = _datanet(frame, datanet_id)
    owner = datanet.owner
    if owner != frame.caller:
        raise _refuse(
            f"datanet {datanet_id} is owned by 0x{owner.hex()}, caller is 0x{frame.caller.hex()}"
        )
    _require_not_frozen(datanet, datanet_id)
    return datanet


def _require_not_frozen(datanet: Datanet, datanet_id: int) -> None:
    if datanet.frozen:
        raise _refuse(f"datanet {datanet_id} is frozen")


def _contribution(datanet: Datanet, datanet_id: int, contribution_id: int) -> Contribution:
    """Find an existing contribution."""
    contribution = datanet.contribution(contribution_id)
    if contribution.contributor == ZERO_ADDRESS:
        raise _refuse(
            f"no contribution {contribution_id} in datanet {datanet_id},"
            f" there are {datanet.contribution_count}"
        )
    return contribution


def create_datanet(
    frame: Frame, metadata: str, schema_hash: Hash32, licence: Hash32, open_to_all: bool
) -> tuple[int]:
    """Create a Datanet owned by the caller; ids count from 1."""
    size = len(metadata.encode())
    if size > MAX_METADATA_BYTES:
        raise _refuse(f"metadata of {size} bytes, at most {MAX_METADATA_BYTES}")
    registry = Registry(frame)
    datanet_id = registry.datanet_count + 1
    registry.datanet_count = datanet_id

    datanet = _place(frame, datanet_id)
    datanet.owner = frame.caller
    datanet.open_to_all = open_to_all
    datanet.schema_hash = schema_hash
    datanet.licence = licence
    frame.charge(gas.keccak(size), "hash of metadata")
    datanet.metadata_hash = keccak256(metadata.encode())
    emit(
        frame,
        DATANET_REGISTRY,
        "DatanetCreated",
        datanet_id,
        frame.caller,
        schema_hash,
        licence,
        open_to_all,
        metadata,
    )
    return (datanet_id,)


def contribute(
    frame: Frame, datanet_id: int, content_root: Hash32, row_count: int, licence: Hash32
) -> tuple[int]:
    """Offer content to a Datanet; in an open one it is approved at once. Ids count from 1."""
    datanet = _datanet(frame, datanet_id)
    _require_not_frozen(datanet, datanet_id)
    if content_root == ZERO_HASH or row_count == 0:
        raise _refuse(f"an empty contribution: root 0x{content_root.hex()}, {row_count} rows")
    contribution_id = datanet.contribution_count + 1
    datanet.contribution_count = contribution_id

    contribution = datanet.contribution(contribution_id)
    contribution.contributor = frame.caller
    contribution.row_count = row_count
    contribution.content_root = content_root
    contribution.licence = licence
    emit(
        frame,
        DATANET_REGISTRY,
        "ContributionSubmitted",
        datanet_id,
        contribution_id,
        frame.caller,
        content_root,
        row_count,
        licence,
    )
    if datanet.open_to_all:
        contribution.status = APPROVED
        ids = (datanet_id, contribution_id)
        emit(frame, DATANET_REGISTRY, "ContributionApproved", *ids, frame.caller)
    return (contribution_id,)


def approve(frame: Frame, datanet_id: int, contribution_id: int) -> None:
    """Accept a pending contribution; the owner's right."""
    _decide(frame, datanet_id, contribution_id, APPROVED)
    ids = (datanet_id, contribution_id)
    emit(frame, DATANET_REGISTRY, "ContributionApproved", *ids, frame.caller)


def reject(frame: Frame, datanet_id: int, contribution_id: int) -> None:
    """Refuse a pending contribution, for good; the owner's right."""
    _decide(frame, datanet_id, contribution_id, REJECTED)
    ids = (datanet_id, contribution_id)
    emit(frame, DATANET_REGISTRY, "ContributionRejected", *ids, frame.caller)


def _decide(frame: Frame, datanet_id: int, contribution_id: int, verdict: int) -> None:
    datanet = _owned_datanet(frame, datanet_id)
    contribution = _contribution(datanet, datanet_id, contribution_id)
    status = contribution.status
    if status != PENDING:
        raise _refuse(
            f"contribution {contribution_id} of datanet {datanet_id}"
            f" is {STATUS_NAMES[status]}, not pending"
        )
    contribution.status = verdict


def revoke(frame: Frame, datanet_id: int, contribution_id: int) -> None:
    """Withdraw a contribution from all later versions; the contributor's or the owner's right.

    The record stays as a tombstone, and versions already published stay what they were. It is
    possible in a frozen Datanet too: a contributor may always say no to what comes later.
    """
    datanet = _datanet(frame, datanet_id)
    contribution = _contribution(datanet, datanet_id, contribution_id)
    contributor, owner = contribution.contributor, datanet.owner
    if frame.caller not in (contributor, owner):
        raise _refuse(
            f"contribution {contribution_id} of datanet {datanet_id} is of"
            f" 0x{contributor.hex()} and under 0x{owner.hex()},"
            f" caller is 0x{frame.caller.hex()}"
        )
    status = contribution.status
    if status in (REJECTED, REVOKED):
        raise _refuse(
            f"contribution {contribution_id} of datanet {datanet_id} is {STATUS_NAMES[status]}"
        )
    contribution.status = REVOKED
    ids = (datanet_id, contribution_id)
    emit(frame, DATANET_REGISTRY, "ContributionRevoked", *ids, frame.caller)


def publish_version(frame: Frame, datanet_id: int, contribution_ids: tuple[int, ...]) -> tuple[int]:
    """Fix a set of approved contributions under a snapshot root. Versions count from 1."""
    datanet = _owned_datanet(frame, datanet_id)
    count = len(contribution_ids)
    if not 1 <= count <= MAX_VERSION_CONTRIBUTIONS:
        raise _refuse(f"{count} contributions in a version, 1 to {MAX_VERSION_CONTRIBUTIONS}")
    leaves, row_count = _snapshot_leaves(datanet, datanet_id, contribution_ids)
    frame.charge(gas.merkle_tree(count), "snapshot root")
    snapshot_root = merkle_root(leaves)

    number = datanet.version_count + 1
    datanet.version_count = number
    version = datanet.version(number)
    version.snapshot_root = snapshot_root
    version.row_count = row_count
    version.block_number = frame.block_number
    version.contribution_count = count
    mark = datanet.root_mark(snapshot_root)
    if mark.version == 0:
        mark.version = number
    emit(
        frame,
        DATANET_REGISTRY,
        "VersionPublished",
        datanet_id,
        number,
        snapshot_root,
        row_count,
        contribution_ids,
    )
    return (number,)


def _snapshot_leaves(
    datanet: Datanet, datanet_id: int, contribution_ids: tuple[int, ...]
) -> tuple[list[Hash32], int]:
    """Leaves in the order of the ids, which ascend strictly, and the sum of their rows."""
    frame, leaves, row_count, previous = datanet.frame, list[Hash32](), 0, 0
    for contribution_id in contribution_ids:
        frame.charge(gas.LOOP_ITEM, "contribution of a version")
        if contribution_id <= previous:
            raise _refuse(f"contribution ids must ascend: {contribution_id} comes after {previous}")
        previous = contribution_id
        contribution = _contribution(datanet, datanet_id, contribution_id)
        status = contribution.status
        if status != APPROVED:
            raise _refuse(
                f"contribution {contribution_id} of datanet {datanet_id} is {STATUS_NAMES[status]}"
            )
        rows = contribution.row_count
        row_count += rows
        frame.charge(gas.merkle_leaf(CONTRIBUTION_LEAF_BYTES), "leaf of a contribution")
        leaves.append(
            contribution_leaf(
                datanet_id,
                contribution_id,
                contribution.contributor,
                contribution.content_root,
                rows,
                contribution.licence,
            )
        )
    return leaves, row_count


def freeze(frame: Frame, datanet_id: int) -> None:
    """Close a Datanet for good: nothing is contributed, decided or published any more."""
    datanet = _owned_datanet(frame, datanet_id)
    datanet.frozen = True
    emit(frame, DATANET_REGISTRY, "DatanetFrozen", datanet_id)


def get_datanet(
    frame: Frame, datanet_id: int
) -> tuple[Address, bool, bool, Hash32, Hash32, int, int]:
    """Read a Datanet."""
    datanet = _datanet(frame, datanet_id)
    return (
        datanet.owner,
        datanet.open_to_all,
        datanet.frozen,
        datanet.schema_hash,
        datanet.licence,
        datanet.contribution_count,
        datanet.version_count,
    )


def get_contribution(
    frame: Frame, datanet_id: int, contribution_id: int
) -> tuple[Address, Hash32, int, Hash32, int]:
    """Read a contribution."""
    datanet = _datanet(frame, datanet_id)
    contribution = _contribution(datanet, datanet_id, contribution_id)
    return (
        contribution.contributor,
        contribution.content_root,
        contribution.row_count,
        contribution.licence,
        contribution.status,
    )


def get_version(frame: Frame, datanet_id: int, number: int) -> tuple[Hash32, int, int, int]:
    """Read a published version."""
    datanet = _datanet(frame, datanet_id)
    count = datanet.version_count
    if not 1 <= number <= count:
        raise _refuse(f"no version {number} of datanet {datanet_id}, there are {count}")
    version = datanet.version(number)
    return (
        version.snapshot_root,
        version.row_count,
        version.contribution_count,
        version.block_number,
    )


def is_version(frame: Frame, datanet_id: int, snapshot_root: Hash32) -> tuple[bool]:
    """Say whether a snapshot root was published; False also for an unknown Datanet."""
    return (_place(frame, datanet_id).root_mark(snapshot_root).version != 0,)


def datanet_count(frame: Frame) -> tuple[int]:
    """Count the Datanets: their ids are 1 to this number."""
    return (Registry(frame).datanet_count,)


PRECOMPILE = NativePrecompile(
    DATANET_REGISTRY,
    {
        "createDatanet": create_datanet,
        "contribute": contribute,
        "approve": approve,
        "reject": reject,
        "revoke": revoke,
        "publishVersion": publish_version,
        "freeze": freeze,
        "getDatanet": get_datanet,
        "getContribution": get_contribution,
        "getVersion": get_version,
        "isVersion": is_version,
        "datanetCount": datanet_count,
    },
)
