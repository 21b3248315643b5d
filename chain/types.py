"""The small words of the chain: addresses, hashes, amounts, heights, times; made and checked here.

They are `NewType`s, so a checked value costs nothing to pass on. Knows nothing of encodings.
"""

from __future__ import annotations

from typing import Final, NewType

from .crypto.keccak import keccak256
from .crypto.words import Address, Hash32
from .errors import DecodeError

Wei = NewType("Wei", int)
"""An amount of the native currency in wei; never negative, below 2**256."""

BlockNumber = NewType("BlockNumber", int)
"""The height of a block; the genesis block has 0."""

Timestamp = NewType("Timestamp", int)
"""Seconds since the Unix epoch, as block headers carry them."""

ADDRESS_BYTES: Final = 20
HASH_BYTES: Final = 32
MAX_UINT64: Final = 2**64 - 1
MAX_UINT256: Final = 2**256 - 1

ZERO_ADDRESS: Final = Address(bytes(ADDRESS_BYTES))
ZERO_HASH: Final = Hash32(bytes(HASH_BYTES))

__all__ = [
    "ADDRESS_BYTES",
    "HASH_BYTES",
    "MAX_UINT64",
    "MAX_UINT256",
    "ZERO_ADDRESS",
    "ZERO_HASH",
    "Address",
    "BlockNumber",
    "Hash32",
    "Timestamp",
    "Wei",
    "checksum_address",
    "to_address",
    "to_hash32",
    "to_wei",
]


def _fixed_bytes(value: bytes | str, size: int, what: str) -> bytes:
    if isinstance(value, str):
        digits = value[2:] if value[:2] in ("0x", "0X") else value
        if len(digits) != 2 * size or not digits.isalnum():
            raise DecodeError(f"{what}: expected {2 * size} hex digits, got {value[:80]!r}")
        try:
            return bytes.fromhex(digits)
        except ValueError:
            raise DecodeError(f"{what}: not hexadecimal: {value[:80]!r}") from None
    if len(value) != size:
        raise DecodeError(f"{what}: expected {size} bytes, got {len(value)}")
    return bytes(value)


def to_address(value: bytes | str) -> Address:
    """Check 20 raw bytes or 40 hex digits (with or without 0x, any case) and return the address.

    Raises DecodeError on anything else. A mixed-case string is not checked against EIP-55.
    """
    return Address(_fixed_bytes(value, ADDRESS_BYTES, "address"))


def to_hash32(value: bytes | str) -> Hash32:
    """Check 32 raw bytes or 64 hex digits (with or without 0x) and return the hash.

    Raises DecodeError on anything else.
    """
    return Hash32(_fixed_bytes(value, HASH_BYTES, "hash"))


def to_wei(value: int) -> Wei:
    """Check that an amount lies in 0 .. 2**256-1 wei. Raises DecodeError."""
    if not 0 <= value <= MAX_UINT256:
        raise DecodeError(f"wei: expected 0 to 2**256-1, got {value:#x}")
    return Wei(value)


def checksum_address(address: Address) -> str:
    """Write an address with the mixed-case checksum of EIP-55, 0x first."""
    digits = address.hex()
    marks = keccak256(digits.encode("ascii")).hex()
    return "0x" + "".join(
        digit.upper() if mark >= "8" else digit for digit, mark in zip(digits, marks, strict=False)
    )
