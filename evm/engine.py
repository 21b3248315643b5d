"""One chain that can be executed, stored and rolled back: the executor joined to a chain store.

Used for the L2 and for the embedded L1. Reading and calling are safe from any thread; building,
committing and moving heads belong to one. Which block to build, and when a head is safe, is decided
above.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from chain.block import Block, Header
from chain.crypto.secp256k1 import InvalidSignature
from chain.heads import BlockId, BlockRef, Heads
from chain.receipt import Receipt
from chain.state import State, StateChanges
from chain.storage import ChainStore
from chain.transaction import Transaction, recover_sender
from chain.txpool import PooledTransaction
from chain.types import Address, Hash32
from chain.watched_state import WatchedState
from genesis.config import ChainConfig

from .block_check import Merge, check_header, check_ommers, check_parent
from .builder import Rejected, build_block
from .call import AccountOverride, BlockOverride, CallRequest, CallResult, Simulator
from .environment import BlockEnvironment, BlockHashOf, Outcome
from .errors import InvalidBlock, UnknownBlock
from .executor import BlockExecution, ExecutionResult, PayloadAttributes, Work, execute_block
from .fees import blob_base_fee
from .forks import NO_LIMIT, rules_of
from .kept_state import reader_at
from .replay import BlockReplay
from .simulate import Simulation
from .tracing import Tracer

DEFAULT_CALL_GAS = 50_000_000
_READ_AHEAD_FROM = 64
"""Transactions in a block from which on a thread is worth its start."""

_BLOCKS_PER_STATE = 64
_ENTRIES_PER_STATE = 40_000
"""One State serves so many blocks, or until it holds so many accounts and slots; then a fresh one
takes over, so that its caches stay small: about a kilobyte for each entry, trie nodes included.
"""


class ExecutionEngine:
    """Executes and keeps one chain. Made by `open`."""

    def __init__(self, config: ChainConfig, store: ChainStore) -> None:
        self.config = config
        self.store = store
        self._warm_state: tuple[Hash32, State] | None = None
        self._blocks_on_state = 0
        self._merge = Merge(config, store.header)
        self.recover_ahead: Callable[[Sequence[Transaction]], None] = _leave_to_executor
        """Hears the transactions of a block that others built, before they are executed one by one;
        it may find out their senders in a better way.
        """

    @classmethod
    def open(
        cls, store: ChainStore, config: ChainConfig, genesis: tuple[Block, StateChanges]
    ) -> ExecutionEngine:
        """Open the chain of a store, or begin it with the genesis block and state in an empty one.

        Raises UnknownBlock where the store holds a chain with another genesis.
        """
        block, changes = genesis
        if store.heads() is None:
            heads = Heads.at_genesis(BlockId(block.number, block.hash))
            store.commit(block, (), (), changes, heads)
        stored = store.canonical_hash(block.number)
        if stored != block.hash:
            found = "none" if stored is None else f"0x{stored.hex()}"
            raise UnknownBlock(
                f"genesis block {block.number}: the store has {found}, "
                f"the configuration gives 0x{block.hash.hex()}"
            )
        return cls(config, store)

    # -- reading

    @property
    def heads(self) -> Heads:
        """Unsafe, safe and finalized head. Raises UnknownBlock on a store without a chain."""
        heads = self.store.heads()
        if heads is None:
            raise UnknownBlock("the store holds no chain")
        return heads

    def header(self, block_hash: Hash32) -> Header | None:
        """The header of that hash, canonical or not."""
        return self.store.header(block_hash)

    def header_by_number(self, number: int) -> Header | None:
        """The canonical header of that number."""
        return self.store.canonical_header(number)

    def block(self, block_hash: Hash32) -> Block | None:
        """The block of that hash, canonical or not."""
        return self.store.block(block_hash)

    def block_by_number(self, number: int) -> Block | None:
        """The canonical block of that number."""
        block_hash = self.store.canonical_hash(number)
        return None if block_hash is None else self.store.block(block_hash)

    def receipts(self, block_hash: Hash32) -> tuple[Receipt, ...] | None:
        """The receipts of a block, in the order of its transactions."""
        return self.store.receipts(block_hash)

    def senders(self, block_hash: Hash32) -> tuple[Address, ...] | None:
        """Who sent each transaction of a block."""
        return self.store.senders(block_hash)

    def transaction_location(self, transaction_hash: Hash32) -> tuple[Hash32, int] | None:
        """Block hash and index of a transaction of the canonical chain."""
        found = self.store.transaction_location(transaction_hash)
        return None if found is None else (found.block_hash, found.index)

    def state_at(self, header: Header) -> State:
        """A fresh State at the end of a block.

        Raises UnknownBlock where it is not there, StateNotAvailable where it has been dropped; the
        latter also later, when it is dropped while it is read.
        """
        return State(reader_at(self.store, header), header.state_root)

    # -- building and storing

    def build(
        self,
        attributes: PayloadAttributes,
        candidates: Iterable[PooledTransaction] = (),
        *,
        rejected: Rejected | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> ExecutionResult:
        """Execute the attributes' transactions and then candidates; stores nothing.

        Raises UnknownBlock for an unknown parent, InvalidTransaction for one of the attributes'.
        """
        self.recover_ahead(attributes.transactions)
        parent = self._known(attributes.parent_hash)
        return build_block(
            self.config,
            parent,
            attributes,
            self._state_for(parent),
            block_hash=self._ancestors(parent),
            candidates=candidates,
            rejected=rejected,
            stop=stop,
        )

    def try_build(
        self, attributes: PayloadAttributes, candidates: Iterable[PooledTransaction] = ()
    ) -> ExecutionResult:
        """As `build`, on a state of its own, so that any thread may try. Raises as `build`."""
        parent = self._known(attributes.parent_hash)
        return build_block(
            self.config,
            parent,
            attributes,
            self.state_at(parent),
            block_hash=self._ancestors(parent),
            candidates=candidates,
        )

    def commit(self, result: ExecutionResult, *, is_safe: bool = False) -> None:
        """Store a block, its state and its receipts, and make it the unsafe head, and the safe head
        with it where L1 has it already: one synced write.

        Raises InvalidHeadMove where its parent is not the unsafe head.
        """
        header = result.header
        reference = BlockRef(header.number, header.hash, header.parent_hash, header.timestamp)
        heads = self.heads.extended(reference)
        if is_safe:
            heads = heads.moved(safe=reference.id)
        self.store.commit(
            result.block, result.receipts, result.senders, result.state_changes, heads
        )
        self._blocks_on_state += 1
        is_small = result.state.size < _ENTRIES_PER_STATE
        if is_small and self._blocks_on_state < _BLOCKS_PER_STATE:
            self._warm_state = (header.hash, result.state)

    def import_block(self, block: Block) -> ExecutionResult:
        """Execute a block that someone else built, compare and commit it.

        Raises InvalidBlock naming the first field that differs, InvalidTransaction, UnknownBlock.
        """
        result = self.execute(block)
        self.commit(result)
        return result

    def execute(self, block: Block) -> ExecutionResult:
        """Execute a given block and compare each field of its header; stores nothing.

        Raises as `import_block`.
        """
        header = block.header
        parent = self._known(header.parent_hash)
        limit = rules_of(self.config, header).max_block_bytes
        if limit != NO_LIMIT and (size := len(block.encode())) > limit:
            raise InvalidBlock(header.hash, header.number, f"{size} bytes, {limit} at most")
        check_parent(self.config, header, parent)
        if not self.config.is_optimism:
            self._merge.check(header, parent)
            check_ommers(self.config, block, self.store.block)
        state = self._state_for(parent)
        self._prepare(block, state)
        result = execute_block(
            self.config,
            parent,
            attributes_of(block),
            state,
            block_hash=self._ancestors(parent),
        )
        check_header(header, result.header)
        return result

    def set_heads(
        self,
        *,
        unsafe: BlockId | None = None,
        safe: BlockId | None = None,
        finalized: BlockId | None = None,
    ) -> tuple[Block, ...]:
        """Move heads in one synced write; unsafe may go back, and so rolls the chain back.

        Returns the blocks that left the canonical chain, highest first. Raises InvalidHeadMove, and
        UnknownBlock of `chain.storage`.
        """
        dropped = self.store.set_heads(
            self.heads.moved(unsafe=unsafe, safe=safe, finalized=finalized)
        )
        blocks = [self.store.block(block_hash) for block_hash in dropped]
        return tuple(block for block in blocks if block is not None)

    # -- trying

    def call(
        self,
        request: CallRequest,
        header: Header,
        *,
        gas_cap: int = DEFAULT_CALL_GAS,
        account_overrides: Mapping[Address, AccountOverride] | None = None,
        block_override: BlockOverride | None = None,
    ) -> CallResult:
        """What a call gives at the end of a block. Raises InvalidTransaction if it cannot start."""
        simulator = self.simulator(header, account_overrides, block_override)
        return simulator.call(request, gas_cap)

    def estimate_gas(
        self,
        request: CallRequest,
        header: Header,
        *,
        gas_cap: int = DEFAULT_CALL_GAS,
        account_overrides: Mapping[Address, AccountOverride] | None = None,
        block_override: BlockOverride | None = None,
    ) -> int:
        """Gas with which a call succeeds at the end of a block. Raises CallFailed."""
        simulator = self.simulator(header, account_overrides, block_override)
        return simulator.estimate_gas(request, gas_cap)

    def simulation(self, header: Header, *, validates: bool, logs_transfers: bool) -> Simulation:
        """A chain of pretended blocks on top of a block. Raises UnknownBlock, UnsupportedFork."""
        return Simulation(
            self.config,
            header,
            self.state_at(header),
            self._ancestors(header),
            validates=validates,
            logs_transfers=logs_transfers,
        )

    def trace_call(
        self,
        request: CallRequest,
        header: Header,
        tracer: Tracer,
        *,
        gas_cap: int = DEFAULT_CALL_GAS,
        account_overrides: Mapping[Address, AccountOverride] | None = None,
        block_override: BlockOverride | None = None,
    ) -> tuple[Outcome, int]:
        """Run a call that `tracer` hears; its outcome and gas used. Raises InvalidTransaction."""
        simulator = self.simulator(header, account_overrides, block_override)
        return simulator.trace(request, gas_cap, tracer)

    def trace(self, block_hash: Hash32, index: int, tracer: Tracer) -> tuple[Outcome, int]:
        """Run a block again up to a transaction, which `tracer` hears; its outcome and gas used.

        Raises UnknownBlock where block, transaction or the parent's state is not there.
        """
        block = self.store.block(block_hash)
        if block is None or not 0 <= index < len(block.transactions):
            raise UnknownBlock(f"block 0x{block_hash.hex()} has no transaction {index} here")
        replay = self.replay(block)
        replay.skip_to(index)
        applied = replay.advance(tracer)
        return applied.outcome, applied.gas_used

    def replay(self, block: Block) -> BlockReplay:
        """A block, stored or not, to be run again one transaction at a time.

        Raises UnknownBlock where the parent or its state is not there, InvalidSignature.
        """
        parent = self._known(block.header.parent_hash)
        senders = self.store.senders(block.hash)
        if senders is None:
            low_s = rules_of(self.config, block.header).has_low_s
            senders = tuple(recover_sender(tx, low_s=low_s) for tx in block.transactions)
        state = self.watched_state_at(parent)
        execution = BlockExecution(
            self.config, parent, attributes_of(block), state, block_hash=self._ancestors(parent)
        )
        return BlockReplay(block, senders, execution, state)

    def watched_state_at(self, header: Header) -> WatchedState:
        """As `state_at`, a State that notes what is looked at."""
        return WatchedState(reader_at(self.store, header), header.state_root)

    # -- inside

    def _known(self, block_hash: Hash32) -> Header:
        header = self.store.header(block_hash)
        if header is None:
            raise UnknownBlock(f"block 0x{block_hash.hex()} is not known")
        return header

    def _state_for(self, parent: Header) -> State:
        """The state of the block before, if it is still at hand; it changes hands here."""
        warm, self._warm_state = self._warm_state, None
        if warm is not None and warm[0] == parent.hash:
            return warm[1]
        self._blocks_on_state = 0
        return self.state_at(parent)

    def _prepare(self, block: Block, state: State) -> None:
        """Find out the senders of a block; meanwhile read what its recipients need of the state."""
        transactions = block.transactions
        if len(transactions) < _READ_AHEAD_FROM:
            self.recover_ahead(transactions)
            return
        recipients = {tx.to for tx in transactions if tx.to is not None}
        with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as thread:
            reading = thread.submit(state.read_ahead, recipients, self.store.nodes)
            self.recover_ahead(transactions)
            senders = set()
            if rules_of(self.config, block.header).has_low_s:
                with suppress(InvalidSignature):  # the executor will say which one it is
                    senders = {recover_sender(tx) for tx in transactions}
            reading.result()
        state.read_ahead(senders - recipients, self.store.nodes)

    def _ancestors(self, parent: Header) -> BlockHashOf:
        """Hashes of `parent` and the blocks before it, also where they are not canonical."""
        if self.store.is_canonical(BlockId(parent.number, parent.hash)):
            return self.store.canonical_hash

        def walk(number: int) -> Hash32 | None:
            header: Header | None = parent
            while header is not None and header.number > number:
                header = self.store.header(header.parent_hash)
            return None if header is None else header.hash

        return walk

    def simulator(
        self,
        header: Header,
        account_overrides: Mapping[Address, AccountOverride] | None = None,
        block_override: BlockOverride | None = None,
        *,
        state: State | None = None,
    ) -> Simulator:
        """What tries calls at the end of a block, on `state` where one is given.

        Raises UnknownBlock where the state is not kept.
        """
        rules = rules_of(self.config, header)
        randao = header.prev_randao
        if rules.work is not None:
            randao = Hash32(header.difficulty.to_bytes(32, "big"))
        environment = BlockEnvironment(
            chain_id=self.config.chain_id,
            number=header.number,
            timestamp=header.timestamp,
            coinbase=header.beneficiary,
            prev_randao=randao,
            gas_limit=header.gas_limit,
            base_fee=header.base_fee_per_gas or 0,
            blob_base_fee=blob_base_fee(header.excess_blob_gas or 0, rules.blobs),
            block_hash=self._ancestors(header),
            rules=rules,
        )
        return Simulator(
            self.state_at(header) if state is None else state,
            environment,
            account_overrides=account_overrides,
            block_override=block_override,
        )


def _leave_to_executor(_: Sequence[Transaction]) -> None:
    """Recover nothing ahead."""


def attributes_of(block: Block) -> PayloadAttributes:
    """The attributes from which a block is made again."""
    header = block.header
    return PayloadAttributes(
        parent_hash=header.parent_hash,
        timestamp=header.timestamp,
        prev_randao=header.prev_randao,
        fee_recipient=header.beneficiary,
        gas_limit=header.gas_limit,
        parent_beacon_block_root=header.parent_beacon_block_root or Hash32(bytes(32)),
        transactions=block.transactions,
        extra_data=header.extra_data,
        withdrawals=block.withdrawals or (),
        work=Work(header.nonce, block.ommers) if header.difficulty else None,
    )
