"""Wei in = wei out, counted from a chain's blocks and events by somebody who trusts neither.

What went in is read off the transactions, what came out off the events, what is held off the
balances: three sources that agree only if no wei appeared or vanished.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ai.worker.client import ChainClient
from genesis.addresses import NATIVE_PRECOMPILES
from genesis.interfaces import (
    INFERENCE_ESCROW,
    MODEL_REGISTRY,
    PROOF_OF_ATTRIBUTION,
    WORKER_REGISTRY,
    Interface,
)

# Each event with which wei leave the precompiles for an account, and the argument that says how
# much. A settled training job pays its whole fee and is counted by asking the job.
OUTFLOWS: Final[tuple[tuple[Interface, str, str], ...]] = (
    (INFERENCE_ESCROW, "RequestSettled", "refundWei"),
    (INFERENCE_ESCROW, "RequestRefunded", "refundWei"),
    (MODEL_REGISTRY, "TrainingExpired", "refundWei"),
    (PROOF_OF_ATTRIBUTION, "Claimed", "amountWei"),
    (WORKER_REGISTRY, "RewardsClaimed", "amount"),
    (WORKER_REGISTRY, "BondWithdrawn", "amount"),
)


@dataclass(frozen=True, slots=True)
class Conservation:
    """Wei that went into the precompiles, came out, and lies there still."""

    in_wei: int
    out_wei: int
    held_wei: int

    @property
    def holds(self) -> bool:
        """Whether not one wei appeared or vanished."""
        return self.in_wei == self.out_wei + self.held_wei


async def conservation(client: ChainClient) -> Conservation:
    """Count a chain from its first block to its head.

    Only direct calls are counted as inflow: on a chain where contracts pay the precompiles, use
    traces instead.
    """
    head = await client.block_number()
    balances = [await client.balance(each, hex(head)) for each in NATIVE_PRECOMPILES.values()]
    return Conservation(
        in_wei=await _inflow(client, head),
        out_wei=await _outflow(client, head),
        held_wei=sum(balances),
    )


async def _inflow(client: ChainClient, head: int) -> int:
    natives = {"0x" + address.hex() for address in NATIVE_PRECOMPILES.values()}
    total = 0
    for number in range(1, head + 1):
        block = await client.rpc("eth_getBlockByNumber", hex(number), True)
        for transaction in block["transactions"]:
            if (transaction["to"] or "").lower() in natives:
                total += await _value_if_successful(client, transaction)
    return total


async def _value_if_successful(client: ChainClient, transaction: Mapping[str, Any]) -> int:
    value = int(transaction["value"], 16)
    if value == 0:
        return 0
    receipt = await client.rpc("eth_getTransactionReceipt", transaction["hash"])
    return value if int(receipt["status"], 16) == 1 else 0


async def _outflow(client: ChainClient, head: int) -> int:
    total = 0
    for interface, event, argument in OUTFLOWS:
        for found, _ in await client.events(interface, event, to_block=head):
            total += found.arguments[argument]
    for found, _ in await client.events(MODEL_REGISTRY, "TrainingSubmitted", to_block=head):
        job = await client.view(MODEL_REGISTRY, "getJob", found.arguments["jobId"])
        total += job["feeWei"]
    return total
