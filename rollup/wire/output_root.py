"""Output root: the one hash that stands for an L2 block in front of L1.

    payload = state_root (32) ++ message_passer_storage_root (32) ++ block_hash (32)
    output_root = keccak256(version (32 zero bytes) ++ payload)

Source: OP Stack specs, protocol/proposals.md, "L2 Output Commitment Construction".
Knows nothing of where the three hashes come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.types import ZERO_HASH, Hash32

if TYPE_CHECKING:
    from chain.block import Header

OUTPUT_VERSION_0: Final = ZERO_HASH
_ENCODED_BYTES: Final = 128


@dataclass(frozen=True, slots=True)
class OutputV0:
    """What an output root commits to; since Isthmus the storage root is in the header as well."""

    state_root: Hash32
    message_passer_storage_root: Hash32
    block_hash: Hash32

    def encode(self) -> bytes:
        """The 128 bytes that are hashed: version 0 and the three hashes."""
        return (
            OUTPUT_VERSION_0 + self.state_root + self.message_passer_storage_root + self.block_hash
        )

    @property
    def root(self) -> Hash32:
        """The output root."""
        return keccak256(self.encode())


def output_of_header(header: Header) -> OutputV0:
    """The output of a block since Isthmus, whose header holds the message passer's storage root.

    Raises DecodeError for a header without one.
    """
    if header.withdrawals_root is None:
        raise DecodeError(f"output: the header of block {header.number} has no withdrawals root")
    return OutputV0(header.state_root, header.withdrawals_root, header.hash)


def decode_output(data: bytes) -> OutputV0:
    """Read the 128 bytes of a version 0 output. Raises DecodeError."""
    if len(data) != _ENCODED_BYTES:
        raise DecodeError(f"output: expected {_ENCODED_BYTES} bytes, got {len(data)}")
    if data[:32] != OUTPUT_VERSION_0:
        raise DecodeError(f"output: unknown version 0x{data[:32].hex()}")
    return OutputV0(Hash32(data[32:64]), Hash32(data[64:96]), Hash32(data[96:128]))


def compute_output_root(
    state_root: Hash32, message_passer_storage_root: Hash32, block_hash: Hash32
) -> Hash32:
    """The output root of a block with these three hashes."""
    return OutputV0(state_root, message_passer_storage_root, block_hash).root
