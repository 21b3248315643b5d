"""Fetches what a chain can begin with: output, state, blocks below; then begins it.

    output root → GetOutput  → state root and header of the block
    state root  → GetRanges, GetState → the state, written part by part
    header      → GetBlocks  → blocks down to where no batch on L1 can reach any more
    all there   → begin_at: all heads at the block, derivation goes on after it

Nothing is believed that does not hash to the output root. What is written survives a kill; the next
run goes on there. Knows no sockets.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Protocol, TypeVar

from chain import rlp
from chain.block import Block, Header, decode_block, decode_header
from chain.errors import DecodeError, Recovery, StemmaError
from chain.heads import BlockId
from chain.storage import ChainStore
from chain.types import HASH_BYTES, Hash32
from genesis.config import GRANITE_CHANNEL_TIMEOUT, RollupConfig
from rollup.derivation.l2_block import l2_block_ref
from rollup.driver.safe_head_log import META_NAME, SafeHeadEntry, encode_entries
from rollup.wire.output_root import decode_output

from ..p2p.identity import NodeId
from ..p2p.message import GetBlocks, GetOutput, GetRanges, GetState, Request, Response, Status
from ..p2p.overlay import Overlay
from ..p2p.scoring import Budget
from ..p2p.state_ranges import CodesWanted, Progress, RangesWanted, StateRanges
from ..p2p.sync import ANSWER_BYTES, WrongAnswer
from .note import NOTE
from .standing import Phase, Standing
from .trusted_root import TrustedRoot

logger = logging.getLogger("stemma.snapshot")

BLOCKS_A_REQUEST: Final = 512
KEPT_ANCESTORS: Final = 256
"""So far BLOCKHASH looks back."""

LACKS_S: Final = 20.0
"""A peer that has not what was asked for is asked again after so long."""

PAUSE_S: Final = 0.2
WAITING_REPORT_S: Final = 30.0
REPORT_S: Final = 5.0
_ASKED_PER_S: Final = 15.0
_ASKED_BURST: Final = 40.0
"""Below what a node answers: who asks for more is punished."""

_Found = TypeVar("_Found")


class NoPeerHasState(StemmaError):
    """Peers have said that they do not have the state, or lied about it, and for a while nobody has
    given anything of it; each peer's last word is named.
    """

    recovery: ClassVar[Recovery] = Recovery.RETRY


class Clock(Protocol):
    """Seconds since the Unix epoch."""

    def now(self) -> float:
        """The time."""
        ...


class Asking(Protocol):
    """The network, as far as it is needed."""

    @property
    def overlay(self) -> Overlay:
        """Peers and their scores."""
        ...

    async def ask(self, peer: NodeId, make: Callable[[int], Request]) -> Response | None:
        """Ask a peer; None where no answer came."""
        ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is kept while a state comes: which one, and how far it is."""

    root: TrustedRoot
    progress: Progress

    def encode(self) -> bytes:
        """For a disk."""
        number = rlp.encode_int(self.root.number)
        return rlp.encode([number, self.root.root, self.progress.encode()])

    @staticmethod
    def decode(data: bytes) -> Checkpoint:
        """Read what `encode` wrote. Raises DecodeError."""
        fields = rlp.decode_list(rlp.decode(data), "checkpoint of a snapshot", length=3)
        number = rlp.decode_int(fields[0], "block number", max_bytes=8)
        root = rlp.decode_bytes(fields[1], "output root", size=HASH_BYTES)
        progress = Progress.decode(rlp.decode_bytes(fields[2], "progress"))
        return Checkpoint(TrustedRoot(number, Hash32(root)), progress)


