"""A running L1 with the contracts of a real chain: the verifier of steps, games, the portal."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from contract_bench import call_data
from dispute_l1 import CHALLENGER, DEPLOYER, PROPOSER, DisputeL1, Player, confirmed
from planted_lies import FAULT, whole_chain
from settlement import FINALIZE, PARAMETERS, PROVE, SETTLEMENT

from chain.transaction import DynamicFeeTransaction, sign_transaction
from chain.types import Address, Hash32
from evm.forks import rules_at
from evm.step_rules import step_rules_of
from genesis.dev_accounts import dev_account
from node.l1.json_rpc import JsonRpcClient, L1CallFailed
from node.l1.transactions import L1Request, L1Sender
from rollup.bridge.withdrawals import Withdrawal
from rollup.dispute.outputs import ChainOutputs
from rollup.dispute.trace import Outputs
from rollup.proposer.calls import create_game
from rollup.settlement.deploy import (
    CONTRACTS,
    GAME_TYPE,
    DeploymentFees,
    deployment_transactions,
    settlement_addresses,
)
from rollup.settlement.step_verifier import (
    fork_rules,
    verifier_creations,
    verifier_transactions,
)
from rollup.wire.output_root import OutputV0

FEES = DeploymentFees(100 * 10**9, 10**9)
THIEF = dev_account("account5")


@dataclass
class PlantedL1(DisputeL1):
    """An L1 on which the verifier of the chain's fork stands too."""

    async def claim(self, who: L1Sender, root: Hash32) -> None:
        """Make a game about block FAULT, made from its true inputs."""
        inputs = ChainOutputs(whole_chain()).inputs_root(1, FAULT)
        data = create_game(GAME_TYPE, root, FAULT, inputs)
        bond = SETTLEMENT.base_bond_gwei * 10**9
        await who.send_and_wait(L1Request(self.at.dispute_game_factory, data, bond))

    def side(self, key: bytes, outputs: Outputs) -> Player:
        """A player with its view of the chain."""
        return Player(self, key, outputs)

    async def donate(self, wei: int) -> None:
        """Ether in the portal, as deposits leave it."""
        sender = L1Sender(self.client, DEPLOYER.private_key, self.chain_id)
        await sender.send_and_wait(L1Request(self.at.portal, call_data("donateETH()"), wei))

    async def prove(self, message: Withdrawal, output: OutputV0, proof: list[bytes]) -> None:
        """Prove a withdrawal against the first game, in a later second than the game's."""
        await self.travel(1)
        parts = (
            bytes(32), output.state_root, output.message_passer_storage_root, output.block_hash,
        )  # fmt: skip
        data = call_data(PROVE, message.as_tuple(), 0, parts, proof)
        sender = L1Sender(self.client, THIEF.private_key, self.chain_id)
        await sender.send_and_wait(L1Request(self.at.portal, data))

    async def finalize_refusal(self, message: Withdrawal) -> str | None:
        """Why the withdrawal cannot be finalized; None where it can."""
        call = {
            "from": "0x" + THIEF.address.hex(),
            "to": "0x" + self.at.portal.hex(),
            "data": "0x" + call_data(FINALIZE, message.as_tuple()).hex(),
        }
        try:
            await self.client.call("eth_call", call, "latest")
        except L1CallFailed as error:
            return f"{error.message} {error.data}"
        return None


async def planted_l1(client: JsonRpcClient) -> PlantedL1:
    """Deploy the contracts and the verifier on an L1 that mines at once."""
    chain_id = int(await client.call("eth_chainId"), 16)
    for account in (DEPLOYER, PROPOSER, CHALLENGER, THIEF):
        await client.call("anvil_setBalance", "0x" + account.address.hex(), hex(10**24))
    nonce = int(await client.call("eth_getTransactionCount", _hex(DEPLOYER.address), "latest"), 16)
    for creation in _creations(chain_id, nonce):
        signed = sign_transaction(creation, DEPLOYER.private_key)
        sent = await client.call("eth_sendRawTransaction", "0x" + signed.encode().hex())
        receipt: Any = await confirmed(client, sent)
        assert int(receipt["status"], 16) == 1, receipt
    l1 = PlantedL1(client, chain_id, settlement_addresses(DEPLOYER.address, nonce))
    await l1.travel(1)
    return l1


def _creations(chain_id: int, nonce: int) -> list[DynamicFeeTransaction]:
    chain, first = whole_chain(), nonce + len(CONTRACTS)
    rules = step_rules_of(rules_at(chain.config, chain.header_by_number(FAULT).timestamp))
    steps = verifier_creations(DEPLOYER.address, first, fork_rules(rules))
    parameters = replace(
        PARAMETERS,
        step_verifier=steps[-1].address,
        anchor_root=ChainOutputs(chain).output_root(0),
        anchor_number=0,
    )
    return [
        *deployment_transactions(
            parameters, deployer=DEPLOYER.address, nonce=nonce, l1_chain_id=chain_id, fees=FEES
        ),
        *verifier_transactions(steps, nonce=first, l1_chain_id=chain_id, fees=FEES),
    ]


def _hex(address: Address) -> str:
    return "0x" + address.hex()
