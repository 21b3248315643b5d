"""An account as the state trie stores it: nonce, balance, storage root, code hash.

The RLP of an account always has the same shape, so it is read and written by position, four times
faster than by a general decoder and just as strictly. Knows nothing of tries or journals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .crypto.keccak import keccak256
from .errors import DecodeError
from .rlp import encode, encode_int
from .trie import EMPTY_ROOT
from .types import MAX_UINT64, MAX_UINT256, Hash32, Wei

EMPTY_CODE_HASH: Final = keccak256(b"")
"""The code hash of an account without code."""

_TAIL_BYTES: Final = 66  # 0xa0 and the storage root, 0xa0 and the code hash
_LONG_LIST: Final = 0xF8  # 68 to 108 bytes of payload: always one byte of length


@dataclass(frozen=True, slots=True)
class Account:
    """One entry of the state trie (Yellow Paper 4.1)."""

    nonce: int = 0
    balance: Wei = Wei(0)  # noqa: RUF009 - a NewType call returns the int itself
    storage_root: Hash32 = EMPTY_ROOT
    code_hash: Hash32 = EMPTY_CODE_HASH

    def encode(self) -> bytes:
        """RLP, as the state trie holds it."""
        return encode_account(self.nonce, self.balance, self.storage_root, self.code_hash)


def encode_account(nonce: int, balance: int, storage_root: bytes, code_hash: bytes) -> bytes:
    """RLP of the four fields of an account."""
    head = encode(encode_int(nonce)) + encode(encode_int(balance))
    size = len(head) + _TAIL_BYTES
    return b"".join((bytes((_LONG_LIST, size)), head, b"\xa0", storage_root, b"\xa0", code_hash))


def _read_int(data: bytes, start: int, limit: int, what: str) -> tuple[int, int]:
    first = data[start]
    if 0 < first < 0x80:
        return first, start + 1
    end = start + 1 + first - 0x80
    value = int.from_bytes(data[start + 1 : end], "big")
    zero_led = end > start + 1 and (data[start + 1] == 0 or value < 0x80)
    if first == 0 or first > 0xA0 or end > len(data) or zero_led or value > limit:
        raise DecodeError(f"account: the {what} is not a canonical integer up to {limit:#x}")
    return value, end


def decode_account(data: bytes) -> Account:
    """Read the value of a state trie leaf. Raises DecodeError if it is not a canonical account."""
    size = len(data)
    shaped = 70 <= size <= 110 and data[0] == _LONG_LIST and data[1] == size - 2
    if not shaped or data[-66] != 0xA0 or data[-33] != 0xA0:
        raise DecodeError(f"account: {size} bytes 0x{data[:8].hex()}.. are not a list of the four")
    nonce, position = _read_int(data, 2, MAX_UINT64, "nonce")
    balance, position = _read_int(data, position, MAX_UINT256, "balance")
    if position != size - _TAIL_BYTES:
        raise DecodeError(
            f"account: balance ends at byte {position}, expected {size - _TAIL_BYTES}"
        )
    return Account(nonce, Wei(balance), Hash32(data[-65:-33]), Hash32(data[-32:]))
