"""The HTTP side of data availability: cells for peers, the alt-DA interface for batchers.

    GET  /da/v1/status                    who this is and what it keeps
    GET  /da/v1/evidence                  faults of others, with their receipts
    GET  /da/v1/held/0xCOMMITMENT         16 bytes, the set of cells kept
    GET  /da/v1/cells/0xCOMMITMENT?set=0x cells of a set
    POST /da/v1/cells                     cells to keep → receipt, signature
    POST /put, /put/0xCOMMITMENT          payload → commitment (bytes)
    GET  /get/0xCOMMITMENT                payload

Bodies are bounded before they are read. An error is a line of text; 503 says to come again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from aiohttp import web

from chain.errors import DecodeError, EncodeError, Recovery, StemmaError
from rollup.da.cell_message import MAX_MESSAGE_BYTES, CellMessage
from rollup.da.commitment import COMMITMENT_BYTES
from rollup.da.erasure import CELLS_PER_BLOB
from rollup.da.errors import MalformedInput

from ..rpc.server import AddressInUse
from .alt_da import UnknownCommitment
from .dispersal import Dispersal
from .keeper import Keeper
from .quota import Holding, StoreQuota
from .store import StoreFull

logger = logging.getLogger("stemma.da")

_MAX_COMMITMENT_DIGITS: Final = 4096
_SHOWN_FAULTS: Final = 256
_RETRY_AFTER: Final = {"Retry-After": "1"}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def status_of(error: StemmaError) -> int:
    """The HTTP status that says what a client may do about an error."""
    if isinstance(error, StoreFull):
        return 507
    if isinstance(error, UnknownCommitment):
        return 404
    if isinstance(error, DecodeError | EncodeError):
        return 400
    return 503 if error.recovery is Recovery.RETRY else 422


@web.middleware
async def _say_errors(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except StemmaError as error:
        status = status_of(error)
        logger.info("%s %s: %d %s", request.method, request.path[:80], status, error)
        headers = _RETRY_AFTER if status == 503 else {}
        text = f"{type(error).__name__}: {error}\n"
        return web.Response(status=status, text=text, headers=headers)


class AltDaInterface(Protocol):
    """What puts and gets payloads: a committee's, or a store of data by their hashes."""

    async def put(
        self, payload: bytes, commitment: bytes = b"", /
    ) -> tuple[bytes, Dispersal | None]:
        """Keep a payload; its commitment, and how it was dispersed."""
        ...

    async def get(self, commitment: bytes, /) -> bytes:
        """The payload of a commitment."""
        ...


class DaServer:
    """Listens for one node; `describe` is what its status says besides."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        keeper: Keeper | None = None,
        alt_da: AltDaInterface | None = None,
        describe: Callable[[], dict[str, Any]],
        faults: Callable[[], list[dict[str, Any]]] | None = None,
        holding: Holding | None = None,
    ) -> None:
        """Without a keeper there are no cells here, without `alt_da` nothing to put or get;
        `faults` is what was found of others, `holding` what the store can keep.
        """
        self._host, self._port = host, port
        self._keeper = keeper
        self._alt_da = alt_da
        self._describe = describe
        self._faults = faults or list
        self._quota = StoreQuota(time.monotonic, holding)
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen. Raises AddressInUse."""
        app = web.Application(client_max_size=MAX_MESSAGE_BYTES, middlewares=[_say_errors])
        app.router.add_get("/da/v1/status", self._status)
        app.router.add_get("/da/v1/evidence", self._evidence)
        if self._keeper is not None:
            app.router.add_get("/da/v1/held/{commitment}", self._held)
            app.router.add_get("/da/v1/cells/{commitment}", self._cells)
            app.router.add_post("/da/v1/cells", self._store)
        if self._alt_da is not None:
            app.router.add_post("/put", self._put)
            app.router.add_post("/put/{commitment}", self._put)
            app.router.add_get("/get/{commitment}", self._get)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port)
        try:
            await site.start()
        except OSError as error:
            raise AddressInUse(f"{self._host}:{self._port}: {error.strerror}") from error
        address = self._runner.addresses[0]
        self.url = f"http://{address[0]}:{address[1]}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _status(self, request: web.Request) -> web.Response:
        del request
        return web.json_response(self._describe())

    async def _evidence(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({"faults": self._faults()[:_SHOWN_FAULTS]})

    async def _held(self, request: web.Request) -> web.Response:
        assert self._keeper is not None  # noqa: S101 - the route is there with it only
        held = self._keeper.held(_commitment(request, COMMITMENT_BYTES))
        return web.Response(body=held.to_bytes(CELLS_PER_BLOB // 8, "big"))

    async def _cells(self, request: web.Request) -> web.Response:
        assert self._keeper is not None  # noqa: S101
        commitment = _commitment(request, COMMITMENT_BYTES)
        digits = request.query.get("set", "")
        try:
            wanted = int(digits, 16)
        except ValueError:
            wanted = -1
        if not 0 <= wanted < 1 << CELLS_PER_BLOB:
            raise MalformedInput(f"set={digits[:40]}: expected a set of 128 bits in hex")
        cells = self._keeper.store.cells(commitment, wanted)
        return web.Response(body=CellMessage(commitment, cells).encode())

    async def _store(self, request: web.Request) -> web.Response:
        assert self._keeper is not None  # noqa: S101
        body, sender = await request.read(), request.remote or ""
        self._quota.take(sender, len(body))
        stored = await self._keeper.accept(CellMessage.decode(body))
        self._quota.stored(sender, stored.new_bytes)
        return web.Response(body=stored.receipt.encode() + stored.signature)

    async def _put(self, request: web.Request) -> web.Response:
        assert self._alt_da is not None  # noqa: S101
        given = b"" if "commitment" not in request.match_info else _commitment(request)
        payload, sender = await request.read(), request.remote or ""
        # A payload of one byte makes a whole blob's cells, here and at the other operators.
        size = len(payload) if self._keeper is None else MAX_MESSAGE_BYTES
        self._quota.take(sender, size)
        commitment, dispersal = await self._alt_da.put(payload, given)
        if dispersal is not None:
            self._quota.stored(sender, size)
            logger.info(
                "dispersed",
                extra={
                    "blob": dispersal.certificate.commitment.hex()[:16],
                    "signed": len(dispersal.receipts),
                    "failed": len(dispersal.failures),
                },
            )
        return web.Response(body=commitment)

    async def _get(self, request: web.Request) -> web.Response:
        assert self._alt_da is not None  # noqa: S101
        return web.Response(body=await self._alt_da.get(_commitment(request)))


def _commitment(request: web.Request, size: int | None = None) -> bytes:
    digits = request.match_info["commitment"].removeprefix("0x")
    try:
        found = bytes.fromhex(digits) if len(digits) <= _MAX_COMMITMENT_DIGITS else b""
    except ValueError:
        found = b""
    if not found or (size is not None and len(found) != size):
        expected = "a commitment" if size is None else f"{size} bytes"
        raise MalformedInput(f"commitment {digits[:40]}: expected {expected} in hex")
    return found
