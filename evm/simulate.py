"""Blocks that are only pretended, one on the other: what eth_simulateV1 asks for.

A simulated block is a `BlockExecution` whose state, block values and precompiles may be overridden
first, and whose transactions are unsigned calls. Unless it validates, a call that names no price is
free and nonces are not looked at. Source: execution-apis eth_simulateV1; geth
internal/ethapi/simulate.go. How a request looks in JSON is `node.rpc`'s.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from chain.block import Header
from chain.errors import StemmaError
from chain.receipt import Log
from chain.state import State
from chain.transaction import (
    BlobTransaction,
    DepositTransaction,
    SignedTransaction,
    Transaction,
    fee_cap_wei,
    tip_cap_wei,
)
from chain.types import Address, Hash32
from genesis.config import ChainConfig

from .call import AccountOverride, override_account
from .environment import BlockEnvironment, BlockHashOf, Outcome
from .executor import BlockExecution, ExecutionResult, PayloadAttributes, Work
from .forks import GAS_PER_BLOB, NO_LIMIT, RuleSet
from .pyevm.transfers import NumberedAddress, NumberingMachine
from .transition import MAX_NONCE, Applied, Payment, Transition


class OverrideRefused(StemmaError):
    """A state override that contradicts another one or the chain's precompiles."""


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """What a simulated block is to be. `base_fee` None follows the rules, or is 0 without checks.

    `moved_precompiles` names where the code of a precompile goes; it takes place before anything
    runs, as the account overrides do.
    """

    attributes: PayloadAttributes
    base_fee: int | None = None
    blob_base_fee: int | None = None
    accounts: Mapping[Address, AccountOverride] = field(default_factory=dict)
    moved_precompiles: Mapping[Address, Address] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SimulatedLog:
    """A log and its number in the block."""

    log: Log
    number: int


@dataclass(frozen=True, slots=True)
class SimulatedCall:
    """What came of a call. Gas in gas units; `max_gas_used` is before refunds."""

    outcome: Outcome
    gas_used: int
    max_gas_used: int
    logs: tuple[SimulatedLog, ...]


class Simulation:
    """A chain of pretended blocks on top of `base`. `state` is its own to change.

    On top of a block of proof of work they are such too, with its difficulty, as geth's are.
    """

    def __init__(
        self,
        config: ChainConfig,
        base: Header,
        state: State,
        block_hash: BlockHashOf,
        *,
        validates: bool,
        logs_transfers: bool,
    ) -> None:
        self._config = config
        self._base = base
        self._block_hash = block_hash
        self._hashes: dict[int, Hash32] = {}
        self.state = state
        self.head = base
        self.validates = validates
        self.logs_transfers = logs_transfers

    def begin(self, plan: BlockPlan) -> SimulatedBlock:
        """Open the next block. Raises OverrideRefused, InvalidAttributes, UnsupportedFork."""
        return SimulatedBlock(self, plan, self._config, self._hash_of)

    def sealed(self, result: ExecutionResult) -> None:
        """Go on from this block."""
        self.head = result.header
        self._hashes[self.head.number] = self.head.hash

    def _hash_of(self, number: int) -> Hash32 | None:
        known = self._hashes.get(number)
        if known is not None or number > self._base.number:
            return known
        return self._base.hash if number == self._base.number else self._block_hash(number)


class SimulatedBlock(BlockExecution):
    """A block that is only pretended, open for calls."""

    def __init__(
        self, chain: Simulation, plan: BlockPlan, config: ChainConfig, block_hash: BlockHashOf
    ) -> None:
        self._plan = plan
        self._chain = chain
        attributes = plan.attributes
        if chain.head.difficulty:
            attributes = replace(attributes, work=Work(difficulty=chain.head.difficulty))
        super().__init__(config, chain.head, attributes, chain.state, block_hash=block_hash)
        self._calls = _CallTransition(self._state, self.environment, chain, self._warm)
        self._transition = self._calls

    def _begin(self) -> None:
        """Override first, so that the system calls see it."""
        # A precompile is warm from the start where the chain has it, moved or not, as with geth.
        self._warm = frozenset(self._rules.machine.precompiles)
        rules = _with_moved(self._rules, self._plan)
        for address, override in self._plan.accounts.items():
            override_account(self._state, address, override)
        base_fee = self.environment.base_fee if self._chain.validates else 0
        if self._plan.base_fee is not None:
            base_fee = self._plan.base_fee
        blob_base_fee = self._plan.blob_base_fee
        if blob_base_fee is None:
            blob_base_fee = self.environment.blob_base_fee
        self.environment = replace(
            self.environment, base_fee=base_fee, blob_base_fee=blob_base_fee, rules=rules
        )
        self._rules = rules
        super()._begin()

    def call(self, tx: SignedTransaction, sender: Address) -> SimulatedCall:
        """Run an unsigned transaction as that sender's. Raises InvalidTransaction."""
        applied = self.add(tx, sender)
        used = tx.gas_limit - applied.outcome.gas_left
        return SimulatedCall(
            outcome=applied.outcome,
            gas_used=applied.gas_used,
            max_gas_used=max(used, applied.gas_used),
            logs=self._calls.logs,
        )

    def seal(self) -> ExecutionResult:
        """Close the block; the next one stands on it."""
        result = super().seal()
        self._chain.sealed(result)
        return result