@dataclass(frozen=True, slots=True)
class Joined:
    """What it took."""

    block: BlockId
    progress: Progress
    blocks: int
    blocks_bytes: int
    seconds: float

    def to_json(self, root: TrustedRoot) -> dict[str, object]:
        """For `stemma_snapshot`."""
        return {
            "number": self.block.number,
            "hash": f"0x{self.block.hash.hex()}",
            "outputRoot": f"0x{root.root.hex()}",
            "accounts": self.progress.accounts,
            "slots": self.progress.slots,
            "codes": self.progress.codes,
            "stateBytes": self.progress.size_bytes,
            "blocks": self.blocks,
            "blockBytes": self.blocks_bytes,
            "seconds": round(self.seconds, 1),
        }


@dataclass(slots=True)
class _Peers:
    """Who is asked next, and not too often."""

    network: Asking
    clock: Clock
    patience_s: float
    standing: Standing
    lacks: dict[NodeId, float] = field(default_factory=dict)
    words: dict[NodeId, str] = field(default_factory=dict)
    budgets: dict[NodeId, Budget] = field(default_factory=dict)
    refused_at: float | None = None
    reported: float = 0.0

    async def ask_until_right(
        self, number: int, make: Callable[[int], Request], use: Callable[[Response], _Found]
    ) -> _Found:
        """Ask one peer after another until an answer is right. Raises NoPeerHasState.

        Patience ends only where somebody has said that the state is gone. Without peers, or with
        such as are behind, busy or silent, it waits: what is there already is worth more.
        """
        self.refused_at = None
        while True:
            if not self.network.overlay.peers:
                self.refused_at = None
            for peer in self._able(number):
                found = await self._ask(peer, make, use)
                if found is not None:
                    self.standing.waits_for = ""
                    return found
            self._wait_for(number)
            if self._is_patience_over():
                raise NoPeerHasState(f"for {self.patience_s:.0f} s: {self._last_words()}")
            await asyncio.sleep(PAUSE_S)

    def _is_patience_over(self) -> bool:
        return self.refused_at is not None and self.clock.now() > self.refused_at + self.patience_s

    def _wait_for(self, number: int) -> None:
        """Say why nothing comes, to who asks at once and in the log now and then."""
        peers = self.network.overlay.peers.values()
        behind = sum(peer.head_number < number for peer in peers)
        what = "no peers"
        if peers:
            what = f"{len(peers)} peers, {behind} of them below block {number}"
            if self.words:
                what += f"; {self._last_words()}"
        self.standing.waits_for = what
        if self.clock.now() - self.reported >= WAITING_REPORT_S:
            self.reported = self.clock.now()
            logger.info("waiting: %s", what)

    def _last_words(self) -> str:
        """What each peer that is still there has said last."""
        here = self.network.overlay.peers
        return "; ".join(
            f"{peer.hex()[:8]}: {why}" for peer, why in self.words.items() if peer in here
        )

    def _refused(self) -> None:
        """Somebody has said that there is nothing, or something that is not so."""
        if self.refused_at is None:
            self.refused_at = self.clock.now()

    def _able(self, number: int) -> list[NodeId]:
        overlay, now = self.network.overlay, self.clock.now()
        able = [
            peer.node_id
            for peer in overlay.peers.values()
            if peer.head_number >= number and self.lacks.get(peer.node_id, 0.0) <= now
        ]
        return sorted(able, key=lambda peer: -overlay.scores.score(peer, now))

    async def _ask(
        self, peer: NodeId, make: Callable[[int], Request], use: Callable[[Response], _Found]
    ) -> _Found | None:
        budget = self.budgets.setdefault(peer, Budget(_ASKED_PER_S, _ASKED_BURST))
        if not budget.spend(1, self.clock.now()):
            self.words[peer] = "asked often enough for now"
            return None
        response = await self.network.ask(peer, make)
        if response is None or response.status != Status.OK:
            word = "no answer" if response is None else Status(response.status).name.lower()
            self.words[peer] = word
            if response is not None and response.status != Status.BUSY:
                self.lacks[peer] = self.clock.now() + LACKS_S
                self._refused()
            return None
        overlay = self.network.overlay
        try:
            found = await asyncio.to_thread(use, response)
        except WrongAnswer as error:
            logger.warning("peer %s: %s", peer.hex()[:8], error)
            self.words[peer] = f"wrong: {error}"
            self._refused()
            overlay.judge(peer, is_right=False, now=self.clock.now())
            return None
        overlay.judge(peer, is_right=True, now=self.clock.now())
        return found


