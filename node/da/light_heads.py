"""The unsafe head as a light node follows it: headers of blocks that the sequencer has signed.

    signed block → signature, time → forwarded → its header is kept, with the L1 origin it names
    a gap        → GetHeaders      → headers whose hashes lead down from the signed one

Nothing is executed and no transaction is kept. That the sequencer has signed a block says that it
wants it; whether it stands is said here by what can be seen without a state: that L1 has its
origin, that what L1 certified up to there is available, and that the sequencer has not signed
another block of the same number. The newest 1,024 headers survive a restart.

    "h" L2 number   hash, parent, time (u64), L1 origin: number (u64), hash; zeros where not known
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from chain.block import Block, Header
from chain.errors import DecodeError
from chain.heads import BlockId
from chain.storage.kv import KeyValueStore
from chain.types import HASH_BYTES, Address, Hash32
from genesis.config import RollupConfig
from rollup.derivation.errors import CorruptDerivation
from rollup.derivation.l2_block import l1_attributes_of

from ..p2p.gossip import Verdict
from ..p2p.identity import NodeId
from ..p2p.message import GetHeaders, Request, Response, Status
from ..p2p.overlay import Overlay
from ..p2p.sync import HeaderChain, WrongAnswer
from ..p2p.unsafe_block import read_signed_block

logger = logging.getLogger("stemma.light")

KEPT_HEADS: Final = 1024
"""Half an hour of blocks every two seconds."""

MAX_CONFLICTS: Final = 64
MAX_FUTURE_S: Final = 5
MAX_AGE_S: Final = 60
"""As nodes with a chain judge blocks: OP Stack specs, rollup-node-p2p.md."""

SIGNER_EVERY_S: Final = 12.0
_HEADS: Final = b"h"
_U64: Final = 8
_NOWHERE: Final = bytes(HASH_BYTES)
_RECORD_BYTES: Final = 3 * HASH_BYTES + 2 * _U64


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
class L1View:
    """What is asked of L1. Both raise L1Unreachable and kin.

    `signer` says who may sign blocks, `l1_number` the number of a canonical block, None where
    there is none of that hash.
    """

    signer: Callable[[], Awaitable[Address]]
    l1_number: Callable[[bytes], Awaitable[int | None]]


@dataclass(frozen=True, slots=True)
class LightHead:
    """An L2 block by its header; `l1_origin` is None where only the header is here, or where the
    block names none.
    """

    number: int
    hash: Hash32
    parent_hash: Hash32
    timestamp: int
    l1_origin: BlockId | None = None

    @staticmethod
    def of_block(block: Block) -> LightHead:
        """Of a whole block."""
        try:
            attributes = l1_attributes_of(block)
            origin = BlockId(attributes.number, attributes.hash)
        except CorruptDerivation:
            origin = None
        return LightHead.of_header(block.header, origin)

    @staticmethod
    def of_header(header: Header, origin: BlockId | None = None) -> LightHead:
        """Of a header, whose block's origin is not known here but for `origin`."""
        return LightHead(header.number, header.hash, header.parent_hash, header.timestamp, origin)

    def encode(self) -> bytes:
        """For a disk; the number is the key's."""
        origin = self.l1_origin or BlockId(0, Hash32(_NOWHERE))
        return (
            self.hash
            + self.parent_hash
            + self.timestamp.to_bytes(_U64, "big")
            + origin.number.to_bytes(_U64, "big")
            + origin.hash
        )

    @staticmethod
    def decode(number: int, record: bytes) -> LightHead:
        """Read what `encode` wrote. Raises DecodeError."""
        if len(record) != _RECORD_BYTES:
            raise DecodeError(
                f"L2 head {number}: {len(record)} bytes, expected {_RECORD_BYTES}; remove the "
                "node's directory `light`, it reads L1 again"
            )
        at = 2 * HASH_BYTES
        timestamp = int.from_bytes(record[at : at + _U64], "big")
        origin_number = int.from_bytes(record[at + _U64 : at + 2 * _U64], "big")
        origin_hash = record[at + 2 * _U64 :]
        return LightHead(
            number,
            Hash32(record[:HASH_BYTES]),
            Hash32(record[HASH_BYTES:at]),
            timestamp,
            None if origin_hash == _NOWHERE else BlockId(origin_number, Hash32(origin_hash)),
        )


