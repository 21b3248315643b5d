"""Dispute games on a running L1: the contracts with the counter's machine, and their players.

The players are the node's own actor, cranked by hand: `turn()` reads L1 once and sends what is due.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from counter_machine import CounterOutputs, output_root
from dispute_bench import counter_vm
from settlement import PARAMETERS, SETTLEMENT

from chain.transaction import DynamicFeeTransaction, sign_transaction
from chain.types import Address, Hash32
from genesis.dev_accounts import dev_account
from node.actors.challenging import ChallengerOptions, Challenging
from node.disputes import DisputeReader
from node.l1.json_rpc import JsonRpcClient
from node.l1.transactions import L1Request, L1Sender
from rollup.dispute.trace import Outputs, SplitTrace
from rollup.proposer.calls import create_game
from rollup.settlement.deploy import (
    GAME_TYPE,
    DeploymentFees,
    SettlementAddresses,
    created_address,
    deployment_transactions,
    settlement_addresses,
)

DEPLOYER, PROPOSER, CHALLENGER = (
    dev_account(name) for name in ("deployer", "proposer", "challenger")
)
INPUTS = Hash32(b"\x19" * 32)


class Player:
    """One side: an actor and its account."""

    def __init__(self, l1: DisputeL1, key: bytes, outputs: Outputs) -> None:
        self.sender = L1Sender(l1.client, key, l1.chain_id)
        self.calls: list[str] = []
        self.warnings: list[str] = []
        caught_up = asyncio.Event()
        caught_up.set()
        self.actor = Challenging(
            DisputeReader(l1.client, l1.at.portal),
            self.sender,
            SplitTrace(outputs),
            options=ChallengerOptions(poll_s=0.01),
            caught_up=caught_up,
            called=self.calls.append,
        )

    async def turn(self) -> int:
        """One look at L1; how many calls were sent."""
        before = len(self.calls)
        await self.actor._turn()
        return len(self.calls) - before


@dataclass
class DisputeL1:
    """An L1 on which the contracts stand."""

    client: JsonRpcClient
    chain_id: int
    at: SettlementAddresses

    async def propose(self, who: L1Sender, root: Hash32, number: int) -> None:
        """Make a game about a block of the counter's chain."""
        data = create_game(GAME_TYPE, root, number, INPUTS)
        bond = SETTLEMENT.base_bond_gwei * 10**9
        await who.send_and_wait(L1Request(self.at.dispute_game_factory, data, bond))

    def player(self, key: bytes, outputs: Outputs | None = None) -> Player:
        return Player(self, key, outputs or CounterOutputs())

    async def travel(self, seconds: int) -> None:
        """Let time pass."""
        await self.client.call("evm_increaseTime", seconds)
        await self.client.call("evm_mine")

    async def balance(self, account: Address) -> int:
        return int(await self.client.call("eth_getBalance", "0x" + account.hex(), "latest"), 16)


async def play(*players: Player) -> None:
    """Turns until nobody has anything to do."""
    quiet = 0
    while quiet < 2:
        sent = sum([await player.turn() for player in players])
        quiet = 0 if sent else quiet + 1


async def confirmed(client: JsonRpcClient, sent: str) -> Any:
    """anvil answers before it has mined."""
    for _ in range(500):
        receipt = await client.call("eth_getTransactionReceipt", sent)
        if receipt is not None:
            return receipt
        await asyncio.sleep(0.02)
    raise AssertionError(f"{sent} not mined")


async def dispute_l1(client: JsonRpcClient, *, deepest: int = 58, split: int = 30) -> DisputeL1:
    """Deploy the machine and the contracts on an L1 that mines at once."""
    chain_id = int(await client.call("eth_chainId"), 16)
    name = "0x" + DEPLOYER.address.hex()
    for account in (DEPLOYER, PROPOSER, CHALLENGER):
        await client.call("anvil_setBalance", "0x" + account.address.hex(), hex(10**24))
    nonce = int(await client.call("eth_getTransactionCount", name, "latest"), 16)
    parameters = replace(
        PARAMETERS,
        settlement=replace(SETTLEMENT, max_game_depth=deepest, split_depth=split),
        step_verifier=created_address(DEPLOYER.address, nonce),
        anchor_root=output_root(0),
    )
    fees = DeploymentFees(100 * 10**9, 10**9)
    machine = DynamicFeeTransaction(
        chain_id=chain_id, nonce=nonce, max_priority_fee_per_gas=10**9,
        max_fee_per_gas=100 * 10**9, gas_limit=2_000_000, to=None, value=0,
        data=counter_vm("bytecode"),
    )  # fmt: skip
    creations = deployment_transactions(
        parameters, deployer=DEPLOYER.address, nonce=nonce + 1, l1_chain_id=chain_id, fees=fees
    )
    for unsigned in (machine, *creations):
        signed = sign_transaction(unsigned, DEPLOYER.private_key)
        sent = await client.call("eth_sendRawTransaction", "0x" + signed.encode().hex())
        receipt = await confirmed(client, sent)
        assert int(receipt["status"], 16) == 1, receipt
    l1 = DisputeL1(client, chain_id, settlement_addresses(DEPLOYER.address, nonce + 1))
    await l1.travel(1)
    return l1
