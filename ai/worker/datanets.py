"""Datanets from the outside: create one, give rows to it, publish a version, read a version back.

What a contributor's or a curator's program does, in a few calls. Rows go to a content store (a
gateway's, by HTTP), their Merkle root goes on chain. Knows nothing of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from ai.datasets.rows import Row, content_root, encode_contribution
from ai.datasets.snapshot import Contribution, published_contributions
from chain.crypto.keccak import keccak256
from chain.errors import StemmaError
from chain.types import Hash32
from genesis.interfaces import DATANET_REGISTRY, DecodedEvent

from .client import Account, ChainClient

ROW_SCHEMA_HASH = keccak256(b"stemma row: prompt, completion")
"""Names the form of the rows (docs/protocol/content-store.md) in `createDatanet`."""


class UploadRefused(StemmaError):
    """The content store did not take a contribution's rows; the message says why."""


@dataclass(frozen=True, slots=True)
class Version:
    """A published version of a Datanet."""

    datanet_id: int
    number: int
    snapshot_root: Hash32
    row_count: int


async def create_datanet(
    owner: Account, metadata: str, licence: str, *, open_to_all: bool = True
) -> int:
    """Create a Datanet and return its id. `licence` is an SPDX name; its hash goes on chain."""
    receipt = await owner.send(
        DATANET_REGISTRY,
        "createDatanet",
        metadata,
        ROW_SCHEMA_HASH,
        keccak256(licence.encode()),
        open_to_all,
    )
    return int(receipt.event("DatanetCreated").arguments["datanetId"])


async def contribute(
    contributor: Account, datanet_id: int, rows: Sequence[Row], licence: str
) -> int:
    """Register rows under the contributor's name and return the contribution's id.

    Raises MalformedRow before anything is sent.
    """
    encode_contribution(rows)
    root = content_root(contributor.address, rows)
    receipt = await contributor.send(
        DATANET_REGISTRY,
        "contribute",
        datanet_id,
        root,
        len(rows),
        keccak256(licence.encode()),
    )
    return int(receipt.event("ContributionSubmitted").arguments["contributionId"])


async def upload(
    gateway_url: str, datanet_id: int, contribution_id: int, rows: Sequence[Row]
) -> None:
    """Hand the rows of a registered contribution to a gateway's content store.

    The store takes only rows whose root is on chain. Raises UploadRefused.
    """
    url = f"{gateway_url}/content/datanets/{datanet_id}/contributions/{contribution_id}"
    async with aiohttp.ClientSession() as session:
        try:
            async with session.put(url, data=encode_contribution(rows)) as response:
                if response.status != 200:
                    raise UploadRefused(f"{url}: {response.status} {await response.text()}")
        except aiohttp.ClientError as error:
            raise UploadRefused(f"{url}: {error}") from None


async def publish(owner: Account, datanet_id: int, contribution_ids: Sequence[int]) -> Version:
    """Publish a version over these contributions; the chain computes its snapshot root."""
    receipt = await owner.send(
        DATANET_REGISTRY, "publishVersion", datanet_id, sorted(contribution_ids)
    )
    published = receipt.event("VersionPublished").arguments
    return Version(
        datanet_id=datanet_id,
        number=published["version"],
        snapshot_root=Hash32(published["snapshotRoot"]),
        row_count=published["rowCount"],
    )


async def contributions_of(
    client: ChainClient, datanet_id: int, snapshot_root: Hash32
) -> tuple[Contribution, ...]:
    """The contributions of a published version, read from events and checked against its root.

    Raises UnknownVersion, SnapshotMismatch.
    """
    events: list[DecodedEvent] = []
    for name in ("ContributionSubmitted", "VersionPublished"):
        events += [event for event, _ in await client.events(DATANET_REGISTRY, name, datanet_id)]
    return published_contributions(events, datanet_id, snapshot_root)
