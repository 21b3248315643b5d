"""Ed25519 (RFC 8032) through PyNaCl: identities of nodes and what they sign off chain.

Signatures that L1 has to check are secp256k1. The one door to `nacl`.
"""

from __future__ import annotations

from typing import Final

from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

SEED_BYTES: Final = 32
PUBLIC_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


def public_key_of(seed: bytes) -> bytes:
    """The public key (32 bytes) of a private seed (32 bytes). Raises ValueError."""
    return bytes(SigningKey(_checked(seed)).verify_key)


def sign(message: bytes, seed: bytes) -> bytes:
    """The signature (64 bytes), the same each time. Raises ValueError on a seed of other size."""
    return bytes(SigningKey(_checked(seed)).sign(message).signature)


def verify(message: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether the holder of the key signed the message; malformed input is simply not valid."""
    if len(signature) != SIGNATURE_BYTES or len(public_key) != PUBLIC_KEY_BYTES:
        return False
    try:
        VerifyKey(public_key).verify(message, signature)
    except (CryptoError, ValueError):
        return False
    return True


def _checked(seed: bytes) -> bytes:
    if len(seed) != SEED_BYTES:
        raise ValueError(f"ed25519 seed: expected {SEED_BYTES} bytes, got {len(seed)}")
    return seed
