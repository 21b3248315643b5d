"""L1's and L2's bridge contracts on two benches, and the carrier between them.

The carrier does what derivation and a user do: deposits of L1 become calls on L2, withdrawals of
L2 are proven and finalized on L1.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import vyper
from contract_bench import SENDER, ContractBench, Outcome, call_data
from settlement import Rollup, output_of

from chain import abi
from chain.types import Address, Hash32
from genesis.addresses import (
    L2_STANDARD_BRIDGE,
    OPTIMISM_MINTABLE_ERC20_FACTORY,
)
from genesis.allocation import L1Bridges, l2_contracts
from rollup.bridge.deposits import TRANSACTION_DEPOSITED, decode_deposit
from rollup.bridge.withdrawals import Withdrawal, decode_withdrawal

TOKEN_SOURCE = Path(__file__).resolve().parents[1] / "e2e" / "token.vy"
CREATE_TOKEN = "createOptimismMintableERC20(address,string,string)"
BRIDGE_ETH_TO = "bridgeETHTo(address,uint32,bytes)"
BRIDGE_ERC20_TO = "bridgeERC20To(address,address,address,uint256,uint32,bytes)"
SUPPLY = 10**24


@cache
def token_creation() -> bytes:
    """Creation code of an ordinary token."""
    compiled = vyper.compile_code(TOKEN_SOURCE.read_text(), output_formats=["bytecode"])
    return bytes.fromhex(compiled["bytecode"][2:]) + abi.encode(["uint256"], [SUPPLY])


class TwoLayers:
    """A rollup's bridge, both sides."""

    def __init__(self) -> None:
        self.rollup = Rollup()
        self.l1, self.at = self.rollup.bench, self.rollup.at
        self.l2 = ContractBench()
        bridges = L1Bridges(self.at.l1_cross_domain_messenger, self.at.l1_standard_bridge)
        for address, account in l2_contracts(SENDER, bridges).items():
            self.l2.place(address, account.code)
            for slot, value in account.storage.items():
                self.l2.state.set_storage(address, slot, value)
        # Ether on L2 comes over the bridge and from nowhere else.
        self.l2.state.set_balance(SENDER, 0)
        self.outputs = 0

    # Carrying

    def deliver(self, outcome: Outcome) -> list[Outcome]:
        """Run on L2 the deposits that a call on L1 has made."""
        assert outcome.succeeded, outcome.output
        outcomes = []
        for log in outcome.logs:
            if log.topics[0] != TRANSACTION_DEPOSITED:
                continue
            deposit = decode_deposit(log, Hash32(bytes(32)))
            self.l2.state.delta_balance(deposit.sender, deposit.mint)
            outcomes.append(
                self.l2.send(
                    deposit.to,
                    deposit.data,
                    value=deposit.value,
                    sender=deposit.sender,
                    gas=deposit.gas_limit,
                )
            )
        return outcomes

    def prove(self, withdrawal: Withdrawal) -> Address:
        """Prove a withdrawal against a game of its own, up to where it may be finalized."""
        self.outputs += 1
        output = output_of([withdrawal], other_slots=2)
        index, game = self.rollup.propose(output.root.root, self.outputs)
        self.l1.advance(1)
        proven = self.rollup.prove(withdrawal, output, index)
        assert proven.succeeded, proven.output
        self.rollup.resolve(game)
        self.rollup.mature()
        return game

    def settle(self, outcome: Outcome) -> Outcome:
        """Prove and finalize on L1 the withdrawal that a call on L2 has made."""
        assert outcome.succeeded, outcome.output
        withdrawal = decode_withdrawal(outcome.logs)
        self.prove(withdrawal)
        return self.rollup.finalize(withdrawal)

    # Tokens

    def token(self) -> Address:
        """A token on L1; SENDER holds its supply and lets the bridge have it."""
        token = self.l1.deploy(token_creation())
        approve = call_data("approve(address,uint256)", self.at.l1_standard_bridge, SUPPLY)
        assert self.l1.send(token, approve).succeeded
        return token

    def twin(self, token: Address) -> Address:
        """The token's twin on L2."""
        outcome = self.l2.send(
            OPTIMISM_MINTABLE_ERC20_FACTORY, call_data(CREATE_TOKEN, token, "Twin", "TWN")
        )
        assert outcome.succeeded, outcome.output
        return abi.decode(["address"], outcome.output)[0]

    def held(self, bench: ContractBench, token: Address, account: Address) -> int:
        """What an account has of a token."""
        return bench.view(token, "balanceOf(address)", ["uint256"], account)

    # Crossing

    def ether_in(self, to: Address, amount: int) -> list[Outcome]:
        """Ether to L2 by the standard bridge."""
        call = call_data(BRIDGE_ETH_TO, to, 100_000, b"")
        return self.deliver(self.l1.send(self.at.l1_standard_bridge, call, value=amount))

    def ether_out(self, sender: Address, to: Address, amount: int) -> Outcome:
        """Ether to L1 by the standard bridge."""
        call = call_data(BRIDGE_ETH_TO, to, 100_000, b"")
        return self.settle(self.l2.send(L2_STANDARD_BRIDGE, call, value=amount, sender=sender))

    def tokens_in(self, token: Address, twin: Address, to: Address, amount: int) -> list[Outcome]:
        """Tokens to L2."""
        call = call_data(BRIDGE_ERC20_TO, token, twin, to, amount, 200_000, b"")
        return self.deliver(self.l1.send(self.at.l1_standard_bridge, call))

    def tokens_out(
        self, token: Address, twin: Address, sender: Address, to: Address, amount: int
    ) -> Outcome:
        """Tokens to L1."""
        call = call_data(BRIDGE_ERC20_TO, twin, token, to, amount, 200_000, b"")
        return self.settle(self.l2.send(L2_STANDARD_BRIDGE, call, sender=sender))
