"""What the node does with its peers: blocks ahead of L1, and transactions for the sequencer.

    sealed block → signed → BLOCKS          pooled transaction → batches → TRANSACTIONS
    BLOCKS → signature, time → forwarded    → import, fetching what lies between
    TRANSACTIONS → our own pool's rules     → forwarded if it took any

A signed block that does not fit on the unsafe head is followed only when its chain is longer and
leaves ours at or above the safe head: a replayed old block moves nothing back. What L1 says comes
from derivation alone. Knows no sockets.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

from chain import rlp
from chain.block import Block, Header
from chain.crypto.secp256k1 import address_of
from chain.errors import DecodeError, StemmaError
from chain.heads import BlockId
from chain.transaction import Transaction
from chain.txpool import PooledTransaction, PoolError
from chain.types import Address, Hash32
from genesis.config import RollupConfig

from ..chain_runtime import ChainRuntime
from ..l1.block_signer import unsafe_block_signer
from ..l1.json_rpc import JsonRpcClient
from ..p2p.gossip import Verdict
from ..p2p.handshake import Hello, Role
from ..p2p.identity import NodeId
from ..p2p.message import (
    GetBlocks,
    GetHeaders,
    HeadStatus,
    Request,
    Response,
    Status,
    Topic,
)
from ..p2p.scoring import Offence
from ..p2p.server import P2PServer
from ..p2p.sync import BlockRange, HeaderChain, WrongAnswer
from ..p2p.unsafe_block import read_signed_block, sign_block
from ..rpc.errors import RpcError
from ..rpc.events import HeadChange
from ..rpc.net import client_version
from ..rpc.parameters import LATEST
from .answering import answer

logger = logging.getLogger("stemma.gossip")

FLUSH_S: Final = 0.05
BATCH_BYTES: Final = 128 * 1024
BATCH_TRANSACTIONS: Final = 200
RESEND_AFTER_S: Final = 6.0
RESEND_EVERY_S: Final = 2.0
LEAST_SHARE: Final = 64
"""Of those at once for an account, however many accounts wait."""
RESENT_AT_ONCE: Final = 1000
"""Transactions that were taken from users here and wait for a block: told again, the oldest first.

A busy peer drops what it has no time for, and a pool takes only so many ahead of a gap."""

MAX_FUTURE_S: Final = 5
MAX_AGE_S: Final = 60
"""OP Stack specs, rollup-node-p2p.md: a block from further in the past or future is ignored."""

MAX_GAP_BLOCKS: Final = 20_000
"""More than that is left to derivation."""

MAX_WAITING: Final = 64
SIGNER_EVERY_S: Final = 12.0
_REMEMBERED: Final = 65_536
_RETRY_S: Final = 1.0


class Clock(Protocol):
    """Seconds since the Unix epoch."""

    def now(self) -> float:
        """The time."""
        ...


@dataclass(frozen=True, slots=True)
class GossipingOptions:
    """What this node is to others. `signer_key` is the sequencer's, None for who does not sign."""

    role: Role
    signer_key: bytes | None
    fork: str
    fork_id: bytes


