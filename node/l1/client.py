"""Follows an L1 over JSON-RPC and fills the in-memory provider that the rollup reads.

Works with any node: geth's methods and, for blobs, the beacon API's `/eth/v1/beacon/blobs/{id}`.
Every block is checked against its own header. What derivation asks for and is not there yet
(`L1DataMissing`) is fetched with the blocks that it will want next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chain.block import Header
from chain.errors import DecodeError
from chain.transaction import BlobTransaction, Transaction
from chain.types import Address, Hash32
from rollup.l1.block import L1Block, L1BlockRef, make_l1_block, verify_l1_block
from rollup.l1.provider import L1DataMissing, MemoryL1Provider
from rollup.wire.blob import blob_versioned_hash

from .decoding import (
    Json,
    L1DataInvalid,
    header_from_json,
    receipt_from_json,
    transaction_from_json,
)
from .json_rpc import JsonRpcClient, L1CallFailed

logger = logging.getLogger("stemma.l1")

_READ_AHEAD_BLOCKS = 32
_ANCESTORS_AT_ONCE = 64
_MAINNET_SLOT_S = 12

Apply = Callable[[Callable[[], None]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class L1Source:
    """Where the L1 is and what of it matters.

    `beacon_url` None means that the L1 node itself serves the blob route under block numbers, as
    anvil and the embedded L1 do. `finality_blocks` stands in for a missing `finalized` tag.
    `trusts_rpc` leaves out the check that a block's lists are complete; anvil needs that for blocks
    with blob transactions, whose root it computes over another encoding.
    """

    client: JsonRpcClient
    batch_inbox: Address | None = None
    beacon_url: str | None = None
    finality_blocks: int = 64
    trusts_rpc: bool = False


class L1Follower:
    """Keeps a provider in step with an L1.

    `apply` runs changes of the provider where nobody reads it at the same time (the thread of the
    rollup).
    """

    def __init__(
        self,
        source: L1Source,
        provider: MemoryL1Provider,
        apply: Apply,
        certified_blob: Callable[[bytes], Awaitable[bytes]] | None = None,
    ) -> None:
        """Nothing is fetched before the first `poll`. `certified_blob` gets, verified, blobs or
        data of a chain that keeps them elsewhere.
        """
        self._certified_blob = certified_blob
        self._source = source
        self._provider = provider
        self._apply = apply
        self._blocks: dict[Hash32, L1BlockRef] = {}
        self._slot_zero: tuple[int, int] | None = None

    @property
    def _client(self) -> JsonRpcClient:
        return self._source.client

    @property
    def head_number(self) -> int:
        """The newest L1 block seen, -1 before the first."""
        head = self._provider.head()
        return -1 if head is None else head.number

    async def poll(self) -> bool:
        """Look at the L1's head once; return whether it moved. Raises L1Unreachable and kin."""
        latest, safe, finalized = await self._client.batch(
            [
                ("eth_getBlockByNumber", ("latest", False)),
                ("eth_getBlockByNumber", ("safe", False)),
                ("eth_getBlockByNumber", ("finalized", False)),
            ]
        )
        head = header_from_json(latest)
        known = self._provider.head()
        if known is not None and known.hash == head.hash:
            await self._note_final(head.number, safe, finalized)
            return False
        fresh = await self._missing_ancestors(head.hash, head.number)
        if not fresh:
            fresh = [await self._block(head.hash)]
        newest = fresh[-1]

        def change() -> None:
            for block in fresh:
                self._provider.add(block)
            self._provider.set_head(newest)

        await self._apply(change)
        self._remember(fresh)
        await self._note_final(head.number, safe, finalized)
        return True

    async def fetch_missing(self, missing: L1DataMissing) -> None:
        """Fetch what derivation asked for, and some blocks after it."""
        if missing.commitment is not None:
            await self._fetch_certified(missing, missing.commitment)
        elif missing.versioned_hash is not None and missing.block_hash is not None:
            block = await self._block(missing.block_hash)
            await self._apply(lambda: self._provider.add(block))
        elif missing.block_hash is not None:
            block = await self._block(missing.block_hash)
            await self._apply(lambda: self._provider.add(block))
            self._remember([block])
        elif missing.number is not None:
            await self._fetch_numbers(missing.number)

    async def _fetch_certified(self, missing: L1DataMissing, commitment: bytes) -> None:
        if self._certified_blob is None:
            raise missing
        blob = await self._certified_blob(commitment)
        await self._apply(lambda: self._provider.add_da_blob(commitment, blob))

    async def prune(self, below: int) -> None:
        """Forget blocks under a number; they are fetched again if they are asked for."""
        await self._apply(lambda: self._provider.prune(below))
        for key in [key for key, ref in self._blocks.items() if ref.number < below]:
            del self._blocks[key]

    def _remember(self, blocks: Iterable[L1Block]) -> None:
        for block in blocks:
            self._blocks[block.hash] = block.ref

    async def _note_final(self, head_number: int, safe: Json | None, final: Json | None) -> None:
        depth = self._source.finality_blocks
        if final is None and head_number >= depth:
            number = hex(head_number - depth)
            final = await self._client.call("eth_getBlockByNumber", number, False)

        def change() -> None:
            if safe is not None:
                self._provider.set_safe(_ref(safe))
            if final is not None:
                self._provider.set_finalized(_ref(final))

        await self._apply(change)

    async def _missing_ancestors(self, block_hash: Hash32, number: int) -> list[L1Block]:
        """Blocks from the first unknown ancestor to `block_hash`, oldest first.

        At start only a short run below the head is fetched; what lies deeper comes on request.
        """
        head = self._provider.head()
        floor = number - _ANCESTORS_AT_ONCE if head is None else head.number + 1
        numbers = range(max(floor, number - _ANCESTORS_AT_ONCE, 0), number)
        blocks = [await self._block(block_hash)]
        by_number = {block.number: block for block in await self._numbered(numbers)}
        for _ in range(_ANCESTORS_AT_ONCE):
            parent_hash, parent_number = blocks[-1].parent_hash, blocks[-1].number - 1
            if parent_hash in self._blocks or parent_number < 0:
                break
            candidate = by_number.get(parent_number)
            if candidate is None or candidate.hash != parent_hash:
                candidate = await self._block(parent_hash)
            blocks.append(candidate)
        return blocks[::-1]

    async def _fetch_numbers(self, first: int) -> None:
        head = self._provider.head()
        last = min(first + _READ_AHEAD_BLOCKS, head.number if head is not None else first)
        blocks = await self._numbered(range(first, last + 1))

        def change() -> None:
            for block in blocks:
                self._provider.add_canonical(block)

        await self._apply(change)
        self._remember(blocks)

    async def _numbered(self, numbers: Sequence[int]) -> list[L1Block]:
        """Canonical blocks by number; those that the L1 does not have (yet, or any more) are left
        out.
        """
        if not numbers:
            return []
        found = await self._client.batch(
            [("eth_getBlockByNumber", (hex(number), True)) for number in numbers]
        )
        blocks = [item for item in found if item is not None]
        receipts = await self._receipts([item["hash"] for item in blocks])
        return [
            await self._assemble(block, listed)
            for block, listed in zip(blocks, receipts, strict=True)
        ]

    async def _block(self, block_hash: Hash32) -> L1Block:
        name = "0x" + block_hash.hex()
        item = await self._client.call("eth_getBlockByHash", name, True)
        if item is None:
            raise L1DataMissing(block_hash=block_hash)
        (receipts,) = await self._receipts([name])
        return await self._assemble(item, receipts)

    async def _receipts(self, hashes: Sequence[str]) -> list[Any]:
        try:
            return await self._client.batch(
                [("eth_getBlockReceipts", ({"blockHash": name},)) for name in hashes]
            )
        except L1CallFailed:
            # Older nodes take the hash itself.
            return await self._client.batch([("eth_getBlockReceipts", (name,)) for name in hashes])

    async def _assemble(self, item: Any, receipts: Any) -> L1Block:  # noqa: ANN401 - JSON
        header = header_from_json(item)
        if receipts is None:
            raise L1DataMissing(block_hash=header.hash)
        listed, receipts = _listed(item.get("transactions"), header), _listed(receipts, header)
        transactions = tuple(transaction_from_json(entry)[0] for entry in listed)
        block = make_l1_block(
            header, transactions, tuple(receipt_from_json(entry) for entry in receipts)
        )
        if not self._source.trusts_rpc:
            try:
                verify_l1_block(block)
            except DecodeError as error:
                raise L1DataInvalid(str(error)) from error
        blobs = await self._blobs(header.number, header.timestamp, transactions)
        return make_l1_block(header, transactions, block.receipts, blobs) if blobs else block

    async def _blobs(
        self, number: int, timestamp: int, transactions: Sequence[Transaction]
    ) -> dict[Hash32, bytes]:
        """All blobs of a block, if one of its transactions brings a blob to the batch inbox."""
        carriers = [item for item in transactions if isinstance(item, BlobTransaction)]
        if not any(item.to == self._source.batch_inbox for item in carriers):
            return {}
        hashes = [name for item in carriers for name in item.blob_versioned_hashes]
        identifier = await self._slot(number, timestamp)
        base = (self._source.beacon_url or self._client.url).rstrip("/")
        url = f"{base}/eth/v1/beacon/blobs/{identifier}"
        listed = _blobs_in(await self._client.get_json(url), url)
        if len(listed) != len(hashes):
            logger.warning(
                "L1 block %d: %d blobs named, %d served", number, len(hashes), len(listed)
            )
            return {}
        ours = {
            name
            for item in carriers
            if item.to == self._source.batch_inbox
            for name in item.blob_versioned_hashes
        }
        served = dict(zip(hashes, listed, strict=True))
        blobs = {name: served[name] for name in ours}
        await asyncio.to_thread(_verify_blobs, number, blobs)
        return blobs

    async def _slot(self, number: int, timestamp: int) -> int:
        if self._source.beacon_url is None:
            return number
        if self._slot_zero is None:
            base = self._source.beacon_url.rstrip("/")
            start = await self._beacon_number(f"{base}/eth/v1/beacon/genesis", "genesis_time")
            slot_s = await self._beacon_number(
                f"{base}/eth/v1/config/spec", "SECONDS_PER_SLOT", _MAINNET_SLOT_S
            )
            self._slot_zero = (start, slot_s)
        start, slot_s = self._slot_zero
        return (timestamp - start) // slot_s

    async def _beacon_number(self, url: str, key: str, default: int | None = None) -> int:
        """A positive number out of a document of the beacon API. Raises L1DataInvalid."""
        document = await self._client.get_json(url)
        found = document.get("data") if isinstance(document, dict) else None
        value = found.get(key, default) if isinstance(found, dict) else default
        try:
            number = int(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            number = 0
        if number <= 0:
            raise L1DataInvalid(
                f"GET {url}: no {key} in it. Is l1.beacon_url a beacon node? Leave it empty for an "
                "L1 that serves blobs under block numbers, as anvil and the embedded L1 do"
            )
        return number


def _listed(value: object, header: Header) -> list[Any]:
    if not isinstance(value, list):
        raise L1DataInvalid(f"L1 block {header.number}: {type(value).__name__} in place of a list")
    return value


def _blobs_in(document: object, url: str) -> list[bytes]:
    """The blobs of a beacon API answer; none where there is no answer. Raises L1DataInvalid."""
    listed = document.get("data") if isinstance(document, dict) else None
    try:
        return [bytes.fromhex(blob[2:]) for blob in listed or []]
    except (TypeError, ValueError) as error:
        raise L1DataInvalid(f"GET {url}: not a list of blobs in hex: {error}") from error


def _verify_blobs(number: int, blobs: Mapping[Hash32, bytes]) -> None:
    """Compare blobs with the hashes L1 names them by; some 40 ms each. Raises L1DataInvalid."""
    for name, blob in blobs.items():
        try:
            served = blob_versioned_hash(blob)
        except DecodeError as error:
            raise L1DataInvalid(f"L1 block {number}: blob 0x{name.hex()}: {error}") from error
        if served != name:
            raise L1DataInvalid(
                f"L1 block {number}: blob 0x{name.hex()} was asked for, 0x{served.hex()} served"
            )


def _ref(item: Json) -> L1BlockRef:
    header = header_from_json(item)
    return L1BlockRef(header.number, header.hash, header.parent_hash, header.timestamp)
