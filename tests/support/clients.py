"""What every foreign client is told about a running network: ABIs, keys, types, and what to see."""

from __future__ import annotations

import json
from typing import Any

from node_process import ROOT, NodeProcess

FEE_WEI = 8 * 1000 + 15 * 2000
# Royalties of 500 (adapter) and 100 (base model) basis points come off the top; of the rest the
# worker has 2000 basis points and the contributors 5000; all four are one account in the loop.
OWED_WEI = 1_900 + 380 + 7_144 + 17_860
STAKERS_WEI = 7_144
LOOP_EVENTS = [
    "DatanetCreated",
    "ContributionSubmitted",
    "ContributionApproved",
    "VersionPublished",
    "WorkerRegistered",
    "BaseModelRegistered",
    "TrainingRequested",
    "TrainingClaimed",
    "AdapterRegistered",
    "TrainingSubmitted",
    "RequestOpened",
    "RequestSettled",
    "Settled",
    *["Paid"] * 4,  # adapter owner, base owner, platform, host
    "RewardsDeposited",
    *["Paid"] * 2,  # stakers, contributor
    "Claimed",
]

# EIP-712: Solidity type and name of each field, in order.
TRAINING = [
    ("uint256", "jobId"),
    ("uint256", "datanetId"),
    ("bytes32", "snapshotRoot"),
    ("bytes32", "baseModel"),
    ("bytes32", "recipeHash"),
    ("bytes32", "checkpointsRoot"),
    ("bytes32", "adapterId"),
    ("uint64", "steps"),
    ("bytes32", "metricsHash"),
]
INFERENCE = [
    ("bytes32", "requestId"),
    ("bytes32", "adapterId"),
    ("bytes32", "promptHash"),
    ("bytes32", "outputHash"),
    ("uint64", "inputTokens"),
    ("uint64", "outputTokens"),
    ("bytes32", "sharesRoot"),
    ("bytes32", "evidenceHash"),
]


def word(number: int) -> bytes:
    """A bytes32."""
    return number.to_bytes(32, "big")


def abi_of(name: str) -> list[dict[str, Any]]:
    """The exported ABI of a precompile, as a wallet would load it."""
    return json.loads((ROOT / "genesis" / "abi" / f"{name}.json").read_text())["abi"]


def key_of(net: NodeProcess, name: str) -> str:
    """The private key of a development account."""
    return next(item["private_key"] for item in net.run["accounts"] if item["name"] == name)


def domain_of(net: NodeProcess, name: str) -> dict[str, Any]:
    """The EIP-712 domain of a precompile."""
    return {
        "name": "stemma",
        "version": "1",
        "chainId": net.run["l2"]["chain_id"],
        "verifyingContract": net.run["precompiles"][name],
    }
