"""KZG work in processes of its own, so that an event loop never waits for a curve.

ckzg holds the interpreter for up to 0.4 s a blob and gains nothing from threads. Every process
loads the trusted setup once. What waits is bounded: above that the caller is told to come again.
Knows nothing of stores or peers.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import ClassVar, TypeVar

from chain.errors import Recovery, StemmaError
from rollup.wire.blob import trusted_setup

T = TypeVar("T")
PRECOMPUTE = 8
"""Tables of ckzg: 0.8 s more to load, half the time for commitments and proofs."""


class KzgBusy(StemmaError):
    """As much work waits as may wait; come again later."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


class KzgWorkerLost(StemmaError):
    """A process died over its work, twice; the next call starts new ones."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


def _begin(precompute: int) -> None:
    """In a new process: load the setup, and die with the parent however it dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()
    trusted_setup(precompute)


def _follow(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def spare_processes() -> int:
    """As many as there are cores."""
    return max(1, len(os.sched_getaffinity(0)))


class KzgPool:
    """Some processes, started by the first call, ended by `close`."""

    def __init__(
        self, processes: int = 0, *, precompute: int = PRECOMPUTE, most_waiting: int = 64
    ) -> None:
        """0 processes: one a core. At most `most_waiting` calls are under way or wait."""
        self._processes = processes or spare_processes()
        self._precompute = precompute
        self._most_waiting = most_waiting
        self._waiting = 0
        self._executor: ProcessPoolExecutor | None = None

    @property
    def waiting(self) -> int:
        """Calls that are under way or wait."""
        return self._waiting

    async def run(self, function: Callable[..., T], *given: object) -> T:
        """The function's answer; function and arguments are pickled.

        Raises KzgBusy at once, KzgWorkerLost, and what the function raises.
        """
        if self._waiting >= self._most_waiting:
            raise KzgBusy(f"{self._waiting} blobs wait for their turn, at most that many may")
        self._waiting += 1
        try:
            for _ in range(2):
                executor = self._started()
                try:
                    return await asyncio.wrap_future(executor.submit(function, *given))
                except BrokenProcessPool:
                    self._forget(executor)
            raise KzgWorkerLost("a process for KZG work died twice over one call")
        finally:
            self._waiting -= 1

    def _started(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self._processes,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(self._precompute,),
            )
        return self._executor

    def _forget(self, executor: ProcessPoolExecutor) -> None:
        if self._executor is executor:
            self._executor = None
        executor.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """End the processes; what waits is cancelled."""
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None
