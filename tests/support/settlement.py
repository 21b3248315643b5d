"""The settlement contracts on the bench, beside an L2 of one account: the message passer.

A `Rollup` plays what a proposer and a user do: claim an output root, resolve its game, prove and
finalize withdrawals. Time passes only when a test says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from contract_bench import SENDER, ContractBench, Outcome, call_data

from chain import abi
from chain.crypto.keccak import keccak256
from chain.trie import Trie
from chain.types import Address, Hash32
from genesis.config import SystemConfig
from genesis.presets import SettlementPreset, l2_preset
from rollup.bridge.withdrawals import Withdrawal, decode_withdrawal
from rollup.settlement.deploy import (
    CONTRACTS,
    GAME_TYPE,
    DeploymentFees,
    SettlementAddresses,
    SettlementParameters,
    deployment_transactions,
    settlement_addresses,
)
from rollup.wire.output_root import OutputV0

OWNER = Address(b"\x0a" * 20)
GUARDIAN = Address(b"\x6a" * 20)
PROPOSER = Address(b"\x9b" * 20)
INPUTS_ROOT = Hash32(b"\x19" * 32)
INBOX = Address(b"\xff" * 20)
SYSTEM_CONFIG = SystemConfig(
    batcher_address=Address(b"\x0b" * 20),
    gas_limit=30_000_000,
    base_fee_scalar=1368,
    blob_base_fee_scalar=810_949,
    operator_fee_scalar=3,
    operator_fee_constant=4,
    eip1559_denominator=250,
    eip1559_elasticity=6,
)
SETTLEMENT: SettlementPreset = replace(
    l2_preset("minimal").settlement,
    proof_maturity_delay_s=100,
    game_finality_delay_s=50,
    bond_delay_s=70,
    max_clock_s=1000,
    clock_extension_s=100,
)
PARAMETERS = SettlementParameters(
    owner=OWNER,
    guardian=GUARDIAN,
    system_config=SYSTEM_CONFIG,
    unsafe_block_signer=Address(b"\x0d" * 20),
    batch_inbox=INBOX,
    l2_chain_id=901,
    anchor_root=Hash32(b"\xa0" * 32),
    anchor_number=0,
    settlement=SETTLEMENT,
    l2_time=0,
    l2_block_time=2,
)
WITHDRAWAL = "(uint256,address,address,uint256,uint256,bytes)"
PROVE = (
    f"proveWithdrawalTransaction({WITHDRAWAL},uint256,(bytes32,bytes32,bytes32,bytes32),bytes[])"
)
FINALIZE = f"finalizeWithdrawalTransaction({WITHDRAWAL})"
CREATE = "create(uint32,bytes32,bytes)"


def creations(parameters: SettlementParameters = PARAMETERS) -> dict[str, Any]:
    """The deployment's transactions by the contract's name."""
    transactions = deployment_transactions(
        parameters, deployer=SENDER, nonce=0, l1_chain_id=900, fees=DeploymentFees(10**9, 1)
    )
    return dict(zip(CONTRACTS, transactions, strict=True))


def deploy(
    parameters: SettlementParameters = PARAMETERS,
) -> tuple[ContractBench, SettlementAddresses]:
    """A bench on which all the contracts stand."""
    bench = ContractBench()
    for transaction in creations(parameters).values():
        bench.deploy(transaction.data)
    bench.state.set_balance(PROPOSER, 10**24)
    # Games of the second in which the contracts were made are retired.
    bench.advance(1)
    return bench, settlement_addresses(SENDER, 0)


@dataclass(frozen=True)
class Output:
    """An output root that contains some withdrawals, and what proves them."""

    root: OutputV0
    trie: Trie

    def proof(self, withdrawal: Withdrawal) -> list[bytes]:
        """Nodes of the message passer's storage trie, root first."""
        return self.trie.prove(keccak256(withdrawal.storage_slot))


