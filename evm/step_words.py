"""One step of the step machine in about ten lines of words: where it stands, what it works on,
what it changes, and by which rule.

For whoever has to judge a dispute: the same facts as the witness, read instead of hashed. Knows no
game and no claim.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chain.block import decode_header
from chain.errors import StemmaError
from genesis.addresses import SYSTEM_ADDRESS

from .step.block_end import passer_root
from .step.block_records import (
    INPUTS_DEPTH,
    Attributes,
    ChainRules,
    Claim,
    Job,
    Sealing,
    SealStage,
    Stage,
)
from .step.block_work import progress_of, rest_of
from .step.header_rules import fee_parameters
from .step.instructions import OPCODES
from .step.loading import MAX_HEADER_BYTES
from .step.machine import Machine
from .step.names import Link, is_nothing, name_of
from .step.opener import LiveOpener, witness_items
from .step.rules import StepRules
from .step.running import opcode_at
from .step.state import (
    Call,
    Copy,
    Ending,
    Hashing,
    Load,
    LoadKind,
    Log,
    Message,
    Outcome,
    Phase,
    State,
    Then,
)
from .step.stepping import record
from .step.structures.stack import Item
from .step.structures.words import data_depth, descend
from .step.transaction_end import KEY_BYTES
from .step.transaction_fields import DEPOSIT
from .step_differences import (
    Difference,
    account,
    differences,
    key_name,
    phase_name,
    stage_name,
    word,
)
from .step_rule_words import (
    DEPOSIT_RULE,
    OPCODE_RULES,
    OPERANDS,
    PHASE_RULES,
    SEAL_RULES,
    STAGE_RULES,
)

_MOST_DIFFERENCES: Final = 6
_MOST_DATA: Final = 64
_LABEL: Final = 12
_HASH: Final = re.compile("0x([0-9a-f]{8})[0-9a-f]{50}([0-9a-f]{6})")


@dataclass(frozen=True, slots=True)
class StepInWords:
    """A step: its name (an opcode's, or a phase's and its stage's), the lines, what it changes."""

    name: str
    lines: list[str]
    changes: list[Difference]
    rule: str
    after: State
    witness_bytes: int


def describe(before: State, opener: LiveOpener, rules: StepRules) -> StepInWords:
    """Take the step that leads on from a state and say what it does."""
    after, witness = record(before, opener, rules)
    changes = differences(before, after, opener)
    machine = Machine(before, opener, rules)
    words = _Words(machine)
    name, rule = words.name(), words.rule()
    if after.phase == Phase.LOAD and before.phase != Phase.LOAD:
        rule = "what it needs is not in the world map yet: that is loaded, and it begins again"
    stood = [each for each in changes if each.old not in ("none", "as they were")]
    lines = [
        labelled("block", words.block()),
        labelled("transaction", words.transaction()),
        labelled("account", words.account()),
        labelled("step", words.step()),
        labelled("works on", words.operands()),
        labelled("gas", words.gas()),
        labelled("before", _short([f"{each.what} {each.old}" for each in stood])),
        labelled("after", _short([f"{each.what} {each.new}" for each in changes])),
        labelled("rule", rule),
        labelled("witness", f"{len(witness)} bytes in {len(witness_items(witness))} items"),
    ]
    return StepInWords(name, [line for line in lines if line], changes, rule, after, len(witness))


def _short(items: list[str]) -> str:
    """The same with long hashes cut: they stand in full in the witness."""
    return _HASH.sub(r"0x\1..\2", listed(items))


def listed(items: list[str]) -> str:
    """Some of them, and how many more there are."""
    if not items:
        return "nothing yet"
    more = len(items) - _MOST_DIFFERENCES
    return "; ".join(items[:_MOST_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def labelled(label: str, text: str) -> str:
    """A line behind its label; nothing where there is nothing to say."""
    return f"{label:<{_LABEL}}{text}" if text else ""


def step_name(state: State, opener: LiveOpener, rules: StepRules) -> str:
    """What a step from a state is called: SSTORE, `transaction begin, pay`, `leave`."""
    return _Words(Machine(state, opener, rules)).name()


class _Words:
    """What there is to say about the step that a machine takes next."""

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        self._job = self._open_job()
        self._sealing = self._open_sealing()
        self._opcode = -1
        if machine.phase == Phase.RUN:
            machine.open_frame()
            self._opcode = opcode_at(machine)

    def _open_job(self) -> Job | None:
        m = self._m
        if m.phase == Phase.TRANSACTION_BEGIN and not is_nothing(m.pending):
            return m.opener.open(m.pending, Job)
        if m.phase == Phase.TRANSACTION_END and not is_nothing(m.transaction.rest):
            return m.opener.open(progress_of(m).job, Job)
        return None

    def _open_sealing(self) -> Sealing | None:
        m = self._m
        is_sealing = m.phase == Phase.BLOCK_END and not is_nothing(m.pending)
        return m.opener.open(m.pending, Sealing) if is_sealing else None

    # -- the step ---------------------------------------------------------------------------------

    def name(self) -> str:
        phase = self._m.phase
        if phase == Phase.RUN:
            known = OPCODES.get(self._opcode)
            return known.name if known is not None else f"opcode {self._opcode:#04x}"
        title = phase_name(phase)
        if self._job is not None:
            return f"{title}, {stage_name(Stage(self._job.stage))}"
        if self._sealing is not None:
            return f"{title}, {stage_name(SealStage(self._sealing.stage))}"
        return f"{title}, take up" if phase == Phase.TRANSACTION_BEGIN else title

    def step(self) -> str:
        m, phase = self._m, self._m.phase
        if phase == Phase.RUN:
            return f"run: {self.name()} at pc {m.pc}"
        return f"phase {phase}, {self.name()}"

    def rule(self) -> str:
        phase = self._m.phase
        if phase == Phase.RUN:
            return self._opcode_rule()
        if self._job is not None:
            is_deposit = self._job.type == DEPOSIT and self._job.stage == Stage.PAY
            return DEPOSIT_RULE if is_deposit else STAGE_RULES[Stage(self._job.stage)]
        if self._sealing is not None:
            return SEAL_RULES[SealStage(self._sealing.stage)]
        return PHASE_RULES[Phase(phase)]

    def _opcode_rule(self) -> str:
        known = OPCODES.get(self._opcode)
        if known is None or self._opcode not in self._m.rules.opcodes:
            return "an opcode that is none ends its frame and takes its gas"
        said = OPCODE_RULES.get(known.name.rstrip("0123456789"), "")
        price = f"{known.name} costs {known.gas} gas" if known.gas else ""
        return "; ".join(each for each in (said, price) if each)

    # -- where ------------------------------------------------------------------------------------

    def block(self) -> str:
        m = self._m
        if is_nothing(m.context_name):
            if m.phase != Phase.BLOCK_BEGIN:
                return ""
            return f"{m.opener.open(m.pending, Claim).number}, which begins"
        block = m.block
        return f"{block.number} of chain {block.chain_id}, timestamp {block.timestamp}"

    def transaction(self) -> str:
        m = self._m
        if is_nothing(m.context_name) or is_nothing(m.transaction.rest):
            return ""
        done, count = progress_of(m).done, rest_of(m).transaction_count
        if m.phase == Phase.BLOCK_END or done == count:
            return f"none, all {count} are done"
        is_systems = m.transaction.origin == SYSTEM_ADDRESS
        if m.phase == Phase.SYSTEM_CALL or (is_systems and m.phase != Phase.TRANSACTION_BEGIN):
            return "none, a call of the system"
        where = f"{done}, counted from 0, of {count}"
        if self._job is not None:
            job = self._job
            kind = "a deposit" if job.type == DEPOSIT else f"type {job.type}, nonce {job.nonce}"
            return f"{where}: {kind}, gas limit {job.gas_limit}"
        is_taken_up = m.phase != Phase.TRANSACTION_BEGIN
        return f"{where}, from {account(m.transaction.origin)}" if is_taken_up else where

    def account(self) -> str:
        m = self._m
        if m.phase in (Phase.RUN, Phase.PRECOMPILE):
            m.open_frame()
            return _frame_of(m.call)
        if m.phase == Phase.LEAVE:
            return _frame_of(m.opener.open(m.opener.open(m.pending, Outcome).call, Call))
        if self._job is not None and any(self._job.sender):
            job = self._job
            to = "a contract that it creates" if job.is_creation else account(job.to)
            return f"{account(job.sender)}, to {to}, value {job.value}"
        return ""

    def gas(self) -> str:
        m = self._m
        if m.phase in (Phase.RUN, Phase.PRECOMPILE):
            m.open_frame()
            return f"{m.gas} left in the frame"
        if self._job is not None and self._job.gas:
            return f"{self._job.gas} for the message of {self._job.gas_limit}"
        return ""

    # -- what it works on -------------------------------------------------------------------------

    def operands(self) -> str:
        known = _OPERANDS.get(self._m.phase)
        try:
            return known(self) if known is not None else ""
        except StemmaError:
            return ""

    def _stack(self) -> str:
        known = OPCODES.get(self._opcode)
        names = OPERANDS.get(known.name.rstrip("0123456789"), ()) if known is not None else ()
        pops = 0 if known is None else known.pops
        stack, words = self._m.stack, []
        for place in range(min(pops, self._m.stack_size)):
            item = self._m.opener.open(stack, Item)
            label = names[place] if place < len(names) else f"word {place}"
            words.append(f"{label} {word(item.word)}")
            stack = item.rest
        return ", ".join(words)

    def _parent(self) -> str:
        m = self._m
        if not is_nothing(m.context_name):
            return "its transactions again: are they deposits?"
        claim = m.opener.open(m.pending, Claim)
        parent = decode_header(m.opener.raw(m.opener.raw(claim.agreed, 128)[96:], MAX_HEADER_BYTES))
        leaf, _ = descend(m.opener, claim.inputs, INPUTS_DEPTH, claim.number % (1 << INPUTS_DEPTH))
        rules = m.opener.open(m.opener.open(leaf, Attributes).rules, ChainRules)
        denominator, elasticity, least = fee_parameters(rules, parent)
        target = parent.gas_limit // elasticity
        return (
            f"the parent 0x{parent.hash.hex()}: base fee {parent.base_fee_per_gas}, gas used "
            f"{parent.gas_used}, target {target}, denominator {denominator}, least fee {least}"
        )

    def _stage_words(self) -> str:
        m, job = self._m, self._job
        if job is None:
            left = progress_of(m).left
            return "" if is_nothing(left) else "the oldest transaction that is left"
        if job.stage == Stage.PAY and job.type == DEPOSIT:
            return f"mint {job.mint}, value {job.value}"
        if job.stage == Stage.PAY:
            return (
                f"nonce {job.nonce}, gas limit {job.gas_limit}, fee cap {job.fee_cap}, tip cap "
                f"{job.tip_cap}, {job.length} bytes of which {job.zeros} are zero, counted as "
                f"{job.charged_size}"
            )
        if job.stage == Stage.SETTLE and m.phase == Phase.TRANSACTION_END:
            outcome = m.opener.open(m.pending, Outcome)
            return f"{Ending(outcome.ending).name.lower()}, {outcome.gas} gas left"
        if job.stage in (Stage.SCAN, Stage.COMPRESS):
            return f"{job.length} bytes, {job.scanned} scanned"
        return ""

    def _sealing_words(self) -> str:
        m, work = self._m, self._sealing
        if work is None:
            return "the state root of the block's beginning"
        if work.stage == SealStage.JOURNAL:
            journal = m.effects.journal
            if is_nothing(journal):
                return "an empty journal: all is written"
            key = m.opener.raw(m.opener.open(journal, Link).item, KEY_BYTES)
            return f"{key_name(key)}, state root 0x{work.state_root.hex()}"
        if work.stage in (SealStage.TRANSACTIONS, SealStage.RECEIPTS):
            count = rest_of(m).transaction_count
            return f"leaf {work.place} of {count}" if work.place < count else "the whole trie"
        state = f"state root 0x{work.state_root.hex()}"
        if work.stage == SealStage.HEADER:
            return f"{state}, receipts root 0x{work.receipts_root.hex()}"
        return (
            f"{state}, storage root of the message passer 0x{passer_root(m, work).hex()}, header "
            f"hash 0x{name_of(work.header_hash).hex()}"
        )

    def _copy(self) -> str:
        copy = self._m.opener.open(self._m.pending, Copy)
        what = f"{copy.left} bytes left, from {copy.source_offset} to {copy.target_offset}"
        if copy.then == Then.LOG:
            what += f", for a log of {account(self._m.opener.open(copy.next, Log).address)}"
        return what

    def _hashing(self) -> str:
        work = self._m.opener.open(self._m.pending, Hashing)
        return f"{work.left} bytes left of a Keccak-256"

    def _message(self) -> str:
        message = self._m.opener.open(self._m.pending, Message)
        return (
            f"from {account(message.caller)} to {account(message.address)}, value "
            f"{message.value}, {message.gas} gas, {message.calldata_length} bytes of call data"
        )

    def _input(self) -> str:
        m = self._m
        m.open_frame()
        size = m.call.calldata_length
        data = m.opener.leaves(m.call.calldata, data_depth(size))[:size] if size else b""
        cut = data[:_MOST_DATA].hex() + ("..." if size > _MOST_DATA else "")
        kind = "native precompile" if m.call.code_address in m.rules.natives else "precompile"
        return f"{kind} {account(m.call.code_address)}, {size} bytes of input: 0x{cut}"

    def _outcome(self) -> str:
        outcome = self._m.opener.open(self._m.pending, Outcome)
        ending = Ending(outcome.ending).name.lower()
        return f"{ending}, {outcome.gas} gas left, {outcome.output_length} bytes of output"

    def _load(self) -> str:
        load = self._m.opener.open(self._m.pending, Load)
        if load.kind == LoadKind.ACCOUNT:
            return f"account {account(load.address)}"
        if load.kind == LoadKind.SLOT:
            return f"slot {word(load.key)} of {account(load.address)}"
        if load.kind == LoadKind.CODE:
            return f"the code 0x{load.key:064x} of {account(load.address)}"
        return f"the hash of block {load.key}"


def _frame_of(call: Call) -> str:
    return (
        f"{account(call.address)}, called by {account(call.caller)}, value {call.value}, "
        f"depth {call.depth}"
    )


_OPERANDS: Final[dict[int, Callable[[_Words], str]]] = {
    Phase.RUN: _Words._stack,
    Phase.BLOCK_BEGIN: _Words._parent,
    Phase.TRANSACTION_BEGIN: _Words._stage_words,
    Phase.TRANSACTION_END: _Words._stage_words,
    Phase.BLOCK_END: _Words._sealing_words,
    Phase.COPY: _Words._copy,
    Phase.HASH: _Words._hashing,
    Phase.ENTER: _Words._message,
    Phase.PRECOMPILE: _Words._input,
    Phase.LEAVE: _Words._outcome,
    Phase.LOAD: _Words._load,
}
