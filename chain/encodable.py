"""What all values with a byte form share: the bytes and their hash, made once and kept.

Knows nothing of any one format.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .crypto.keccak import keccak256

if TYPE_CHECKING:
    from typing import Self

    from .types import Hash32


class Encodable:
    """Base of frozen dataclasses that have one canonical encoding.

    The caches are no fields: they take no part in comparison, `replace` or pickling. It is no ABC:
    that would make each `isinstance` of a transaction run Python code.
    """

    __slots__ = ("_encoded", "_hash")

    _encoded: bytes
    _hash: Hash32

    def _build(self) -> bytes:
        """Make the encoding from the fields."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """Return the canonical encoding; a decoded value returns the bytes it came from."""
        try:
            return self._encoded
        except AttributeError:
            encoded = self._build()
            object.__setattr__(self, "_encoded", encoded)
            return encoded

    @property
    def hash(self) -> Hash32:
        """Keccak-256 of the encoding."""
        try:
            return self._hash
        except AttributeError:
            digest = keccak256(self.encode())
            object.__setattr__(self, "_hash", digest)
            return digest

    def _with_encoding(self, encoded: bytes) -> Self:
        """Keep the bytes this value was strictly decoded from as its encoding."""
        object.__setattr__(self, "_encoded", encoded)
        return self
