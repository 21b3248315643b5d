"""The transactions that put the settlement contracts on L1, built without sending anything.

Creations by one account, in the order of `CONTRACTS`. All addresses follow from the deployer and
its nonce, so each contract is told of the others before they stand, and a rollup can be anchored
to an L1 block *before* its contracts exist: anchor, L2 genesis, chain id and batch inbox are known
first. Knows neither keys nor a network; the caller signs and sends.
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
from chain.types import ZERO_ADDRESS, Address, Hash32
from genesis import predeploys
from genesis.addresses import L2_CROSS_DOMAIN_MESSENGER, L2_STANDARD_BRIDGE
from genesis.config import SystemConfig
from genesis.presets import SettlementPreset

_ARTIFACTS: Final = "artifacts"
GAME_TYPE: Final = int.from_bytes(b"STMA", "big")
"""Type of our dispute game: none of the OP Stack's numbers, since its trace is another."""

_ON_BOTH_LAYERS: Final = frozenset({"OptimismMintableERC20", "OptimismMintableERC20Factory"})
_GWEI: Final = 10**9
_PPM_TO_WAD: Final = 10**12
_CREATION_GAS: Final = 53_000
_BYTE_GAS: Final = 16
_WORD_GAS: Final = 2
_CODE_BYTE_GAS: Final = 200
_CONSTRUCTOR_GAS: Final = 500_000

_SYSTEM_CONFIG_ARGUMENTS: Final = (
    "address", "bytes32", "uint64", "uint32", "uint32", "uint32", "uint64", "uint32", "uint32",
    "address", "address", "uint256", "address", "address",
    "(address,address,address,address,address)",
)  # fmt: skip
_GAME_ARGUMENTS: Final = (
    "(uint32,uint256,uint256,uint64,uint64,address,address,address,address,uint256,uint256,uint256,"
    "address,uint256,uint256)"
)


@cache
def artifact(contract: str) -> dict[str, Any]:
    """The artifact of a contract by its name, for example "SystemConfig".

    What stands on both layers has its source among the predeploys.
    """
    if contract in _ON_BOTH_LAYERS:
        return predeploys.artifact(contract)
    path = resources.files(__package__) / _ARTIFACTS / f"{contract}.json"
    return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True, slots=True)
class SettlementAddresses:
    """Where the contracts stand on L1, in the order of their creation."""

    system_config: Address
    portal: Address
    superchain_config: Address
    anchor_state_registry: Address
    dispute_game_factory: Address
    delayed_weth: Address
    fault_dispute_game: Address
    l1_cross_domain_messenger: Address
    l1_standard_bridge: Address
    mintable_erc20: Address
    mintable_erc20_factory: Address


CONTRACTS: Final = (
    "SystemConfig",
    "OptimismPortal",
    "SuperchainConfig",
    "AnchorStateRegistry",
    "DisputeGameFactory",
    "DelayedWETH",
    "FaultDisputeGame",
    "L1CrossDomainMessenger",
    "L1StandardBridge",
    "OptimismMintableERC20",
    "OptimismMintableERC20Factory",
)
"""Names of the contracts, one for each field of SettlementAddresses."""


@dataclass(frozen=True, slots=True)
class SettlementParameters:
    """What the contracts are told.

    `owner` may change the SystemConfig and the factory afterwards, `guardian` may pause.
    `anchor_root` is the output root of the L2 block `anchor_number`, where disputes begin.
    `step_verifier` decides single steps; without one, games end by their clocks. `block_inputs`
    computes what blocks are made of; without it, proposers say so. `l2_time` is when the L2 block 0
    was or would have been, in seconds, `l2_block_time` what lies between two.
    """

    owner: Address
    guardian: Address
    system_config: SystemConfig
    unsafe_block_signer: Address
    batch_inbox: Address
    l2_chain_id: int
    anchor_root: Hash32
    anchor_number: int
    settlement: SettlementPreset
    l2_time: int
    l2_block_time: int
    step_verifier: Address = ZERO_ADDRESS
    block_inputs: Address = ZERO_ADDRESS


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
        *(created_address(deployer, nonce + index) for index in range(len(CONTRACTS)))
    )


def deployment_transactions(
    parameters: SettlementParameters,
    *,
    deployer: Address,
    nonce: int,
    l1_chain_id: int,
    fees: DeploymentFees,
) -> tuple[DynamicFeeTransaction, ...]:
    """The unsigned creations, one for each of `CONTRACTS`, to be included in this order."""
    arguments = _constructor_arguments(parameters, settlement_addresses(deployer, nonce))
    return tuple(
        DynamicFeeTransaction(
            chain_id=l1_chain_id,
            nonce=nonce + index,
            max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
            max_fee_per_gas=fees.max_fee_per_gas,
            gas_limit=creation_gas_limit(contract, arguments[contract]),
            to=None,
            value=0,
            data=_creation_code(contract) + arguments[contract],
        )
        for index, contract in enumerate(CONTRACTS)
    )


