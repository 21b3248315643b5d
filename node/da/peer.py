"""How one node asks another for cells: a protocol, and HTTP as its first carrier.

Every answer is bounded in size and time before it is looked at. Knows nothing of committees.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

import aiohttp

from chain.errors import Recovery, StemmaError
from rollup.da.cell_message import MAX_MESSAGE_BYTES, CellMessage
from rollup.da.erasure import Cell
from rollup.da.errors import CellOfAnotherBlob, DataAvailabilityError
from rollup.da.receipt import RECEIPT_BYTES, StorageReceipt

from .. import json_text

SIGNATURE_BYTES = 65
_MAX_JSON_BYTES = 65_536
_MAX_EVIDENCE_BYTES = 1 << 20
_SHOWN_BYTES = 300

_Answer = TypeVar("_Answer")


class PeerFailed(StemmaError):
    """A peer did not answer in time, refused, or answered nonsense."""

    recovery: ClassVar[Recovery] = Recovery.RETRY


@dataclass(frozen=True, slots=True)
class Stored:
    """A node's word that it stores cells, and its signature (65 bytes) for a certificate.

    `new_bytes` is what that took of its store: cells that were there already count by how much
    longer they are kept. Only the node itself knows it.
    """

    receipt: StorageReceipt
    signature: bytes
    new_bytes: int = field(default=0, compare=False)


class CellPeer(Protocol):
    """Another node, over whatever carries the messages."""

    @property
    def name(self) -> str:
        """What errors and logs call it."""
        ...

    async def identity(self) -> bytes:
        """Its Ed25519 key. Raises PeerFailed."""
        ...

    async def held(self, commitment: bytes) -> int:
        """The cells it says it has of a blob, a bit set. Raises PeerFailed."""
        ...

    async def store(self, message: CellMessage) -> Stored:
        """Have it store cells. Raises PeerFailed."""
        ...

    async def cells(self, commitment: bytes, wanted: int) -> tuple[Cell, ...]:
        """Some of the wanted cells, not verified. Raises PeerFailed, CellOfAnotherBlob."""
        ...


class Either:
    """One operator over two carriers: the second where the first fails."""

    def __init__(self, first: CellPeer, second: CellPeer) -> None:
        """Both are the same operator."""
        self._both = first, second

    @property
    def name(self) -> str:
        """The first one's."""
        return self._both[0].name

    async def identity(self) -> bytes:
        """Its Ed25519 key."""
        return await self._both[0].identity()

    async def held(self, commitment: bytes) -> int:
        """The cells it says it has."""
        return await self._first_that_works(lambda peer: peer.held(commitment))

    async def store(self, message: CellMessage) -> Stored:
        """Have it store cells."""
        return await self._first_that_works(lambda peer: peer.store(message))

    async def cells(self, commitment: bytes, wanted: int) -> tuple[Cell, ...]:
        """Some of the wanted cells, not verified."""
        return await self._first_that_works(lambda peer: peer.cells(commitment, wanted))

    async def _first_that_works(self, ask: Callable[[CellPeer], Awaitable[_Answer]]) -> _Answer:
        try:
            return await ask(self._both[0])
        except PeerFailed:
            return await ask(self._both[1])


