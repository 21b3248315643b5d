"""A case of `evm_engines` on the step machine, told in the same words and opcode by opcode."""

from __future__ import annotations

from dataclasses import dataclass, field

from evm_engines import (
    CHAIN_ID,
    GAS_LIMIT,
    NUMBER,
    SHOWN,
    TIME,
    Case,
    Shown,
    View,
    prepare,
)
from evm_programs import COINBASE, CONTRACTS, ORIGIN

from chain.state import MemoryStateStore, State
from chain.types import Address, Hash32
from evm.delegation import delegation_of
from evm.environment import BlockEnvironment, Message
from evm.forks import PRAGUE, RuleSet
from evm.pyevm.machine import Machine
from evm.step import state as step_state
from evm.step.accounts import account_of, code_of
from evm.step.beginning import Outermost, ancestors_of, begin_message
from evm.step.errors import Missing
from evm.step.loading import ensure_account, ensure_slot
from evm.step.machine import Machine as StepMachine
from evm.step.names import NOTHING, Name, is_nothing
from evm.step.opener import LiveOpener
from evm.step.rules import StepRules
from evm.step.slots import place_of_slot
from evm.step.state import Ending, Phase
from evm.step.stepping import advance
from evm.step.structures.code import chunk_list
from evm.step.structures.stack import words_of
from evm.step.structures.words import data_depth, depth_of, flatten, words_in
from evm.step_rules import step_rules_of
from evm.tracing import Listener, Step

Seen = tuple[int, int, int, tuple[int, ...], bytes, int]
"""pc, gas, depth, stack, memory, refund before an opcode."""


@dataclass(frozen=True)
class Told:
    """What came of a message, in words that both machines have."""

    succeeded: bool
    gas_left: int
    output: bytes
    refund: int
    logs: tuple
    accounts: View
    destroyed: tuple[bytes, ...]
    seen: tuple[Seen, ...] = field(repr=False)


class _Watcher(Listener):
    """Keeps what it is told before each opcode."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []

    def step(self, step: Step) -> None:
        self.seen.append(
            (step.pc, step.gas, step.depth, tuple(step.stack), bytes(step.memory), step.refund)
        )


def prepared(case: Case) -> tuple[State, MemoryStateStore]:
    """The state in which a case begins, and the store behind it."""
    store = MemoryStateStore()
    state = State(store)
    prepare(state, case)
    state.compute_root()
    store.add(state.take_changes())
    return state, store


def on_fast_path(case: Case, rules: RuleSet = PRAGUE, shown: Shown = SHOWN) -> Told:
    """The fast path with a tracer."""
    state, _ = prepared(case)
    state.begin_transaction()
    block = BlockEnvironment(
        chain_id=CHAIN_ID, number=NUMBER, timestamp=TIME, coinbase=COINBASE,
        prev_randao=Hash32(b"\x0d" * 32), gas_limit=GAS_LIMIT, base_fee=0, blob_base_fee=1,
        block_hash=lambda _: None, rules=rules,
    )  # fmt: skip
    watcher = _Watcher()
    machine = Machine(state, block, tracer=watcher)
    outcome = machine.run(Message(ORIGIN, CONTRACTS[0], case.value, case.data, case.gas, 0))
    accounts = tuple(
        (
            state.get_balance(address), state.get_nonce(address), bytes(state.get_code(address)),
            tuple(state.get_storage(address, slot) for slot in slots),
        )
        for address, slots in shown.items()
    )  # fmt: skip
    logs = tuple(
        (bytes(log.address), tuple(int.from_bytes(t, "big") for t in log.topics), log.data)
        for log in outcome.logs
    )
    return Told(
        outcome.succeeded, outcome.gas_left, outcome.output, outcome.refund, logs, accounts,
        tuple(bytes(address) for address in outcome.destroyed), tuple(watcher.seen),
    )  # fmt: skip


@dataclass
class Begun:
    """A case before its first step."""

    first: step_state.State
    opener: LiveOpener
    rules: StepRules


def begun(case: Case, rules: RuleSet = PRAGUE) -> Begun:
    """The state in which the case's message is entered."""
    state, store = prepared(case)
    step_rules = step_rules_of(rules)
    opener = LiveOpener(lambda name: store.node(name) or store.code(name))
    block = step_state.Block(
        number=NUMBER, timestamp=TIME, coinbase=COINBASE,
        prev_randao=int.from_bytes(b"\x0d" * 32, "big"), gas_limit=GAS_LIMIT, base_fee=0,
        blob_base_fee=1, chain_id=CHAIN_ID, fork=step_rules.fork, state_root=state.root,
        ancestors=ancestors_of(NUMBER, lambda _: None), rest=NOTHING,
    )  # fmt: skip
    transaction = step_state.Transaction(1, ORIGIN, 0, NOTHING, 0, NOTHING)
    to = CONTRACTS[0]
    delegate = delegation_of(state.get_code(to)) if step_rules.has_delegations else None
    outermost = Outermost(
        ORIGIN, to, case.value, case.data, case.gas, delegate=delegate,
        warm=(ORIGIN, to, COINBASE),
    )  # fmt: skip
    first = begin_message(outermost, block, transaction, opener, step_rules)
    return Begun(first, opener, step_rules)


