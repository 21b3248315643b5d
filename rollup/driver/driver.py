"""The driver: cranks derivation and lets the engine follow what L1 says.

    derived attributes
      ├─ the unsafe chain has that very block     → it becomes safe           (consolidated)
      ├─ it has another block there, or none      → build it, drop the other  (derived)
      └─ the engine refuses its transactions      → build it of deposits only (derived)

Before Holocene the blocks of a span become safe with its last one; one that the engine refuses
undoes them, and derivation goes on from the safe head.

One `step` does one bounded piece of work. Time plays no part: L1 is what the provider holds.
Source: OP Stack specs, protocol/derivation.md, "Engine Queue"; protocol/holocene/derivation.md;
protocol/rollup-node.md, "sync start".
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Protocol

from chain.errors import Recovery, StemmaError
from chain.heads import BlockId
from chain.transaction import DepositTransaction
from evm.errors import InvalidAttributes, InvalidTransaction
from rollup.derivation.attributes import attributes_mismatch
from rollup.derivation.attributes_queue import BatchUndone
from rollup.derivation.errors import ChallengeLost, CorruptDerivation, ReorgDetected
from rollup.derivation.l2_block import l2_block_ref, require_block
from rollup.derivation.pipeline import DerivationPipeline, OriginAdvanced, OriginConsumed
from rollup.dispute.refused_batches import keep_refused
from rollup.l1.provider import ConfirmedL1, L1DataMissing

from .safe_head_log import MAX_ENTRIES, MetaStore, SafeHeadEntry, SafeHeadLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chain.block import Block
    from chain.heads import Heads, L2BlockRef
    from chain.transaction import Transaction
    from chain.txpool import PooledTransaction
    from chain.types import Hash32
    from evm.executor import PayloadAttributes
    from genesis.config import RollupConfig
    from rollup.derivation.attributes_queue import DerivedAttributes
    from rollup.derivation.journal import Journal
    from rollup.l1.provider import L1BlockRef, L1Provider

_log: Final = logging.getLogger(__name__)


class Built(Protocol):
    """What the driver reads of a block that an engine has built."""

    @property
    def block(self) -> Block:
        """The sealed block."""
        ...


class Engine(Protocol):
    """What the driver needs of the L2's execution engine, its own or another's."""

    @property
    def heads(self) -> Heads:
        """Unsafe, safe and finalized head."""
        ...

    def block(self, block_hash: Hash32) -> Block | None:
        """The block of that hash, canonical or not."""
        ...

    def block_by_number(self, number: int) -> Block | None:
        """The canonical block of that number."""
        ...

    def build(
        self, attributes: PayloadAttributes, candidates: Iterable[PooledTransaction] = ()
    ) -> Built:
        """Execute attributes on top of their parent.

        Raises InvalidTransaction, InvalidAttributes.
        """
        ...

    def commit(self, result: Any, *, is_safe: bool = False) -> None:  # noqa: ANN401 - from `build`
        """Store a block on top of the unsafe head and make it the unsafe head; in the same write
        the safe head too where `is_safe`.
        """
        ...

    def set_heads(
        self,
        *,
        unsafe: BlockId | None = None,
        safe: BlockId | None = None,
        finalized: BlockId | None = None,
    ) -> Sequence[Block]:
        """Move heads in one write; return the blocks that left the canonical chain."""
        ...


class StepKind(Enum):
    """What a step came to."""

    RESET = "reset"
    L1_ADVANCED = "l1 advanced"
    L1_CONSUMED = "l1 consumed"
    CONSOLIDATED = "consolidated"
    DERIVED = "derived"
    UNDONE = "undone"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class DriverStep:
    """What one step did.

    `returned` are the user transactions of blocks that were dropped: they belong into the pool
    again. `missing` says, when waiting, which L1 data to fetch.
    """

    kind: StepKind
    block: BlockId | None = None
    returned: tuple[Transaction, ...] = ()
    missing: L1DataMissing | None = None


class Driver:
    """Keeps the engine's safe and finalized heads at what L1 says, and its unsafe head possible."""

    def __init__(
        self,
        config: RollupConfig,
        provider: L1Provider,
        engine: Engine,
        store: MetaStore,
        *,
        journal: Journal | None = None,
        confirmation_depth: int = 0,
    ) -> None:
        """Join the parts; the first step finds the point to start from. `store` keeps the log,
        `journal` hears what becomes of L1's data. L1 is read up to `confirmation_depth` blocks
        below its head.
        """
        config.require_supported()
        self._config = config
        self._store = store
        self._provider = provider
        self._engine = engine
        self._journal = journal
        self._confirmed = ConfirmedL1(provider, confirmation_depth)
        # On a chain of which L1 has hashes, data can be lost so many L1 blocks after they counted.
        self._settled_after = 0 if config.alt_da is None else config.alt_da.settled_after
        self.safe_head_log = SafeHeadLog(
            store,
            SafeHeadEntry(config.genesis.l1, config.genesis.l2),
            most_entries=MAX_ENTRIES + self._settled_after,
        )
        self._pipeline: DerivationPipeline | None = None
        self._seen_l1_head: L1BlockRef | None = None
        self._seen_finalized: L1BlockRef | None = None
        self._ref: L2BlockRef | None = None
        # Kept until the engine has them: an engine elsewhere may not answer at the first attempt.
        self._pending: DerivedAttributes | None = None
        # The last block of a span that has not come to its end: built, and not safe yet.
        self._span_head: L2BlockRef | None = None
        self._consumed_l1 = self.safe_head_log.newest.l1

    @property
    def l1_origin(self) -> L1BlockRef | None:
        """The L1 block that derivation reads now, None before the first step."""
        return None if self._pipeline is None else self._pipeline.origin

    @property
    def consumed_l1(self) -> BlockId:
        """The last L1 block of which everything has been derived: it gave the safe head."""
        return self._consumed_l1

    @property
    def safe_head(self) -> L2BlockRef:
        """The safe head with its L1 origin."""
        head = self._engine.heads.safe
        if self._ref is None or self._ref.hash != head.hash:
            self._ref = l2_block_ref(self._config, require_block(self._engine, head.hash))
        return self._ref

    @property
    def span_head(self) -> L2BlockRef | None:
        """Before Holocene, the last block of a span that has not come to its end; asks nobody."""
        return self._span_head

    @property
    def unsafe_head(self) -> L2BlockRef:
        """The unsafe head with its L1 origin."""
        head = self._engine.heads.unsafe
        return l2_block_ref(self._config, require_block(self._engine, head.hash))

    def request_reset(self) -> None:
        """Have the next step start derivation anew, as when another actor saw L1 reorganise."""
        self._pipeline = None
        self._pending = None
        self._span_head = None

    def step(self) -> DriverStep:
        """Do one unit of work. Raises only errors whose recovery is STOP or, with an engine that
        runs elsewhere, RETRY: then nothing is lost, and the next step tries again.

        Waiting means that L1 has nothing more to say until `missing` has been fetched.
        """
        try:
            return self._step()
        except L1DataMissing as error:
            return DriverStep(StepKind.WAITING, missing=error)
        except StemmaError as error:
            if error.recovery is not Recovery.RESET:
                raise
            _log.warning("derivation starts anew: %s", error)
            if isinstance(error, ChallengeLost):
                self.safe_head_log.forget_from(error.included_in)
            self.request_reset()
            return DriverStep(StepKind.RESET)

    def _step(self) -> DriverStep:
        self._watch_l1()
        if self._pipeline is None:
            return self._reset()
        parent = self._span_head or self.safe_head
        if self._pending is not None and self._pending.parent.hash == parent.hash:
            return self._apply(self._pending)
        step = self._pipeline.step(parent)
        if isinstance(step, OriginAdvanced):
            return DriverStep(StepKind.L1_ADVANCED)
        if isinstance(step, OriginConsumed):
            # While the pipeline reads again what led to its start, this lies behind.
            if step.origin.number > self._consumed_l1.number:
                self._consumed_l1 = step.origin.id
            self.safe_head_log.record(
                step.origin.id, self.safe_head.id, step.reread_from, step.stands_on
            )
            self._follow_finality()
            return DriverStep(StepKind.L1_CONSUMED)
        if isinstance(step, BatchUndone):
            self._span_head = None
            return DriverStep(StepKind.UNDONE)
        return self._apply(step)

    # -- L1 moves

    def _watch_l1(self) -> None:
        """On a new L1 head see whether the unsafe chain still fits; follow L1's finality."""
        if self._pipeline is not None and self._provider.finalized() != self._seen_finalized:
            self._follow_finality()
        head = self._provider.head()
        if head is None or head == self._seen_l1_head:
            return
        if self._pipeline is not None:
            self._pipeline.require_canonical_origin()
            origin = self.unsafe_head.l1_origin
            if self._canonical(origin, head) is False:
                raise ReorgDetected(f"L1 origin {origin} of the unsafe head is not canonical now")
        self._seen_l1_head = head

    def _canonical(self, origin: BlockId, head: L1BlockRef) -> bool | None:
        """Whether an L1 block is canonical; None while L1 is too short to tell."""
        if origin.number > head.number:
            return None
        return self._provider.block_by_number(origin.number).hash == origin.hash

    def _follow_finality(self) -> None:
        finalized = self._provider.finalized()
        self._seen_finalized = finalized
        if finalized is None:
            return
        settled = finalized.number - self._settled_after
        entry = self.safe_head_log.at_l1(settled)
        heads = self._engine.heads
        if entry is None or not heads.finalized.number < entry.l2.number <= heads.safe.number:
            return
        self._engine.set_heads(finalized=entry.l2)
        self.safe_head_log.forget_before(settled)

    # -- reset

    def _reset(self) -> DriverStep:
        """Find the sync start: the newest point of the log, and the newest possible unsafe head."""
        head = self._provider.head()
        entry = self.safe_head_log.rewind(self._provider)
        heads = self._engine.heads
        if entry.l2.number < heads.finalized.number:
            raise CorruptDerivation(
                f"L1 goes back to {entry.l1}, which gives L2 block {entry.l2}, "
                f"below the finalized head {heads.finalized}"
            )
        unsafe = self._newest_possible_unsafe(entry.l2, head)
        safe_block = require_block(self._engine, entry.l2.hash)
        # Everything that may be missing is asked for before anything changes.
        self._pipeline = DerivationPipeline(
            self._config,
            self._confirmed,
            self._engine,
            safe_block,
            entry.l1,
            self._journal,
            reread_from=entry.reread_from,
            stands_on=entry.stands_on,
        )
        self._consumed_l1 = entry.l1
        dropped = self._engine.set_heads(unsafe=unsafe, safe=entry.l2)
        return DriverStep(StepKind.RESET, unsafe, _user_transactions(dropped))

    def _newest_possible_unsafe(self, safe: BlockId, head: L1BlockRef | None) -> BlockId:
        """The newest unsafe block whose L1 origin is canonical, as far as L1 can tell."""
        block = require_block(self._engine, self._engine.heads.unsafe.hash)
        newest = block
        while block.number > safe.number:
            origin = l2_block_ref(self._config, block).l1_origin
            verdict = None if head is None else self._canonical(origin, head)
            if verdict is True:
                break  # and so are the origins of all blocks below
            block = require_block(self._engine, block.header.parent_hash)
            if verdict is False:
                newest = block
        return BlockId(newest.number, newest.hash)

    # -- the engine follows

    def _apply(self, derived: DerivedAttributes) -> DriverStep:
        self._pending = derived
        step = self._applied(derived)
        self._pending = None
        return step

    def _applied(self, derived: DerivedAttributes) -> DriverStep:
        parent = derived.parent
        present = None
        if self._engine.heads.unsafe.number > parent.number:
            present = self._engine.block_by_number(parent.number + 1)
        if present is None:
            return self._build(derived, ())
        mismatch = attributes_mismatch(self._config, derived.attributes, present)
        if mismatch is None:
            self._keep_refused(derived, present.hash)
            if derived.concludes:
                self._engine.set_heads(safe=BlockId(present.number, present.hash))
            self._note(present, concludes=derived.concludes)
            return DriverStep(StepKind.CONSOLIDATED, BlockId(present.number, present.hash))
        _log.warning("unsafe chain dropped from L2 block %d: %s", present.number, mismatch)
        dropped = self._engine.set_heads(unsafe=parent.id)
        return self._build(derived, _user_transactions(dropped))

    def _build(self, derived: DerivedAttributes, returned: tuple[Transaction, ...]) -> DriverStep:
        result = self._execute(derived)
        if result is None:
            self._span_head = None
            return DriverStep(StepKind.UNDONE, None, returned)
        self._keep_refused(self._pending or derived, result.block.hash)
        self._engine.commit(result, is_safe=derived.concludes)
        self._note(result.block, concludes=derived.concludes)
        block = BlockId(result.block.number, result.block.hash)
        return DriverStep(StepKind.DERIVED, block, returned)

    def _keep_refused(self, derived: DerivedAttributes, block_hash: Hash32) -> None:
        """Where L1 computes what blocks are made of, it does so with these transactions too."""
        if self._config.has_inbox_contract:
            keep_refused(self._store, block_hash, derived.refused)

    def _note(self, block: Block, *, concludes: bool) -> None:
        """Keep in mind the block that is safe now, or the last one while its span goes on."""
        ref = l2_block_ref(self._config, block)
        if concludes:
            self._ref = ref
        self._span_head = None if concludes else ref

    def _execute(self, derived: DerivedAttributes) -> Built | None:
        """Build the block; one that L1 has badly becomes a block of deposits only, or (before
        Holocene) none at all.

        Source: specs protocol/holocene/derivation.md, "Engine Queue"; protocol/derivation.md,
        "L1-sync: payload attributes processing".
        """
        try:
            return self._engine.build(derived.attributes)
        except (InvalidTransaction, InvalidAttributes) as error:
            if derived.is_deposits_only or self._pipeline is None:
                raise CorruptDerivation(
                    f"L2 block {derived.parent.number + 1}: deposits are refused: {error}"
                ) from error
            self._pending = self._pipeline.invalidate(derived, str(error))
        return None if self._pending is None else self._engine.build(self._pending.attributes)


def _user_transactions(blocks: Sequence[Block]) -> tuple[Transaction, ...]:
    """What users had sent into blocks, oldest block first; deposits come from L1 by themselves."""
    return tuple(
        tx
        for block in sorted(blocks, key=lambda block: block.number)
        for tx in block.transactions
        if not isinstance(tx, DepositTransaction)
    )
