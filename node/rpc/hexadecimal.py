"""The two hex forms of Ethereum JSON-RPC: QUANTITY (minimal) and DATA (whole bytes)."""

from __future__ import annotations


def quantity(value: int) -> str:
    """Return the QUANTITY form: 0x-prefixed, no leading zeros."""
    return hex(value)


def data(value: bytes) -> str:
    """Return the DATA form: 0x-prefixed, two digits per byte."""
    return "0x" + value.hex()


def word(value: int) -> str:
    """Return a 256-bit number as 32 bytes of DATA."""
    return f"0x{value:064x}"
