"""The contracts that decide one step of a disputed block on L1: their creations, in order.

A router and one contract for each kind of step; the router is told where the kinds stand when it
is made. Knows neither keys nor a network, and nothing of the steps themselves: see
docs/protocol/one-step.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag
from types import MappingProxyType
from typing import Final

from chain import abi
from chain.transaction import DynamicFeeTransaction
from chain.types import ZERO_ADDRESS, Address
from evm.step.rules import StepRules
from evm.step_rules import provable_rules

from .deploy import DeploymentFees, artifact, created_address, creation_gas_limit

ROUTER: Final = "StepVerifier"
KINDS: Final = MappingProxyType(
    {
        1: "ArithmeticStep",
        2: "EnvironmentStep",
        3: "MemoryStep",
        4: "WorldStep",
        5: "CallStep",
        6: "EnterStep",
        7: "LeaveStep",
        8: "LoadStep",
        9: "CopyStep",
        10: "HashStep",
        11: "PrecompileStep",
        12: "CodeStep",
        13: "BlockBeginStep",
        14: "SystemCallStep",
        15: "TakeUpStep",
        16: "ListsStep",
        17: "ScanStep",
        18: "CompressStep",
        19: "PayStep",
        20: "WarmStep",
        21: "StartStep",
        22: "SettleStep",
        23: "ReceiptStep",
        24: "WriteBackStep",
        25: "ListTrieStep",
        26: "HeaderStep",
        27: "DatanetRegistryStep",
        28: "WorkerRegistryStep",
        29: "ModelRegistryStep",
        30: "InferenceEscrowStep",
        31: "ProofOfAttributionStep",
    }
)
"""The kinds of step by the number that the router's tables have for them, from 1 on."""
_RULED: Final = frozenset(
    {
        "ArithmeticStep",
        "WorldStep",
        "CallStep",
        "EnterStep",
        "PrecompileStep",
        "CodeStep",
        "PayStep",
        "WarmStep",
        "StartStep",
        "DatanetRegistryStep",
        "DatanetCreateStep",
        "DatanetContributeStep",
        "DatanetPublishStep",
        "WorkerRegistryStep",
        "ModelRegistryStep",
        "ModelRegisterStep",
        "ModelRequestStep",
        "ModelClaimStep",
        "ModelSubmitStep",
        "ModelRefuseStep",
        "InferenceEscrowStep",
        "InferenceOpenStep",
        "AttributionRequestStep",
        "AttributionFeeStep",
        "AttributionPartsStep",
        "AttributionShareStep",
        "ProofOfAttributionStep",
    }
)
"""Kinds that are told the fork's rules when they are made."""
_BLOCK_BEGIN: Final = "BlockBeginStep"
"""Is told the numbers of the forks whose blocks the verifier decides, and refuses others."""
_PARTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "DatanetRegistryStep": (
            "DatanetCreateStep",
            "DatanetContributeStep",
            "DatanetPublishStep",
        ),
        "ModelRegistryStep": (
            "ModelRegisterStep",
            "ModelRequestStep",
            "ModelClaimStep",
            "ModelSubmitStep",
            "ModelRefuseStep",
        ),
        "InferenceEscrowStep": ("InferenceOpenStep",),
        "AttributionFeeStep": ("AttributionRequestStep",),
        "AttributionPartsStep": ("AttributionFeeStep",),
        "ProofOfAttributionStep": ("AttributionPartsStep", "AttributionShareStep"),
    }
)
"""What is too long for one contract: the others, made before, which it is told of in this order."""
KIND_SLOTS: Final = 32
"""How many the router can be told of; the first is none, for steps that no contract decides."""
SIGNATURE: Final = "step(bytes,bytes,bytes32)"
"""(state, witness, local context) -> the commitment after the step; see IBigStepper (OP Stack)."""


class ForkRules(IntFlag):
    """In what forks from Cancun on differ for single steps; contracts/step/modules/Rules.vy."""

    CLZ = 1
    BLS = 2
    DELEGATIONS = 4
    P256 = 8
    NATIVES = 16
    OSAKA_PRICES = 32
    SHORT_PAIRING = 64


