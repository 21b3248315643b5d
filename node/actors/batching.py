"""Feeds sealed blocks to the batcher and carries its payloads to L1."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from chain.block import Block
from chain.errors import Recovery, StemmaError
from chain.heads import BlockId, Heads
from evm.intrinsic_gas import required_gas
from genesis.config import RollupConfig
from rollup.batcher.batcher import Batcher, BatcherOutOfSync
from rollup.batcher.payload import BatcherPayload, L1Prices
from rollup.driver.driver import Driver
from rollup.l1.provider import L1DataMissing, L1Provider
from rollup.wire.inbox_item import append_call

from ..l1.blob_sidecar import make_sidecar
from ..l1.json_rpc import L1CallFailed
from ..l1.transactions import L1Request, L1Sender
from ..writer import Writer

logger = logging.getLogger("stemma.batch")

_IN_FLIGHT = 8
_BLOCKS_A_TURN = 200
_RETRY_S = 1.0
_BLOB_TRANSACTION_GAS = 21_000


class Blocks(Protocol):
    """What the batcher reads of the L2."""

    @property
    def heads(self) -> Heads:
        """Unsafe, safe and finalized head."""
        ...

    def block_by_number(self, number: int) -> Block | None:
        """The canonical block of that number."""
        ...


class Batching:
    """One loop: tell the batcher what happened, send what it gives."""

    def __init__(
        self,
        config: RollupConfig,
        batcher: Batcher,
        blocks: Blocks,
        driver: Driver,
        provider: L1Provider,
        sender: L1Sender,
        *,
        caught_up: asyncio.Event,
        poll_s: float,
        posted: Callable[[], None],
        disperse: Callable[[bytes], Awaitable[bytes]] | None = None,
    ) -> None:
        """`caught_up` is set when derivation has read L1 to its head; nothing is sent before.

        `disperse` gives data to the DA committee and answers with what L1 gets in its place.
        """
        self._disperse = disperse
        self._config = config
        self._batcher = batcher
        self._blocks = blocks
        self._driver = driver
        self._provider = provider
        self._sender = sender
        self._caught_up = caught_up
        self._poll_s = poll_s
        self._posted = posted
        self._worker = Writer("batcher")
        self._reports: list[Callable[[], None]] = []
        self._in_flight: set[asyncio.Task[None]] = set()
        self._seen_l1: bytes = b""

    async def run(self) -> None:
        """Batch until cancelled."""
        await self._caught_up.wait()
        self._batcher.reset(self._blocks.heads.safe)
        try:
            while True:
                try:
                    payloads = await self._worker.run(self._turn)
                except StemmaError as error:
                    if error.recovery is not Recovery.RETRY:
                        raise
                    logger.warning("no look at the chain now: %s", error)
                    payloads = []
                for payload in payloads:
                    await self._dispatch(payload)
                if not payloads:
                    await asyncio.sleep(self._poll_s)
        finally:
            for task in self._in_flight:
                task.cancel()
            self._worker.close()

    # In the batcher's thread

    def _turn(self) -> list[BatcherPayload]:
        reports, self._reports = self._reports, []
        for report in reports:
            report()
        try:
            self._tell()
        except BatcherOutOfSync as error:
            logger.info("the batcher starts anew: %s", error)
            self._batcher.reset(self._blocks.heads.safe)
            self._sender.forget_nonce()
            return []
        return self._due()

    def _tell(self) -> None:
        """Tell the batcher of L1, of the safe head and of new blocks."""
        head = self._provider.head()
        if head is not None and head.hash != self._seen_l1:
            self._seen_l1 = head.hash
            self._batcher.l1_reorganised(self._is_canonical)
            self._batcher.l1_advanced(head.number, self._prices(head.number))
        # The origin is read before the head: the head then is at least what the origin gives.
        origin = self._driver.l1_origin
        safe = self._blocks.heads.safe
        self._batcher.safe_head_moved(safe, -1 if origin is None else origin.number - 1)
        last = min(self._blocks.heads.unsafe.number, self._batcher.tip.number + _BLOCKS_A_TURN)
        for number in range(self._batcher.tip.number + 1, last + 1):
            block = self._blocks.block_by_number(number)
            if block is None:
                return
            self._batcher.add_block(block)

    def _prices(self, l1_number: int) -> L1Prices | None:
        try:
            block = self._provider.block_by_number(l1_number)
        except L1DataMissing:
            return None
        return L1Prices(block.base_fee, block.blob_base_fee)

    def _due(self) -> list[BatcherPayload]:
        payloads: list[BatcherPayload] = []
        while len(self._in_flight) + len(payloads) < _IN_FLIGHT:
            payload = self._batcher.next_payload()
            if payload is None:
                break
            payloads.append(payload)
        return payloads

    def _is_canonical(self, block: BlockId) -> bool:
        head = self._provider.head()
        if head is None or block.number > head.number:
            # A receipt may come before the block does; the next head will tell.
            return True
        try:
            return self._provider.block_by_number(block.number).hash == block.hash
        except L1DataMissing:
            return True

    # On the event loop

    async def _dispatch(self, payload: BatcherPayload) -> None:
        """Send one payload; its inclusion is waited for in a task."""
        try:
            request = await self._request(payload)
            pending = await self._sender.send(request)
        except StemmaError as error:
            self._failed(payload, error)
            await asyncio.sleep(_RETRY_S)
            return

        async def wait() -> None:
            try:
                confirmed = await self._sender.wait(pending)
            except StemmaError as error:
                self._failed(payload, error)
                return
            self._posted()
            self._reports.append(
                lambda: self._batcher.payload_included(payload.id, confirmed.block)
            )
            logger.info(
                "posted a batch",
                extra={"payload": payload.id, "l1_block": confirmed.block.number},
            )

        task = asyncio.create_task(wait())
        self._in_flight.add(task)
        task.add_done_callback(self._in_flight.discard)

    async def _request(self, payload: BatcherPayload) -> L1Request:
        inbox = self._config.batch_inbox_address
        if payload.kind == "item":
            # How much the contract takes beside the calldata's floor, L1 says best.
            return L1Request(inbox, append_call(payload.data))
        if payload.kind == "calldata":
            data = payload.data if self._disperse is None else await self._disperse(payload.data)
            intrinsic, floor = required_gas(data, (), 0, is_create=False)
            return L1Request(inbox, data, gas_limit=max(intrinsic, floor))
        sidecar = await self._worker.run(lambda: make_sidecar(payload.blobs()))
        return L1Request(inbox, gas_limit=_BLOB_TRANSACTION_GAS, sidecar=sidecar)

    def _failed(self, payload: BatcherPayload, error: StemmaError) -> None:
        if error.recovery is Recovery.STOP and not isinstance(error, L1CallFailed):
            raise error
        logger.warning("payload %d: %s", payload.id, error)
        self._sender.forget_nonce()
        self._reports.append(lambda: self._batcher.payload_failed(payload.id))
