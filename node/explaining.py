"""Explains an L1 block over RPC: fetches what derivation asks for until it has read the block.

The L1 comes from any node, the L2 from one that knows `optimism_safeHeadAtL1Block` and
`debug_getRawBlock`. Where it does not know the safe head of that time, derivation begins at L2
genesis. Knows nothing of printing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from chain.block import Block, decode_block
from chain.errors import StemmaError
from chain.heads import BlockId
from chain.types import to_hash32
from rollup.derivation.explain import Explainer, L2BlockMissing
from rollup.l1.provider import L1DataMissing, MemoryL1Provider

from .l1.client import L1Follower, L1Source
from .l1.json_rpc import JsonRpcClient, L1CallFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chain.types import Hash32
    from genesis.config import RollupConfig
    from rollup.derivation.journal import Note

_BLOCKS_AT_ONCE: Final = 64


class CannotExplain(StemmaError):
    """The L1 block, or what is needed to understand it, cannot be had."""


class L2Mirror:
    """L2 blocks fetched so far; asking for another raises L2BlockMissing."""

    def __init__(self, client: JsonRpcClient) -> None:
        self._client = client
        self._by_number: dict[int, Block] = {}
        self._by_hash: dict[Hash32, Block] = {}

    def block(self, block_hash: Hash32) -> Block | None:
        """The block of that hash."""
        if block_hash not in self._by_hash:
            raise L2BlockMissing(block_hash=block_hash)
        return self._by_hash[block_hash]

    def block_by_number(self, number: int) -> Block | None:
        """The canonical block of that number."""
        if number not in self._by_number:
            raise L2BlockMissing(number=number)
        return self._by_number[number]

    async def fetch(self, first: int, last: int) -> None:
        """Fetch these blocks as far as the node has them. Raises CannotExplain if it has none."""
        numbers = [n for n in range(max(first, 0), last + 1) if n not in self._by_number]
        calls = [("debug_getRawBlock", (hex(number),)) for number in numbers]
        found = 0
        for number, raw in zip(numbers, await self._answers(calls), strict=True):
            if raw is not None:
                block = decode_block(bytes.fromhex(raw.removeprefix("0x")))
                self._by_number[number] = block
                self._by_hash[block.hash] = block
                found += 1
        if not found:
            raise CannotExplain(f"the L2 node has none of the blocks {first} to {last}")

    async def fetch_missing(self, missing: L2BlockMissing) -> None:
        """Fetch a run of blocks with the missing one: after it by number, before it by hash."""
        if missing.number is not None:
            await self.fetch(missing.number, missing.number + _BLOCKS_AT_ONCE - 1)
            return
        lowest = min(self._by_number)
        await self.fetch(lowest - _BLOCKS_AT_ONCE, lowest - 1)

    async def _answers(self, calls: list[tuple[str, tuple[str]]]) -> list[Any]:
        answers: list[Any] = []
        for call in calls:  # one by one: a block that is not there must not spoil the others
            try:
                answers.append(await self._client.call(call[0], *call[1]))
            except L1CallFailed:
                answers.append(None)
        return answers


async def explain_l1_block(
    config: RollupConfig,
    l1: JsonRpcClient,
    l2: JsonRpcClient,
    number: int,
    say: Callable[[str], None],
    *,
    beacon_url: str | None = None,
    trusts_rpc: bool = False,
    data: Callable[[bytes], Awaitable[bytes]] | None = None,
) -> tuple[Note, ...]:
    """The notes on one L1 block. Raises CannotExplain, ChainDisagrees, L1Unreachable and kin.

    `beacon_url` and `trusts_rpc` are those of L1Source; `data` gets, verified, what of a chain is
    not on L1, and raises where it cannot.
    """
    provider = MemoryL1Provider()
    source = L1Source(l1, config.batch_inbox_address, beacon_url, trusts_rpc=trusts_rpc)

    async def apply(change: Callable[[], None]) -> None:
        change()

    follower = L1Follower(source, provider, apply, data)
    await follower.poll()
    if not config.genesis.l1.number <= number <= follower.head_number:
        raise CannotExplain(
            f"L1 block {number} is not in {config.genesis.l1.number} (genesis of the rollup) to "
            f"{follower.head_number} (head of L1)"
        )
    mirror = L2Mirror(l2)
    consumed, safe = await _start(config, l2, number, say)
    await mirror.fetch(safe.number, safe.number + _BLOCKS_AT_ONCE - 1)
    explainer: Explainer | None = None
    while True:
        try:
            if explainer is None:
                head = mirror.block_by_number(safe.number)
                assert head is not None  # noqa: S101 - it raises instead
                explainer = Explainer(config, provider, mirror, head, consumed)
            return explainer.explain(number)
        except L1DataMissing as missing:
            await follower.fetch_missing(missing)
        except L2BlockMissing as missing:
            await mirror.fetch_missing(missing)


async def _start(
    config: RollupConfig, l2: JsonRpcClient, number: int, say: Callable[[str], None]
) -> tuple[BlockId, BlockId]:
    """An L1 block before `number`, and the safe head that L1 up to it gave."""
    genesis = config.genesis.l1, config.genesis.l2
    if number <= config.genesis.l1.number + 1:
        return genesis
    try:
        answer = await l2.call("optimism_safeHeadAtL1Block", hex(number - 1))
    except L1CallFailed as error:
        say(f"deriving from L2 genesis: no safe head of L1 block {number - 1} is known ({error})")
        return genesis
    return _block_id(answer["l1Block"]), _block_id(answer["safeHead"])


def _block_id(value: dict[str, Any]) -> BlockId:
    number = value["number"]
    number = int(number, 16) if isinstance(number, str) else int(number)
    return BlockId(number, to_hash32(value["hash"]))