def output_of(withdrawals: list[Withdrawal], *, other_slots: int = 40) -> Output:
    """An L2 state in which exactly these withdrawals were sent, among other entries."""
    trie = Trie({})
    for withdrawal in withdrawals:
        trie.set(keccak256(withdrawal.storage_slot), b"\x01")
    for slot in range(other_slots):
        trie.set(keccak256(keccak256(slot.to_bytes(32, "big"))), b"\x01")
    root, nodes = trie.commit()
    return Output(OutputV0(Hash32(b"\x51" * 32), root, Hash32(b"\x52" * 32)), Trie(nodes, root))


def withdrawal(nonce: int = 0, **changes: Any) -> Withdrawal:
    """A withdrawal of 5 wei to a plain account."""
    plain = Withdrawal(
        nonce=(1 << 240) | nonce,
        sender=Address(b"\x5e" * 20),
        target=Address(b"\x7a" * 20),
        value=5,
        gas_limit=100_000,
        data=b"",
    )
    return replace(plain, **changes)


def extra_data(number: int, inputs: Hash32 = INPUTS_ROOT) -> bytes:
    """What a game is told beside its claim: the L2 block and the inputs root."""
    return number.to_bytes(32, "big") + inputs


class Rollup:
    """The contracts, and the people who use them."""

    def __init__(self, parameters: SettlementParameters = PARAMETERS) -> None:
        self.parameters = parameters
        self.bench, self.at = deploy(parameters)
        self.bond = parameters.settlement.base_bond_gwei * 10**9

    def fund_portal(self, amount: int) -> None:
        """Ether as deposits would have left it."""
        outcome = self.bench.send(self.at.portal, call_data("donateETH()"), value=amount)
        assert outcome.succeeded

    def propose(
        self,
        root: bytes,
        number: int = 1,
        proposer: Address = PROPOSER,
        inputs: Hash32 = INPUTS_ROOT,
    ) -> tuple[int, Address]:
        """Make a game about an output root; its index and address."""
        call = call_data(CREATE, GAME_TYPE, root, extra_data(number, inputs))
        outcome = self.bench.send(
            self.at.dispute_game_factory, call, value=self.bond, sender=proposer
        )
        assert outcome.succeeded, outcome.output
        (game,) = abi.decode(["address"], outcome.output)
        index = self.bench.view(self.at.dispute_game_factory, "gameCount()", ["uint256"]) - 1
        return index, Address(game)

    def prove(self, item: Withdrawal, output: Output, game_index: int, **changes: Any) -> Outcome:
        """Prove a withdrawal; `proof` and `sender` may be given."""
        arguments = (
            item.as_tuple(),
            game_index,
            (bytes(32), output.root.state_root, output.root.message_passer_storage_root,
             output.root.block_hash),
            changes.pop("proof", None) or output.proof(item),
        )  # fmt: skip
        return self.bench.send(self.at.portal, call_data(PROVE, *arguments), **changes)

    def finalize(self, item: Withdrawal, **changes: Any) -> Outcome:
        """Finalize a withdrawal that the sender has proven."""
        return self.bench.send(self.at.portal, call_data(FINALIZE, item.as_tuple()), **changes)

    def resolve(self, game: Address) -> None:
        """Let the clocks run out and the game end."""
        self.bench.advance(self.parameters.settlement.max_clock_s)
        for call in (call_data("resolveClaim(uint256,uint256)", 0, 0), call_data("resolve()")):
            outcome = self.bench.send(game, call)
            assert outcome.succeeded, outcome.output

    def mature(self) -> None:
        """Let both delays pass."""
        settlement = self.parameters.settlement
        self.bench.advance(
            max(settlement.proof_maturity_delay_s, settlement.game_finality_delay_s) + 1
        )


def sent_withdrawal(outcome: Outcome) -> Withdrawal:
    """The withdrawal that a call on L2 has sent through the message passer."""
    return decode_withdrawal(outcome.logs)
