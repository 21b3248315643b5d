"""The transactions that put the settlement contracts on L1, built without sending anything.

Two creations by one account: SystemConfig, then OptimismPortal. Both addresses follow from the
deployer and its nonce, so a rollup can be anchored to an L1 block *before* its contracts stand:
anchor, L2 genesis, chain id and batch inbox are known first and the contracts are told of them.
Knows neither keys nor a network; the caller signs and sends.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, cast

from chain import abi, rlp
from chain.crypto.keccak import keccak256
from chain.transaction import DynamicFeeTransaction
from chain.types import Address
from genesis.config import SystemConfig

_ARTIFACTS: Final = "artifacts"
DEPLOYMENT_GAS: Final = 2_500_000
"""Gas limit of each creation, twice what they use (a test measures it)."""

_SYSTEM_CONFIG_ARGUMENTS: Final = (
    "address", "bytes32", "uint64", "uint32", "uint32", "uint32", "uint64", "uint32", "uint32",
    "address", "address", "address",
)  # fmt: skip


@cache
def artifact(contract: str) -> dict[str, Any]:
    """The artifact of "SystemConfig" or "OptimismPortal"."""
    path = resources.files(__package__) / _ARTIFACTS / f"{contract}.json"
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class SettlementAddresses:
    """Where the contracts stand on L1."""

    system_config: Address
    portal: Address


@dataclass(frozen=True, slots=True)
class SettlementParameters:
    """What the contracts are told: `owner` may change the SystemConfig afterwards."""

    owner: Address
    system_config: SystemConfig
    unsafe_block_signer: Address
    batch_inbox: Address


@dataclass(frozen=True, slots=True)
class DeploymentFees:
    """What each creation offers for gas, in wei per gas."""

    max_fee_per_gas: int
    max_priority_fee_per_gas: int


def created_address(creator: Address, nonce: int) -> Address:
    """The address of a contract that `creator` makes with that nonce (Yellow Paper, 7)."""
    return Address(keccak256(rlp.encode([creator, rlp.encode_int(nonce)]))[12:])


def settlement_addresses(deployer: Address, nonce: int) -> SettlementAddresses:
    """Where the contracts will stand if `deployer` starts at `nonce`."""
    return SettlementAddresses(
        system_config=created_address(deployer, nonce),
        portal=created_address(deployer, nonce + 1),
    )


def deployment_transactions(
    parameters: SettlementParameters,
    *,
    deployer: Address,
    nonce: int,
    l1_chain_id: int,
    fees: DeploymentFees,
) -> tuple[DynamicFeeTransaction, DynamicFeeTransaction]:
    """The two unsigned creations, to be included in this order."""
    contracts = settlement_addresses(deployer, nonce)
    creations = (
        _system_config_creation(parameters, contracts.portal),
        _creation_code("OptimismPortal") + abi.encode(["address"], [contracts.system_config]),
    )
    first, second = (
        DynamicFeeTransaction(
            chain_id=l1_chain_id,
            nonce=nonce + index,
            max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
            max_fee_per_gas=fees.max_fee_per_gas,
            gas_limit=DEPLOYMENT_GAS,
            to=None,
            value=0,
            data=creation,
        )
        for index, creation in enumerate(creations)
    )
    return first, second


def _creation_code(contract: str) -> bytes:
    return bytes.fromhex(artifact(contract)["bytecode"][2:])


def _system_config_creation(parameters: SettlementParameters, portal: Address) -> bytes:
    config = parameters.system_config
    arguments = (
        parameters.owner,
        bytes(12) + config.batcher_address,
        config.gas_limit,
        config.base_fee_scalar,
        config.blob_base_fee_scalar,
        config.operator_fee_scalar,
        config.operator_fee_constant,
        config.eip1559_denominator,
        config.eip1559_elasticity,
        parameters.unsafe_block_signer,
        parameters.batch_inbox,
        portal,
    )
    return _creation_code("SystemConfig") + abi.encode(_SYSTEM_CONFIG_ARGUMENTS, arguments)
