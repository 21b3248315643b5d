"""Prices of the work that a native precompile does itself.

Storage, logs, transfers and nested calls are priced by `Frame`; here is the rest: hashing,
recovering a signer, decoding and encoding ABI words, and one turn of a loop. The opcode prices are
Ethereum's where Ethereum has one. It knows no precompile.
"""

from __future__ import annotations

from collections.abc import Iterable

CALL_BASE = 500
"""Finding the function of a selector: a table look-up and the checks around it."""

ABI_WORD = 30
"""Decoding or encoding one 32-byte ABI word; measured near 2 µs, where py-evm runs ~15 gas/µs."""

KECCAK_BASE = 30
KECCAK_WORD = 6
"""KECCAK256 of the yellow paper: 30 and 6 for each 32-byte word."""

ECRECOVER = 3_000
"""The price of precompile 0x01, which does the same curve work."""

LOOP_ITEM = 50
"""One turn of a loop over arguments, beside the storage and the hashes that it pays for."""


def words(byte_count: int) -> int:
    """Number of 32-byte words that hold `byte_count` bytes."""
    return (byte_count + 31) // 32


def keccak(byte_count: int) -> int:
    """Gas of one keccak-256 over `byte_count` bytes."""
    return KECCAK_BASE + KECCAK_WORD * words(byte_count)


def abi(byte_count: int) -> int:
    """Gas of decoding or encoding `byte_count` bytes of ABI data."""
    return ABI_WORD * words(byte_count)


def abi_values(values: Iterable[object]) -> int:
    """Gas of encoding values, known before the work: a word each, text and lists by their size."""
    return ABI_WORD * sum(_value_words(value) for value in values)


def _value_words(value: object) -> int:
    if isinstance(value, str):
        return 2 + words(len(value.encode()))  # offset, length, content
    if isinstance(value, tuple | list):
        return 2 + len(value)
    return 1


def merkle_leaf(byte_count: int) -> int:
    """Gas of one leaf hash: keccak over a prefix byte and `byte_count` bytes."""
    return keccak(1 + byte_count)


MERKLE_NODE = keccak(65)
"""Gas of one inner node: keccak over a prefix byte and two hashes."""


def merkle_tree(leaf_count: int) -> int:
    """Gas of a root over `leaf_count` leaf hashes: at most one inner node a leaf."""
    return MERKLE_NODE * leaf_count


def statement_digest(field_count: int) -> int:
    """Gas of an EIP-712 digest: type hash and domain, the struct of `field_count` words, join."""
    return keccak(5 * 32) + keccak(32 * (field_count + 1)) + keccak(66)
