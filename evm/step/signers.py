"""Who signed: the one door of the step machine to secp256k1. On L1 it is the precompile at 0x01."""

from __future__ import annotations

from collections.abc import Callable

from chain.crypto.secp256k1 import InvalidSignature, Signature, recover

Recover = Callable[[bytes, int, int, int], bytes | None]
"""Who signed a digest with (parity, r, s), s low; None where nobody can have."""


def recover_signer(digest: bytes, y_parity: int, r: int, s: int) -> bytes | None:
    """By libsecp256k1."""
    try:
        return recover(digest, Signature(y_parity, r, s))
    except InvalidSignature:
        return None
