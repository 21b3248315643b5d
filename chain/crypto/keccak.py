"""Keccak-256 as Ethereum uses it, on the C code of pycryptodome.

The library's own wrapper spends more time in Python than in hashing, so this file drives its
C functions directly, with a stack of reusable states. Knows nothing of what is hashed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from Crypto.Hash import keccak as _wrapper
from Crypto.Util import _raw_api

from .words import Hash32

if TYPE_CHECKING:
    from collections.abc import Callable

_CAPACITY_BYTES: Final = 64
_ROUNDS: Final = 24
_DIGEST_BYTES: Final = 32
_PADDING: Final = 0x01  # Keccak's first padding; SHA-3 uses 0x06

_library: Final[Any] = vars(_wrapper)["_raw_keccak_lib"]
_memory: Final[Any] = _raw_api
_read: Final[Callable[[Any], bytes]] = _raw_api.get_raw_buffer
_reset: Final[Callable[[Any], int]] = _library.keccak_reset
_absorb: Final[Callable[[Any, bytes, int], int]] = _library.keccak_absorb
_digest: Final[Callable[[Any, Any, int, int], int]] = _library.keccak_digest

# One (state, output buffer) for each hash in progress. Taking and giving back are single list
# operations, so threads never share a state although the C calls release the interpreter lock.
_idle: Final[list[tuple[Any, Any]]] = []


def _new_state() -> tuple[Any, Any]:
    pointer = _memory.VoidPointer()
    if _library.keccak_init(pointer.address_of(), _CAPACITY_BYTES, _ROUNDS):
        raise MemoryError("keccak: the C library could not allocate a state")
    return pointer.get(), _memory.create_string_buffer(_DIGEST_BYTES)


def keccak256(data: bytes) -> Hash32:
    """Return the 32-byte Keccak-256 digest of data (the padding before SHA-3 was fixed)."""
    try:
        pair = _idle.pop()
    except IndexError:
        pair = _new_state()
    state, out = pair
    _reset(state)
    _absorb(state, data, len(data))
    _digest(state, out, _DIGEST_BYTES, _PADDING)
    digest = Hash32(_read(out))
    _idle.append(pair)
    return digest
