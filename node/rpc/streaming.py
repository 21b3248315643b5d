"""Answers too long to be held: written by a thread of their own, no faster than the client reads.

A method returns `Streamed` where its caller can take one; the dispatcher joins it to the sink of
the request. At most a few chunks are in memory at a time, and a client that stops reading is left.
Knows neither methods nor sockets.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from chain.errors import StemmaError

CHUNK_BYTES: Final = 1 << 16
CHUNKS_AHEAD: Final = 4
MAX_STREAMS: Final = 4
IDLE_S: Final = 30.0
"""A client has to take a chunk within this time."""

Write: TypeAlias = Callable[[str], None]
"""Takes the next piece of the JSON text. What it raises ends the production."""


class StreamBroken(StemmaError):
    """An answer could not be finished after part of it was sent, or its client went away."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """A result in pieces. `produce` writes its JSON text, in whatever thread it is called."""

    produce: Callable[[Write], None]


class Sink(Protocol):
    """Where the bytes of an answer go."""

    async def write(self, data: bytes) -> None:
        """Send bytes; returns when more may be sent. Raises OSError where the client has gone."""


async def send(streamed: Streamed, before: bytes, after: bytes, sink: Sink) -> None:
    """Write a whole answer around a streamed result.

    What fails before the first chunk is full is raised as it is, and nothing has been sent then;
    later failures are StreamBroken.
    """
    pipe = _Pipe(asyncio.get_running_loop())
    threading.Thread(target=pipe.run, args=(streamed,), name="rpc-stream", daemon=True).start()
    has_begun = False
    try:
        async for chunk in pipe.chunks():
            async with asyncio.timeout(IDLE_S):
                await sink.write(chunk if has_begun else before + chunk)
            has_begun = True
        async with asyncio.timeout(IDLE_S):
            await sink.write(after)
    except TimeoutError as error:
        raise StreamBroken(f"the client took nothing for {IDLE_S:g} s") from error
    except Exception as error:
        if not has_begun:
            raise
        raise StreamBroken(f"an answer broke off: {error}") from error
    finally:
        pipe.close()


class _Pipe:
    """Chunks from a thread to the event loop, a few at a time."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue(CHUNKS_AHEAD)
        self._pieces: list[str] = []
        self._size = 0
        self._is_closed = False

    # -- in the thread

    def run(self, streamed: Streamed) -> None:
        """Produce everything; the end, or why there is none, goes through the pipe as well."""
        end: BaseException | None = None
        try:
            streamed.produce(self._write)
            self._flush()
        except Exception as error:  # noqa: BLE001 - handed on to whoever awaits the chunks
            end = error
        if not self._is_closed:
            self._put(end)

    def _write(self, text: str) -> None:
        self._pieces.append(text)
        self._size += len(text)
        if self._size >= CHUNK_BYTES:
            self._flush()

    def _flush(self) -> None:
        chunk = "".join(self._pieces).encode()
        self._pieces.clear()
        self._size = 0
        self._put(chunk)

    def _put(self, item: bytes | BaseException | None) -> None:
        if self._is_closed:
            raise StreamBroken("nobody waits for this answer any more")
        # Waits as long as the queue is full: that is what keeps the producer back.
        asyncio.run_coroutine_threadsafe(self._queue.put(item), self._loop).result()

    # -- on the loop

    async def chunks(self) -> AsyncIterator[bytes]:
        """What was produced, in order. Raises what the production raised."""
        while (item := await self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def close(self) -> None:
        """Let a producer that waits go on, to find out that nobody listens."""
        self._is_closed = True
        while not self._queue.empty():
            self._queue.get_nowait()
