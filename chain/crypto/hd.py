"""Keys from a list of words: BIP-39 seeds and BIP-32 private derivation.

For the development accounts and for `stemma keys`. Derives private keys only, and takes a mnemonic
as it is: the words and their checksum are not looked at, as the standard lets any sentence be one.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from typing import Final

from chain.errors import DecodeError

from .secp256k1 import CURVE_ORDER, public_key_of

DEVELOPMENT_MNEMONIC: Final = "test test test test test test test test test test test junk"
"""The sentence that anvil and Hardhat use: its keys are known to everybody."""

ETHEREUM_PATH: Final = "m/44'/60'/0'/0/{index}"
"""BIP-44 path of an Ethereum account; fill in the index."""

_HARDENED: Final = 1 << 31
_SEED_ROUNDS: Final = 2048
_MAX_DEPTH: Final = 255


def seed_of(mnemonic: str, passphrase: str = "") -> bytes:
    """Stretch a mnemonic to the 64-byte seed of BIP-39. Takes about a millisecond on purpose."""
    words = unicodedata.normalize("NFKD", mnemonic).encode("utf-8")
    salt = unicodedata.normalize("NFKD", "mnemonic" + passphrase).encode("utf-8")
    return hashlib.pbkdf2_hmac("sha512", words, salt, _SEED_ROUNDS)


def _parse_path(path: str) -> list[int]:
    head, *steps = path.split("/")
    if head != "m" or len(steps) > _MAX_DEPTH:
        raise DecodeError(f"key path: expected m/…, got {path[:80]!r}")
    indexes: list[int] = []
    for step in steps:
        digits = step[:-1] if step[-1:] in ("'", "h", "H") else step
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
            raise DecodeError(f"key path: {step[:20]!r} is no index in {path[:80]!r}")
        index = int(digits)
        if index >= _HARDENED:
            raise DecodeError(f"key path: index {index} is not below 2**31 in {path[:80]!r}")
        indexes.append(index + _HARDENED if digits != step else index)
    return indexes


def _child(key: bytes, chain_code: bytes, index: int) -> tuple[bytes, bytes]:
    """One step of private derivation (BIP-32, CKDpriv)."""
    parent = b"\x00" + key if index >= _HARDENED else public_key_of(key, compressed=True)
    digest = hmac.digest(chain_code, parent + index.to_bytes(4, "big"), "sha512")
    return _scalar(digest[:32], int.from_bytes(key, "big")), digest[32:]


def _scalar(tweak: bytes, parent: int) -> bytes:
    """Add the tweak to the parent key; BIP-32 gives up where the sum is no key (1 in 2**127)."""
    number = int.from_bytes(tweak, "big")
    total = (number + parent) % CURVE_ORDER
    if number >= CURVE_ORDER or total == 0:
        raise DecodeError("key path: this index has no key, take the next one")
    return total.to_bytes(32, "big")


def derive_key_from_seed(seed: bytes, path: str) -> bytes:
    """Return the 32-byte private key at a path such as "m/44'/60'/0'/0/0".

    Raises DecodeError for a malformed path.
    """
    digest = hmac.digest(b"Bitcoin seed", seed, "sha512")
    key, chain_code = _scalar(digest[:32], 0), digest[32:]
    for index in _parse_path(path):
        key, chain_code = _child(key, chain_code, index)
    return key


def derive_key(mnemonic: str, path: str, passphrase: str = "") -> bytes:
    """Return the 32-byte private key that a mnemonic has at a path. Raises DecodeError."""
    return derive_key_from_seed(seed_of(mnemonic, passphrase), path)
