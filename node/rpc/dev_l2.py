"""evm_ on the L2 of a development network: time and the next block, nothing that L1 cannot know.

Both layers go by one clock, and L2 blocks have fixed times. So moving the clock forward makes the
sequencer build every block in between, and mining moves it to the time of the next block.
"""

from __future__ import annotations

import asyncio

from ..actors.clock import DevClock
from ..writer import Writer
from . import parameters
from .backend import Backend
from .errors import InvalidParameter
from .events import HeadChange
from .hexadecimal import quantity
from .jsonrpc import Parameter, rpc

_MOST_BLOCKS = 10_000


class DevL2Namespace:
    """evm_increaseTime and evm_mine."""

    def __init__(
        self, backend: Backend, clock: DevClock, writer: Writer, block_time_s: int
    ) -> None:
        """`clock` is the one that both layers go by, `writer` the thread that builds blocks."""
        self._backend = backend
        self._clock = clock
        self._writer = writer
        self._block_time_s = block_time_s
        self._sealed = asyncio.Event()
        backend.events.on_head.append(self._head_moved)

    def _head_moved(self, change: HeadChange) -> None:
        if change.added:
            self._sealed.set()

    @rpc("evm_increaseTime", Parameter("seconds", parameters.number))
    def increase_time(self, seconds: int) -> str:
        """Move the clock of both layers forward; the sequencer then catches up."""
        self._clock.offset_s += seconds
        return quantity(int(self._clock.offset_s))

    @rpc("evm_mine", Parameter("options", lambda value: value, None))
    async def mine(self, options: object) -> str:
        """Have the next block sealed now: the clock of both layers moves to its time.

        With a timestamp, every block up to that time.
        """
        if isinstance(options, dict):
            options = options.get("timestamp")
        # Behind what the writer does: a block under way has passed over the latest transactions.
        head = await self._writer.run(self._backend.head)
        wanted = head.timestamp + 1 if options is None else parameters.number(options)
        blocks = max(1, -((head.timestamp - wanted) // self._block_time_s))
        if blocks > _MOST_BLOCKS:
            raise InvalidParameter(
                f"timestamp {wanted} is {blocks} blocks away: {_MOST_BLOCKS} at most"
            )
        due = head.timestamp + blocks * self._block_time_s
        self._clock.move_to(due)
        while self._backend.head().timestamp < due:
            self._sealed.clear()
            await self._sealed.wait()
        return "0x0"