_CLZ: Final = 0x1E
_BLS: Final = (11).to_bytes(20, "big")
_P256: Final = (0x100).to_bytes(20, "big")
_MODEXP: Final = (5).to_bytes(20, "big")
_PAIRING: Final = (8).to_bytes(20, "big")
_LEAST_MODEXP_GAS: Final = 200
"""EIP-2565; EIP-7883 asks for 500."""
_LONG_PAIRING: Final = bytes(192 * 301)
"""More than the 57,600 bytes that Karst takes; pairs of points at infinity."""
PRAGUE: Final = ForkRules.BLS | ForkRules.DELEGATIONS


def fork_rules(rules: StepRules) -> ForkRules:
    """What the verifier of a fork's blocks is told when it is made."""

    def runs(precompile: bytes, data: bytes, gas: int) -> bool:
        return rules.run_precompile(precompile, data, gas).succeeded

    found = ForkRules(0)
    for has, rule in (
        (_CLZ in rules.opcodes, ForkRules.CLZ),
        (_BLS in rules.precompiles, ForkRules.BLS),
        (rules.has_delegations, ForkRules.DELEGATIONS),
        (_P256 in rules.precompiles, ForkRules.P256),
        (bool(rules.natives), ForkRules.NATIVES),
        (not runs(_MODEXP, b"", _LEAST_MODEXP_GAS), ForkRules.OSAKA_PRICES),
        (not runs(_PAIRING, _LONG_PAIRING, 2**62), ForkRules.SHORT_PAIRING),
    ):
        found |= rule if has else 0
    return found


def fork_bits(rules: ForkRules) -> int:
    """The forks of which a verifier decides the blocks: bit n is the fork of number n.

    They have the same rules for single steps; what else they differ in, a block itself says.
    """
    return sum(1 << each.fork for each in provable_rules() if fork_rules(each) == rules)


@dataclass(frozen=True, slots=True)
class Creation:
    """One contract to be made: its name, where it will stand, and the creation's data."""

    contract: str
    address: Address
    data: bytes


def verifier_creations(deployer: Address, nonce: int, rules: ForkRules) -> tuple[Creation, ...]:
    """The creations by `deployer` from `nonce` on: parts of kinds, each kind, then the router."""
    names = [*(part for parts in _PARTS.values() for part in parts), *KINDS.values()]
    at = {name: created_address(deployer, nonce + index) for index, name in enumerate(names)}
    slots = [ZERO_ADDRESS] * KIND_SLOTS
    for number, name in KINDS.items():
        slots[number] = at[name]
    arguments = abi.encode([f"address[{KIND_SLOTS}]"], [slots])
    router = created_address(deployer, nonce + len(names))
    return (
        *(
            Creation(name, address, _creation_code(name) + _arguments(name, rules, at))
            for name, address in at.items()
        ),
        Creation(ROUTER, router, _creation_code(ROUTER) + arguments),
    )


def verifier_transactions(
    creations: Sequence[Creation], *, nonce: int, l1_chain_id: int, fees: DeploymentFees
) -> tuple[DynamicFeeTransaction, ...]:
    """The unsigned transactions that make them, to be included in this order.

    All have the same gas limit: where one does not fit a block, none behind it does. anvil else
    takes up a smaller one out of turn and drops it, with all that follow, for its nonce.
    """
    gas_limit = max(
        creation_gas_limit(creation.contract, bytes(32 * KIND_SLOTS)) for creation in creations
    )
    return tuple(
        DynamicFeeTransaction(
            chain_id=l1_chain_id,
            nonce=nonce + index,
            max_priority_fee_per_gas=fees.max_priority_fee_per_gas,
            max_fee_per_gas=fees.max_fee_per_gas,
            gas_limit=gas_limit,
            to=None,
            value=0,
            data=creation.data,
        )
        for index, creation in enumerate(creations)
    )


def _arguments(contract: str, rules: ForkRules, at: Mapping[str, Address]) -> bytes:
    if contract == _BLOCK_BEGIN:
        return abi.encode(["uint256"], [fork_bits(rules)])
    if contract not in _RULED:
        return b""
    parts = [at[part] for part in _PARTS.get(contract, ())]
    return abi.encode(["uint256", *["address"] * len(parts)], [int(rules), *parts])


def _creation_code(contract: str) -> bytes:
    return bytes.fromhex(artifact(contract)["bytecode"][2:])
