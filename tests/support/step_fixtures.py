"""State fixtures whose message runs on the step machine, the transaction around it as always.

`StepRunner` stands in for `evm.pyevm.machine.Machine` in a `Transition`: it takes the state as the
transaction has left it before its message, runs steps to the end of the message and writes what
they have changed back.
"""

from __future__ import annotations

import random
from dataclasses import replace

import state_fixtures
from step_machine import chain, data_of

from chain.receipt import Log
from chain.state import State
from chain.types import Address, Hash32
from evm import transition
from evm.delegation import delegation_of
from evm.environment import BlockEnvironment, Message, Outcome
from evm.step import state as step_state
from evm.step.accounts import account_of, place_of, put_code
from evm.step.beginning import Outermost, ancestors_of, begin_message
from evm.step.loading import ensure_account
from evm.step.machine import Machine
from evm.step.names import NOTHING
from evm.step.opener import LiveOpener
from evm.step.slots import place_of_slot
from evm.step.state import NO_EFFECTS, Ending, Phase
from evm.step.stepping import advance, record, step
from evm.step.structures.code import code_tree
from evm.step.structures.words import depth_of, tree_of
from evm.step.structures.world import Code
from evm.step_rules import step_rules_of


class StepRunner:
    """Runs messages by steps; of a share of the steps the witness is checked as well."""

    witnessed_share = 0.0
    steps = 0
    witnessed = 0

    def __init__(self, state: State, block: BlockEnvironment, *, tracer: object = None) -> None:
        assert tracer is None
        reader = state._reader
        reader.add(state.take_changes())
        self._opener = LiveOpener(lambda name: reader.node(name) or reader.code(name))
        self._state = state
        self._rules = step_rules_of(block.rules)
        self._environment = block
        self._block = step_state.Block(
            number=block.number, timestamp=block.timestamp, coinbase=block.coinbase,
            prev_randao=int.from_bytes(block.prev_randao, "big"), gas_limit=block.gas_limit,
            base_fee=block.base_fee, blob_base_fee=block.blob_base_fee, chain_id=block.chain_id,
            fork=self._rules.fork, state_root=state.root,
            ancestors=ancestors_of(block.number, block.block_hash), rest=NOTHING,
        )  # fmt: skip

    def run(self, message: Message) -> Outcome:
        m = self._run(self._begin(message))
        outcome = m.opener.open(m.pending, step_state.Outcome)
        self._write_back(m)
        output = data_of(outcome.output, outcome.output_length)
        if outcome.ending not in (Ending.SUCCEEDED, Ending.DEPOSITED):
            return Outcome(output, outcome.gas, 0, (), (), "failed")
        effects = m.effects
        logs = tuple(
            Log(
                Address(log.address),
                tuple(
                    Hash32(topic.to_bytes(32, "big"))
                    for topic in (log.topic_0, log.topic_1, log.topic_2, log.topic_3)
                )[: log.topic_count],
                data_of(log.data, log.data_length),
            )
            for log in chain(effects.logs)
        )
        destroyed = tuple(Address(key.data[1:]) for key in chain(effects.destroyed))
        return Outcome(output, outcome.gas, effects.refund, logs, destroyed, None)

    def _begin(self, message: Message) -> step_state.State:
        hashes = message.blob_hashes
        blobs = NOTHING
        if hashes:
            depth = depth_of(len(hashes))
            blobs = tree_of(b"".join(hashes).ljust(32 << depth, b"\x00"), depth)
        transaction = step_state.Transaction(
            1, message.sender, message.gas_price, blobs, len(hashes), NOTHING
        )
        state, delegate = self._state, None
        to = message.to if message.to is not None else message.create_address
        if message.to is not None and self._rules.has_delegations:
            delegate = delegation_of(state.get_code(message.to))
        outermost = Outermost(
            message.sender, to, message.value, message.data, message.gas,
            is_creation=message.to is None, delegate=delegate,
            warm=(message.sender, to, self._environment.coinbase, *state._warm_addresses),
            warm_slots=tuple(state._warm_slots),
        )  # fmt: skip
        effects = self._effects(transaction)
        return begin_message(
            outermost, self._block, transaction, self._opener, self._rules, effects
        )

    def _effects(self, transaction: step_state.Transaction) -> step_state.Effects:
        """The world as the transaction has left it so far."""
        context = step_state.Context(self._block, transaction)
        m = Machine(
            step_state.State(Phase.ENTER, NOTHING, context, NO_EFFECTS, NOTHING),
            self._opener,
            self._rules,
        )
        state = self._state
        for address, fields in list(state._accounts.items()):
            ensure_account(m, address)
            if fields is None:
                continue
            nonce, balance, code_hash = fields
            place = place_of(m, address)
            m.set_world(
                place.put(
                    replace(
                        place.found, nonce=nonce, balance=balance, code_hash=code_hash, exists=1
                    )
                )
            )
            code = state.get_code(address)
            if code:
                put_code(m, code_hash, Code(code_tree(code), len(code)))
        return m.effects

    def _run(self, first: step_state.State) -> Machine:
        m = Machine(first, self._opener, self._rules)
        rnd = random.Random(0)
        while m.phase != Phase.TRANSACTION_END:
            StepRunner.steps += 1
            if rnd.random() < self.witnessed_share:
                self._check(m.state())
            advance(m)
        return m

    def _check(self, before: step_state.State) -> None:
        StepRunner.witnessed += 1
        after, witness = record(before, self._opener, self._rules)
        assert step(before.commitment, witness, self._rules) == after.commitment

    def _write_back(self, m: Machine) -> None:
        state = self._state
        for key in chain(m.effects.journal):
            address = Address(key.data[1:21])
            account = account_of(m, address)
            if key.data[0] == 1:
                self._write_account(m, address, account)
            else:
                slot = int.from_bytes(key.data[25:], "big")
                value = place_of_slot(m, address, account.generation, slot).found.value
                if value != state.get_storage(address, slot):
                    state.set_storage(address, slot, value)

    def _write_account(self, m: Machine, address: Address, account) -> None:
        state = self._state
        if not account.exists:
            if state.account_exists(address):
                state.delete_account(address)
            return
        state.set_nonce(address, account.nonce)
        state.set_balance(address, account.balance)
        if account.code_hash != state.get_code_hash(address):
            state.set_code(address, _code(m, account.code_hash))


def _code(m: Machine, code_hash: bytes) -> bytes:
    from evm.step.structures.code import chunk_list
    from evm.step.structures.words import words_in
    from evm.step.structures.world import code_key, find

    code = find(m.opener, m.effects.world, code_key(code_hash), Code).found
    chunks = chunk_list(code.root, depth_of(words_in(code.length)))
    return b"".join(chunk.data for chunk in chunks)[: code.length]


def disagreement_on_steps(case, monkeypatch, witnessed_share: float) -> str | None:
    """As `state_fixtures.disagreement`, on the step machine."""
    monkeypatch.setattr(transition, "Machine", StepRunner)
    monkeypatch.setattr(StepRunner, "witnessed_share", witnessed_share)
    return state_fixtures.disagreement(case)
