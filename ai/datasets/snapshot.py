"""A published version of a Datanet, rebuilt exactly: chain events and content in, rows out.

The chain commits to a snapshot root over contributions; each contribution commits to its rows; each
row's leaf names its contributor. Nothing leaves this file that is not proved against the root.
Knows nothing of how events are fetched nor of training. Format: docs/protocol/content-store.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chain.crypto.merkle import merkle_proof, merkle_root, verify_merkle
from chain.errors import StemmaError
from genesis.leaves import contribution_leaf

from .rows import Row, row_leaf, row_leaves

if TYPE_CHECKING:
    from chain.types import Address, Hash32
    from genesis.interfaces import DecodedEvent

    from .store import ContentStore


class SnapshotMismatch(StemmaError):
    """The content or the events do not give the snapshot root that the chain names."""


class UnknownVersion(StemmaError):
    """The events hold no published version with this snapshot root."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """One contribution as the chain knows it."""

    datanet_id: int
    contribution_id: int
    contributor: Address
    content_root: Hash32
    row_count: int
    licence: Hash32

    @property
    def leaf(self) -> Hash32:
        """The contribution's leaf of the snapshot, as datanet_registry computes it."""
        return contribution_leaf(
            self.datanet_id,
            self.contribution_id,
            self.contributor,
            self.content_root,
            self.row_count,
            self.licence,
        )


@dataclass(frozen=True, slots=True)
class SnapshotRow:
    """One proved row: whose it is and where it stands (`index` within its contribution)."""

    row: Row
    contributor: Address
    contribution_id: int
    index: int

    @property
    def prompt(self) -> str:
        """What is asked; may be empty."""
        return str(self.row["prompt"])

    @property
    def completion(self) -> str:
        """What is answered."""
        return str(self.row["completion"])


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rows of a published version; a row's number is its position here."""

    datanet_id: int
    root: Hash32
    contributions: tuple[Contribution, ...]
    rows: tuple[SnapshotRow, ...]

    @property
    def contributors(self) -> tuple[Address, ...]:
        """The distinct contributors, in ascending order."""
        return tuple(sorted({row.contributor for row in self.rows}))


@dataclass(frozen=True, slots=True)
class RowProof:
    """All that binds one row to a snapshot root: two Merkle paths and what they pass through."""

    row: Row
    index: int
    row_path: tuple[Hash32, ...]
    contribution: Contribution
    position: int
    contribution_count: int
    contribution_path: tuple[Hash32, ...]


def snapshot_root(contributions: Sequence[Contribution]) -> Hash32:
    """The root that datanet_registry computes when a version is published."""
    return merkle_root([contribution.leaf for contribution in contributions])


def published_contributions(
    events: Iterable[DecodedEvent], datanet_id: int, root: Hash32
) -> tuple[Contribution, ...]:
    """The contributions of the version of `datanet_id` whose snapshot root is `root`.

    `events` are the decoded events of datanet_registry in chain order; others are passed over.
    Raises UnknownVersion, SnapshotMismatch (events missing or altered).
    """
    submitted: dict[int, Contribution] = {}
    wanted: list[int] | None = None
    for event in events:
        arguments = event.arguments
        if arguments.get("datanetId") != datanet_id:
            continue
        if event.name == "ContributionSubmitted":
            contribution = _from_event(arguments)
            submitted[contribution.contribution_id] = contribution
        elif event.name == "VersionPublished" and arguments["snapshotRoot"] == root:
            wanted = list(arguments["contributionIds"])
    if wanted is None:
        raise UnknownVersion(f"datanet {datanet_id}: no version has snapshot root 0x{root.hex()}")
    absent = [identifier for identifier in wanted if identifier not in submitted]
    if absent:
        raise SnapshotMismatch(f"datanet {datanet_id}: no event for contributions {absent[:8]}")
    contributions = tuple(submitted[identifier] for identifier in wanted)
    _check_root(datanet_id, contributions, root)
    return contributions


def _from_event(arguments: Mapping[str, Any]) -> Contribution:
    return Contribution(
        datanet_id=arguments["datanetId"],
        contribution_id=arguments["contributionId"],
        contributor=arguments["contributor"],
        content_root=arguments["contentRoot"],
        row_count=arguments["rowCount"],
        licence=arguments["licence"],
    )


def _check_root(datanet_id: int, contributions: Sequence[Contribution], root: Hash32) -> None:
    found = snapshot_root(contributions)
    if found != root:
        raise SnapshotMismatch(
            f"datanet {datanet_id}: snapshot root on chain 0x{root.hex()}, root of the "
            f"{len(contributions)} contributions 0x{found.hex()}"
        )


def materialise(
    store: ContentStore, datanet_id: int, contributions: Sequence[Contribution], root: Hash32
) -> Snapshot:
    """Fetch and prove every row of a snapshot.

    Raises SnapshotMismatch, CorruptContent (an altered row), MissingContent (try again later).
    """
    _check_root(datanet_id, contributions, root)
    rows: list[SnapshotRow] = []
    for contribution in contributions:
        content = store.get_contribution(contribution.contributor, contribution.content_root)
        if len(content) != contribution.row_count:
            raise SnapshotMismatch(
                f"datanet {datanet_id} contribution {contribution.contribution_id}: "
                f"{contribution.row_count} rows on chain, {len(content)} stored"
            )
        rows.extend(
            SnapshotRow(row, contribution.contributor, contribution.contribution_id, index)
            for index, row in enumerate(content)
        )
    return Snapshot(datanet_id, root, tuple(contributions), tuple(rows))


def prove_row(snapshot: Snapshot, number: int) -> RowProof:
    """The proof of row `number` of a snapshot. Raises IndexError if there is no such row."""
    chosen = snapshot.rows[number]
    identifiers = [c.contribution_id for c in snapshot.contributions]
    position = identifiers.index(chosen.contribution_id)
    contribution = snapshot.contributions[position]
    siblings = [r.row for r in snapshot.rows if r.contribution_id == chosen.contribution_id]
    leaves = [c.leaf for c in snapshot.contributions]
    return RowProof(
        row=chosen.row,
        index=chosen.index,
        row_path=tuple(merkle_proof(row_leaves(contribution.contributor, siblings), chosen.index)),
        contribution=contribution,
        position=position,
        contribution_count=len(leaves),
        contribution_path=tuple(merkle_proof(leaves, position)),
    )


def verify_row_proof(proof: RowProof, root: Hash32) -> bool:
    """Whether the row stands in the snapshot `root` under its contributor's name."""
    contribution = proof.contribution
    leaf = row_leaf(contribution.contributor, proof.index, proof.row)
    in_contribution = verify_merkle(
        contribution.content_root, leaf, proof.index, contribution.row_count, proof.row_path
    )
    return in_contribution and verify_merkle(
        root,
        contribution.leaf,
        proof.position,
        proof.contribution_count,
        proof.contribution_path,
    )
