"""Steps that read a transaction, up to its payment: of any bytes, in any block, on their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from step_blocks import SteppedBlock
from step_runs import Step, kind_of
from stepped_chain import chain_of, config_of

from evm.forks import rules_at
from evm.step.block_records import NO_PROGRESS, BlockRest, ChainRules, Data, Job, Stage
from evm.step.machine import Machine
from evm.step.names import NOTHING, Link, Name, is_nothing
from evm.step.opener import LiveOpener, encode_witness, witness_items
from evm.step.rules import StepRules
from evm.step.state import NO_EFFECTS, Block, Context, Phase, State, Transaction
from evm.step.stepping import advance, record
from evm.step.structures.words import data_tree
from evm.step.transaction_fields import blank
from evm.step_blocks import chain_rules
from evm.step_rules import step_rules_of
from genesis.addresses import SYSTEM_ADDRESS

OURS = frozenset({0, Stage.ACCESS_LIST, Stage.AUTHORIZATIONS, Stage.SIGNATURE, Stage.SCAN,
                  Stage.COMPRESS})  # fmt: skip
"""Stages before the payment that an L2 has; 0: a transaction is taken up."""


def stage_of(state: State, live: LiveOpener) -> int | None:
    """The stage of phase TRANSACTION_BEGIN, 0 where nothing is pending; None in other phases."""
    if state.phase != Phase.TRANSACTION_BEGIN:
        return None
    return 0 if is_nothing(state.pending) else live.open(state.pending, Job).stage


class Reading:
    """A chain's rules, under which transactions are taken up and read."""

    def __init__(self, fork: str) -> None:
        config, chain = config_of(fork), chain_of(fork)
        parent = chain.header(chain.heads.unsafe.hash)
        self.chain_rules: ChainRules = chain_rules(config, parent, parent.timestamp + 2)
        self.rules: StepRules = step_rules_of(rules_at(config, parent.timestamp + 2))
        self.live = LiveOpener({}.get)
        self.last: State | None = None
        """Where the steps that were asked for last have ended."""

    def first(
        self, *raws: bytes, done: int = 0, count: int | None = None, deposits_only: int = 0
    ) -> State:
        """The state in which the first of these transactions is taken up, as number `done`."""
        left: Name = NOTHING
        for raw in reversed(raws):
            left = Link(left, Data(data_tree(raw), len(raw)))
        block = Block(
            number=7, timestamp=1_700_000_002, coinbase=bytes(20), prev_randao=1,
            gas_limit=30_000_000, base_fee=7, blob_base_fee=1, chain_id=901, fork=self.rules.fork,
            state_root=NOTHING, ancestors=NOTHING,
            rest=BlockRest(
                claim=NOTHING, attributes=NOTHING, rules=self.chain_rules, parent_hash=NOTHING,
                excess_blob_gas=0, transaction_count=done + len(raws) if count is None else count,
                deposits_only=deposits_only,
            ),
        )  # fmt: skip
        progress = replace(NO_PROGRESS, done=done, left=left)
        transaction = Transaction(0, SYSTEM_ADDRESS, 0, NOTHING, 0, progress)
        context = Context(block, transaction)
        return State(Phase.TRANSACTION_BEGIN, NOTHING, context, NO_EFFECTS, NOTHING)

    def steps(self, state: State) -> Iterator[Step]:
        """The steps from a state until the payment, or until the block is refused."""
        taken = False
        while (stage := stage_of(state, self.live)) in OURS and not (taken and stage == 0):
            taken = True
            state, step = step_from(state, self.live, self.rules)
            self.last = state
            yield step

    def compressing(self, data: Name, length: int, work: Name = NOTHING) -> State:
        """The state in which any bytes are compressed, as if they were a transaction's."""
        job = blank(stage=Stage.COMPRESS, data=data, length=length, compression=work)
        return replace(self.first(b""), pending=job)

    def of(self, raw: bytes, **where: int) -> list[Step]:
        """The steps of one transaction."""
        return list(self.steps(self.first(raw, **where)))


def step_from(state: State, live: LiveOpener, rules: StepRules) -> tuple[State, Step]:
    """The state after a step, and the step."""
    after, witness = record(state, live, rules)
    first, *items = witness_items(witness)
    kind = kind_of(state, 0, live)
    step = Step(state.phase, 0, first, encode_witness(items), after.commitment, kind)
    return after, step


def reading_steps(block: SteppedBlock) -> Iterator[Step]:
    """Those steps of a block that read its transactions."""
    machine = Machine(block.first, block.opener, block.rules)
    while machine.phase not in (Phase.VALID, Phase.INVALID, Phase.BLOCK_END):
        if machine.phase == Phase.TRANSACTION_BEGIN:
            state = machine.state()
            if stage_of(state, block.opener) in OURS:
                state, step = step_from(state, block.opener, block.rules)
                yield step
                machine = Machine(state, block.opener, block.rules)
                continue
        advance(machine)
