"""The actors of a node as one thing: run together, and stopped for what may not happen under them.

Knows nothing of what they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class ActorGroup:
    """Loops that end only by failing; the failure of one is that of all."""

    def __init__(self, loops: Callable[[], Sequence[Coroutine[Any, Any, None]]]) -> None:
        """`loops` gives them anew at every start."""
        self._loops = loops
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: asyncio.Future[None] | None = None
        self._is_stopped = False
        self._turn = asyncio.Lock()

    def start(self) -> asyncio.Future[None]:
        """Start all; the future fails as the first of them does. Raises what making them raises."""
        self._failure = asyncio.get_running_loop().create_future()
        self._start()
        return self._failure

    async def stop(self) -> None:
        """Stop all for good."""
        self._is_stopped = True
        await self._stop()

    async def without(self, action: Callable[[], Awaitable[_Result]]) -> _Result:
        """Stop all, await an action, and start all anew, also where the action fails."""
        async with self._turn:
            await self._stop()
            try:
                return await action()
            finally:
                if self._is_running():
                    self._start()

    def _is_running(self) -> bool:
        return not (self._failure is None or self._failure.done() or self._is_stopped)

    def _start(self) -> None:
        self._tasks = [asyncio.create_task(loop) for loop in self._loops()]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)
