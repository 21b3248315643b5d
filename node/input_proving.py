"""Proves on L1 what one L2 block is made of: asks the contracts what they know, sends the rest.

Every turn asks anew, so it can be stopped and begun again, by anybody. What it sends is made by
rollup/dispute/input_proof.py; docs/protocol/inputs-on-l1.md says what comes of it. Knows nothing of
printing, nor why a block is asked about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from chain import abi
from chain.block import Block
from chain.errors import Recovery, StemmaError
from chain.types import ZERO_HASH, Address, Hash32, to_address
from genesis.config import RollupConfig
from rollup.derivation.inbox_reader import BATCHES
from rollup.derivation.l2_block import l2_block_ref
from rollup.dispute import input_proof
from rollup.dispute.input_proof import HeldReceipt
from rollup.l1.block import L1Block
from rollup.l1.calls import View, encode_call, view
from rollup.l1.provider import L1DataMissing, MemoryL1Provider
from rollup.wire.output_root import output_of_header

from .l1.client import L1Follower, L1Source
from .l1.json_rpc import JsonRpcClient, L1CallFailed
from .l1.transactions import MAX_GAS, L1Request, L1Sender

_BLOCKS_AT_ONCE: Final = 100
"""Whose items are asked for at once: there may be a megabyte in each block."""
_MAX_HEADERS: Final = 512
"""Sent for one L1 block at most: each takes a transaction of some 240,000 gas."""
_BLOCK_TYPES: Final = ("(bytes32,bytes32,uint256,uint256,uint256,bytes32,bytes32,bytes32)",)
_READING_TYPES: Final = ("(uint256,uint256,bool,uint256,uint256)",)


class NotProvableYet(StemmaError):
    """L1 has not gone far enough: a batch may come yet, or a block that is needed is its newest."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


class TooOldToProve(StemmaError):
    """An L1 block is so old that L1 knows it only through very many headers."""

    recovery: ClassVar[Recovery] = Recovery.STOP


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the search for one block's inputs is on L1; `found` 1 a batch, 2 the empty one."""

    is_begun: bool
    epoch: int
    next_item: int
    found: int


