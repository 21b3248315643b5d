"""Keccak-256 as Ethereum uses it: the padding from before SHA-3 was fixed.

Nearly all that is hashed here is shorter than a kilobyte, so the way into C decides, and this
library's is the shortest. Knows nothing of what is hashed.
"""

from __future__ import annotations

from sha3 import keccak_256

from .words import Hash32


def keccak256(data: bytes) -> Hash32:
    """Return the 32-byte Keccak-256 digest of data."""
    return Hash32(keccak_256(data).digest())