class Gossiping:
    """The node's side of the network; `server` carries it."""

    def __init__(
        self,
        chain: ChainRuntime,
        rollup: RollupConfig,
        l1: JsonRpcClient,
        clock: Clock,
        readers: ThreadPoolExecutor,
        options: GossipingOptions,
    ) -> None:
        """Nothing is sent before `server` is set."""
        self._chain = chain
        self._rollup = rollup
        self._l1 = l1
        self._clock = clock
        self._readers = readers
        self._options = options
        self.server: P2PServer | None = None
        self.signer: Address | None = (
            None if options.signer_key is None else address_of(options.signer_key)
        )
        self._waiting: OrderedDict[Hash32, Block] = OrderedDict()
        self._arrived = asyncio.Event()
        self._from_peers: OrderedDict[Hash32, float] = OrderedDict()
        self._own: OrderedDict[Hash32, float] = OrderedDict()
        self._told_again = 0
        self._judging = asyncio.Lock()
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._flushing: asyncio.TimerHandle | None = None
        chain.backend.events.on_pending.append(self._on_pending)
        chain.backend.events.on_head.append(self._on_head)

    # -- what the server asks

    def hello(self) -> Hello:
        """Chain, rules and head."""
        head = self._chain.engine.heads.unsafe
        return Hello(
            chain_id=self._rollup.l2_chain_id,
            genesis_hash=self._rollup.genesis.l2.hash,
            fork=self._options.fork,
            fork_id=self._options.fork_id,
            role=self._options.role,
            head_number=head.number,
            head_hash=head.hash,
            listen_port=0 if self.server is None else self.server.port,
            agent=client_version()[:64],
        )

    async def validate(self, peer: NodeId, topic: Topic, payload: bytes) -> Verdict:
        """Judge a gossiped payload, and use it."""
        if topic is Topic.BLOCKS:
            return self._judge_block(payload)
        if topic is Topic.TRANSACTIONS:
            loop = asyncio.get_running_loop()
            async with self._judging:  # in order: an account's come after one another
                return await loop.run_in_executor(self._readers, self._judge_batch, payload)
        return Verdict.IGNORE

    async def serve(self, request: Request) -> tuple[Status, tuple[bytes, ...]]:
        """Answer a request from the store."""
        loop = asyncio.get_running_loop()
        items = await loop.run_in_executor(self._readers, answer, self._chain.engine, request)
        return (Status.OK if items else Status.UNKNOWN), tuple(items)

    # -- transactions

    def _on_pending(self, transaction: Transaction, sender: Address) -> None:
        """The pool took a transaction: pass it on, unless a peer has brought it."""
        if transaction.hash in self._from_peers or self.server is None:
            return
        self._own[transaction.hash] = self._clock.now()
        while len(self._own) > _REMEMBERED:
            self._own.popitem(last=False)
        self._send(transaction.encode())

    def _send(self, raw: bytes) -> None:
        """Add to the batch that goes next."""
        if self._batch and self._batch_bytes + len(raw) > BATCH_BYTES:
            self._flush()
        self._batch.append(raw)
        self._batch_bytes += len(raw)
        if len(self._batch) >= BATCH_TRANSACTIONS:
            self._flush()
        elif self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        if self._batch and self.server is not None:
            batch, self._batch, self._batch_bytes = self._batch, [], 0
            self.server.publish(Topic.TRANSACTIONS, rlp.encode(batch))

    async def _resend_own(self) -> None:
        while True:
            await asyncio.sleep(RESEND_EVERY_S)
            self.resend(self._clock.now())

    def resend(self, now: float) -> int:
        """Tell again of transactions of our users that have waited; how many. Forgets the others
        that are no longer in the pool: they are in a block, or nobody wants them any more.

        With one that is due go all of its account, in the order of their nonces: pools take only so
        many ahead of a gap, and whatever stands in front of them has to come first.
        """
        accounts: dict[Address, list[PooledTransaction]] = {}
        for tx_hash, at in list(self._own.items()):
            if now - at < RESEND_AFTER_S:
                break  # in order of time
            pooled = self._chain.pool.get(tx_hash)
            if pooled is None:
                del self._own[tx_hash]
            else:
                accounts.setdefault(pooled.sender, [])
        if not accounts:
            return 0
        for tx_hash in self._own:
            pooled = self._chain.pool.get(tx_hash)
            if pooled is not None and pooled.sender in accounts:
                accounts[pooled.sender].append(pooled)
        share = max(LEAST_SHARE, RESENT_AT_ONCE // len(accounts))
        waiting = [
            pooled
            for own in accounts.values()
            for pooled in sorted(own, key=lambda pooled: pooled.tx.nonce)[:share]
        ][:RESENT_AT_ONCE]
        for pooled in waiting:
            self._own[pooled.hash] = now
            self._own.move_to_end(pooled.hash)
        self._tell_again([pooled.tx.encode() for pooled in waiting])
        return len(waiting)

    def _tell_again(self, raws: list[bytes]) -> None:
        """Send transactions in batches of their own, each with a number that no batch had before:
        a batch of the same bytes as one of the last two minutes is passed over by everybody.
        """
        self._flush()
        for batch in _batches(raws):
            self._told_again += 1
            mark: rlp.RLPItem = [rlp.encode_int(self._told_again)]
            if self.server is not None:
                self.server.publish(Topic.TRANSACTIONS, rlp.encode([*batch, mark]))

    def _judge_batch(self, payload: bytes) -> Verdict:
        """Try each transaction on the pool; in a reader's thread."""
        try:
            batch = rlp.decode_list(rlp.decode(payload), "transaction batch")
            if batch and isinstance(batch[-1], list):
                (mark,) = rlp.decode_list(batch.pop(), "mark of a batch", length=1)
                rlp.decode_int(mark, "mark of a batch", max_bytes=8)
            raws = [rlp.decode_bytes(item, "transaction") for item in batch]
        except DecodeError:
            return Verdict.REJECT
        if not 0 < len(raws) <= BATCH_TRANSACTIONS:
            return Verdict.REJECT
        try:
            worth = [self._is_worth(raw) for raw in raws]
        except DecodeError:
            return Verdict.REJECT
        return Verdict.ACCEPT if any(worth) else Verdict.IGNORE

    def _is_worth(self, raw: bytes) -> bool:
        """Whether to pass a transaction on. Raises DecodeError for one that is malformed.

        One that waits here already is passed on again after a while: somebody behind us lacks it,
        or its node would not tell of it again.
        """
        heard: list[tuple[Hash32, float]] = []
        try:
            self._chain.backend.submit_raw(raw, lambda tx_hash: heard.append(self._heard(tx_hash)))
        except DecodeError:
            raise
        except (PoolError, RpcError, StemmaError) as error:
            logger.debug("a peer's transaction: %s", error)
            is_waiting = bool(heard) and self._chain.pool.get(heard[0][0]) is not None
            if not is_waiting or self._clock.now() - heard[0][1] < RESEND_AFTER_S / 2:
                return False
        self._from_peers[heard[0][0]] = self._clock.now()
        return True

    def _heard(self, tx_hash: Hash32) -> tuple[Hash32, float]:
        """Note that peers have a transaction; when it was last passed on, if it was."""
        before = self._from_peers.setdefault(tx_hash, self._clock.now())
        self._from_peers.move_to_end(tx_hash)
        while len(self._from_peers) > _REMEMBERED:
            self._from_peers.popitem(last=False)
        return tx_hash, before

    # -- blocks

    def sealed(self, block: Block) -> None:
        """Tell the network of a block that this node has sequenced."""
        key = self._options.signer_key
        if key is not None and self.server is not None:
            payload = sign_block(block, self._rollup.l2_chain_id, key)
            self.server.publish(Topic.BLOCKS, payload)

    def _judge_block(self, payload: bytes) -> Verdict:
        if self.signer is None:
            return Verdict.IGNORE
        try:
            block, signer = read_signed_block(
                payload, self._rollup.l2_chain_id, self._chain.pool.decoded
            )
        except DecodeError:
            return Verdict.REJECT
        if signer != self.signer:
            return Verdict.REJECT
        age_s = self._clock.now() - block.header.timestamp
        if not -MAX_FUTURE_S <= age_s <= MAX_AGE_S:
            return Verdict.IGNORE
        if block.number > self._chain.engine.heads.unsafe.number:
            self._waiting[block.hash] = block
            while len(self._waiting) > MAX_WAITING:
                self._waiting.popitem(last=False)
            self._arrived.set()
        return Verdict.ACCEPT

    async def run(self) -> None:
        """Import what has arrived, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_signer())
            if self._options.signer_key is None:
                group.create_task(self._resend_own())
                group.create_task(self._import_blocks())

    async def _follow_signer(self) -> None:
        """Ask L1 who may sign blocks: SystemConfig.unsafeBlockSigner."""
        while True:
            try:
                contract = self._rollup.l1_system_config_address
                signer = await unsafe_block_signer(self._l1, contract)
            except StemmaError as error:
                logger.warning("who signs blocks is not known: %s", error)
                await asyncio.sleep(_RETRY_S)
                continue
            if signer != self.signer and self._options.signer_key is not None:
                logger.warning("L1 names another signer of blocks: 0x%s", signer.hex())
            elif signer != self.signer:
                logger.info("blocks are signed by 0x%s", signer.hex())
                self.signer = signer
            await asyncio.sleep(SIGNER_EVERY_S)

    async def _import_blocks(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            await self.import_waiting()

    async def import_waiting(self) -> None:
        """Import the signed blocks that have arrived, and fetch what lies before them."""
        while self._waiting:
            newest = max(self._waiting.values(), key=lambda block: block.number)
            unsafe = self._chain.engine.heads.unsafe
            if newest.number <= unsafe.number:
                self._waiting.clear()
                return
            children = [b for b in self._waiting.values() if b.header.parent_hash == unsafe.hash]
            block = children[0] if children else newest
            del self._waiting[block.hash]
            try:
                if children:
                    await self._insert(block, unsafe, block.number)
                else:
                    await self._reach(block)
            except StemmaError as error:
                logger.warning("block %d of the sequencer: %s", block.number, error)

    async def _insert(self, block: Block, parent: BlockId, reaches: int) -> None:
        """Execute a block on a parent that is, or becomes, the unsafe head.

        `reaches` is the height of the signed block that it leads to: ours is left for a longer
        chain only.
        """

        def insert() -> bool:
            engine = self._chain.engine
            heads = engine.heads
            if engine.header(block.hash) is not None and self._is_canonical(block):
                return False
            if heads.unsafe.hash != parent.hash:
                if reaches <= heads.unsafe.number or parent.number < heads.safe.number:
                    return False
                engine.set_heads(unsafe=parent)
            engine.import_block(block)
            return True

        if await self._chain.writer.run(insert):
            self._chain.backend.events.announce_head()

    def _is_canonical(self, block: Block) -> bool:
        header = self._chain.engine.header_by_number(block.number)
        return header is not None and header.hash == block.hash

    async def _reach(self, block: Block) -> None:
        """Fetch and insert what lies between our chain and a signed block, then the block."""
        headers = await self._headers_to(block)
        if headers is None:
            return
        blocks = BlockRange(headers)
        number = headers[0].number - 1
        parent = BlockId(number, headers[0].parent_hash)
        while not blocks.is_complete:
            if not await self._fetch_some(blocks):
                logger.info("blocks from %d on: nobody has them now", number + 1)
                return
            for fetched in blocks.ready():
                await self._insert(fetched, parent, block.number)
                parent = BlockId(fetched.number, fetched.hash)
        await self._insert(block, parent, block.number)

    async def _headers_to(self, block: Block) -> list[Header] | None:
        """The headers between our chain and a block; None where they cannot be had, or lead
        nowhere.
        """
        heads = self._chain.engine.heads
        if block.number - heads.safe.number > MAX_GAP_BLOCKS:
            return None
        top, top_hash = block.number - 1, block.header.parent_hash
        for bottom in (heads.unsafe, heads.safe):
            if top <= bottom.number:
                continue
            chain = HeaderChain(top, top_hash, bottom.number + 1)
            while not chain.is_complete:
                start, count = chain.next_range()
                if not await self._ask_right(
                    start + count - 1,
                    lambda key, s=start, c=count: GetHeaders(key, s, c),  # type: ignore[misc]
                    lambda response, c=chain: c.take(response.items),  # type: ignore[misc]
                ):
                    return None
            if chain.lowest_parent == bottom.hash:
                return list(chain.headers)
        logger.info("block %d does not descend from the safe head", block.number)
        return None

    async def _fetch_some(self, blocks: BlockRange) -> bool:
        asked = blocks.next_range(2**63)
        if asked is None:
            return True
        start, count = asked
        done = await self._ask_right(
            start,
            lambda key: GetBlocks(key, start, count),
            lambda response: blocks.take(start, count, response.items),
        )
        if not done:
            blocks.give_up(start, count)
        return done

    async def _ask_right(
        self,
        number: int,
        make: Callable[[int], Request],
        use: Callable[[Response], None],
    ) -> bool:
        """Ask those that say they have a block, one after another, until one is right."""
        server = self.server
        if server is None:
            return False
        overlay = server.overlay
        able = [p for p in overlay.peers.values() if p.head_number >= number]
        able.sort(key=lambda p: -overlay.scores.score(p.node_id, self._clock.now()))
        for peer in able:
            response = await server.ask(peer.node_id, make)
            if response is None or response.status == Status.BUSY:
                continue
            now = self._clock.now()
            if response.status != Status.OK:
                overlay.penalise(peer.node_id, Offence.LYING_HEAD, now)
                continue
            try:
                use(response)
            except WrongAnswer as error:
                logger.warning("peer %s: %s", peer.node_id.hex()[:8], error)
                overlay.judge(peer.node_id, is_right=False, now=now)
                continue
            overlay.judge(peer.node_id, is_right=True, now=now)
            return True
        return False

    # -- the head

    def _on_head(self, change: HeadChange) -> None:
        """Tell peers how far we are, and the pool of what was included."""
        heads = self._chain.engine.heads
        if self.server is not None:
            self.server.broadcast(
                HeadStatus(heads.unsafe.number, heads.unsafe.hash, heads.safe.number)
            )
        if self._options.signer_key is not None:
            return
        senders: set[Address] = set()
        for header in change.added:
            senders.update(self._chain.engine.senders(header.hash) or ())
        if senders:
            state = self._chain.backend.state(LATEST)
            self._chain.pool.reset(
                lambda who: (state.get_nonce(who), state.get_balance(who)), senders
            )


def _batches(raws: list[bytes]) -> Iterator[list[bytes]]:
    """Cut transactions into batches of at most 200 and about 128 KiB."""
    batch: list[bytes] = []
    size = 0
    for raw in raws:
        if batch and (size + len(raw) > BATCH_BYTES or len(batch) == BATCH_TRANSACTIONS):
            yield batch
            batch, size = [], 0
        batch.append(raw)
        size += len(raw)
    if batch:
        yield batch
