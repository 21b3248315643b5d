"""The batcher as a state machine: blocks and L1 events in, payloads for L1 out.

    add_block → open channel → closed channel → payloads: waiting → sent → included
                                                   ↑                 │ failed, L1 reorg,
                                                   └─────────────────┘ channel not derived

Since Holocene L1 must see frames in order, so payloads go out in order, and when one is lost
its channel is sent again from its first frame (which tells derivation to forget the first attempt)
with everything after it. What is sent twice is harmless: batches of safe blocks are skipped.
Blocks are kept until they are safe. Time is L1's: numbers of L1 blocks. Knows nothing of fees,
nonces or sockets; whoever sends the payloads reports what became of them.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import islice
from typing import TYPE_CHECKING, ClassVar, Final

from chain.crypto.keccak import keccak256
from chain.errors import EncodeError, Recovery, StemmaError
from chain.heads import BlockId
from rollup.derivation.batch_checks import span_context
from rollup.derivation.l2_block import l2_block_ref
from rollup.wire.channel import ChannelFull, ChannelOut, split_channel
from rollup.wire.frame import CHANNEL_ID_BYTES, ChannelId
from rollup.wire.inbox_item import ItemFull, ItemOut
from rollup.wire.span_channel import SpanChannelOut

from .payload import BatcherConfig, BatcherPayload, L1Prices, batch_of, cheaper_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from chain.block import Block
    from genesis.config import RollupConfig
    from rollup.wire.batch import SingularBatch
    from rollup.wire.frame import Frame

    from .payload import PayloadKind

_log: Final = logging.getLogger(__name__)


class BatchDoesNotFit(StemmaError):
    """A block's batch is larger than any item that the inbox takes: nothing behind it can be sent.

    The sequencer keeps blocks below that; one that does not has another program.
    """

    recovery: ClassVar[Recovery] = Recovery.STOP


class BatcherOutOfSync(StemmaError):
    """The L2 chain is not the one that was fed: `reset` to the safe head and feed it again."""

    recovery: ClassVar[Recovery] = Recovery.RESET


class _Status(Enum):
    WAITING = "waiting"
    SENT = "sent"
    INCLUDED = "included"


@dataclass(frozen=True, slots=True)
class _QueuedBlock:
    id: BlockId
    batch: SingularBatch
    sequence_number: int


@dataclass(slots=True)
class _Delivery:
    """A payload and how far it has come; `included_in` is set once it is in an L1 block."""

    payload: BatcherPayload
    status: _Status = _Status.WAITING
    included_in: BlockId | None = None


@dataclass(slots=True)
class _Channel:
    """A closed channel on its way to L1."""

    channel_id: ChannelId
    last_block: BlockId
    deliveries: list[_Delivery]

    @property
    def inclusions(self) -> list[BlockId]:
        return [d.included_in for d in self.deliveries if d.included_in is not None]

    @property
    def is_included(self) -> bool:
        return len(self.inclusions) == len(self.deliveries)


@dataclass(slots=True)
class _OpenChannel:
    out: ChannelOut | SpanChannelOut | ItemOut
    opened_at_l1: int
    blocks: list[_QueuedBlock] = field(default_factory=list)
    last_block: BlockId | None = None
    oldest_epoch: int = field(default=2**64)


class Batcher:
    """Writes the L2 chain after a safe head to L1, completely and in order."""

    def __init__(self, config: RollupConfig, batcher_config: BatcherConfig, safe: BlockId) -> None:
        """Start after the safe head.

        At a restart let derivation read L1 to its head first; then nothing is sent twice.
        """
        self._config = config
        self._settings = batcher_config
        self._attempts = 0
        self._next_payload_id = 0
        self._l1_number = 0
        self._prices: L1Prices | None = None
        self.reset(safe)

    # -- blocks in

    @property
    def tip(self) -> BlockId:
        """The last L2 block that was fed; the next must be its child."""
        return self._tip

    @property
    def blocks_in_no_channel(self) -> int:
        """Blocks that were fed and are not in a closed channel yet."""
        last_closed = self._channels[-1].last_block if self._channels else self._safe
        return self._tip.number - last_closed.number

    def reset(self, safe: BlockId) -> None:
        """Forget everything and start after that safe head."""
        self._safe = safe
        self._tip = safe
        self._cursor = safe.number + 1
        self._blocks: deque[_QueuedBlock] = deque()
        self._channels: deque[_Channel] = deque()
        self._open: _OpenChannel | None = None

    def add_block(self, block: Block) -> None:
        """Take the next sealed block. Raises BatcherOutOfSync when it is not the tip's child."""
        if block.number != self._tip.number + 1 or block.header.parent_hash != self._tip.hash:
            raise BatcherOutOfSync(
                f"batcher stands at L2 block {self._tip}, block {block.number} has parent "
                f"0x{block.header.parent_hash.hex()}"
            )
        ref = l2_block_ref(self._config, block)
        self._tip = BlockId(block.number, block.hash)
        self._blocks.append(_QueuedBlock(self._tip, batch_of(block, ref), ref.sequence_number))

    # -- payloads out

    def next_payload(self) -> BatcherPayload | None:
        """The next payload to send, None when nothing is due. Send payloads in this order."""
        self._fill_channels()
        for channel in self._channels:
            for delivery in channel.deliveries:
                if delivery.status is _Status.WAITING:
                    delivery.status = _Status.SENT
                    return delivery.payload
        return None

    def close_channel(self) -> None:
        """Send what is there without waiting for size or time, as before a stop."""
        self._fill_channels()
        self._close()

    # -- what became of them

    def payload_included(self, payload_id: int, l1: BlockId) -> None:
        """The payload's transaction is in this L1 block. Unknown ids are ignored."""
        delivery = self._delivery(payload_id)
        if delivery is not None:
            delivery.status = _Status.INCLUDED
            delivery.included_in = l1

    def payload_failed(self, payload_id: int) -> None:
        """The payload's transaction will not be included: it and what follows has to go again."""
        for index, channel in enumerate(self._channels):
            if any(d.payload.id == payload_id for d in channel.deliveries):
                self._send_again(index)
                return

    def l1_reorganised(self, is_canonical: Callable[[BlockId], bool]) -> None:
        """L1 has another head: send again from the first channel that lost an inclusion."""
        for index, channel in enumerate(self._channels):
            if not all(is_canonical(block) for block in channel.inclusions):
                self._send_again(index)
                return

    def l1_advanced(self, l1_number: int, prices: L1Prices | None = None) -> None:
        """L1's head has this number: channels are closed by it, and overdue ones sent again.

        `prices` are those of the next block, for a batcher that chooses by price.
        """
        self._l1_number = l1_number
        self._prices = prices or self._prices
        if self._open is not None and self._is_due(self._open):
            self._close()
        for index, channel in enumerate(self._channels):
            first = min((block.number for block in channel.inclusions), default=l1_number)
            if not channel.is_included and first + self._channel_timeout() < l1_number:
                self._send_again(index)
                return

    def safe_head_moved(self, safe: BlockId, consumed_l1: int) -> None:
        """Derivation has read L1 up to `consumed_l1` and stands at this safe head.

        Blocks up to it are done with. A channel that is on L1 by then and whose blocks are not safe
        was dropped: everything after the safe head is put into new channels. Raises
        BatcherOutOfSync when the safe block is not the one that was fed.
        """
        self._forget_through(safe)
        for channel in self._channels:
            if channel.is_included and max(b.number for b in channel.inclusions) <= consumed_l1:
                _log.warning(
                    "channel 0x%s was not derived: L2 blocks after %s are sent again",
                    channel.channel_id.hex(),
                    safe,
                )
                self._channels.clear()
                self._open = None
                self._cursor = safe.number + 1
                return

    # -- inside

    def _forget_through(self, safe: BlockId) -> None:
        if safe.number < self._safe.number:
            raise BatcherOutOfSync(f"the safe head went back from {self._safe} to {safe}")
        if safe.number > self._tip.number:
            raise BatcherOutOfSync(f"the safe head {safe} is ahead of the batcher's {self._tip}")
        last = self._safe
        while self._blocks and self._blocks[0].id.number <= safe.number:
            last = self._blocks.popleft().id
        if last != safe:
            raise BatcherOutOfSync(f"the safe head is {safe}, the batcher was fed {last}")
        self._safe = safe
        while self._channels and self._channels[0].last_block.number <= safe.number:
            self._channels.popleft()
        if self._cursor <= safe.number:
            self._cursor = safe.number + 1
            self._open = None

    def _fill_channels(self) -> None:
        """Put queued blocks into the open channel, closing it whenever it is full or due."""
        first = self._cursor - self._safe.number - 1
        for block in list(islice(self._blocks, first, None)):
            encoded_bytes = len(block.batch.encode())
            channel = self._open_channel(block)
            target = self._settings.target_channel_bytes
            bound = _bound_with(channel.out, encoded_bytes, target)
            if channel.last_block is not None and bound > target:
                self._close()
                channel = self._open_channel(block)
            self._add(channel, block)
        if self._open is not None and self._is_due(self._open):
            self._close()

    def _open_channel(self, block: _QueuedBlock) -> _OpenChannel:
        if self._open is None:
            self._attempts += 1
            seed = block.id.hash + self._attempts.to_bytes(8, "big")
            channel_id = ChannelId(keccak256(seed)[:CHANNEL_ID_BYTES])
            out = self._new_channel(channel_id, block.batch.timestamp)
            self._open = _OpenChannel(out, self._l1_number)
        return self._open

    def _new_channel(
        self, channel_id: ChannelId, timestamp: int
    ) -> ChannelOut | SpanChannelOut | ItemOut:
        """A channel in the form that is asked for, if L1 reads it by then; an item for an inbox."""
        if self._config.has_inbox_contract:
            return ItemOut()
        forks = self._config.forks
        compression = self._settings.compression
        if not forks.is_active("fjord", timestamp):
            compression = "zlib"
        if self._settings.batch_type == "span" and forks.is_active("delta", timestamp):
            return SpanChannelOut(channel_id, span_context(self._config), compression)
        return ChannelOut(channel_id, compression)

    def _add(self, channel: _OpenChannel, block: _QueuedBlock) -> None:
        try:
            _put(channel.out, block)
        except (ChannelFull, ItemFull) as error:
            if channel.last_block is None:
                raise BatchDoesNotFit(f"L2 block {block.id}: {error}") from error
            self._close()
            self._add(self._open_channel(block), block)
            return
        channel.blocks.append(block)
        channel.last_block = block.id
        channel.oldest_epoch = min(channel.oldest_epoch, block.batch.epoch_number)
        self._cursor = block.id.number + 1

    def _is_due(self, channel: _OpenChannel) -> bool:
        """Open for long enough, or its oldest epoch's sequencing window is half over."""
        age = self._l1_number - channel.opened_at_l1
        window_age = self._l1_number - channel.oldest_epoch
        return (
            age >= self._settings.max_channel_l1_blocks
            or 2 * window_age >= self._config.seq_window_size
        )

    def _close(self) -> None:
        channel, self._open = self._open, None
        if channel is None or channel.last_block is None:
            return
        if isinstance(channel.out, ItemOut):
            self._next_payload_id += 1
            item = BatcherPayload(self._next_payload_id, (), "item", channel.out.close())
            name = ChannelId(keccak256(item.item)[:CHANNEL_ID_BYTES])
            self._channels.append(_Channel(name, channel.last_block, [_Delivery(item)]))
            return
        data = _closed(channel)
        kind = self._kind_for(len(data))
        frames = split_channel(channel.out.channel_id, data, self._settings.frame_data_bytes(kind))
        step = self._settings.frames_per_payload(kind)
        deliveries = [
            _Delivery(self._payload(frames[start : start + step], kind))
            for start in range(0, len(frames), step)
        ]
        self._channels.append(_Channel(channel.out.channel_id, channel.last_block, deliveries))

    def _kind_for(self, data_bytes: int) -> PayloadKind:
        """Calldata or blobs; by price where that is asked for and prices are known."""
        if self._settings.kind != "auto":
            return self._settings.kind
        if self._prices is None:
            return "calldata"
        return cheaper_kind(data_bytes, self._prices, self._settings)

    def _payload(self, frames: tuple[Frame, ...], kind: PayloadKind) -> BatcherPayload:
        self._next_payload_id += 1
        return BatcherPayload(self._next_payload_id, frames, kind)

    def _send_again(self, index: int) -> None:
        """Put all payloads from that channel on back to waiting, under new ids."""
        for channel in list(self._channels)[index:]:
            channel.deliveries = [
                _Delivery(self._again(delivery.payload)) for delivery in channel.deliveries
            ]

    def _again(self, payload: BatcherPayload) -> BatcherPayload:
        self._next_payload_id += 1
        return replace(payload, id=self._next_payload_id)

    def _delivery(self, payload_id: int) -> _Delivery | None:
        for channel in self._channels:
            for delivery in channel.deliveries:
                if delivery.payload.id == payload_id:
                    return delivery
        return None

    def _channel_timeout(self) -> int:
        return self._config.channel_timeout_at(self._config.genesis.l2_time)


def _bound_with(out: ChannelOut | SpanChannelOut | ItemOut, batch_bytes: int, target: int) -> int:
    if isinstance(out, ItemOut):
        return out.size_bound_with(batch_bytes)
    return out.size_bound_with(batch_bytes, target_bytes=target)


def _put(out: ChannelOut | SpanChannelOut | ItemOut, block: _QueuedBlock) -> None:
    if isinstance(out, SpanChannelOut):
        out.add(block.batch, sequence_number=block.sequence_number)
    else:
        out.add(block.batch)


def _closed(channel: _OpenChannel) -> bytes:
    """The channel's bytes; singular batches where a span cannot hold one of the transactions."""
    assert not isinstance(channel.out, ItemOut)  # noqa: S101 - items go as they are
    try:
        return channel.out.close()
    except EncodeError as error:
        if isinstance(channel.out, ChannelOut):
            raise
        _log.warning("channel 0x%s goes without a span: %s", channel.out.channel_id.hex(), error)
    singular = ChannelOut(channel.out.channel_id)
    for block in channel.blocks:
        singular.add(block.batch)
    return singular.close()