def creation_gas_limit(contract: str, arguments: bytes = b"") -> int:
    """Gas for a creation: what code of its size costs, and half a million for the constructor."""
    size = len(_creation_code(contract)) + len(arguments)
    code_size = max(len(_code(contract, kind)) for kind in ("bytecode", "runtime_bytecode"))
    per_word = _WORD_GAS * (size // 32 + 1)
    return (
        _CREATION_GAS + _BYTE_GAS * size + per_word + _CODE_BYTE_GAS * code_size + _CONSTRUCTOR_GAS
    )


def _creation_code(contract: str) -> bytes:
    if contract == "OptimismMintableERC20":
        return _store(predeploys.blueprint_code(contract))
    return _code(contract, "bytecode")


def _code(contract: str, kind: str) -> bytes:
    return bytes.fromhex(artifact(contract)[kind][2:])


def _store(code: bytes) -> bytes:
    """Creation code that leaves exactly `code`: PUSH2 size, copy what follows, return it."""
    return b"\x61" + len(code).to_bytes(2, "big") + bytes.fromhex("3d81600a3d39f3") + code


def _constructor_arguments(
    parameters: SettlementParameters, at: SettlementAddresses
) -> dict[str, bytes]:
    settlement = parameters.settlement
    return {
        "SystemConfig": _system_config_arguments(parameters, at),
        "OptimismPortal": abi.encode(
            ["address", "address", "address", "uint256"],
            [
                at.system_config,
                at.anchor_state_registry,
                at.superchain_config,
                settlement.proof_maturity_delay_s,
            ],
        ),
        "SuperchainConfig": abi.encode(["address"], [parameters.guardian]),
        "AnchorStateRegistry": abi.encode(
            ["address", "address", "bytes32", "uint256", "uint32", "uint256"],
            [
                at.system_config,
                at.dispute_game_factory,
                parameters.anchor_root,
                parameters.anchor_number,
                GAME_TYPE,
                settlement.game_finality_delay_s,
            ],
        ),
        "DisputeGameFactory": abi.encode(
            ["address", "uint32", "address", "uint256"],
            [
                parameters.owner,
                GAME_TYPE,
                at.fault_dispute_game,
                settlement.base_bond_gwei * _GWEI,
            ],
        ),
        "DelayedWETH": abi.encode(
            ["address", "address", "uint256"],
            [parameters.owner, at.system_config, settlement.bond_delay_s],
        ),
        "FaultDisputeGame": _game_arguments(parameters, at),
        "L1CrossDomainMessenger": abi.encode(
            ["address", "address", "address"],
            [at.portal, at.system_config, L2_CROSS_DOMAIN_MESSENGER],
        ),
        "L1StandardBridge": abi.encode(
            ["address", "address", "address"],
            [at.l1_cross_domain_messenger, at.system_config, L2_STANDARD_BRIDGE],
        ),
        "OptimismMintableERC20": b"",
        "OptimismMintableERC20Factory": abi.encode(
            ["address", "address"], [at.l1_standard_bridge, at.mintable_erc20]
        ),
    }


def _system_config_arguments(parameters: SettlementParameters, at: SettlementAddresses) -> bytes:
    config = parameters.system_config
    return abi.encode(
        _SYSTEM_CONFIG_ARGUMENTS,
        (
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
            parameters.l2_chain_id,
            at.superchain_config,
            at.dispute_game_factory,
            (
                at.l1_cross_domain_messenger,
                ZERO_ADDRESS,
                at.l1_standard_bridge,
                at.portal,
                at.mintable_erc20_factory,
            ),
        ),
    )


def _game_arguments(parameters: SettlementParameters, at: SettlementAddresses) -> bytes:
    settlement = parameters.settlement
    game = (
        GAME_TYPE,
        settlement.max_game_depth,
        settlement.split_depth,
        settlement.clock_extension_s,
        settlement.max_clock_s,
        parameters.step_verifier,
        at.delayed_weth,
        at.anchor_state_registry,
        at.dispute_game_factory,
        parameters.l2_chain_id,
        settlement.base_bond_gwei * _GWEI,
        settlement.bond_growth_ppm * _PPM_TO_WAD,
        parameters.block_inputs,
        parameters.l2_time,
        parameters.l2_block_time,
    )
    return abi.encode([_GAME_ARGUMENTS], [game])
