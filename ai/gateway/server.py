"""HTTP in OpenAI's form over the answer service, the training board and the content store.

Streams are server-sent events: role first, text, a chunk with the finish reason, one with `usage`
(if asked for) and the receipt under `stemma`, then [DONE]. Knows nothing of tokens or chains.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from ai.datasets.rows import (
    MAX_CONTRIBUTION_BYTES,
    content_root,
    decode_contribution,
    encode_contribution,
)
from ai.datasets.store import ContentStore, MissingContent
from ai.inference.engine import Completion
from ai.worker.client import ChainClient, RpcError
from ai.worker.jobs import JobBoard
from chain.errors import DecodeError, StemmaError
from chain.types import Hash32, to_hash32
from genesis.interfaces import DATANET_REGISTRY, MODEL_REGISTRY

from .answering import AnswerService, PaidRequest, RunningAnswer, Settled
from .errors import GatewayError, InvalidParameter, NotFound
from .openai_schema import CompletionRequest, parse_completion_request
from .payment import PAYMENT_HEADER, find_adapter

MAX_BODY_BYTES: Final = 1 << 20
DRAIN_TIMEOUT_S: Final = 3.0
Json = dict[str, Any]
_HEADER_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingOffer:
    """What this worker trains: its base model and the recipe it takes by default."""

    base_model: Hash32
    recipe_hash: Hash32
    recipe: Mapping[str, Any]


class GatewayServer:
    """The routes of one worker's gateway."""

    def __init__(
        self,
        answers: AnswerService,
        contents: ContentStore,
        board: JobBoard,
        client: ChainClient,
        offer: TrainingOffer,
        max_output_tokens: int,
    ) -> None:
        self.answers = answers
        self.contents = contents
        self.board = board
        self.client = client
        self.offer = offer
        self.max_output_tokens = max_output_tokens
        self._working: set[asyncio.Task[web.StreamResponse]] = set()

    def application(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[errors_as_json], client_max_size=MAX_BODY_BYTES)
        app.add_routes(
            [
                web.get("/health", self.health),
                web.get("/v1/models", self.models),
                web.get("/v1/models/{model}", self.model),
                web.post("/v1/chat/completions", self.chat_completions),
                web.post("/v1/completions", self.completions),
                web.post("/v1/estimate", self.estimate),
                web.get("/v1/receipts/{request}", self.receipt),
                web.get("/v1/training/offer", self.training_offer),
                web.get("/v1/training/jobs", self.training_jobs),
                web.get("/v1/training/jobs/{job}", self.training_job),
                web.get("/content/{hash}", self.content),
                web.get("/content/datanets/{datanet}/contributions/{id}", self.contribution),
                web.put("/content/datanets/{datanet}/contributions/{id}", self.take_contribution),
            ]
        )
        app.on_cleanup.append(self._drain)
        return app

    async def _drain(self, _app: web.Application) -> None:
        """Let answers under way settle; give up on those that do not."""
        if self._working:
            await asyncio.wait(self._working, timeout=DRAIN_TIMEOUT_S)
        for work in self._working:
            work.cancel()

    # ------------------------------------------------------------ answers

    async def chat_completions(self, http: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        return await self._answer(http, chat=True)

    async def completions(self, http: web.Request) -> web.StreamResponse:
        """POST /v1/completions."""
        return await self._answer(http, chat=False)

    async def estimate(self, http: web.Request) -> web.StreamResponse:
        """POST /v1/estimate: the most that a request can cost, and how to open its escrow."""
        body = await _json_body(http)
        chat = isinstance(body, dict) and "messages" in body
        request = parse_completion_request(
            body, chat=chat, max_output_tokens=self.max_output_tokens
        )
        quote = await self.answers.quote(request)
        return web.json_response(quote.document())

    async def _answer(self, http: web.Request, *, chat: bool) -> web.StreamResponse:
        request = parse_completion_request(
            await _json_body(http), chat=chat, max_output_tokens=self.max_output_tokens
        )
        paid = await self.answers.admit(request, http.headers.get(PAYMENT_HEADER))
        # A task of its own: whoever has paid is answered and billed, even when the connection's
        # handler is cancelled because the caller has left.
        work = asyncio.create_task(self._work(http, request, paid))
        self._working.add(work)
        work.add_done_callback(self._working.discard)
        return await asyncio.shield(work)

    async def _work(
        self, http: web.Request, request: CompletionRequest, paid: PaidRequest
    ) -> web.StreamResponse:
        try:
            running = await self.answers.generate(paid)
            form = _Form(request, paid.request_id)
            if request.stream:
                return await self._stream(http, paid, running, form)
            completion, settled = await self._finish(paid, running)
            return web.json_response(form.whole(completion, settled), headers=form.headers())
        finally:
            self.answers.release(paid)

    async def _finish(
        self, paid: PaidRequest, running: RunningAnswer
    ) -> tuple[Completion, Settled]:
        completion = await running.completion()
        return completion, await self.answers.settle(paid, completion)

    async def _stream(
        self, http: web.Request, paid: PaidRequest, running: RunningAnswer, form: _Form
    ) -> web.StreamResponse:
        stream = _EventStream(form.headers())
        await stream.open(http)
        await stream.send(form.opening())
        try:
            async for event in running.events():
                if event.text:
                    await stream.send(form.piece(event.text))
                if stream.is_gone:  # the caller left: stop, and bill what was produced
                    running.cancel()
            completion, settled = await self._finish(paid, running)
        except GatewayError as error:
            await stream.send(error.body())  # the status is out: an error event, then the end
            return stream.response
        for chunk in form.closing(completion, settled):
            await stream.send(chunk)
        await stream.done()
        return stream.response

    async def receipt(self, http: web.Request) -> web.StreamResponse:
        """GET /v1/receipts/{request}: receipt and citations of an answer given here."""
        request_id = _hash(http.match_info["request"], "request")
        found = self.answers.find_receipt(request_id)
        if found is None:
            raise NotFound(f"request 0x{request_id.hex()}: no receipt here", param="request")
        return web.json_response(found)

    # ------------------------------------------------------------ models

    async def models(self, _http: web.Request) -> web.StreamResponse:
        """GET /v1/models: the adapters on chain for this worker's base model."""
        found = await self.client.events(MODEL_REGISTRY, "AdapterRegistered")
        prices = await self.client.events(MODEL_REGISTRY, "PriceChanged")
        current = {event.arguments["adapterId"]: event.arguments for event, _ in prices}
        data = [
            _model(event.arguments, raw, current.get(event.arguments["adapterId"], {}))
            for event, raw in found
            if event.arguments["baseModel"] == self.offer.base_model
        ]
        return web.json_response({"object": "list", "data": data})

    async def model(self, http: web.Request) -> web.StreamResponse:
        """GET /v1/models/{model}."""
        name = http.match_info["model"]
        adapter = await find_adapter(self.client, name)
        identity = adapter.adapter_id
        found = await self.client.events(MODEL_REGISTRY, "AdapterRegistered", identity)
        current = {
            "inputPriceWei": adapter.input_price_wei,
            "outputPriceWei": adapter.output_price_wei,
        }
        return web.json_response(_model(found[0][0].arguments, found[0][1], current))

    # ------------------------------------------------------------ training and content

    async def training_offer(self, _http: web.Request) -> web.StreamResponse:
        """GET /v1/training/offer: what a training request to this worker must name."""
        return web.json_response(
            {
                "base_model": "0x" + self.offer.base_model.hex(),
                "recipe_hash": "0x" + self.offer.recipe_hash.hex(),
                "recipe": self.offer.recipe,
            }
        )

    async def training_jobs(self, _http: web.Request) -> web.StreamResponse:
        """GET /v1/training/jobs: every job seen, without their logs."""
        jobs = [job.document() | {"log": None} for job in self.board.all()]
        return web.json_response({"jobs": jobs})

    async def training_job(self, http: web.Request) -> web.StreamResponse:
        """GET /v1/training/jobs/{job}: live progress of one job; `waiting` before it is seen."""
        job_id = _number(http.match_info["job"], "job")
        job = self.board.find(job_id)
        if job is None:
            try:
                await self.client.view(MODEL_REGISTRY, "getJob", job_id)
            except RpcError as error:
                raise NotFound(f"job {job_id}: {error.message}", param="job") from None
            job = self.board.open(job_id)
        return web.json_response(job.document())

    async def content(self, http: web.Request) -> web.StreamResponse:
        """GET /content/{hash}: a blob of the content store."""
        try:
            data = self.contents.get(_hash(http.match_info["hash"], "hash"))
        except MissingContent as error:
            raise NotFound(str(error), param="hash") from None
        return web.Response(body=data, content_type="application/octet-stream")

    async def contribution(self, http: web.Request) -> web.StreamResponse:
        """GET …/contributions/{id}: its rows, as they were given."""
        registered = await self._contribution(
            _number(http.match_info["datanet"], "datanet"), _number(http.match_info["id"], "id")
        )
        try:
            rows = await asyncio.to_thread(
                self.contents.get_contribution,
                registered["contributor"],
                Hash32(registered["contentRoot"]),
            )
        except MissingContent as error:
            raise NotFound(str(error), param="id") from None
        return web.Response(body=encode_contribution(rows), content_type="application/octet-stream")

    async def take_contribution(self, http: web.Request) -> web.StreamResponse:
        """PUT …/contributions/{id}: its rows; taken only if their root is on chain."""
        datanet_id = _number(http.match_info["datanet"], "datanet")
        contribution_id = _number(http.match_info["id"], "id")
        registered = await self._contribution(datanet_id, contribution_id)
        data = await _bounded_body(http, MAX_CONTRIBUTION_BYTES)
        place = f"contribution {contribution_id} of datanet {datanet_id}"
        count = await asyncio.to_thread(self._take_rows, data, registered, place)
        root = "0x" + registered["contentRoot"].hex()
        return web.json_response({"rows": count, "content_root": root})

    def _take_rows(self, data: bytes, registered: Mapping[str, Any], place: str) -> int:
        """Store the rows if they have the root on chain. Hashing takes long: not on the loop."""
        rows = decode_contribution(data, place)
        root = content_root(registered["contributor"], rows)
        if root != registered["contentRoot"]:
            raise InvalidParameter(
                f"{place}: content root on chain 0x{registered['contentRoot'].hex()}, root of "
                f"these {len(rows)} rows 0x{root.hex()}"
            )
        self.contents.put_contribution(registered["contributor"], rows)
        return len(rows)

    async def _contribution(self, datanet_id: int, contribution_id: int) -> dict[str, Any]:
        try:
            return await self.client.view(
                DATANET_REGISTRY, "getContribution", datanet_id, contribution_id
            )
        except RpcError as error:
            raise NotFound(error.message, param="id") from None

    async def health(self, _http: web.Request) -> web.StreamResponse:
        """GET /health: 200 when the node answers."""
        number = await self.client.block_number()
        return web.json_response({"status": "ok", "block": number})


class _EventStream:
    """Server-sent events to one caller; once the caller has left, sending does nothing."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.response = web.StreamResponse(headers=headers)
        self.response.content_type = "text/event-stream"
        self.is_gone = False

    async def open(self, http: web.Request) -> None:
        try:
            await self.response.prepare(http)
        except ConnectionError:
            self.is_gone = True

    async def send(self, chunk: Mapping[str, Any]) -> None:
        await self._write(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    async def done(self) -> None:
        await self._write(b"data: [DONE]\n\n")

    async def _write(self, data: bytes) -> None:
        if self.is_gone:
            return
        try:
            await self.response.write(data)
        except ConnectionError:
            self.is_gone = True


class _Form:
    """The answers of one request in OpenAI's shapes."""

    def __init__(self, request: CompletionRequest, request_id: Hash32) -> None:
        self.chat = request.is_chat
        self.include_usage = request.include_usage
        self.ignored = request.ignored
        self.base: Json = {
            "id": ("chatcmpl-" if self.chat else "cmpl-") + request_id.hex()[:32],
            "created": int(time.time()),
            "model": request.model,
        }

    def headers(self) -> dict[str, str]:
        headers = {"x-request-id": self.base["id"], "cache-control": "no-store"}
        # Names come from a stranger's JSON: only what may stand in a header is repeated.
        names = [name for name in self.ignored if _HEADER_WORD.fullmatch(name)]
        if names:
            headers["x-stemma-ignored"] = ",".join(names)[:500]
        return headers

    def opening(self) -> dict[str, Any]:
        if self.chat:
            return self._chunk(delta={"role": "assistant", "content": ""})
        return self._chunk(text="")

    def piece(self, text: str) -> dict[str, Any]:
        return self._chunk(delta={"content": text}) if self.chat else self._chunk(text=text)

    def closing(self, completion: Completion, settled: Settled) -> list[dict[str, Any]]:
        ending: Json = {"delta": {}} if self.chat else {"text": ""}
        last = self._chunk(finish_reason=completion.finish_reason, **ending)
        if not self.include_usage:
            return [last | {"stemma": _extra(settled)}]
        usage = {**self._head("chunk"), "choices": [], "usage": _usage(completion)}
        return [last, usage | {"stemma": _extra(settled)}]

    def whole(self, completion: Completion, settled: Settled) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": 0, "finish_reason": completion.finish_reason}
        choice["logprobs"] = None
        if self.chat:
            choice["message"] = {"role": "assistant", "content": completion.text}
        else:
            choice["text"] = completion.text
        return {
            **self._head("whole"),
            "choices": [choice],
            "usage": _usage(completion),
            "stemma": _extra(settled),
        }

    def _chunk(self, finish_reason: str | None = None, **content: object) -> dict[str, Any]:
        choice: Json = {"index": 0, "finish_reason": finish_reason, "logprobs": None, **content}
        return {**self._head("chunk"), "choices": [choice]}

    def _head(self, part: str) -> dict[str, Any]:
        kind = "text_completion"
        if self.chat:
            kind = "chat.completion.chunk" if part == "chunk" else "chat.completion"
        return {**self.base, "object": kind}


def _usage(completion: Completion) -> dict[str, int]:
    return {
        "prompt_tokens": completion.usage.prompt_tokens,
        "completion_tokens": completion.usage.completion_tokens,
        "total_tokens": completion.usage.total_tokens,
    }


def _extra(settled: Settled) -> dict[str, Any]:
    return {"receipt": settled.receipt, "citations": settled.citations}


def _model(
    arguments: Mapping[str, Any], raw: Mapping[str, Any], current: Mapping[str, Any]
) -> dict[str, Any]:
    """A registered adapter as OpenAI lists models; `current` has the prices since changed."""
    arguments = {**arguments, **current}
    base = "0x" + arguments["baseModel"].hex()
    return {
        "id": "0x" + arguments["adapterId"].hex(),
        "object": "model",
        "created": int(raw.get("blockTimestamp") or "0x0", 16),
        "owned_by": "0x" + arguments["owner"].hex(),
        "root": base,
        "parent": base,
        "stemma": {
            "job": arguments["jobId"],
            "input_price_wei": str(arguments["inputPriceWei"]),
            "output_price_wei": str(arguments["outputPriceWei"]),
            "royalty_bp": arguments["royaltyBp"],
        },
    }


async def _json_body(http: web.Request) -> object:
    try:
        body: object = json.loads(await http.text())
    except (ValueError, RecursionError):
        raise InvalidParameter("the body is not JSON") from None
    return body


async def _bounded_body(http: web.Request, limit: int) -> bytes:
    data = bytearray()
    async for piece in http.content.iter_chunked(1 << 16):
        data += piece
        if len(data) > limit:
            raise InvalidParameter(f"the body is larger than {limit} bytes")
    return bytes(data)


def _hash(text: str, name: str) -> Hash32:
    try:
        return to_hash32(text)
    except DecodeError as error:
        raise InvalidParameter(f"{name}: {error}", param=name) from None


def _number(text: str, name: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise InvalidParameter(f"{name}: a number expected, got {text[:40]!r}", param=name)
    return int(text)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error leaves in OpenAI's form; an unexpected one is logged and named no further."""
    try:
        return await handler(request)
    except GatewayError as error:
        return web.json_response(error.body(), status=error.status, headers=error.headers)
    except web.HTTPException as error:
        return _problem(error.status, error.reason, "invalid_request_error")
    except DecodeError as error:
        return web.json_response(InvalidParameter(str(error)).body(), status=400)
    except StemmaError as error:
        log.warning("%s %s: %s", request.method, request.path, error)
        return _problem(503, str(error), "server_error")
    except Exception:
        log.exception("%s %s", request.method, request.path)
        return _problem(500, "an error of this server; its log says more", "server_error")


def _problem(status: int, message: str, kind: str) -> web.Response:
    error = {"message": message, "type": kind, "param": None, "code": None}
    return web.json_response({"error": error}, status=status)