class Joining:
    """One attempt at one root; `run` ends with a chain in the store."""

    def __init__(
        self,
        network: Asking,
        store: ChainStore,
        config: RollupConfig,
        genesis: Block,
        clock: Clock,
        root: TrustedRoot,
        *,
        patience_s: float,
        standing: Standing | None = None,
    ) -> None:
        """Go on where the store is, if it holds a part of that very state.

        `standing` hears how far it is.
        """
        self._standing = standing or Standing(config.genesis.l2.number)
        self._standing.begin(root)
        self._peers = _Peers(network, clock, patience_s, self._standing)
        self._store = store
        self._config = config
        self._genesis = genesis
        self._clock = clock
        self._root = root
        self._reported = 0.0
        self.blocks = self.blocks_bytes = 0

    async def run(self) -> Joined:
        """Fetch, check, begin. Raises NoPeerHasState, StorageError."""
        started = self._clock.now()
        header = await self._peers.ask_until_right(
            self._root.number,
            lambda key: GetOutput(key, self._root.number),
            self._header_of,
        )
        progress = await self._state(header)
        pivot = await self._history(header)
        joined = Joined(
            BlockId(pivot.number, pivot.hash),
            progress,
            self.blocks,
            self.blocks_bytes,
            self._clock.now() - started,
        )
        origin = l2_block_ref(self._config, pivot).l1_origin
        notes = {
            META_NAME: encode_entries([SafeHeadEntry(origin, joined.block)]),
            NOTE: json.dumps(joined.to_json(self._root)).encode(),
        }
        await asyncio.to_thread(self._store.begin_at, self._genesis, pivot, notes)
        logger.info("the chain begins at block %s", joined.block)
        return joined

    def _header_of(self, response: Response) -> Header:
        """The header behind the output root."""
        try:
            encoded, *rest = response.items
            output, header = decode_output(encoded), decode_header(rest[0])
        except (DecodeError, ValueError, IndexError) as error:
            raise WrongAnswer(f"output: {error}") from None
        if output.root != self._root.root:
            raise WrongAnswer(f"output of 0x{output.root.hex()}, expected {self._root}")
        matches = header.hash == output.block_hash and header.state_root == output.state_root
        if not matches or header.number != self._root.number:
            raise WrongAnswer(f"output: block {header.number} 0x{header.hash.hex()} is not its own")
        return header

    # -- the state

    async def _state(self, header: Header) -> Progress:
        wanted = StateRanges(self._begun(header), lambda key: self._store.code(key) is not None)
        self._standing.phase, self._standing.progress = Phase.STATE, wanted.progress
        number = header.number
        while not wanted.is_complete:
            asked = wanted.next_request()
            await self._peers.ask_until_right(
                number,
                lambda key, asked=asked: _request(key, asked),  # type: ignore[misc]
                lambda response, asked=asked: self._take(wanted, asked, response),  # type: ignore[misc]
            )
            self._report(wanted.progress)
        return wanted.progress

    def _begun(self, header: Header) -> Progress:
        stored = self._store.joining
        if stored is not None:
            checkpoint = Checkpoint.decode(stored)
            if checkpoint.progress.root == header.state_root:
                logger.info("going on at %.1f %%", 100 * checkpoint.progress.share)
                return checkpoint.progress
        return Progress(bytes(header.state_root))

    def _take(
        self, wanted: StateRanges, asked: RangesWanted | CodesWanted, response: Response
    ) -> bool:
        part = wanted.take(asked, response.items)
        if part is not None:
            checkpoint = Checkpoint(self._root, wanted.progress)
            self._store.put_state(part, checkpoint.encode())
        return True

    def _report(self, progress: Progress) -> None:
        self._standing.progress = progress
        now = self._clock.now()
        if now - self._reported < REPORT_S and not progress.is_complete:
            return
        self._reported = now
        logger.info(
            "state",
            extra={
                "share": f"{100 * progress.share:.1f}%",
                "accounts": progress.accounts,
                "slots": progress.slots,
                "mb": round(progress.size_bytes / 1e6, 1),
                "peers": len(self._peers.network.overlay.peers),
            },
        )

    # -- the blocks below

    async def _history(self, header: Header) -> Block:
        """The block, and those below it that derivation may look at; the block itself."""
        self._standing.phase = Phase.BLOCKS
        number, block_hash = header.number, header.hash
        pivot = await self._peers.ask_until_right(
            number,
            lambda key: GetBlocks(key, number, 1),
            lambda response: self._linked(response, number, 1, block_hash)[0],
        )
        origin = l2_block_ref(self._config, pivot).l1_origin.number
        top, top_hash, count = number - 1, header.parent_hash, BLOCKS_A_REQUEST
        lowest = pivot
        while not self._reaches(lowest, number, origin):
            known = self._store.block(top_hash)
            if known is not None:  # of a run before
                lowest, top, top_hash = known, known.number - 1, known.header.parent_hash
                continue
            count = min(count, top - self._genesis.number)
            start = top - count + 1
            blocks = await self._peers.ask_until_right(
                number,
                lambda key, start=start, count=count: GetBlocks(key, start, count),  # type: ignore[misc]
                lambda response, start=start, count=count, tip=top_hash: self._stored(  # type: ignore[misc]
                    response, start, count, tip
                ),
            )
            if isinstance(blocks, int):  # large ones: fewer at a time
                count = max(1, blocks)
                continue
            lowest, top, top_hash = blocks[0], start - 1, blocks[0].header.parent_hash
        return pivot

    def _reaches(self, lowest: Block, number: int, origin: int) -> bool:
        """Whether no valid batch can begin below: it would be outside of its sequencing window."""
        if lowest.number <= self._genesis.number + 1:
            return True
        config = self._config
        reach = max(config.seq_window_size, config.channel_timeout, GRANITE_CHANNEL_TIMEOUT)
        is_deep = l2_block_ref(config, lowest).l1_origin.number + reach < origin
        return is_deep and number - lowest.number >= KEPT_ANCESTORS

    def _stored(self, response: Response, start: int, count: int, tip: bytes) -> list[Block] | int:
        """The blocks, linked and stored; of an answer that was cut for its size, how many."""
        size = sum(map(len, response.items))
        if len(response.items) < count and 2 * size > ANSWER_BYTES:
            return len(response.items) // 2
        blocks = self._linked(response, start, count, tip)
        self._store.put_history(blocks)
        return blocks

    def _linked(self, response: Response, start: int, count: int, tip: bytes) -> list[Block]:
        """Blocks that lead up to a known hash. Raises WrongAnswer."""
        if len(response.items) != count:
            raise WrongAnswer(f"blocks: {len(response.items)} from {start}, asked for {count}")
        blocks = []
        for item in reversed(response.items):
            try:
                block = decode_block(item)
            except DecodeError as error:
                raise WrongAnswer(f"block: {error}") from None
            if block.hash != tip:
                raise WrongAnswer(f"block 0x{block.hash.hex()}, expected 0x{tip.hex()}")
            blocks.append(block)
            tip = block.header.parent_hash
        self.blocks += count
        self._standing.blocks = self.blocks
        self.blocks_bytes += sum(map(len, response.items))
        return blocks[::-1]


def _request(key: int, asked: RangesWanted | CodesWanted) -> Request:
    if isinstance(asked, CodesWanted):
        return GetState(key, asked.hashes)
    return GetRanges(key, asked.roots, asked.start)
