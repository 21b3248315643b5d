"""Signing and public-key recovery on secp256k1, on libsecp256k1 through coincurve.

Knows nothing of what a digest stands for: transactions and statements do their own hashing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from coincurve import PrivateKey
from coincurve._libsecp256k1 import ffi as _ffi
from coincurve._libsecp256k1 import lib as _library
from coincurve.context import GLOBAL_CONTEXT

from chain.errors import DecodeError, StemmaError

from .keccak import keccak256
from .words import Address

CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_CURVE_ORDER: Final = CURVE_ORDER // 2

_SIGNATURE_BYTES: Final = 65
_DIGEST_BYTES: Final = 32
_PUBLIC_KEY_BYTES: Final = 65
_UNCOMPRESSED: Final = 2  # SECP256K1_EC_UNCOMPRESSED
_ELECTRUM_OFFSET: Final = 27  # 65-byte signatures end in 27 or 28 by custom; 0 and 1 mean the same

_context: Final = GLOBAL_CONTEXT.ctx
_allocate: Final = _ffi.new


class InvalidSignature(StemmaError, ValueError):
    """A signature has values out of range or no public key fits it."""


@dataclass(frozen=True, slots=True)
class Signature:
    """An ECDSA signature with the parity of the nonce point, from which the signer follows."""

    y_parity: int
    r: int
    s: int

    def to_bytes(self) -> bytes:
        """Write r, s and 27 + y_parity: the 65 bytes that `ecrecover` helpers and wallets take."""
        return (
            self.r.to_bytes(32, "big")
            + self.s.to_bytes(32, "big")
            + bytes((_ELECTRUM_OFFSET + self.y_parity,))
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Signature:
        """Read 65 bytes r, s, v with v in 0, 1, 27, 28. Raises DecodeError."""
        if len(data) != _SIGNATURE_BYTES:
            raise DecodeError(f"signature: expected {_SIGNATURE_BYTES} bytes, got {len(data)}")
        v = data[64]
        y_parity = v - _ELECTRUM_OFFSET if v >= _ELECTRUM_OFFSET else v
        if y_parity not in (0, 1):
            raise DecodeError(f"signature: v must be 0, 1, 27 or 28, got {v}")
        return cls(y_parity, int.from_bytes(data[:32], "big"), int.from_bytes(data[32:64], "big"))


def sign(digest: bytes, private_key: bytes) -> Signature:
    """Sign a 32-byte digest deterministically (RFC 6979) with a low s.

    Raises InvalidSignature if the digest is not 32 bytes or the key is not a valid scalar.
    """
    try:
        raw = PrivateKey(private_key).sign_recoverable(digest, hasher=None)
    except ValueError as error:
        raise InvalidSignature(f"cannot sign: {error}") from None
    return Signature(raw[64], int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"))


def recover(digest: bytes, signature: Signature, *, low_s: bool = True) -> Address:
    """Return the address whose key signed the digest.

    low_s refuses the upper half of s, as EIP-2 does for transactions; the `ecrecover` precompile
    passes False. Raises InvalidSignature for values out of range or where no key fits.
    """
    r, s, y_parity = signature.r, signature.s, signature.y_parity
    if not (0 < r < CURVE_ORDER and 0 < s < CURVE_ORDER and y_parity in (0, 1)):
        raise InvalidSignature(
            f"signature values out of range: y_parity={y_parity}, r={r:#x}, s={s:#x}"
        )
    if low_s and s > HALF_CURVE_ORDER:
        raise InvalidSignature(f"signature has a high s (EIP-2): {s:#x} > {HALF_CURVE_ORDER:#x}")
    if len(digest) != _DIGEST_BYTES:
        raise InvalidSignature(f"digest: expected {_DIGEST_BYTES} bytes, got {len(digest)}")
    return Address(keccak256(_recovered_key(digest, r, s, y_parity))[12:])


def _recovered_key(digest: bytes, r: int, s: int, y_parity: int) -> bytes:
    """The 64 bytes of the public key, by the library's C functions.

    coincurve's own objects take as long as the curve arithmetic, and every transaction comes
    through here.
    """
    compact = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    signature = _allocate("secp256k1_ecdsa_recoverable_signature *")
    key = _allocate("secp256k1_pubkey *")
    _library.secp256k1_ecdsa_recoverable_signature_parse_compact(
        _context, signature, compact, y_parity
    )
    if not _library.secp256k1_ecdsa_recover(_context, key, signature, digest):
        raise InvalidSignature(f"no public key fits the signature: r={r:#x}, s={s:#x}")
    out = _allocate("unsigned char[65]")
    length = _allocate("size_t *", _PUBLIC_KEY_BYTES)
    _library.secp256k1_ec_pubkey_serialize(_context, out, length, key, _UNCOMPRESSED)
    return bytes(_ffi.buffer(out))[1:]


def address_of(private_key: bytes) -> Address:
    """Return the account address of a 32-byte private key. Raises InvalidSignature if invalid."""
    return Address(keccak256(public_key_of(private_key))[12:])


def public_key_of(private_key: bytes, *, compressed: bool = False) -> bytes:
    """Return the public key: 64 bytes (x, y), or 33 bytes SEC1 if compressed.

    Raises InvalidSignature if the key is not a scalar between 1 and the curve order.
    """
    try:
        key = PrivateKey(private_key).public_key
    except ValueError as error:
        raise InvalidSignature(f"not a private key: {error}") from None
    data: bytes = key.format(compressed=compressed)
    return data if compressed else data[1:]
