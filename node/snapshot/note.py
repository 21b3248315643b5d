"""The name under which a store keeps where a chain begins that was joined by a snapshot."""

from __future__ import annotations

from typing import Final

NOTE: Final = "snapshot"
"""JSON: number, hash, outputRoot and what the snapshot took; `stemma_snapshot` shows it."""
