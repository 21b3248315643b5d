"""A host of natives over the step machine: `FrameHost`, each step of it proven by its witness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from conformance_frame import Outcome
from step_machine import chain, data_of

from chain.receipt import Log
from chain.trie import EMPTY_ROOT
from chain.types import Address, Hash32
from evm.forks import PRAGUE
from evm.precompiles.frame import Native
from evm.step import state as step_state
from evm.step.accounts import place_of
from evm.step.beginning import Outermost, ancestors_of, begin_message
from evm.step.loading import ensure_account, ensure_slot
from evm.step.machine import Machine
from evm.step.names import NOTHING
from evm.step.opener import LiveOpener
from evm.step.slots import place_of_slot
from evm.step.state import NO_EFFECTS, Ending, Flag, Message, Phase
from evm.step.stepping import advance, record, step
from evm.step_rules import step_rules_of


class StepHost:
    """Runs natives by steps; each call is a transaction of one long block."""

    chain_id = 901
    block_number = 1_000
    timestamp = 1_700_000_000
    proves = True

    def __init__(self, natives: Mapping[Address, Native]) -> None:
        rules = step_rules_of(PRAGUE)
        self._rules = replace(
            rules, natives=dict(natives), precompiles=rules.precompiles | frozenset(natives)
        )
        self._opener = LiveOpener({}.get)
        self._block = step_state.Block(
            number=self.block_number, timestamp=self.timestamp, coinbase=bytes(20), prev_randao=0,
            gas_limit=30_000_000, base_fee=10**9, blob_base_fee=1, chain_id=self.chain_id,
            fork=rules.fork, state_root=EMPTY_ROOT,
            ancestors=ancestors_of(self.block_number, lambda _: None), rest=NOTHING,
        )  # fmt: skip
        self._effects = NO_EFFECTS
        self.witness_sizes: list[int] = []
        for address in natives:
            self._change(address, nonce=1)

    def _machine(self) -> Machine:
        transaction = step_state.Transaction(
            self._effects.transaction, bytes(20), 0, NOTHING, 0, NOTHING
        )
        context = step_state.Context(self._block, transaction)
        state = step_state.State(Phase.ENTER, NOTHING, context, self._effects, NOTHING)
        return Machine(state, self._opener, self._rules)

    def _change(self, address: Address, **fields: int) -> None:
        m = self._machine()
        ensure_account(m, address)
        place = place_of(m, address)
        m.set_world(place.put(replace(place.found, exists=1, **fields)))
        self._effects = m.effects

    def fund(self, account: Address, wei: int) -> None:
        """Add wei to an account out of nothing."""
        self._change(account, balance=self.balance(account) + wei)

    def balance(self, account: Address) -> int:
        """Wei of an account."""
        return ensure_account(self._machine(), account).balance

    def storage(self, account: Address, slot: int) -> int:
        """A slot of an account."""
        m = self._machine()
        generation = ensure_account(m, account).generation
        ensure_slot(m, account, slot)
        return place_of_slot(m, account, generation, slot).found.value

    def call(
        self,
        to: Address,
        *,
        caller: Address,
        calldata: bytes = b"",
        value: int = 0,
        gas: int = 10_000_000,
        is_static: bool = False,
    ) -> Outcome:
        """Call a native from an account."""
        transaction = step_state.Transaction(
            self._effects.transaction + 1, caller, 0, NOTHING, 0, NOTHING
        )
        begun = begin_message(
            Outermost(caller, to, int(value), calldata, gas, warm=(caller,)),
            self._block, transaction, self._opener, self._rules,
            replace(self._effects, logs=NOTHING),
        )  # fmt: skip
        if is_static:
            message = self._opener.open(begun.pending, Message)
            begun = replace(begun, pending=replace(message, flags=message.flags | Flag.STATIC))
        m = Machine(self._run(begun), self._opener, self._rules)
        self._effects = m.effects
        outcome = self._opener.open(m.pending, step_state.Outcome)
        logs = tuple(
            Log(
                Address(log.address),
                tuple(
                    Hash32(topic.to_bytes(32, "big"))
                    for topic in (log.topic_0, log.topic_1, log.topic_2, log.topic_3)
                )[: log.topic_count],
                data_of(log.data, log.data_length),
            )
            for log in chain(m.effects.logs)
        )
        succeeded = outcome.ending == Ending.SUCCEEDED
        output = data_of(outcome.output, outcome.output_length)
        return Outcome(succeeded, output, gas - outcome.gas, logs)

    def _run(self, state: step_state.State) -> step_state.State:
        if not self.proves:
            m = Machine(state, self._opener, self._rules)
            while m.phase != Phase.TRANSACTION_END:
                advance(m)
            return m.state()
        while state.phase != Phase.TRANSACTION_END:
            following, witness = record(state, self._opener, self._rules)
            proven = step(state.commitment, witness, self._rules)
            assert proven == following.commitment
            self.witness_sizes.append(len(witness))
            state = following
        return state


class HastyStepHost(StepHost):
    """The same without proofs, for natives that count how often they are run."""

    proves = False
