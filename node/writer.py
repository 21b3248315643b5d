"""One thread that writes one chain: building, deriving, committing, all in turn.

The event loop stays free for RPC; what readers see is always a committed block.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Result = TypeVar("_Result")


class Writer:
    """Runs functions one after another in a thread of their own."""

    def __init__(self, name: str) -> None:
        """`name` is the thread's."""
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, action: Callable[[], _Result]) -> _Result:
        """Run an action after those already waiting; its exception is the caller's.

        A caller that is cancelled leaves the action to finish: a commit is never cut in half.
        """
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._executor, action))

    def run_blocking(self, action: Callable[[], _Result]) -> _Result:
        """As `run`, for a caller in another thread than the event loop's, which waits."""
        return self._executor.submit(action).result()

    def close(self) -> None:
        """Wait for the running action, drop the waiting ones."""
        self._executor.shutdown(wait=True, cancel_futures=True)
