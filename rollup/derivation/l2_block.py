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
from genesis.config import SystemConfig
from rollup.bridge.l1_attributes import L1Attributes

from .errors import CorruptDerivation

if TYPE_CHECKING:
    from chain.block import Block
    from chain.types import Hash32
    from genesis.config import RollupConfig

_HOLOCENE_EXTRA_DATA_VERSION: Final = 0
_HOLOCENE_EXTRA_DATA_BYTES: Final = 9


class L2Source(Protocol):
    """L2 blocks by hash, as the engine has them."""

    def block(self, block_hash: Hash32) -> Block | None:
        """The block, None when there is none of that hash."""
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
    denominator, elasticity = holocene_params(block.header.extra_data)
    return SystemConfig(
        batcher_address=attributes.batcher_address,
        gas_limit=block.header.gas_limit,
        base_fee_scalar=attributes.base_fee_scalar,
        blob_base_fee_scalar=attributes.blob_base_fee_scalar,
        operator_fee_scalar=attributes.operator_fee_scalar,
        operator_fee_constant=attributes.operator_fee_constant,
        eip1559_denominator=denominator,
        eip1559_elasticity=elasticity,
    )


def holocene_params(extra_data: bytes) -> tuple[int, int]:
    """(denominator, elasticity) of a block's extraData: version 0, two u32.

    Raises CorruptDerivation. Source: specs protocol/holocene/exec-engine.md.
    """
    if (
        len(extra_data) != _HOLOCENE_EXTRA_DATA_BYTES
        or extra_data[0] != _HOLOCENE_EXTRA_DATA_VERSION
    ):
        raise CorruptDerivation(
            f"extraData 0x{extra_data.hex()} is not version 0 with two 32-bit parameters"
        )
    return int.from_bytes(extra_data[1:5], "big"), int.from_bytes(extra_data[5:9], "big")
