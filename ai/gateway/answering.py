"""One paid answer from payment to receipt: check, generate, attribute, sign, settle.

Knows nothing of HTTP: the server feeds it requests and streams what it yields.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from ai.adapters.store import StoredAdapter
from ai.attribution.evidence import Evidence
from ai.content import exact_json
from ai.datasets.store import ContentStore
from ai.inference.engine import (
    Completion,
    Generation,
    GenerationEvent,
    GenerationRefused,
    GenerationRequest,
    InferenceEngine,
)
from ai.worker.client import Account, NodeUnreachable, TransactionReceipt
from chain.attestation import (
    InferenceStatement,
    Share,
    sign_statement,
    statement_values,
)
from chain.errors import StemmaError
from chain.types import Hash32
from genesis.interfaces import PROOF_OF_ATTRIBUTION

from .errors import AnswerFailed, ContextExceeded, InvalidParameter, Overloaded, RequestInUse
from .openai_schema import CompletionRequest
from .payment import (
    Adapter,
    Quote,
    check_payment,
    find_adapter,
    make_quote,
    request_id_of,
)

MAX_ANSWERS_AT_ONCE: Final = 64
RESULT_TIMEOUT_S: Final = 10.0
MAX_SHARES_IN_CALL: Final = 256
"""Beyond this the chain takes the shares' root alone, and each part is claimed with its path."""

SETTLE_ATTEMPTS: Final = 4
SETTLE_PAUSE_S: Final = 0.5
"""A node that restarts is waited for, twice as long each time: the answer is made and unpaid."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Who caused an answer: evidence from which the shares follow, and citations for people."""

    evidence: Evidence
    citations: Sequence[Mapping[str, Any]]


class Attributor(Protocol):
    """Says which rows an answer came from."""

    async def attribute(
        self, adapter: Adapter, prompt_tokens: tuple[int, ...], output: str, prompt_hash: Hash32
    ) -> Attribution:
        """Score the adapter's rows for one answer. Raises StemmaError."""


class Tokenizing(Protocol):
    """Turns a request into prompt tokens exactly as the engine will see them."""

    @property
    def context_tokens(self) -> int:
        """The most tokens that prompt and answer have together."""

    def prompt_tokens(self, request: CompletionRequest) -> list[int]:
        """Token ids of the prompt."""


class AdapterFiles(Protocol):
    """Finds the checked files of an adapter."""

    async def locate(self, adapter: Adapter) -> StoredAdapter:
        """The adapter's files here. Raises UnknownModel if they are not."""


@dataclass(frozen=True, slots=True)
class PaidRequest:
    """A request whose escrow is open and pays for it."""

    request_id: Hash32
    request: CompletionRequest
    quote: Quote
    prompt_tokens: tuple[int, ...]
    files: StoredAdapter


@dataclass(frozen=True, slots=True)
class Settled:
    """What lies beside the answer: the receipt and the citations, as JSON."""

    receipt: dict[str, Any]
    citations: list[dict[str, Any]]


