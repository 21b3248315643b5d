"""Where the values of a mapping lie: Solidity's rule, so that known tools find our slots.

The value of `key` in a mapping at slot `p` starts at keccak256(key || p), both padded to 32 bytes.
https://docs.soliditylang.org/en/latest/internals/layout_in_storage.html
It does not know what the values are.
"""

from __future__ import annotations

from chain.crypto.keccak import keccak256

from . import gas
from .frame import Frame

_MAPPING_KEY_GAS = gas.keccak(64)


def mapping_slot(frame: Frame, position: int, key: int | bytes) -> int:
    """Slot of `key` in the mapping at `position`; pays for the hash.

    Integers are padded as uint256; bytes (addresses, bytes32) are padded on the left, as Solidity
    pads the value types that we use: an address like a number, bytes32 not at all.
    """
    frame.charge(_MAPPING_KEY_GAS, "mapping key")
    word = key.to_bytes(32, "big") if isinstance(key, int) else key.rjust(32, b"\x00")
    return int.from_bytes(keccak256(word + position.to_bytes(32, "big")), "big")
