"""The contracts that prove on L1 what L2 blocks are made of: their creations, in order.

    BatchInbox    takes the batches (rollup.json: batch_inbox_address)
    L1Blocks      what L2 blocks take from blocks of L1
    BlockInputs   the inputs of the block behind an output root; games are told of it

Addresses follow from the account and its nonce. Knows neither keys nor a network. See
docs/protocol/inputs-on-l1.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from chain import abi
from chain.transaction import DynamicFeeTransaction
from chain.types import Address
from evm.step_blocks import chain_rules

from .deploy import DeploymentFees, artifact, created_address, creation_gas_limit

if TYPE_CHECKING:
    from chain.block import Header
    from genesis.config import ChainConfig, RollupConfig, SystemConfig

CONTRACTS: Final = ("BatchInbox", "L1Blocks", "BlockInputs")
_CONFIG_TYPE: Final = "(uint256,uint256,uint256,uint256,uint256,uint256,uint256)"
_CHAIN_TYPE: Final = (
    f"(address,address,bytes32,uint256,bytes32,{_CONFIG_TYPE},uint256,uint256,bytes32,uint256,bool)"
)


@dataclass(frozen=True, slots=True)
class InputsAddresses:
    """Where the contracts stand on L1, in the order of their creation."""

    batch_inbox: Address
    l1_blocks: Address
    block_inputs: Address


def inputs_addresses(deployer: Address, nonce: int) -> InputsAddresses:
    """Where they come to stand when `deployer` creates them from that nonce on."""
    return InputsAddresses(
        *(created_address(deployer, nonce + index) for index in range(len(CONTRACTS)))
    )


def inputs_creations(
    rollup: RollupConfig,
    chain: ChainConfig,
    genesis: Header,
    deployer: Address,
    *,
    nonce: int,
    fees: DeploymentFees,
    blob_base_fee_update_fraction: int,
) -> tuple[DynamicFeeTransaction, ...]:
    """The unsigned creations, to be included in this order; `genesis` is the L2's first header."""
    at = inputs_addresses(deployer, nonce)
    arguments = (
        abi.encode(["address"], [rollup.l1_system_config_address]),
        abi.encode(
            ["address", "address", "uint256"],
            [
                rollup.deposit_contract_address,
                rollup.l1_system_config_address,
                blob_base_fee_update_fraction,
            ],
        ),
        abi.encode([_CHAIN_TYPE], [_chain(rollup, chain, genesis, at)]),
    )
    return tuple(
        DynamicFeeTransaction(
            chain_id=rollup.l1_chain_id,
            nonce=nonce + index,
            max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
            max_fee_per_gas=fees.max_fee_per_gas,
            gas_limit=creation_gas_limit(contract, own) + _STORED_GAS,
            to=None,
            value=0,
            data=bytes.fromhex(artifact(contract)["bytecode"][2:]) + own,
        )
        for index, (contract, own) in enumerate(zip(CONTRACTS, arguments, strict=True))
    )


_STORED_GAS: Final = 500_000
"""For what BlockInputs is told of the chain: some twenty slots."""


def _chain(
    rollup: RollupConfig, chain: ChainConfig, genesis: Header, at: InputsAddresses
) -> tuple[Any, ...]:
    rules = chain_rules(chain, genesis, genesis.timestamp + rollup.block_time)
    return (
        at.batch_inbox,
        at.l1_blocks,
        rollup.genesis.l2.hash,
        rollup.genesis.l1.number,
        rollup.genesis.l1.hash,
        _config(rollup.genesis.system_config),
        rollup.block_time,
        rollup.seq_window_size,
        rules.name,
        rollup.eip1559_denominator << 32 | rollup.eip1559_elasticity,
        chain.forks.is_active("jovian", genesis.timestamp),
    )


def _config(config: SystemConfig) -> tuple[int, ...]:
    return (
        int.from_bytes(config.batcher_address, "big"),
        config.gas_limit,
        config.blob_base_fee_scalar << 32 | config.base_fee_scalar,
        config.operator_fee_scalar << 64 | config.operator_fee_constant,
        config.eip1559_denominator << 32 | config.eip1559_elasticity,
        config.min_base_fee,
        config.da_footprint_gas_scalar,
    )
