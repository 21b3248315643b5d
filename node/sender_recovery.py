"""Who sent transactions, found out in other processes while this one does the rest.

Recovering a signature takes a third to a half of what taking in a transaction costs, and it depends
on nothing but the transaction's bytes. Of a batch the last part goes to worker processes
(`sender_worker.py`), the first part is recovered here meanwhile; the shares follow from who had to
wait. No worker is started before there is a batch worth it, none where there is no core to spare,
and what a worker does not answer is recovered here. Knows nothing of JSON-RPC, pools or chains.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence

from chain.crypto.secp256k1 import InvalidSignature
from chain.errors import StemmaError
from chain.transaction import (
    DepositTransaction,
    Transaction,
    known_sender,
    recover_sender,
    remember_sender,
)
from chain.types import ZERO_ADDRESS, Address

from .sender_worker import READY, decode_answer, encode_request, receive_message

logger = logging.getLogger("stemma.senders")

_SMALLEST_BATCH = 16
"""Fewer transactions are recovered in the time that it takes to wake a worker and read it."""
_MOST_WORKERS = 3
_TIMEOUT_S = 5.0
_STOP_S = 2.0
_WAITED_S = 0.0003
"""Waiting this long for a worker says that its share was too large."""
_LEAST_SHARE, _FIRST_SHARE = 0.1, 0.6
_LESS, _MORE = 0.05, 0.04
_IMPORT_SHARE = 0.45
"""Of a block's transactions to a worker: they are decoded here already, there once more."""


def spare_cores() -> int:
    """How many workers would each have a core for itself, this process having one."""
    return min(len(os.sched_getaffinity(0)) - 1, _MOST_WORKERS)


class _Worker:
    """One process and the connection to it; whoever holds `busy` may use it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            descriptor = theirs.fileno()
            self._process = subprocess.Popen(  # noqa: S603 - this interpreter, our module
                [sys.executable, "-m", "node.sender_worker", str(descriptor)],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
                pass_fds=(descriptor,),
            )
        self._connection = ours
        self._connection.settimeout(_TIMEOUT_S)
        self._is_ready = False
        self.busy = threading.Lock()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether it has started; asked without waiting."""
        if not self._is_ready:
            try:
                self._is_ready = self._connection.recv(1, socket.MSG_DONTWAIT) == READY
            except OSError:
                return False
        return self._is_ready

    def wait_until_ready(self) -> None:
        """Raises OSError where it does not start in time."""
        if not self._is_ready:
            self._is_ready = self._connection.recv(1) == READY

    def send(self, raws: list[bytes]) -> None:
        """Raises OSError where the worker is gone or does not read."""
        self._connection.sendall(encode_request(raws))

    def receive(self) -> list[Address]:
        """The senders of what was sent. Raises PeerGone, OSError."""
        return decode_answer(receive_message(self._connection))

    def stop(self) -> None:
        """Close the connection, at which the process ends; kill it where it does not."""
        self._connection.close()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Task:
    """What one worker was given and has not answered yet."""

    def __init__(self, pool: SenderRecovery, worker: _Worker, raws: list[bytes]) -> None:
        self._pool = pool
        self._worker = worker
        self._raws = raws
        self._senders: dict[bytes, Address] | None = None
        self.waited_s = 0.0

    def senders(self) -> dict[bytes, Address]:
        """Senders by transaction; without those that the worker could not make out."""
        if self._senders is None:
            self._senders = self._collect()
        return self._senders

    def _collect(self) -> dict[bytes, Address]:
        started = time.perf_counter()
        try:
            senders = self._worker.receive()
            if len(senders) != len(self._raws):
                raise OSError(f"{len(senders)} senders for {len(self._raws)} transactions")
        except (StemmaError, OSError) as error:
            self._pool.give_up(self._worker, error)
            return {}
        finally:
            self._worker.busy.release()
        self.waited_s = time.perf_counter() - started
        pairs = zip(self._raws, senders, strict=True)
        return {raw: sender for raw, sender in pairs if sender != ZERO_ADDRESS}


