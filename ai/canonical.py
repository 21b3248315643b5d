"""Canonical JSON: one byte string per value, so that a hash of it names the value.

Keys sorted, no spaces, UTF-8 without escapes, no NaN or infinity. Knows nothing of what it encodes.
Close to RFC 8785; differs in how exponents of floats are written, and says so in the docs where a
float is hashed.
"""

from __future__ import annotations

import json

from chain.crypto.keccak import keccak256
from chain.errors import EncodeError
from chain.types import Hash32


def canonical_json(value: object) -> bytes:
    """The one encoding of a JSON value. Raises EncodeError for what JSON cannot hold."""
    try:
        text = json.dumps(
            value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
        )
        return text.encode("utf-8")
    except (
        TypeError,
        ValueError,
    ) as error:  # UnicodeEncodeError (a lone surrogate) is a ValueError
        raise EncodeError(f"not a JSON value: {error}") from None


def canonical_hash(value: object) -> Hash32:
    """Keccak-256 of the canonical encoding."""
    return keccak256(canonical_json(value))
