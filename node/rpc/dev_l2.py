"""evm_ on the L2 of a development network: time, the next block, snapshots; nothing that L1 cannot
know.

Both layers go by one clock, and L2 blocks have fixed times. So moving the clock forward makes the
sequencer build every block in between, and mining moves it to the time of the next block. An L2
that went back alone would be put right by L1, so snapshots are of both layers.
"""

from __future__ import annotations

import asyncio

from ..actors.clock import DevClock
from ..dev_snapshots import NetworkSnapshots
from ..writer import Writer
from . import parameters
from .backend import Backend
from .errors import UNSUPPORTED, InvalidParameter, RpcError
from .events import HeadChange
from .hexadecimal import quantity
from .jsonrpc import Parameter, rpc

_MOST_BLOCKS = 10_000
_SNAPSHOT = Parameter("snapshot", parameters.number)


class DevL2Namespace:
    """evm_increaseTime, evm_mine, evm_snapshot and evm_revert."""

    def __init__(
        self,
        backend: Backend,
        clock: DevClock,
        writer: Writer,
        block_time_s: int,
        snapshots: NetworkSnapshots,
    ) -> None:
        """`clock` is the one that both layers go by, `writer` the thread that builds blocks."""
        self._backend = backend
        self._clock = clock
        self._writer = writer
        self._block_time_s = block_time_s
        self._snapshots = snapshots
        # One at a time: a block that is being waited for never comes where time has gone back.
        self._turn = asyncio.Lock()
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
        async with self._turn:
            await self._mine(None if options is None else parameters.number(options))
        return "0x0"

    @rpc("evm_snapshot")
    @rpc("anvil_snapshot")
    async def snapshot(self) -> str:
        """Remember both layers: heads, pools and the clock."""
        async with self._turn:
            return quantity(await self._snapshots.take())

    @rpc("evm_revert", _SNAPSHOT)
    @rpc("anvil_revert", _SNAPSHOT)
    async def revert(self, number: int) -> bool:
        """Take both layers back to a snapshot; it and later ones are used up by that."""
        async with self._turn:
            return await self._snapshots.revert(number)

    async def _mine(self, timestamp: int | None) -> None:
        # Behind what the writer does: a block under way has passed over the latest transactions.
        head = await self._writer.run(self._backend.head)
        wanted = head.timestamp + 1 if timestamp is None else timestamp
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


class SnapshotsRefused:
    """evm_snapshot and evm_revert where the L1 is not ours to take back."""

    @rpc("evm_snapshot")
    @rpc("anvil_snapshot")
    def snapshot(self) -> str:
        """Refuse. Raises RpcError."""
        raise _snapshots_refused()

    @rpc("evm_revert", _SNAPSHOT)
    @rpc("anvil_revert", _SNAPSHOT)
    def revert(self, number: int) -> bool:
        """Refuse. Raises RpcError."""
        raise _snapshots_refused()


def _snapshots_refused() -> RpcError:
    return RpcError(
        UNSUPPORTED,
        "a snapshot is of both layers, and this network's L1 is not embedded: it cannot be taken "
        "back; run `stemma dev` without --l1-url",
    )
