"""What is gossiped of a blob besides its cells: its certificate, and the words of its holders.

    message = 1 ++ certificate    |    2 ++ receipt

Whoever has a certificate may have the blob's cells gossiped; whoever has a receipt can show that
its signer had promised to serve. Carries nothing anywhere.
"""

from __future__ import annotations

from typing import Final

from .certificate import Certificate
from .errors import MalformedInput
from .receipt import StorageReceipt

_CERTIFICATE: Final = b"\x01"
_RECEIPT: Final = b"\x02"


def encode_attestation(attestation: Certificate | StorageReceipt) -> bytes:
    """The message."""
    kind = _CERTIFICATE if isinstance(attestation, Certificate) else _RECEIPT
    return kind + attestation.encode()


def decode_attestation(data: bytes) -> Certificate | StorageReceipt:
    """Read a message; whether what it says holds is another question. Raises DecodeError."""
    kind, body = data[:1], data[1:]
    if kind == _CERTIFICATE:
        return Certificate.decode(body)
    if kind == _RECEIPT:
        return StorageReceipt.decode(body)
    raise MalformedInput(f"attestation: kind 0x{kind.hex()}, expected 01 or 02")