class _CallTransition(Transition):
    """Applies unsigned calls: no code check of the sender, and free where no price is named."""

    def __init__(
        self,
        state: State,
        block: BlockEnvironment,
        chain: Simulation,
        warm: Container[Address],
    ) -> None:
        super().__init__(state, block)
        self._validates = chain.validates
        self.logs: tuple[SimulatedLog, ...] = ()
        self._machine = NumberingMachine(
            state, block, count(), warm, logs_transfers=chain.logs_transfers
        )

    def apply(
        self, tx: Transaction, sender: Address, gas_available: int, blob_gas_available: int
    ) -> Applied:
        """Apply one call; `logs` then holds all it logged, and its outcome those of contracts."""
        if not isinstance(tx, DepositTransaction):
            if self._validates:
                self._check_nonce(tx, sender)
            else:
                tx = replace(tx, nonce=self._state.get_nonce(sender))
            self._check_funds(tx, sender, self._price(tx))
        applied = super().apply(tx, sender, gas_available, blob_gas_available)
        entries = [(log, log.address) for log in applied.outcome.logs]
        numbered = [(log, who) for log, who in entries if isinstance(who, NumberedAddress)]
        self.logs = tuple(
            SimulatedLog(replace(log, address=Address(bytes(who))), who.number)
            for log, who in numbered
        )
        own = tuple(
            replace(log, address=Address(bytes(who)))
            for log, who in numbered
            if not who.is_transfer
        )
        return replace(applied, outcome=replace(applied.outcome, logs=own))

    def _check(
        self, tx: SignedTransaction, gas_available: int, blob_gas_available: int
    ) -> tuple[int, int]:
        if isinstance(tx, BlobTransaction) and not self._validates and not tx.max_fee_per_blob_gas:
            tx = replace(tx, max_fee_per_blob_gas=self._block.blob_base_fee)
        return super()._check(tx, gas_available, blob_gas_available)

    def _price(self, tx: SignedTransaction) -> Payment:
        if self._validates or fee_cap_wei(tx) or tip_cap_wei(tx):
            return super()._price(tx)
        blobs = len(tx.blob_versioned_hashes) if isinstance(tx, BlobTransaction) else 0
        return Payment(0, 0, 0, blobs * GAS_PER_BLOB * self._block.blob_base_fee, 0, None)

    def _check_sender(self, tx: SignedTransaction, sender: Address, payment: Payment) -> None:
        """Nothing is left: as geth does, `apply` looks at the sender before the gas."""

    def _pay(self, tx: SignedTransaction, sender: Address, payment: Payment) -> None:
        if tx.nonce < MAX_NONCE:
            super()._pay(tx, sender, payment)
            return
        super()._pay(replace(tx, nonce=0), sender, payment)
        self._state.set_nonce(sender, 0)  # geth's wraps around


def _with_moved(rules: RuleSet, plan: BlockPlan) -> RuleSet:
    """The rules with precompiles moved and overridden. Raises OverrideRefused."""
    table = dict(rules.machine.precompiles)
    moved: set[Address] = set()
    for address in (*plan.moved_precompiles, *(plan.accounts.keys() - plan.moved_precompiles)):
        if address in moved:
            raise OverrideRefused(
                f"account 0x{address.hex()} has already been overridden by a precompile"
            )
        precompile = table.pop(address, None)
        target = plan.moved_precompiles.get(address)
        if target is None:
            continue
        if precompile is None:
            raise OverrideRefused(f"account 0x{address.hex()} is not a precompile")
        if target in plan.accounts or target in plan.moved_precompiles:
            raise OverrideRefused(f"account 0x{target.hex()} is already overridden")
        table[target] = precompile
        moved.add(target)
    # geth checks neither the sender's code nor the cap of EIP-7825 here.
    if table == rules.machine.precompiles:
        return replace(rules, max_transaction_gas=NO_LIMIT)
    machine = replace(rules.machine, precompiles=table)
    return replace(rules, machine=machine, max_transaction_gas=NO_LIMIT)
