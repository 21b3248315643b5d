"""Payload attributes: what an L2 block has to contain before the sequencer adds anything.

The sequencer and derivation call the same function, so both put the same deposits first.
Source: OP Stack specs, protocol/derivation.md, "Deriving Payload Attributes".
Knows nothing of batches or of the transaction pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evm.executor import PayloadAttributes
from genesis.addresses import SEQUENCER_FEE_VAULT
from genesis.upgrades import upgrade_transactions
from rollup.bridge.deposits import user_deposits
from rollup.bridge.l1_attributes import l1_attributes_deposit
from rollup.bridge.system_config import apply_config_updates

from .errors import CorruptDerivation, ReorgDetected
from .forks import UPGRADES, is_activation
from .l2_block import fee_parameters

if TYPE_CHECKING:
    from chain.block import Block, Header
    from chain.heads import L2BlockRef
    from chain.transaction import DepositTransaction
    from genesis.config import RollupConfig, SystemConfig
    from rollup.l1.provider import L1Block


def prepare_attributes(
    config: RollupConfig, parent: L2BlockRef, system_config: SystemConfig, origin: L1Block
) -> PayloadAttributes:
    """The attributes of the block after parent with that L1 origin, deposits only.

    A block that activates a fork has the fork's upgrade transactions behind them. `system_config`
    is parent's; the updates of a new origin are applied here. Raises ReorgDetected when the origin
    does not follow from parent's, CorruptDerivation when it is not even the next.
    """
    timestamp = parent.timestamp + config.block_time
    deposits: tuple[DepositTransaction, ...] = ()
    if origin.number == parent.l1_origin.number:
        _require_same(parent, origin, origin.hash)
        sequence_number = parent.sequence_number + 1
    elif origin.number == parent.l1_origin.number + 1:
        _require_same(parent, origin, origin.parent_hash)
        sequence_number = 0
        system_config = apply_config_updates(
            system_config,
            origin,
            config.l1_system_config_address,
            is_ecotone=config.forks.is_active("ecotone", origin.timestamp),
        )
        deposits = user_deposits(origin, config.deposit_contract_address)
    else:
        raise CorruptDerivation(
            f"L2 block {parent.number + 1}: origin {origin.ref} does not follow {parent.l1_origin}"
        )
    if timestamp < origin.timestamp:
        raise ReorgDetected(
            f"L2 block {parent.number + 1}: time {timestamp} is before its origin's "
            f"{origin.timestamp}"
        )
    opening = l1_attributes_deposit(config, system_config, origin, sequence_number, timestamp)
    params = (system_config.eip1559_denominator, system_config.eip1559_elasticity)
    return PayloadAttributes(
        parent_hash=parent.hash,
        timestamp=timestamp,
        prev_randao=origin.prev_randao,
        fee_recipient=SEQUENCER_FEE_VAULT,
        parent_beacon_block_root=origin.parent_beacon_block_root,
        gas_limit=system_config.gas_limit,
        transactions=(opening, *deposits, *_upgrades(config, timestamp)),
        eip1559_params=params if config.forks.is_active("holocene", timestamp) else None,
        min_base_fee=(
            system_config.min_base_fee if config.forks.is_active("jovian", timestamp) else None
        ),
    )


def _upgrades(config: RollupConfig, timestamp: int) -> tuple[DepositTransaction, ...]:
    """What the forks deploy that an L2 block of that time activates.

    Source: specs protocol/derivation.md, "Network upgrade automation transactions".
    """
    activated = [fork for fork in UPGRADES if is_activation(config, fork, timestamp)]
    return tuple([tx for fork in activated for tx in upgrade_transactions(fork)])


def _require_same(parent: L2BlockRef, origin: L1Block, l1_hash: bytes) -> None:
    if l1_hash != parent.l1_origin.hash:
        raise ReorgDetected(
            f"L2 block {parent.number}: {origin.ref} builds on 0x{l1_hash.hex()}, "
            f"its L1 origin is {parent.l1_origin}"
        )


def attributes_mismatch(
    config: RollupConfig, attributes: PayloadAttributes, block: Block
) -> str | None:
    """What keeps a block from being the one the attributes ask for; None when it is that block.

    Compares all that goes into a block, hence equal means equal hash. Source: op-node's
    AttributesMatchBlock.
    """
    header = block.header
    is_ecotone = config.forks.is_active("ecotone", attributes.timestamp)
    pairs = (
        ("parent hash", attributes.parent_hash, header.parent_hash),
        ("timestamp", attributes.timestamp, header.timestamp),
        ("randao", attributes.prev_randao, header.prev_randao),
        ("fee recipient", attributes.fee_recipient, header.beneficiary),
        (
            "beacon block root",
            attributes.parent_beacon_block_root if is_ecotone else None,
            header.parent_beacon_block_root,
        ),
        ("gas limit", attributes.gas_limit, header.gas_limit),
        ("EIP-1559 parameters", *_fee_parameters(config, attributes, header)),
        ("transaction count", len(attributes.transactions), len(block.transactions)),
    )
    for name, wanted, found in pairs:
        if wanted != found:
            return f"{name}: attributes have {_shown(wanted)}, block has {_shown(found)}"
    for index, (asked, there) in enumerate(
        zip(attributes.transactions, block.transactions, strict=True)
    ):
        if asked.encode() != there.encode():
            return (
                f"transaction {index}: attributes have 0x{asked.hash.hex()}, "
                f"block has 0x{there.hash.hex()}"
            )
    return None


def _fee_parameters(
    config: RollupConfig, attributes: PayloadAttributes, header: Header
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What the attributes ask for and what the header has; before Holocene nothing."""
    if attributes.eip1559_params is None:
        return (), ()
    denominator, elasticity = attributes.eip1559_params
    if denominator == 0:
        denominator, elasticity = config.eip1559_denominator, config.eip1559_elasticity
    wanted = (denominator, elasticity, attributes.min_base_fee or 0)
    found = fee_parameters(header.extra_data)
    # The minimum is named where it matters, from Jovian on.
    return (wanted[:2], found[:2]) if attributes.min_base_fee is None else (wanted, found)


def _shown(value: object) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
