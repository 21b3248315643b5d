"""evm_ on the L2 of a development network: time and the next block, nothing that L1 cannot know.

Both layers go by one clock. L2 blocks have fixed times, so moving it forward makes the sequencer
build every block in between, and mining is waiting for the one that is due.
"""

from __future__ import annotations

import asyncio

from ..actors.clock import DevClock
from . import parameters
from .backend import Backend
from .events import HeadChange
from .hexadecimal import quantity
from .jsonrpc import Parameter, rpc


class DevL2Namespace:
    """evm_increaseTime and evm_mine."""

    def __init__(self, backend: Backend, clock: DevClock) -> None:
        """`clock` is the one that both layers go by."""
        self._clock = clock
        self._sealed = asyncio.Event()
        backend.events.on_head.append(self._head_moved)

    def _head_moved(self, change: HeadChange) -> None:
        if change.added:
            self._sealed.set()

    @rpc("evm_increaseTime", Parameter("seconds", parameters.number))
    def increase_time(self, seconds: int) -> str:
        """Move the clock of both layers forward; the sequencer then catches up."""
        self._clock.offset_s += seconds
        return quantity(self._clock.offset_s)

    @rpc("evm_mine", Parameter("options", lambda value: value, None))
    async def mine(self, options: object) -> str:
        """Wait for the next block."""
        del options
        self._sealed.clear()
        await self._sealed.wait()
        return "0x0"
