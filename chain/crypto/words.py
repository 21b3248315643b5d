"""The two byte words that hashing and signing produce; `chain.types` re-exports and checks them.

They live here so that `chain.crypto` depends on nothing above it.
"""

from __future__ import annotations

from typing import NewType

Address = NewType("Address", bytes)
"""Exactly 20 bytes naming an account."""

Hash32 = NewType("Hash32", bytes)
"""Exactly 32 bytes, usually a keccak-256 digest."""
