"""The L1-attributes transaction: the deposit that opens each L2 block and tells it about L1.

The Isthmus calldata, `setL1BlockValuesIsthmus` with packed arguments, and the deposit around it.
Knows nothing of how L1 was read nor of how the deposit is executed.

Source: specs protocol/deposits.md ("L1 Attributes Deposited Transaction") and
isthmus/l1-attributes.md.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from chain.crypto.keccak import keccak256
from chain.errors import DecodeError
from chain.transaction import DepositTransaction
from chain.types import Address, Hash32
from genesis.addresses import L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK

if TYPE_CHECKING:
    from genesis.config import RollupConfig, SystemConfig
    from rollup.l1.provider import L1Block

SELECTOR: Final = bytes.fromhex("098999be")
CALLDATA_SIZE: Final = 176
L1_ATTRIBUTES_GAS: Final = 1_000_000
_SOURCE_DOMAIN: Final = (1).to_bytes(32, "big")
# selector, base fee scalar, blob base fee scalar, sequence number, L1 time, L1 number, base fee,
# blob base fee, L1 hash, batcher hash, operator fee scalar, operator fee constant
_LAYOUT: Final = struct.Struct(">4sIIQQQ32s32s32s32sIQ")


@dataclass(frozen=True, slots=True)
class L1Attributes:
    """What an L2 block knows about its L1 origin and about the fees in force.

    Fees are in wei per gas, scalars in millionths, `operator_fee_constant` in wei, `timestamp` in
    seconds; `sequence_number` counts the L2 blocks of one origin from 0.
    """

    number: int
    timestamp: int
    base_fee: int
    hash: Hash32
    sequence_number: int
    batcher_address: Address
    blob_base_fee: int
    base_fee_scalar: int
    blob_base_fee_scalar: int
    operator_fee_scalar: int
    operator_fee_constant: int

    def encode(self) -> bytes:
        """The 176 bytes of calldata."""
        return _LAYOUT.pack(
            SELECTOR,
            self.base_fee_scalar,
            self.blob_base_fee_scalar,
            self.sequence_number,
            self.timestamp,
            self.number,
            self.base_fee.to_bytes(32, "big"),
            self.blob_base_fee.to_bytes(32, "big"),
            self.hash,
            bytes(12) + self.batcher_address,
            self.operator_fee_scalar,
            self.operator_fee_constant,
        )

    @staticmethod
    def decode(calldata: bytes) -> L1Attributes:
        """Read the calldata of an L1-attributes transaction.

        Raises DecodeError for another selector, another length or a batcher hash that is no
        address.
        """
        if calldata[:4] != SELECTOR:
            raise DecodeError(
                f"L1 attributes: selector 0x{calldata[:4].hex()}, expected 0x{SELECTOR.hex()}"
            )
        if len(calldata) != CALLDATA_SIZE:
            raise DecodeError(f"L1 attributes: {len(calldata)} bytes, expected {CALLDATA_SIZE}")
        (
            _,
            base_fee_scalar,
            blob_base_fee_scalar,
            sequence_number,
            timestamp,
            number,
            base_fee,
            blob_base_fee,
            l1_hash,
            batcher_hash,
            operator_fee_scalar,
            operator_fee_constant,
        ) = _LAYOUT.unpack(calldata)
        if any(batcher_hash[:12]):
            raise DecodeError(
                f"L1 attributes: batcher hash 0x{batcher_hash.hex()} is not an address"
            )
        return L1Attributes(
            number=number,
            timestamp=timestamp,
            base_fee=int.from_bytes(base_fee, "big"),
            hash=Hash32(l1_hash),
            sequence_number=sequence_number,
            batcher_address=Address(batcher_hash[12:]),
            blob_base_fee=int.from_bytes(blob_base_fee, "big"),
            base_fee_scalar=base_fee_scalar,
            blob_base_fee_scalar=blob_base_fee_scalar,
            operator_fee_scalar=operator_fee_scalar,
            operator_fee_constant=operator_fee_constant,
        )


def l1_attributes_source_hash(l1_hash: Hash32, sequence_number: int) -> Hash32:
    """The source hash of an L1-attributes deposit (domain 1)."""
    inner = keccak256(l1_hash + sequence_number.to_bytes(32, "big"))
    return keccak256(_SOURCE_DOMAIN + inner)


def l1_attributes_deposit(
    config: RollupConfig, system_config: SystemConfig, l1_block: L1Block, sequence_number: int
) -> DepositTransaction:
    """The first transaction of an L2 block whose origin is `l1_block`.

    Raises ConfigError on a chain whose L1 attributes have another form than Isthmus'.
    """
    config.require_supported()
    attributes = L1Attributes(
        number=l1_block.number,
        timestamp=l1_block.timestamp,
        base_fee=l1_block.base_fee,
        hash=l1_block.hash,
        sequence_number=sequence_number,
        batcher_address=system_config.batcher_address,
        blob_base_fee=l1_block.blob_base_fee,
        base_fee_scalar=system_config.base_fee_scalar,
        blob_base_fee_scalar=system_config.blob_base_fee_scalar,
        operator_fee_scalar=system_config.operator_fee_scalar,
        operator_fee_constant=system_config.operator_fee_constant,
    )
    return DepositTransaction(
        source_hash=l1_attributes_source_hash(l1_block.hash, sequence_number),
        sender=L1_ATTRIBUTES_DEPOSITOR,
        to=L1_BLOCK,
        mint=0,
        value=0,
        gas_limit=L1_ATTRIBUTES_GAS,
        is_system_transaction=False,
        data=attributes.encode(),
    )