class HttpPeer:
    """A node by its URL; `session` is the caller's."""

    def __init__(self, url: str, session: aiohttp.ClientSession, timeout_s: float) -> None:
        """Nothing is asked yet."""
        self._url = url.rstrip("/")
        self._session = session
        self._timeout_s = timeout_s
        self._identity: bytes | None = None

    @property
    def name(self) -> str:
        """Its URL."""
        return self._url

    async def status(self) -> dict[str, Any]:
        """What it says of itself. Raises PeerFailed."""
        body = await self._ask("GET", "/da/v1/status", most=_MAX_JSON_BYTES)
        try:
            value = json_text.parse(body)
        except ValueError as error:
            raise PeerFailed(f"{self._url}: status is not JSON: {error}") from error
        if not isinstance(value, dict):
            raise PeerFailed(f"{self._url}: status is not an object")
        return value

    async def faults(self) -> list[dict[str, Any]]:
        """What it has found of others. Raises PeerFailed."""
        body = await self._ask("GET", "/da/v1/evidence", most=_MAX_EVIDENCE_BYTES)
        try:
            return list(json_text.parse(body)["faults"])
        except (ValueError, KeyError, TypeError) as error:
            raise PeerFailed(f"{self._url}: evidence is not what it should be: {error}") from error

    async def identity(self) -> bytes:
        """Its Ed25519 key, asked for once."""
        if self._identity is None:
            try:
                self._identity = bytes.fromhex(str((await self.status())["identity"])[2:])
            except (KeyError, ValueError) as error:
                raise PeerFailed(f"{self._url}: no identity in its status") from error
        return self._identity

    async def held(self, commitment: bytes) -> int:
        """The cells it says it has, a bit set."""
        body = await self._ask("GET", f"/da/v1/held/0x{commitment.hex()}", most=16)
        if len(body) != 16:
            raise PeerFailed(f"{self._url}: a set of {len(body)} bytes, expected 16")
        return int.from_bytes(body, "big")

    async def store(self, message: CellMessage) -> Stored:
        """Have it store cells."""
        most = RECEIPT_BYTES + SIGNATURE_BYTES
        body = await self._ask("POST", "/da/v1/cells", message.encode(), most=most)
        if len(body) != most:
            raise PeerFailed(f"{self._url}: a receipt of {len(body)} bytes, expected {most}")
        return Stored(StorageReceipt.decode(body[:RECEIPT_BYTES]), body[RECEIPT_BYTES:])

    async def cells(self, commitment: bytes, wanted: int) -> tuple[Cell, ...]:
        """Some of the wanted cells, not verified."""
        path = f"/da/v1/cells/0x{commitment.hex()}?set=0x{wanted:x}"
        body = await self._ask("GET", path, most=MAX_MESSAGE_BYTES)
        try:
            message = CellMessage.decode(body)
        except DataAvailabilityError as error:
            raise PeerFailed(f"{self._url}: {error}") from error
        if message.commitment != commitment:
            raise CellOfAnotherBlob(commitment, message.commitment)
        return tuple(cell for cell in message.cells if wanted >> cell.index & 1)

    async def put(self, payload: bytes, commitment: bytes = b"") -> bytes:
        """Have it keep or disperse a payload, under a commitment if one is given; the alt-DA
        commitment without its version byte.
        """
        path = f"/put/0x{commitment.hex()}" if commitment else "/put"
        return await self._ask("POST", path, payload, most=_MAX_JSON_BYTES)

    async def get(self, commitment: bytes) -> bytes:
        """The payload behind an alt-DA commitment without its version byte."""
        return await self._ask("GET", f"/get/0x{commitment.hex()}", most=MAX_MESSAGE_BYTES)

    async def _ask(self, method: str, path: str, body: bytes | None = None, *, most: int) -> bytes:
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.request(method, self._url + path, data=body) as answer,
            ):
                data = await _read(answer, most)
                if answer.status != 200:
                    shown = data[:_SHOWN_BYTES].decode("utf-8", "replace").strip()
                    raise PeerFailed(f"{self._url}{path}: {answer.status}: {shown}")
                return data
        except TimeoutError as error:
            raise PeerFailed(f"{self._url}: no answer in {self._timeout_s} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise PeerFailed(f"{self._url}: {error}") from error


async def _read(answer: aiohttp.ClientResponse, most: int) -> bytes:
    """The body, of which a server may send no more than was agreed. Raises PeerFailed."""
    room = max(most, _SHOWN_BYTES)
    body = bytearray()
    async for part in answer.content.iter_any():
        body += part
        if len(body) > room:
            if answer.status != 200:
                break
            raise PeerFailed(f"{answer.url}: more than the {most} bytes that were asked for")
    return bytes(body)
