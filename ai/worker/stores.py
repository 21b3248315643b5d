"""Where a worker keeps what it names by hash. Knows nothing of what the files mean."""

from __future__ import annotations

from dataclasses import dataclass

from ai.adapters.store import AdapterStore
from ai.datasets.store import ContentStore


@dataclass(frozen=True, slots=True)
class Stores:
    """The content store (rows, evidence, records of runs) and the adapter store."""

    contents: ContentStore
    adapters: AdapterStore
