"""What derivation reads back out of an L2 block: its L1 origin and the system config in force.

Both stand in the L1-attributes transaction that opens the block, and in the header. The genesis
block has no such transaction; the rollup config speaks for it.
Source: OP Stack specs, protocol/derivation.md, "Deriving the Transaction List"; op-node's
PayloadToBlockRef and PayloadToSystemConfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from chain.errors import DecodeError
from chain.heads import BlockId, L2BlockRef
from chain.transaction import DepositTransaction
from genesis.addresses import L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK
from genesis.config import SystemConfig, unpack_fee_scalar
from genesis.fields import ConfigError
from rollup.bridge.l1_attributes import BEDROCK_SELECTOR, L1Attributes

from .errors import CorruptDerivation

if TYPE_CHECKING:
    from chain.block import Block
    from chain.types import Hash32
    from genesis.config import RollupConfig

# Version byte → size: Holocene's two 32-bit parameters, and since Jovian the minimum base fee.
_EXTRA_DATA_BYTES: Final = {0: 9, 1: 17}
_NO_PARAMETERS: Final = (0, 0, 0)


class L2Source(Protocol):
    """L2 blocks by hash, as the engine has them."""

    def block(self, block_hash: Hash32) -> Block | None:
        """The block, None when there is none of that hash."""
        ...

    def block_by_number(self, number: int) -> Block | None:
        """The canonical block of that number, None when there is none."""
        ...


def require_block(l2: L2Source, block_hash: Hash32) -> Block:
    """The block of that hash. Raises CorruptDerivation: the caller knows that it must be there."""
    block = l2.block(block_hash)
    if block is None:
        raise CorruptDerivation(f"L2 block 0x{block_hash.hex()} is missing below the safe head")
    return block


def l2_block_ref(config: RollupConfig, block: Block) -> L2BlockRef:
    """Name an L2 block together with its L1 origin.

    Raises CorruptDerivation when block 0 is not the configured genesis, or a block does not open
    with an L1-attributes transaction: then the database is not of this chain.
    """
    header = block.header
    if is_l2_genesis(config, block):
        origin = config.genesis.l1
        sequence_number = 0
    else:
        attributes = l1_attributes_of(block)
        origin = BlockId(attributes.number, attributes.hash)
        sequence_number = attributes.sequence_number
    return L2BlockRef(
        number=block.number,
        hash=block.hash,
        parent_hash=header.parent_hash,
        timestamp=header.timestamp,
        l1_origin=origin,
        sequence_number=sequence_number,
    )


def is_l2_genesis(config: RollupConfig, block: Block) -> bool:
    """Whether this is where the rollup began. Raises CorruptDerivation for another genesis."""
    genesis = config.genesis.l2
    if block.number > genesis.number:
        return False
    if block.hash != genesis.hash:
        raise CorruptDerivation(
            f"L2 block {block.number} is 0x{block.hash.hex()}, the rollup begins at block "
            f"{genesis.number} 0x{genesis.hash.hex()}"
        )
    return True


def l1_attributes_of(block: Block) -> L1Attributes:
    """The L1 attributes that open the block. Raises CorruptDerivation."""
    first = block.transactions[0] if block.transactions else None
    if (
        not isinstance(first, DepositTransaction)
        or first.sender != L1_ATTRIBUTES_DEPOSITOR
        or first.to != L1_BLOCK
    ):
        raise CorruptDerivation(
            f"L2 block {block.number} 0x{block.hash.hex()} does not open with L1 attributes"
        )
    try:
        return L1Attributes.decode(first.data)
    except DecodeError as error:
        raise CorruptDerivation(f"L2 block {block.number} 0x{block.hash.hex()}: {error}") from error


def system_config_of(config: RollupConfig, block: Block) -> SystemConfig:
    """The system config that an L2 block was built with: what L1 had set as of its origin.

    Raises CorruptDerivation.
    """
    if is_l2_genesis(config, block):
        return config.genesis.system_config
    attributes = l1_attributes_of(block)
    header = block.header
    denominator, elasticity, min_base_fee = _NO_PARAMETERS
    if config.forks.is_active("holocene", header.timestamp):
        denominator, elasticity, min_base_fee = fee_parameters(header.extra_data)
    bedrock_scalar, base_fee_scalar = attributes.bedrock_scalar, attributes.base_fee_scalar
    blob_base_fee_scalar = attributes.blob_base_fee_scalar
    if attributes.selector == BEDROCK_SELECTOR:
        base_fee_scalar, blob_base_fee_scalar = ecotone_scalars(bedrock_scalar)
    return SystemConfig(
        batcher_address=attributes.batcher_address,
        gas_limit=header.gas_limit,
        base_fee_scalar=base_fee_scalar,
        blob_base_fee_scalar=blob_base_fee_scalar,
        operator_fee_scalar=attributes.operator_fee_scalar,
        operator_fee_constant=attributes.operator_fee_constant,
        eip1559_denominator=denominator,
        eip1559_elasticity=elasticity,
        overhead=attributes.overhead,
        bedrock_scalar=bedrock_scalar,
        min_base_fee=min_base_fee,
        da_footprint_gas_scalar=attributes.da_footprint_gas_scalar,
    )


def ecotone_scalars(word: int) -> tuple[int, int]:
    """(base fee scalar, blob base fee scalar) that Ecotone makes of a scalar word of Bedrock's.

    A version 0 that does not fit 32 bits counts as the greatest that does. Source: specs
    protocol/ecotone/l1-attributes.md; op-node's EcotoneScalars.
    """
    try:
        return unpack_fee_scalar(word.to_bytes(32, "big"))
    except ConfigError:
        return min(word, 2**32 - 1), 0


def fee_parameters(extra_data: bytes) -> tuple[int, int, int]:
    """(denominator, elasticity, minimum base fee in wei) of a block's extraData since Holocene.

    Raises CorruptDerivation. Source: specs protocol/holocene/exec-engine.md,
    protocol/jovian/exec-engine.md.
    """
    version = extra_data[0] if extra_data else None
    if version is None or _EXTRA_DATA_BYTES.get(version) != len(extra_data):
        raise CorruptDerivation(
            f"extraData 0x{extra_data.hex()} is not version 0 with two 32-bit parameters, nor "
            "version 1 with a minimum base fee behind them"
        )
    return (
        int.from_bytes(extra_data[1:5], "big"),
        int.from_bytes(extra_data[5:9], "big"),
        int.from_bytes(extra_data[9:], "big"),
    )
