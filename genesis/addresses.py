"""Every reserved address in one table: system senders, predeploys, system contracts, natives.

It says what lies where and nothing about what the code there does.
Sources: OP Stack specification (predeploys, system accounts), EIP-2935, EIP-4788.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from chain.types import Address, to_address

# System accounts of the OP Stack.
L1_ATTRIBUTES_DEPOSITOR = to_address("0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001")
"""Sender of the first deposit of each L2 block."""

SYSTEM_ADDRESS = to_address("0xfffffffffffffffffffffffffffffffffffffffe")
"""Sender of the system calls of EIP-2935 and EIP-4788."""

# Predeploys of the OP Stack: 0x4200…00XX.
L2_CROSS_DOMAIN_MESSENGER = to_address("0x4200000000000000000000000000000000000007")
L2_STANDARD_BRIDGE = to_address("0x4200000000000000000000000000000000000010")
OPTIMISM_MINTABLE_ERC20_FACTORY = to_address("0x4200000000000000000000000000000000000012")
SEQUENCER_FEE_VAULT = to_address("0x4200000000000000000000000000000000000011")
GAS_PRICE_ORACLE = to_address("0x420000000000000000000000000000000000000f")
L1_BLOCK = to_address("0x4200000000000000000000000000000000000015")
L2_TO_L1_MESSAGE_PASSER = to_address("0x4200000000000000000000000000000000000016")
BASE_FEE_VAULT = to_address("0x4200000000000000000000000000000000000019")
L1_FEE_VAULT = to_address("0x420000000000000000000000000000000000001a")
OPERATOR_FEE_VAULT = to_address("0x420000000000000000000000000000000000001b")

MINTABLE_ERC20_BLUEPRINT = to_address("0xc0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d3c0d30112")
"""ERC-5202 blueprint of the tokens that the factory makes, in the OP Stack's code namespace."""

# System contracts of Ethereum.
HISTORY_STORAGE = to_address("0x0000f90827f1c53a10cb7a02335b175320002935")
"""EIP-2935: the last 8191 block hashes."""

WITHDRAWAL_REQUESTS = to_address("0x00000961ef480eb55e80d19ad83579a64c007002")
"""EIP-7002 on an L1."""

CONSOLIDATION_REQUESTS = to_address("0x0000bbddc7ce488642fb579f8b00f3a590007251")
"""EIP-7251 on an L1."""

BEACON_ROOTS = to_address("0x000f3df6d732807ef1319fb7b8bb8522d0beac02")
"""EIP-4788: parent beacon block roots by timestamp."""

# Native precompiles: the ASCII of "STEMMA", zeros, a number.
DATANET_REGISTRY = to_address("0x5354454d4d410000000000000000000000000001")
WORKER_REGISTRY = to_address("0x5354454d4d410000000000000000000000000002")
MODEL_REGISTRY = to_address("0x5354454d4d410000000000000000000000000003")
INFERENCE_ESCROW = to_address("0x5354454d4d410000000000000000000000000004")
PROOF_OF_ATTRIBUTION = to_address("0x5354454d4d410000000000000000000000000005")

NATIVE_PRECOMPILES: Mapping[str, Address] = MappingProxyType(
    {
        "datanet_registry": DATANET_REGISTRY,
        "worker_registry": WORKER_REGISTRY,
        "model_registry": MODEL_REGISTRY,
        "inference_escrow": INFERENCE_ESCROW,
        "proof_of_attribution": PROOF_OF_ATTRIBUTION,
    }
)

NATIVE_PRECOMPILE_NONCE = 1
"""Genesis nonce of a native: an account of nonce 0 without code loses its storage (EIP-161)."""

NATIVE_PRECOMPILE_CODE = b"\xfe"
"""Genesis code of a native (INVALID), so that callers which check EXTCODESIZE pass.

It never runs: dispatch goes to the native code before the bytecode is looked at.
"""

PLATFORM_ACCOUNT = to_address("0xa0ee7a142d267c1f36714e4a8f75612f20a79720")
"""Receives the platform's part of each fee; the tenth account of the public test mnemonic."""

PREDEPLOYS: Mapping[str, Address] = MappingProxyType(
    {
        "L2CrossDomainMessenger": L2_CROSS_DOMAIN_MESSENGER,
        "GasPriceOracle": GAS_PRICE_ORACLE,
        "L2StandardBridge": L2_STANDARD_BRIDGE,
        "SequencerFeeVault": SEQUENCER_FEE_VAULT,
        "OptimismMintableERC20Factory": OPTIMISM_MINTABLE_ERC20_FACTORY,
        "L1Block": L1_BLOCK,
        "L2ToL1MessagePasser": L2_TO_L1_MESSAGE_PASSER,
        "BaseFeeVault": BASE_FEE_VAULT,
        "L1FeeVault": L1_FEE_VAULT,
        "OperatorFeeVault": OPERATOR_FEE_VAULT,
    }
)
