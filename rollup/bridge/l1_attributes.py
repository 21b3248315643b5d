"""The L1-attributes transaction: the deposit that opens each L2 block and tells it about L1.

Four forms of calldata, each from a fork on; the block that activates a fork still has the form
before, since the contract that reads the new one is only put there by that block.

    Bedrock   0x015d8eb9  ABI words of setL1BlockValues, 260 bytes
    Ecotone   0x440a5e20  packed, 164 bytes
    Isthmus   0x098999be  Ecotone's and the operator fee, 176 bytes
    Jovian    0x3db6be2b  Isthmus's and the DA footprint scalar, 178 bytes

Knows nothing of how L1 was read nor of how the deposit is executed.
Source: specs protocol/deposits.md ("L1 Attributes Deposited Transaction"), {ecotone,isthmus,
jovian}/l1-attributes.md and regolith/overview.md.
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

BEDROCK_SELECTOR: Final = bytes.fromhex("015d8eb9")
ECOTONE_SELECTOR: Final = bytes.fromhex("440a5e20")
ISTHMUS_SELECTOR: Final = bytes.fromhex("098999be")
JOVIAN_SELECTOR: Final = bytes.fromhex("3db6be2b")
CALLDATA_SIZES: Final = {
    BEDROCK_SELECTOR: 260,
    ECOTONE_SELECTOR: 164,
    ISTHMUS_SELECTOR: 176,
    JOVIAN_SELECTOR: 178,
}
DEFAULT_DA_FOOTPRINT_GAS_SCALAR: Final = 400
"""What a scalar of 0 in the system config means (specs, jovian/l1-attributes.md)."""

L1_ATTRIBUTES_GAS: Final = 1_000_000
L1_ATTRIBUTES_GAS_BEFORE_REGOLITH: Final = 150_000_000
_SOURCE_DOMAIN: Final = (1).to_bytes(32, "big")
_FORMS: Final = (
    ("jovian", JOVIAN_SELECTOR),
    ("isthmus", ISTHMUS_SELECTOR),
    ("ecotone", ECOTONE_SELECTOR),
)
# number, time, base fee, hash, sequence number, batcher hash, overhead, scalar
_BEDROCK: Final = struct.Struct(">4s32s32s32s32s32s32s32s32s")
# selector, base fee scalar, blob base fee scalar, sequence number, L1 time, L1 number, base fee,
# blob base fee, L1 hash, batcher hash; then operator fee scalar and constant, then footprint scalar
_PACKED: Final = struct.Struct(">4sIIQQQ32s32s32s32s")
_OPERATOR_FEE: Final = struct.Struct(">IQ")
_FOOTPRINT: Final = struct.Struct(">H")


@dataclass(frozen=True, slots=True)
class L1Attributes:
    """What an L2 block knows about its L1 origin and about the fees in force.

    Fees are in wei per gas, scalars in millionths, `operator_fee_constant` in wei, `timestamp` in
    seconds; `sequence_number` counts the L2 blocks of one origin from 0. `selector` says the form;
    what the form has no place for is 0.
    """

    number: int
    timestamp: int
    base_fee: int
    hash: Hash32
    sequence_number: int
    batcher_address: Address
    blob_base_fee: int = 0
    base_fee_scalar: int = 0
    blob_base_fee_scalar: int = 0
    operator_fee_scalar: int = 0
    operator_fee_constant: int = 0
    overhead: int = 0
    bedrock_scalar: int = 0
    da_footprint_gas_scalar: int = 0
    selector: bytes = ISTHMUS_SELECTOR

    def encode(self) -> bytes:
        """The calldata in its form."""
        if self.selector == BEDROCK_SELECTOR:
            numbers = (self.number, self.timestamp, self.base_fee)
            return _BEDROCK.pack(
                self.selector,
                *map(_word, numbers),
                self.hash,
                _word(self.sequence_number),
                bytes(12) + self.batcher_address,
                _word(self.overhead),
                _word(self.bedrock_scalar),
            )
        data = _PACKED.pack(
            self.selector,
            self.base_fee_scalar,
            self.blob_base_fee_scalar,
            self.sequence_number,
            self.timestamp,
            self.number,
            _word(self.base_fee),
            _word(self.blob_base_fee),
            self.hash,
            bytes(12) + self.batcher_address,
        )
        if self.selector != ECOTONE_SELECTOR:
            data += _OPERATOR_FEE.pack(self.operator_fee_scalar, self.operator_fee_constant)
        if self.selector == JOVIAN_SELECTOR:
            data += _FOOTPRINT.pack(self.da_footprint_gas_scalar)
        return data

    @staticmethod
    def decode(calldata: bytes) -> L1Attributes:
        """Read the calldata of an L1-attributes transaction, in any form.

        Raises DecodeError for another selector, another length or a batcher hash that is no
        address.
        """
        selector = calldata[:4]
        size = CALLDATA_SIZES.get(selector)
        if size is None:
            known = ", ".join(f"0x{known.hex()}" for known in CALLDATA_SIZES)
            raise DecodeError(f"L1 attributes: selector 0x{selector.hex()}, expected {known}")
        if len(calldata) != size:
            raise DecodeError(f"L1 attributes: {len(calldata)} bytes, expected {size}")
        return _decode_bedrock(calldata) if selector == BEDROCK_SELECTOR else _decode(calldata)


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _number(word: bytes, name: str) -> int:
    if any(word[:24]):
        raise DecodeError(f"L1 attributes: {name} 0x{word.hex()} has more than 64 bits")
    return int.from_bytes(word, "big")


def _batcher(word: bytes) -> Address:
    if any(word[:12]):
        raise DecodeError(f"L1 attributes: batcher hash 0x{word.hex()} is not an address")
    return Address(word[12:])


def _decode_bedrock(calldata: bytes) -> L1Attributes:
    _, number, timestamp, base_fee, l1_hash, sequence_number, batcher, overhead, scalar = (
        _BEDROCK.unpack(calldata)
    )
    return L1Attributes(
        number=_number(number, "number"),
        timestamp=_number(timestamp, "time"),
        base_fee=int.from_bytes(base_fee, "big"),
        hash=Hash32(l1_hash),
        sequence_number=_number(sequence_number, "sequence number"),
        batcher_address=_batcher(batcher),
        overhead=int.from_bytes(overhead, "big"),
        bedrock_scalar=int.from_bytes(scalar, "big"),
        selector=BEDROCK_SELECTOR,
    )


def _decode(calldata: bytes) -> L1Attributes:
    (
        selector,
        base_fee_scalar,
        blob_base_fee_scalar,
        sequence_number,
        timestamp,
        number,
        base_fee,
        blob_base_fee,
        l1_hash,
        batcher,
    ) = _PACKED.unpack_from(calldata)
    operator_scalar = operator_constant = footprint_scalar = 0
    position = _PACKED.size
    if selector != ECOTONE_SELECTOR:
        operator_scalar, operator_constant = _OPERATOR_FEE.unpack_from(calldata, position)
        position += _OPERATOR_FEE.size
    if selector == JOVIAN_SELECTOR:
        (footprint_scalar,) = _FOOTPRINT.unpack_from(calldata, position)
    return L1Attributes(
        number=number,
        timestamp=timestamp,
        base_fee=int.from_bytes(base_fee, "big"),
        hash=Hash32(l1_hash),
        sequence_number=sequence_number,
        batcher_address=_batcher(batcher),
        blob_base_fee=int.from_bytes(blob_base_fee, "big"),
        base_fee_scalar=base_fee_scalar,
        blob_base_fee_scalar=blob_base_fee_scalar,
        operator_fee_scalar=operator_scalar,
        operator_fee_constant=operator_constant,
        da_footprint_gas_scalar=footprint_scalar,
        selector=selector,
    )


def l1_attributes_source_hash(l1_hash: Hash32, sequence_number: int) -> Hash32:
    """The source hash of an L1-attributes deposit (domain 1)."""
    inner = keccak256(l1_hash + sequence_number.to_bytes(32, "big"))
    return keccak256(_SOURCE_DOMAIN + inner)


def l1_attributes_selector(config: RollupConfig, timestamp: int) -> bytes:
    """The form in an L2 block of that time: what was in force one block before.

    The chain's first block has no block before; a fork that is active in it counts as old.
    """
    before = max(timestamp - config.block_time, config.genesis.l2_time)
    for fork, selector in _FORMS:
        if config.forks.is_active(fork, before):
            return selector
    return BEDROCK_SELECTOR


def l1_attributes_deposit(
    config: RollupConfig,
    system_config: SystemConfig,
    l1_block: L1Block,
    sequence_number: int,
    timestamp: int,
) -> DepositTransaction:
    """The first transaction of the L2 block of that time, whose origin is `l1_block`."""
    attributes = _attributes(config, system_config, l1_block, sequence_number, timestamp)
    is_regolith = config.forks.is_active("regolith", timestamp)
    return DepositTransaction(
        source_hash=l1_attributes_source_hash(l1_block.hash, sequence_number),
        sender=L1_ATTRIBUTES_DEPOSITOR,
        to=L1_BLOCK,
        mint=0,
        value=0,
        gas_limit=L1_ATTRIBUTES_GAS if is_regolith else L1_ATTRIBUTES_GAS_BEFORE_REGOLITH,
        is_system_transaction=not is_regolith,
        data=attributes.encode(),
    )


def _attributes(
    config: RollupConfig,
    system_config: SystemConfig,
    l1_block: L1Block,
    sequence_number: int,
    timestamp: int,
) -> L1Attributes:
    selector = l1_attributes_selector(config, timestamp)
    is_bedrock = selector == BEDROCK_SELECTOR
    footprint = system_config.da_footprint_gas_scalar or DEFAULT_DA_FOOTPRINT_GAS_SCALAR
    return L1Attributes(
        number=l1_block.number,
        timestamp=l1_block.timestamp,
        base_fee=l1_block.base_fee,
        hash=l1_block.hash,
        sequence_number=sequence_number,
        batcher_address=system_config.batcher_address,
        blob_base_fee=0 if is_bedrock else l1_block.blob_base_fee,
        base_fee_scalar=system_config.base_fee_scalar,
        blob_base_fee_scalar=system_config.blob_base_fee_scalar,
        operator_fee_scalar=system_config.operator_fee_scalar,
        operator_fee_constant=system_config.operator_fee_constant,
        overhead=system_config.overhead,
        bedrock_scalar=int.from_bytes(system_config.scalar, "big") if is_bedrock else 0,
        da_footprint_gas_scalar=footprint if selector == JOVIAN_SELECTOR else 0,
        selector=selector,
    )