def refusal(
    head: LightHead, *, other: Hash32 | None, has_origin: bool, l1_read: int, l1_accepted: int
) -> str | None:
    """Why an unsafe head is refused; None where it is not.

    `other` is another signed block of its number, `has_origin` whether L1 has the origin it names.
    """
    if other is not None:
        return f"the sequencer has signed another block of that number, 0x{other.hex()}"
    if head.l1_origin is None:
        return "it does not open with L1 attributes, so it names no L1 origin"
    if not has_origin:
        return f"its L1 origin {head.l1_origin} is not canonical"
    origin = head.l1_origin.number
    if origin > l1_read:
        return f"its L1 origin is block {origin}, L1 was read up to {l1_read}"
    if origin > l1_accepted:
        return f"it builds on L1 block {origin}, data are known to be available up to {l1_accepted}"
    return None


class HeadWatch:
    """Follows the headers of one chain; `judge` is fed by the network, `look` cranked."""

    def __init__(
        self, config: RollupConfig, store: KeyValueStore, l1: L1View, now: Callable[[], float]
    ) -> None:
        """Begin with what a run before has kept. Raises DecodeError."""
        self._chain_id = config.l2_chain_id
        self._genesis = config.genesis.l2
        self._store = store
        self._l1 = l1
        self._now = now
        self.signer: Address | None = None
        self._signer_asked = float("-inf")
        self._kept: OrderedDict[int, LightHead] = OrderedDict()
        for key, record in store.scan(_HEADS):
            number = int.from_bytes(key[1:], "big")
            self._kept[number] = LightHead.decode(number, record)
        self._conflicts: OrderedDict[int, Hash32] = OrderedDict()
        self._canonical: BlockId | None = None

    # -- what the network brings

    async def judge(self, payload: bytes) -> Verdict:
        """What a gossiped block is worth; one that is right is kept."""
        signer = self.signer
        if signer is None:
            return Verdict.IGNORE
        try:
            head = await asyncio.to_thread(self._read, payload, signer)
        except DecodeError as error:
            logger.info("a block: %s", error)
            return Verdict.REJECT
        if not -MAX_FUTURE_S <= self._now() - head.timestamp <= MAX_AGE_S:
            return Verdict.IGNORE
        self.take(head)
        return Verdict.ACCEPT

    def _read(self, payload: bytes, wanted: Address) -> LightHead:
        block, signer = read_signed_block(payload, self._chain_id)
        if signer != wanted:
            raise DecodeError(
                f"block {block.number} is signed by 0x{signer.hex()}, L1 names 0x{wanted.hex()}"
            )
        return LightHead.of_block(block)

    def take(self, head: LightHead) -> None:
        """Keep a signed block's header, where its chain is longer than what is followed.

        Another one of a number that is here is noted as a conflict, and moves nothing.
        """
        if head.number <= self._genesis.number:
            return
        known = self._kept.get(head.number)
        if known is not None:
            if known.hash != head.hash:
                self._note_conflict(known, head)
            elif known.l1_origin is None:  # its header came first
                self._write([head])
            return
        tip = self.head()
        if tip is None or head.number > tip.number:
            self._write([head])

    def _note_conflict(self, known: LightHead, head: LightHead) -> None:
        if head.number not in self._conflicts:
            logger.warning(
                "the sequencer has signed two blocks %d: 0x%s and 0x%s",
                head.number,
                known.hash.hex(),
                head.hash.hex(),
            )
        self._conflicts[head.number] = head.hash
        while len(self._conflicts) > MAX_CONFLICTS:
            self._conflicts.popitem(last=False)

    def _write(self, heads: list[LightHead], dropped: list[int] | None = None) -> None:
        gone = set(dropped or ())
        for number in gone:
            self._kept.pop(number, None)
        for head in heads:
            self._kept[head.number] = head
        self._kept = OrderedDict(sorted(self._kept.items()))
        while len(self._kept) > KEPT_HEADS:
            gone.add(self._kept.popitem(last=False)[0])
        puts = {
            _key(head.number): head.encode()
            for head in heads
            if self._kept.get(head.number) is head
        }
        deletes = [_key(number) for number in gone if number not in self._kept]
        self._store.write(puts, deletes, sync=False)

    # -- what is asked for

    async def look(self, network: Asking | None) -> None:
        """Ask L1 who signs and whether it has the head's origin; ask peers for a gap's headers.

        Raises L1Unreachable and kin.
        """
        if self._now() - self._signer_asked >= SIGNER_EVERY_S:
            self.signer = await self._l1.signer()
            self._signer_asked = self._now()
        head = self.head()
        if head is not None and head.l1_origin is not None:
            number = await self._l1.l1_number(head.l1_origin.hash)
            self._canonical = head.l1_origin if number == head.l1_origin.number else None
        if network is not None:
            await self._close_gap(network)

    async def _close_gap(self, network: Asking) -> None:
        """Fetch the headers of the highest gap, and drop what they do not lead down to.

        Below a gap of more than is kept nothing is of use any more.
        """
        lowest = self._lowest_linked()
        below = [] if lowest is None else [n for n in self._kept if n < lowest.number]
        if lowest is None or not below:
            return
        upper = self._kept[below[-1]]
        if lowest.number - upper.number > KEPT_HEADS:
            self._write([], below)
            return
        chain = HeaderChain(lowest.number - 1, lowest.parent_hash, upper.number + 1)
        while not chain.is_complete:
            start, count = chain.next_range()
            if not await self._ask_headers(network, chain, start, count):
                return
        dropped = [] if chain.lowest_parent == upper.hash else below
        if dropped:
            logger.info("up to block %d the headers are of a chain that was left", dropped[-1])
        self._write([LightHead.of_header(header) for header in chain.headers], dropped)

    async def _ask_headers(
        self, network: Asking, chain: HeaderChain, start: int, count: int
    ) -> bool:
        """Ask peers in turn until one is right; False where none is."""
        overlay = network.overlay
        for peer in [p for p in overlay.peers.values() if p.head_number >= start + count - 1]:
            response = await network.ask(peer.node_id, lambda key: GetHeaders(key, start, count))
            if response is None or response.status != Status.OK:
                continue
            try:
                chain.take(response.items)
            except WrongAnswer as error:
                logger.warning("peer %s: %s", peer.node_id.hex()[:8], error)
                overlay.judge(peer.node_id, is_right=False, now=self._now())
                continue
            overlay.judge(peer.node_id, is_right=True, now=self._now())
            return True
        return False

    # -- what is known

    def head(self) -> LightHead | None:
        """The highest signed block."""
        return next(reversed(self._kept.values()), None)

    def _lowest_linked(self) -> LightHead | None:
        """The lowest header that the head's leads down to without a gap."""
        found = self.head()
        while found is not None:
            below = self._kept.get(found.number - 1)
            if below is None or below.hash != found.parent_hash:
                break
            found = below
        return found

    def describe(
        self, l1_read: int, l1_accepted: int, data_up_to: Callable[[int], dict[str, Any]]
    ) -> dict[str, Any]:
        """What `stemma da status` shows of the unsafe head.

        `data_up_to` says what is known of the data that L1 had certified by a block.
        """
        head, lowest = self.head(), self._lowest_linked()
        shown: dict[str, Any] = {
            "signer": None if self.signer is None else f"0x{self.signer.hex()}",
            "headers": len(self._kept),
            "head": None,
            "conflicts": [
                {"l2_block": number, "hash": f"0x{other.hex()}"}
                for number, other in self._conflicts.items()
            ],
        }
        if head is None or lowest is None:
            return shown
        why_not = refusal(
            head,
            other=self._conflicts.get(head.number),
            has_origin=self._canonical == head.l1_origin,
            l1_read=l1_read,
            l1_accepted=l1_accepted,
        )
        shown["head"] = {
            "l2_block": head.number,
            "hash": f"0x{head.hash.hex()}",
            "age_s": round(self._now() - head.timestamp),
            "l1_origin": None if head.l1_origin is None else head.l1_origin.number,
            "linked_from": lowest.number,
            "accepted": why_not is None,
            "why_not": why_not,
            "data": None if head.l1_origin is None else data_up_to(head.l1_origin.number),
        }
        return shown


def _key(number: int) -> bytes:
    return _HEADS + number.to_bytes(_U64, "big")