class SenderRecovery:
    """The workers of one node; made by `open_chain`'s caller, ended by `close`."""

    def __init__(self, processes: int = -1) -> None:
        """At most so many workers; below 0 as many as there are cores to spare."""
        self._most = spare_cores() if processes < 0 else processes
        self._workers: list[_Worker] = []
        self._changing = threading.Lock()
        self._expected: dict[bytes, _Task] = {}
        self._share = _FIRST_SHARE

    def start(self) -> None:
        """Start the workers now, for a long import, and wait until they can be used."""
        if not self._workers:
            self._start()
        for worker in list(self._workers):
            with worker.busy:
                try:
                    worker.wait_until_ready()
                except OSError as error:
                    self.give_up(worker, error)

    # -- transactions that come in, on the event loop

    def look_ahead(self, raws: Sequence[bytes]) -> Callable[[], None]:
        """Have the last of these recovered elsewhere; `sender_of` then knows them.

        What is returned has to be called when the batch is done with.
        """
        tasks = self._begin(raws, self._share)
        expected = self._expected
        asked: list[bytes] = []
        for task, part in tasks:
            asked += part
            for raw in part:
                expected[raw] = task

        def done() -> None:
            for raw in asked:
                expected.pop(raw, None)
            for task, _ in tasks:
                task.senders()
            if tasks:
                self._balance(max(task.waited_s for task, _ in tasks))

        return done

    def sender_of(self, raw: bytes) -> Address | None:
        """Who sent a transaction of a batch that was looked at ahead, else None."""
        task = self._expected.pop(raw, None)
        return None if task is None else task.senders().get(raw)

    def _balance(self, waited_s: float) -> None:
        if waited_s > _WAITED_S:
            self._share = max(_LEAST_SHARE, self._share - _LESS)
        else:
            self._share = min(1.0, self._share + _MORE)

    # -- blocks that come in, in any thread

    def recover(self, transactions: Sequence[Transaction]) -> None:
        """Find out the senders of a block; where there is none to be found, none is remembered."""
        unknown = [
            tx
            for tx in transactions
            if not isinstance(tx, DepositTransaction) and known_sender(tx) is None
        ]
        tasks = self._begin([tx.encode() for tx in unknown], _IMPORT_SHARE)
        if not tasks:
            return
        elsewhere = sum(len(part) for _, part in tasks)
        for tx in unknown[: len(unknown) - elsewhere]:
            try:
                recover_sender(tx)
            except InvalidSignature:
                break  # the block is refused for it, and nothing else of it matters
        senders: dict[bytes, Address] = {}
        for task, _ in tasks:
            senders |= task.senders()
        for tx in unknown:
            sender = senders.get(tx.encode())
            if sender is not None:
                remember_sender(tx, sender)

    # -- workers

    @property
    def pids(self) -> list[int]:
        """Of the worker processes that run."""
        return [worker.pid for worker in self._workers]

    def _begin(self, raws: Sequence[bytes], share: float) -> list[tuple[_Task, list[bytes]]]:
        """Give the last part of these to the workers that are free."""
        if self._most < 1 or len(raws) < _SMALLEST_BATCH:
            return []
        workers = self._free()
        if not workers:
            return []
        here = len(raws) - int(len(raws) * share)
        size = -(-(len(raws) - here) // len(workers))
        tasks: list[tuple[_Task, list[bytes]]] = []
        for index, worker in enumerate(workers):
            part = list(raws[here + index * size : here + (index + 1) * size])
            try:
                worker.send(part)
            except OSError as error:
                self.give_up(worker, error)
                worker.busy.release()
                continue
            tasks.append((_Task(self, worker, part), part))
        return tasks

    def _free(self) -> list[_Worker]:
        """Idle workers that have started, now held by the caller; the first call starts them."""
        if not self._workers:
            self._start()
        free = [worker for worker in self._workers if worker.busy.acquire(blocking=False)]
        ready = [worker for worker in free if worker.is_ready]
        for worker in free:
            if worker not in ready:
                worker.busy.release()
        return ready

    def _start(self) -> None:
        with self._changing:
            if self._workers or self._most < 1:
                return
            try:
                self._workers = [_Worker() for _ in range(self._most)]
            except OSError as error:
                logger.warning("senders are recovered in this process alone: %s", error)
                self._most = 0

    def give_up(self, worker: _Worker, error: Exception) -> None:
        """Do without a worker from here on."""
        logger.warning("a process that recovers senders is lost: %s", error)
        with self._changing:
            if worker in self._workers:
                self._workers = [other for other in self._workers if other is not worker]
                self._most -= 1
        worker.stop()

    def close(self) -> None:
        """End the workers. Nothing may be under way."""
        with self._changing:
            workers, self._workers, self._most = self._workers, [], 0
        for worker in workers:
            worker.stop()
