"""An embedded L1 for development: our own execution on plain Ethereum rules, mined on a clock.

It is a chain like any other: it has its own store, pool and JSON-RPC, and the rollup talks to it
over HTTP as to any L1. On top come what only a development chain can do: mine now, move time, take
back blocks, set balances.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from chain.block import Header
from chain.errors import StemmaError
from chain.heads import BlockId
from chain.state import State
from chain.transaction import DepositTransaction, SignedTransaction
from chain.txpool import PooledTransaction, PoolError
from chain.types import Address, Hash32
from evm.builder import build_block
from evm.engine import ExecutionEngine
from evm.errors import InvalidTransaction
from evm.executor import ExecutionResult, PayloadAttributes
from evm.fees import next_base_fee

from ..actors.clock import DevClock
from ..shared_pool import SharedPool
from ..writer import Writer

logger = logging.getLogger("stemma.dev_l1")

SAFE_DEPTH = 32
FINALIZED_DEPTH = 64
"""As on Ethereum: one and two epochs of 32 slots."""

_FEE_RECIPIENT = Address(b"\x00" * 19 + b"\x01")
_EXTRA_DATA = b"stemma dev L1"
_MAX_MINED_AT_ONCE = 10_000


class DevChainError(StemmaError):
    """A development request cannot be met."""


StatePatch = Callable[[State], None]


@dataclass(frozen=True, slots=True)
class KeptL1:
    """What the embedded L1 goes back to: its head, what waited, and the time it was."""

    head: Hash32
    pool: tuple[PooledTransaction, ...]
    time: float
    next_timestamp: int | None


@dataclass(slots=True)
class DevL1:
    """The miner of the embedded L1."""

    engine: ExecutionEngine
    pool: SharedPool
    writer: Writer
    clock: DevClock
    interval_s: float
    announce: Callable[[], None]
    automine: bool = False
    _patches: list[StatePatch] = field(default_factory=list)
    _snapshots: dict[int, Hash32] = field(default_factory=dict)
    _snapshots_taken: int = 0
    _interval_changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def mine_forever(self) -> None:
        """Mine at every interval until cancelled; interval 0 only mines on request."""
        while True:
            self._interval_changed.clear()
            timeout = self.interval_s or None
            try:
                await asyncio.wait_for(self._interval_changed.wait(), timeout)
            except TimeoutError:
                await self.mine()

    def set_interval(self, interval_s: float) -> None:
        """Change the mining interval; 0 stops interval mining."""
        self.interval_s = interval_s
        self._interval_changed.set()

    async def mine(self, count: int = 1, spacing_s: int | None = None) -> None:
        """Mine blocks now. Raises DevChainError for too many."""
        if not 0 <= count <= _MAX_MINED_AT_ONCE:
            raise DevChainError(f"cannot mine {count} blocks: at most {_MAX_MINED_AT_ONCE}")
        for index in range(count):
            if index and spacing_s:
                self.clock.next_timestamp = self._head().timestamp + spacing_s
            await self.writer.run(self._mine_one)
            self.announce()

    async def patch(self, patch: StatePatch) -> None:
        """Change the state outside of any transaction; a block is mined that holds the change."""
        self._patches.append(patch)
        await self.mine()

    def snapshot(self) -> int:
        """Remember the head; the number names it in `revert`."""
        self._snapshots_taken += 1
        self._snapshots[self._snapshots_taken] = self._head().hash
        return self._snapshots_taken

    async def revert(self, number: int) -> bool:
        """Go back to a snapshot and forget it and all later ones; False if there is none."""
        block_hash = self._snapshots.get(number)
        if block_hash is None:
            return False
        for later in [key for key in self._snapshots if key >= number]:
            del self._snapshots[later]
        await self.writer.run(lambda: self._roll_back(block_hash, keep_transactions=False))
        self.announce()
        return True

    async def reorg(self, depth: int, placed: Sequence[tuple[SignedTransaction, int]] = ()) -> None:
        """Replace the last `depth` blocks by other ones at the same heights.

        Transactions of the old blocks return to the pool and so come again, as on a public chain;
        those of `placed` are mined in the block of their index. Raises DevChainError.
        """
        head = self._head()
        if not 0 < depth <= min(head.number, FINALIZED_DEPTH - 1):
            limit = min(head.number, FINALIZED_DEPTH - 1)
            raise DevChainError(f"cannot reorganise {depth} blocks: 1 to {limit}")
        await self.writer.run(lambda: self._replace(depth, placed))
        self.announce()

    # In the writer's thread

    def keep(self) -> KeptL1:
        """What `restore` needs to come back to the present; blocks, states and blobs stay."""
        clock = self.clock
        return KeptL1(self._head().hash, self.pool.everything(), clock.now(), clock.next_timestamp)

    def require_kept(self, kept: KeptL1) -> None:
        """Raises DevChainError or StateNotAvailable where `restore` would fail."""
        self.engine.state_at(self._header(kept.head))

    def restore(self, kept: KeptL1) -> None:
        """Make head, pool and clock those of `keep`; announcing the head is the caller's."""
        self._roll_back(kept.head, keep_transactions=False)
        state = self.engine.state_at(self._head())
        self.pool.replace(kept.pool, lambda who: (state.get_nonce(who), state.get_balance(who)))
        self.clock.return_to(kept.time, kept.next_timestamp)

    def _header(self, block_hash: Hash32) -> Header:
        header = self.engine.header(block_hash)
        if header is None:
            raise DevChainError(f"block 0x{block_hash.hex()} is not known")
        return header

    def _head(self) -> Header:
        header = self.engine.header(self.engine.heads.unsafe.hash)
        if header is None:
            raise DevChainError("the embedded L1 has no head")
        return header

    def _mine_one(
        self, timestamp: int | None = None, placed: Sequence[SignedTransaction] = ()
    ) -> None:
        parent = self._head()
        attributes = PayloadAttributes(
            parent_hash=parent.hash,
            timestamp=self.clock.block_time(parent.timestamp) if timestamp is None else timestamp,
            prev_randao=Hash32(secrets.token_bytes(32)),
            fee_recipient=_FEE_RECIPIENT,
            gas_limit=parent.gas_limit,
            parent_beacon_block_root=Hash32(secrets.token_bytes(32)),
            transactions=tuple(placed),
            extra_data=_EXTRA_DATA,
        )
        result = self._build(parent, attributes)
        self.engine.commit(result)
        state = self.engine.state_at(result.header)
        senders = set(result.senders)
        self.pool.reset(lambda who: (state.get_nonce(who), state.get_balance(who)), senders)
        logger.debug("mined", extra={"number": parent.number + 1, "hash": result.block.hash.hex()})

    def _build(self, parent: Header, attributes: PayloadAttributes) -> ExecutionResult:
        candidates = self.pool.pending(next_base_fee(self.engine.config, parent))
        if not self._patches:
            return self.engine.build(attributes, candidates, rejected=self._reject)
        state = self.engine.state_at(parent)
        patches, self._patches = self._patches, []
        for patch in patches:
            patch(state)
        state.begin_transaction()
        return build_block(
            self.engine.config,
            parent,
            attributes,
            state,
            block_hash=self._canonical_hash,
            candidates=candidates,
            rejected=self._reject,
        )

    def _reject(self, candidate: PooledTransaction, error: InvalidTransaction) -> None:
        if not error.may_become_valid:
            self.pool.remove([candidate.hash])

    def _canonical_hash(self, number: int) -> Hash32 | None:
        header = self.engine.header_by_number(number)
        return None if header is None else header.hash

    def _roll_back(self, block_hash: Hash32, *, keep_transactions: bool) -> list[Header]:
        """Make an ancestor the head; the headers that left, oldest first."""
        target = self._header(block_hash)
        dropped: list[Header] = []
        transactions: list[tuple[SignedTransaction, Address]] = []
        header = self._head()
        while header.number > target.number:
            dropped.append(header)
            transactions[:0] = self._sent_in(header.hash)
            parent = self.engine.header(header.parent_hash)
            if parent is None:
                break
            header = parent
        self.engine.set_heads(unsafe=BlockId(target.number, target.hash))
        state = self.engine.state_at(target)
        self.pool.reset(lambda who: (state.get_nonce(who), state.get_balance(who)))
        if keep_transactions:
            self._return_to_pool(transactions, state)
        return dropped[::-1]

    def _sent_in(self, block_hash: Hash32) -> list[tuple[SignedTransaction, Address]]:
        """The transactions of a block and who sent each, impersonated or by signature."""
        block, senders = self.engine.block(block_hash), self.engine.senders(block_hash)
        if block is None or senders is None:
            return []
        return [
            (transaction, sender)
            for transaction, sender in zip(block.transactions, senders, strict=True)
            if not isinstance(transaction, DepositTransaction)
        ]

    def _return_to_pool(
        self, transactions: Sequence[tuple[SignedTransaction, Address]], state: State
    ) -> None:
        for transaction, sender in transactions:
            nonce, balance = state.get_nonce(sender), state.get_balance(sender)
            try:
                self.pool.add(transaction, sender, nonce, balance)
            except PoolError as error:
                logger.info("reorganised away for good: %s", error)

    def _replace(self, depth: int, placed: Sequence[tuple[SignedTransaction, int]]) -> None:
        ancestor = self.engine.header_by_number(self._head().number - depth)
        if ancestor is None:
            raise DevChainError(f"no block {depth} below the head")
        dropped = self._roll_back(ancestor.hash, keep_transactions=True)
        for index, old in enumerate(dropped):
            forced = [transaction for transaction, at in placed if at == index]
            self._mine_one(old.timestamp, forced)