class InputProver:
    """Proves inputs at one BlockInputs contract."""

    def __init__(
        self,
        config: RollupConfig,
        l1: JsonRpcClient,
        block_inputs: Address,
        sender: L1Sender,
        say: Callable[[str], None],
    ) -> None:
        """Nothing is asked or sent yet; `say` hears of each call."""
        self._config = config
        self._l1 = l1
        self._at = block_inputs
        self._sender = sender
        self._say = say
        self._provider = MemoryL1Provider()
        source = L1Source(l1, config.batch_inbox_address)
        self._follower = L1Follower(source, self._provider, self._apply)
        self._l1_blocks: Address | None = None
        self._remembered: int | None = None
        # Where the parts of long receipts stand; after a restart they are put there again.
        self._parts: dict[tuple[Hash32, int], list[Address]] = {}

    async def inputs_root(self, agreed: Hash32) -> Hash32 | None:
        """What L1 knows of the block behind an output root; None while it is not proven."""
        found = Hash32(await self._ask(view(self._at, "inputsRoot(bytes32)", "bytes32", agreed)))
        return None if found == ZERO_HASH else found

    async def prove(self, parent: Block) -> Hash32:
        """Have L1 compute the inputs of the block behind an L2 block; the inputs root.

        Raises NotProvableYet, TooOldToProve, L1TransactionFailed, L1CallFailed, L1Unreachable.
        """
        while (root := await self.advance(parent)) is None:
            pass
        return root

    async def advance(self, parent: Block) -> Hash32 | None:
        """Send what is missing next for the block behind an L2 block, and wait for it; the inputs
        root where nothing is. Raises as `prove` does.
        """
        await self._look()
        agreed = output_of_header(parent.header).root
        root = await self.inputs_root(agreed)
        if root is None:
            await self._turn(parent, agreed)
        return root

    async def remember(self, block: Block) -> None:
        """Record the L1 block behind an L2 block's origin: L1 forgets its blocks in a day, and
        from one that is recorded, those before it can be reached later. Raises as `prove` does.
        """
        await self._look()
        number = l2_block_ref(self._config, block).l1_origin.number + 1
        await self._record(number)
        self._remembered = number

    async def _look(self) -> None:
        await self._follower.poll()
        if self._l1_blocks is None:
            self._l1_blocks = Address(await self._ask(view(self._at, "l1Blocks()", "address")))

    async def _turn(self, parent: Block, agreed: Hash32) -> None:
        progress = await self._progress(agreed)
        if not progress.is_begun:
            transactions = [tx.encode() for tx in parent.transactions] if parent.number else []
            output = output_of_header(parent.header).encode()
            call = input_proof.begin(output, parent.header.encode(), transactions)
            await self._send(self._at, call, f"open L2 block {parent.number}")
            return
        origin = l2_block_ref(self._config, parent).l1_origin.number
        for number in (origin, origin + 1):
            if await self._record(number):
                return
        index = await self._search(agreed, progress, origin)
        if index is None:
            return
        due = parent.header.timestamp + self._config.block_time
        epoch = await self._epoch(progress, origin, due)
        if epoch != origin and await self._read(epoch):
            return
        await self._send(self._at, input_proof.conclude(agreed, index), "put the inputs together")

    async def _epoch(self, progress: Progress, origin: int, due: int) -> int:
        """The L1 block whose deposits the block takes that is due behind that origin: the found
        batch's, else the empty one's. No other one's receipts are read: they may be such that L1
        cannot.
        """
        if progress.found:
            return progress.epoch
        following = await self._block(origin + 1)
        return origin if due < following.timestamp else origin + 1

    async def _progress(self, agreed: Hash32) -> Progress:
        values = await self._ask(
            View(
                self._at,
                encode_call("progress(bytes32)", agreed),
                ("bool", "uint256", "uint256", "uint256"),
            )
        )
        return Progress(*values)

    # -- blocks of L1

    async def _record(self, number: int) -> bool:
        """Record the header of an L1 block that is not recorded; whether a call was sent.

        One that is too old for L1 to look up takes the headers behind it too.
        """
        if await self._is_recorded(number):
            return False
        newest = self._follower.head_number
        if number >= newest:
            raise NotProvableYet(f"L1 block {number} is needed, L1's newest is {newest}")
        wanted = await self._headers_to(number, newest)
        if len(wanted) > _MAX_HEADERS:
            raise TooOldToProve(
                f"L1 block {number} is {newest - number} blocks old and L1 looks up "
                f"{input_proof.KNOWN_HEADERS}: {len(wanted)} headers would have to be sent, the "
                f"limit is {_MAX_HEADERS}; record it at L1Blocks while it is younger"
            )
        for each in wanted:
            if each == number or not await self._is_recorded(each):
                await self._send_header(each)
        return True

    async def _headers_to(self, number: int, newest: int) -> range:
        """The headers that lead to one, from what L1 can look up or from what is recorded."""
        wanted = input_proof.headers_to_prove(number, newest)
        known = self._remembered
        if known is None or not number < known < wanted.start or not await self._is_recorded(known):
            return wanted
        return range(known - 1, number - 1, -1)

    async def _is_recorded(self, number: int) -> bool:
        assert self._l1_blocks is not None  # noqa: S101 - asked for first
        call = encode_call("l1Block(uint256)", number)
        (recorded,) = await self._ask(View(self._l1_blocks, call, _BLOCK_TYPES), whole=True)
        return bool(recorded[0] != ZERO_HASH)

    async def _send_header(self, number: int) -> None:
        assert self._l1_blocks is not None  # noqa: S101 - asked for first
        block = await self._block(number)
        call = input_proof.prove_header(block.header.encode())
        await self._send(self._l1_blocks, call, f"record L1 block {number}")

    async def _read(self, number: int) -> bool:
        """Read receipts of an L1 block that are not read; whether a call was sent."""
        assert self._l1_blocks is not None  # noqa: S101 - asked for first
        call = encode_call("progress(uint256)", number)
        (reading,) = await self._ask(View(self._l1_blocks, call, _READING_TYPES), whole=True)
        first, _, is_read, _, _ = reading
        if is_read:
            return False
        block = await self._block(number)
        _, opened = await self._ask(
            View(self._l1_blocks, encode_call("held(uint256)", number), ("uint256", "uint256"))
        )
        calls = [] if opened else input_proof.read_receipts(number, block.receipts, first)
        for call in calls:
            await self._send(self._l1_blocks, call, f"read receipts of L1 block {number}")
        if not calls:
            await self._read_long(block, first)
        return True

    async def _read_long(self, block: L1Block, index: int) -> None:
        """Send what is next for a receipt that fits no call: a part, that the parts are it, or the
        next window.
        """
        assert self._l1_blocks is not None  # noqa: S101 - asked for first
        held = HeldReceipt.of(block.number, block.receipts, index)
        parts = self._parts.setdefault((block.hash, index), [])
        what = f"receipt {index} of L1 block {block.number}"
        if len(parts) < len(held.parts):
            await self._put(held.creations()[len(parts)], parts, f"put a part of {what} on L1")
            return
        is_held = encode_call("isHeld(uint256,address[])", block.number, parts)
        if not await self._ask(View(self._l1_blocks, is_held, ("bool",))):
            await self._send(self._l1_blocks, held.hold(parts), f"hold {what}")
            return
        most = input_proof.MAX_LOGS_A_CALL
        while most > 1 and await self._would_fail(self._l1_blocks, held.read(parts, most)):
            most //= 2  # too much gas for one call
        await self._send(self._l1_blocks, held.read(parts, most), f"read {what}")

    async def _put(self, creation: bytes, parts: list[Address], what: str) -> None:
        confirmed = await self._sender.send_and_wait(L1Request(None, creation))
        assert confirmed.contract_address is not None  # noqa: S101 - a creation
        parts.append(to_address(confirmed.contract_address))
        self._say(f"{what}: L1 block {confirmed.block.number}")
        await self._follower.poll()

    async def _block(self, number: int) -> L1Block:
        while True:
            try:
                return self._provider.block_by_number(number)
            except L1DataMissing as missing:
                await self._follower.fetch_missing(missing)

    # -- items of the inbox

    async def _search(self, agreed: Hash32, progress: Progress, origin: int) -> int | None:
        """Look at the next items; None where that was sent, else the index to conclude with."""
        if progress.found:
            return progress.next_item
        index = progress.next_item - 1 if progress.next_item else await self._first_behind(origin)
        items = await self._items(index, origin + self._config.seq_window_size + 1)
        count = input_proof.items_together(items)
        while count:
            call = input_proof.scan(agreed, index, *items[:count])
            if await self._would_fail(self._at, call) is None:
                await self._send(self._at, call, f"look at items {index} to {index + count - 1}")
                return None
            # Too much gas for one call, or the window ends before the last of them.
            count //= 2
        return index  # the window is over: nothing from here on counts

    async def _first_behind(self, origin: int) -> int:
        """The first item of an L1 block behind the origin, or what will be its index."""
        inbox = self._config.batch_inbox_address
        low, high = 0, int(await self._ask(view(inbox, "count()", "uint256")))
        while low < high:
            middle = (low + high) // 2
            if await self._came_in(middle) > origin:
                high = middle
            else:
                low = middle + 1
        return low

    async def _came_in(self, index: int) -> int:
        """The L1 block of an item, zero where there is none yet."""
        inbox = self._config.batch_inbox_address
        item = await self._ask(view(inbox, "item(uint256)", "uint256,bytes32", index))
        return int(item[0])

    async def _items(self, first: int, last: int) -> list[bytes]:
        """Items from an index on that came up to the L1 block `last`: no more than a call takes,
        and what came beside them.
        """
        found: list[bytes] = []
        begin = await self._came_in(first)
        if begin == 0:
            return found
        newest = min(last, self._follower.head_number)
        for start in range(begin, newest + 1, _BLOCKS_AT_ONCE):
            found += await self._logged(first, start, min(start + _BLOCKS_AT_ONCE - 1, newest))
            if input_proof.items_together(found) < len(found):
                break
        return found

    async def _logged(self, first: int, from_block: int, to_block: int) -> list[bytes]:
        """Items from an index on that came in these L1 blocks."""
        logs = await self._l1.call(
            "eth_getLogs",
            {
                "address": f"0x{self._config.batch_inbox_address.hex()}",
                "topics": [f"0x{BATCHES.hex()}"],
                "fromBlock": hex(from_block),
                "toBlock": hex(to_block),
            },
        )
        wanted = [log["data"] for log in logs if int(log["topics"][1], 16) >= first]
        return [abi.decode(("bytes",), bytes.fromhex(data[2:]))[0] for data in wanted]

    # -- L1

    async def _send(self, to: Address, data: bytes, what: str) -> None:
        refusal = await self._would_fail(to, data)
        if refusal is not None:
            raise NotProvableYet(f"{what}: L1 would refuse it: {refusal}")
        confirmed = await self._sender.send_and_wait(L1Request(to, data))
        self._say(f"{what}: L1 block {confirmed.block.number}")
        await self._follower.poll()

    async def _would_fail(self, to: Address, data: bytes) -> str | None:
        call = {
            "from": f"0x{self._sender.address.hex()}",
            "to": f"0x{to.hex()}",
            "data": f"0x{data.hex()}",
            "gas": hex(MAX_GAS),
        }
        try:
            await self._l1.call("eth_call", call, "latest")
        except L1CallFailed as error:
            return error.message
        return None

    async def _ask(self, question: View, *, whole: bool = False) -> Any:  # noqa: ANN401 - decoded
        call = {"to": f"0x{question.to.hex()}", "data": f"0x{question.data.hex()}"}
        answer = await self._l1.call("eth_call", call, "latest")
        data = bytes.fromhex(answer.removeprefix("0x"))
        return abi.decode(question.returns, data) if whole else question.read(data)

    @staticmethod
    async def _apply(change: Callable[[], None]) -> None:
        change()