def on_steps(case: Case, rules: RuleSet = PRAGUE, shown: Shown = SHOWN) -> Told:
    """The step machine, live."""
    begin = begun(case, rules)
    m = StepMachine(begin.first, begin.opener, begin.rules)
    seen: list[Seen] = []
    was_load = False
    while m.phase not in (Phase.TRANSACTION_END, Phase.SYSTEM_CALL):
        if m.phase == Phase.RUN and not was_load:
            m.open_frame()
            seen.append(look(m))
        was_load = m.phase == Phase.LOAD
        before = m.phase
        advance(m)
        if before == Phase.RUN and m.phase == Phase.LOAD:
            was_load = True
    return told(m, shown, tuple(seen))


def look(m: StepMachine) -> Seen:
    """What a tracer of the fast path would be told now."""
    depth = depth_of(m.memory_words)
    memory = flatten(m.memory, depth)[: m.memory_length] if m.memory_words else b""
    return (
        m.pc, m.gas, m.call.depth + 1, tuple(words_of(m.stack)), memory, m.effects.refund,
    )  # fmt: skip


def data_of(data: Name, length: int) -> bytes:
    """The bytes of a data."""
    return flatten(data, data_depth(length))[:length] if length else b""


def told(m: StepMachine, shown: Shown, seen: tuple[Seen, ...]) -> Told:
    """What came of the message that has ended."""
    outcome = m.opener.open(m.pending, step_state.Outcome)
    succeeded = outcome.ending in (Ending.SUCCEEDED, Ending.DEPOSITED)
    effects = m.effects
    logs = tuple(
        (
            log.address,
            (log.topic_0, log.topic_1, log.topic_2, log.topic_3)[: log.topic_count],
            data_of(log.data, log.data_length),
        )
        for log in chain(effects.logs)
    )
    by_key = {}
    for address in shown:
        by_key[ensure_account(m, address) and account_key_of(address)] = address
    accounts = tuple(_account(m, address, slots) for address, slots in shown.items())
    destroyed = tuple(key.data[1:] for key in chain(effects.destroyed))
    return Told(
        succeeded, outcome.gas, data_of(outcome.output, outcome.output_length),
        effects.refund if succeeded else 0, logs if succeeded else (), accounts,
        destroyed if succeeded else (), seen,
    )  # fmt: skip


def account_key_of(address: bytes) -> bytes:
    return b"\x01" + address


def chain(link: Name) -> list:
    """The items of a chain, oldest first."""
    items = []
    while not is_nothing(link):
        items.append(link.item)
        link = link.previous
    return items[::-1]


def _account(m: StepMachine, address: Address, slots: tuple[int, ...]) -> tuple:
    account = account_of(m, address)
    while True:
        try:
            root, length = code_of(m, address, account)
            break
        except Missing as missing:
            code = m.opener.raw(missing.key.to_bytes(32, "big"), 0)
            root, length = None, len(code)
            break
    if root is not None:
        chunks = chunk_list(root, depth_of(words_in(length))) if length else []
        code = b"".join(chunk.data for chunk in chunks)[:length]
    values = []
    for slot in slots:
        ensure_slot(m, address, slot)
        values.append(place_of_slot(m, address, account.generation, slot).found.value)
    return account.balance, account.nonce, code, tuple(values)