class AnswerService:
    """Serves paid answers of one worker."""

    def __init__(
        self,
        account: Account,
        engine: InferenceEngine,
        tokens: Tokenizing,
        files: AdapterFiles,
        attributor: Attributor,
        contents: ContentStore,
        receipts: Path,
    ) -> None:
        self.account = account
        self.engine = engine
        self.tokens = tokens
        self.files = files
        self.attributor = attributor
        self.contents = contents
        self.receipts = receipts
        self._in_use: set[Hash32] = set()

    async def quote(self, request: CompletionRequest) -> Quote:
        """What a request can cost at most. Raises UnknownModel, ContextExceeded."""
        return (await self._quote(request))[0]

    async def _quote(self, request: CompletionRequest) -> tuple[Quote, tuple[int, ...]]:
        adapter = await find_adapter(self.account.client, request.model)
        tokens = tuple(self.tokens.prompt_tokens(request))
        context = self.tokens.context_tokens
        if len(tokens) + request.max_tokens > context:  # refused before anybody pays for it
            raise ContextExceeded(
                f"this model's context is {context} tokens; the prompt has {len(tokens)} and "
                f"max_tokens is {request.max_tokens}",
                param="messages" if request.is_chat else "prompt",
            )
        client, worker = self.account.client, self.account.address
        return await make_quote(client, request, adapter, worker, len(tokens)), tokens

    async def admit(self, request: CompletionRequest, header: str | None) -> PaidRequest:
        """Take a request in once its escrow pays for it; `release` it whatever happens then.

        Raises PaymentRequired, UnknownModel, ContextExceeded, RequestInUse, Overloaded.
        """
        quote, tokens = await self._quote(request)
        request_id = request_id_of(header, quote)
        self._refuse_second_use(request_id)
        await check_payment(self.account.client, request_id, quote)
        files = await self.files.locate(quote.adapter)
        # The escrow may have been used, even settled, while the chain and the disk were asked.
        self._refuse_second_use(request_id)
        if len(self._in_use) >= MAX_ANSWERS_AT_ONCE:
            raise Overloaded(f"{MAX_ANSWERS_AT_ONCE} answers are under way; try again")
        self._in_use.add(request_id)
        return PaidRequest(request_id, request, quote, tokens, files)

    def _refuse_second_use(self, request_id: Hash32) -> None:
        name = "0x" + request_id.hex()
        if request_id in self._in_use:
            raise RequestInUse(f"escrow {name} already pays for an answer that is under way")
        if self._receipt_path(request_id).is_file():
            raise RequestInUse(
                f"escrow {name} has paid for its answer; the receipt is at /v1/receipts/{name}"
            )

    async def generate(self, paid: PaidRequest) -> RunningAnswer:
        """Start the answer. Raises InvalidParameter where the model cannot serve it."""
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[GenerationEvent] = asyncio.Queue()
        request = GenerationRequest(
            prompt_tokens=paid.prompt_tokens,
            max_tokens=paid.request.max_tokens,
            adapter=paid.files,
            temperature=paid.request.temperature,
            top_p=paid.request.top_p,
            seed=paid.request.seed,
            stop=paid.request.stop,
        )

        def listen(event: GenerationEvent) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        try:
            generation = await asyncio.to_thread(self.engine.submit, request, listen)
        except GenerationRefused as error:
            raise InvalidParameter(str(error)) from None
        return RunningAnswer(generation, events)

    def release(self, paid: PaidRequest) -> None:
        """A request is over. If it was not settled, its escrow stays open for another try."""
        self._in_use.discard(paid.request_id)

    async def settle(self, paid: PaidRequest, completion: Completion) -> Settled:
        """Attribute the answer, sign the statement, settle on chain. Raises AnswerFailed."""
        try:
            return await self._settle(paid, completion)
        except StemmaError as error:
            log.exception("request 0x%s could not be settled", paid.request_id.hex())
            raise AnswerFailed(f"the answer could not be settled: {error}") from error

    async def _settle(self, paid: PaidRequest, completion: Completion) -> Settled:
        adapter, prompt_hash = paid.quote.adapter, paid.request.prompt_hash
        attribution = await self.attributor.attribute(
            adapter, paid.prompt_tokens, completion.text, prompt_hash
        )
        evidence = attribution.evidence
        # What the statement names by hash lies in the store under that hash: all an audit needs.
        self.contents.put(exact_json(paid.request.document()))
        output_hash = self.contents.put(completion.text.encode())
        evidence_hash = self.contents.put(evidence.to_json())
        statement = InferenceStatement(
            request_id=paid.request_id,
            adapter_id=adapter.adapter_id,
            prompt_hash=prompt_hash,
            output_hash=output_hash,
            input_tokens=completion.usage.prompt_tokens,
            output_tokens=completion.usage.completion_tokens,
            shares_root=evidence.shares_root,
            evidence_hash=evidence_hash,
        )
        receipt = await self._submit(statement, evidence.shares)
        document = self._receipt(statement, attribution, receipt)
        self._keep_receipt(paid.request_id, document)
        return Settled(document["receipt"], document["citations"])

    async def _submit(
        self, statement: InferenceStatement, shares: Sequence[Share]
    ) -> TransactionReceipt:
        signature = sign_statement(
            statement,
            self.account.private_key,
            chain_id=await self.account.client.chain_id(),
            verifying_contract=PROOF_OF_ATTRIBUTION.address,
        )
        listed = shares if len(shares) <= MAX_SHARES_IN_CALL else ()
        arguments = (
            statement_values(statement),
            signature,
            [account for account, _ in listed],
            [ppm for _, ppm in listed],
        )
        for attempt in range(SETTLE_ATTEMPTS):
            try:
                if attempt and (settled := await self._settled(statement)) is not None:
                    return settled
                return await self.account.send(PROOF_OF_ATTRIBUTION, "settle", *arguments)
            except NodeUnreachable as error:
                log.warning("request 0x%s: %s", statement.request_id.hex(), error)
                await asyncio.sleep(SETTLE_PAUSE_S * 2**attempt)
        raise NodeUnreachable(f"{self.account.client.url}: gave up after {SETTLE_ATTEMPTS} tries")

    async def _settled(self, statement: InferenceStatement) -> TransactionReceipt | None:
        """The receipt of a settlement that went through although its answer was lost."""
        client = self.account.client
        found = await client.events(PROOF_OF_ATTRIBUTION, "Settled", statement.request_id)
        return await client.wait_for_receipt(found[0][1]["transactionHash"]) if found else None

    @staticmethod
    def _receipt(
        statement: InferenceStatement, attribution: Attribution, settled: TransactionReceipt
    ) -> dict[str, Any]:
        payouts: dict[str, int] = defaultdict(int)
        for event in settled.events():
            if event.name == "Paid":
                account = "0x" + event.arguments["account"].hex()
                payouts[account] += event.arguments["amountWei"]
        receipt = {
            "request": "0x" + statement.request_id.hex(),
            "adapter": "0x" + statement.adapter_id.hex(),
            "prompt_hash": "0x" + statement.prompt_hash.hex(),
            "output_hash": "0x" + statement.output_hash.hex(),
            "evidence_hash": "0x" + statement.evidence_hash.hex(),
            "shares_root": "0x" + statement.shares_root.hex(),
            "fee_wei": str(settled.event("Settled").arguments["feeWei"]),
            "shares_ppm": {"0x" + who.hex(): ppm for who, ppm in attribution.evidence.shares},
            "payouts_wei": {account: str(wei) for account, wei in payouts.items()},
            "settle_tx": settled.transaction_hash,
            "block": settled.block_number,
        }
        return {"receipt": receipt, "citations": [dict(each) for each in attribution.citations]}

    def _keep_receipt(self, request_id: Hash32, document: Mapping[str, Any]) -> None:
        self.receipts.mkdir(parents=True, exist_ok=True)
        path = self._receipt_path(request_id)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(document))
        partial.replace(path)

    def find_receipt(self, request_id: Hash32) -> dict[str, Any] | None:
        """The receipt and citations of an answer this worker gave, or None."""
        path = self._receipt_path(request_id)
        if not path.is_file():
            return None
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def _receipt_path(self, request_id: Hash32) -> Path:
        return self.receipts / f"{request_id.hex()}.json"


class RunningAnswer:
    """An answer under way: iterate its events, then take its completion."""

    def __init__(self, generation: Generation, events: asyncio.Queue[GenerationEvent]) -> None:
        self._generation = generation
        self._events = events
        self._is_over = False

    async def events(self) -> AsyncIterator[GenerationEvent]:
        """Pieces of the answer; the last has a finish reason. Raises AnswerFailed."""
        while not self._is_over:
            event = await self._events.get()
            self._is_over = event.finish_reason is not None or event.error is not None
            if event.error is not None:
                raise AnswerFailed(f"the engine stopped: {event.error}")
            yield event

    def cancel(self) -> None:
        """Stop at the next token; what was produced is still billed."""
        self._generation.cancel()

    async def completion(self) -> Completion:
        """Wait for the whole answer, however long; no thread waits with it. Raises AnswerFailed."""
        async for _ in self.events():
            pass
        # The last event was sent from the engine's thread just before the result is there.
        return await asyncio.to_thread(self._generation.result, RESULT_TIMEOUT_S)
