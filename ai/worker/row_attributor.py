"""Attribution as the gateway needs it: from an answer to shares, evidence and citations.

Rebuilds an adapter's snapshot from chain and content store, keeps a few adapters' row gradients
between answers, and works in one thread beside the serving engine. Knows nothing of payment.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from ai.attribution.attributor import Attributor
from ai.attribution.evidence import Evidence
from ai.datasets.snapshot import Contribution, Snapshot, materialise
from ai.gateway.answering import Attribution
from ai.gateway.payment import Adapter
from chain.crypto.keccak import keccak256
from chain.types import Hash32

from .client import ChainClient
from .datanets import contributions_of
from .stores import Stores

MAX_READY_ADAPTERS: Final = 4
"""Row gradients of one adapter take about 100 MB; beyond this the least recently used go."""

MAX_CITATIONS: Final = 5


class RowAttributor:
    """Implements the gateway's `Attributor` over the adapter's own snapshot."""

    def __init__(self, client: ChainClient, stores: Stores, base_directory: Path) -> None:
        self._client = client
        self._stores = stores
        self._base_directory = base_directory
        self._ready: OrderedDict[Hash32, tuple[Attributor, Snapshot]] = OrderedDict()
        self._lock = asyncio.Lock()

    async def attribute(
        self, adapter: Adapter, prompt_tokens: tuple[int, ...], output: str, prompt_hash: Hash32
    ) -> Attribution:
        """Score the adapter's rows for one answer.

        Raises MissingContent where rows have gone, SnapshotMismatch where they have changed.
        """
        output_hash = keccak256(output.encode())
        async with self._lock:
            attributor, snapshot = await self._prepared(adapter)
            evidence = await asyncio.to_thread(
                attributor.attribute, prompt_tokens, output, prompt_hash, output_hash
            )
        return Attribution(evidence, _citations(evidence, snapshot, attributor, output))

    async def prepare(self, adapter: Adapter) -> None:
        """Have an adapter's row gradients ready before its first answer."""
        async with self._lock:
            await self._prepared(adapter)

    async def _prepared(self, adapter: Adapter) -> tuple[Attributor, Snapshot]:
        if adapter.adapter_id not in self._ready:
            contributions = await contributions_of(
                self._client, adapter.datanet_id, adapter.snapshot_root
            )
            self._ready[adapter.adapter_id] = await asyncio.to_thread(
                self._build, adapter, contributions
            )
            while len(self._ready) > MAX_READY_ADAPTERS:
                self._ready.popitem(last=False)
        self._ready.move_to_end(adapter.adapter_id)
        return self._ready[adapter.adapter_id]

    def _build(
        self, adapter: Adapter, contributions: Sequence[Contribution]
    ) -> tuple[Attributor, Snapshot]:
        snapshot = materialise(
            self._stores.contents, adapter.datanet_id, contributions, adapter.snapshot_root
        )
        stored = self._stores.adapters.stored(adapter.adapter_id)
        attributor = Attributor(self._base_directory, stored, snapshot)
        attributor.prepare()
        return attributor, snapshot


def _citations(
    evidence: Evidence, snapshot: Snapshot, attributor: Attributor, output: str
) -> list[dict[str, Any]]:
    """The rows that count most, with what the answer quotes of each; numbers never change."""
    quoted: dict[int, list[int]] = {}
    for span in evidence.spans:
        first, last = attributor.quoted_text(output, span.start, span.length)
        for row in span.rows:
            quoted.setdefault(row, [first, last])
    whole = sum(weight for _, weight in evidence.row_shares())
    return [
        {
            "n": number,
            "contributor": "0x" + snapshot.rows[row].contributor.hex(),
            "datanet": snapshot.datanet_id,
            "contribution": snapshot.rows[row].contribution_id,
            "row": snapshot.rows[row].index,
            "weight_ppm": weight * 1_000_000 // whole,
            "text": snapshot.rows[row].completion,
            "quoted": quoted.get(row),
        }
        for number, (row, weight) in enumerate(evidence.row_shares()[:MAX_CITATIONS], start=1)
    ]
