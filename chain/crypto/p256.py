"""ECDSA over the curve P-256 (secp256r1), which passkeys and secure enclaves sign with.

Verification only, for the precompile of EIP-7951. It knows no gas.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

_FIELD: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1


def verify_p256(data: bytes) -> bool:
    """Whether digest, r, s, x, y (32 bytes each) are a signature and the key that made it.

    False too where the numbers are out of range or the key is no point of the curve.
    """
    digest = data[:32]
    r, s, x, y = (int.from_bytes(data[at : at + 32], "big") for at in range(32, 160, 32))
    if x >= _FIELD or y >= _FIELD:  # which the library would take modulo the field
        return False
    try:
        key = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
        key.verify(encode_dss_signature(r, s), digest, ECDSA(Prehashed(SHA256())))
    except (InvalidSignature, ValueError):
        return False
    return True
