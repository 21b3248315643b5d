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
from ai.worker.client import Account, TransactionReceipt
from chain.attestation import (
    InferenceStatement,
    Share,
    sign_statement,
    statement_values,
)
from chain.errors import StemmaError
from chain.types import Hash32
from genesis.interfaces import PROOF_OF_ATTRIBUTION

from .errors import AnswerFailed, InvalidParameter, Overloaded, RequestInUse
from .openai_schema import CompletionRequest
from .payment import Adapter, Quote, check_payment, find_adapter, make_quote

MAX_ANSWERS_AT_ONCE: Final = 64
MAX_SHARES_IN_CALL: Final = 256
"""Beyond this the chain takes the shares' root alone, and each part is claimed with its path."""

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
        """What a request can cost at most. Raises UnknownModel."""
        adapter = await find_adapter(self.account.client, request.model)
        tokens = self.tokens.prompt_tokens(request)
        return await make_quote(
            self.account.client, request, adapter, self.account.address, len(tokens)
        )

    async def admit(self, request: CompletionRequest, header: str | None) -> PaidRequest:
        """Take a request in once its escrow pays for it.

        Raises PaymentRequired, UnknownModel, RequestInUse, Overloaded.
        """
        quote = await self.quote(request)
        request_id = await check_payment(self.account.client, header, quote)
        files = await self.files.locate(quote.adapter)
        if request_id in self._in_use:
            raise RequestInUse(f"escrow 0x{request_id.hex()} already pays for an answer")
        if len(self._in_use) >= MAX_ANSWERS_AT_ONCE:
            raise Overloaded(f"{MAX_ANSWERS_AT_ONCE} answers are under way; try again")
        self._in_use.add(request_id)
        tokens = tuple(self.tokens.prompt_tokens(request))
        return PaidRequest(request_id, request, quote, tokens, files)

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
        """Forget a request that could not be answered; its escrow stays open for another try."""
        self._in_use.discard(paid.request_id)

    async def settle(self, paid: PaidRequest, completion: Completion) -> Settled:
        """Attribute the answer, sign the statement, settle on chain. Raises AnswerFailed."""
        try:
            return await self._settle(paid, completion)
        except StemmaError as error:
            log.exception("request 0x%s could not be settled", paid.request_id.hex())
            raise AnswerFailed(f"the answer could not be settled: {error}") from error
        finally:
            self.release(paid)

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
        return await self.account.send(
            PROOF_OF_ATTRIBUTION,
            "settle",
            statement_values(statement),
            signature,
            [account for account, _ in listed],
            [ppm for _, ppm in listed],
        )

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
        path = self.receipts / f"{request_id.hex()}.json"
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(document))
        partial.replace(path)

    def find_receipt(self, request_id: Hash32) -> dict[str, Any] | None:
        """The receipt and citations of an answer this worker gave, or None."""
        path = self.receipts / f"{request_id.hex()}.json"
        if not path.is_file():
            return None
        found: dict[str, Any] = json.loads(path.read_text())
        return found


class RunningAnswer:
    """An answer under way: iterate its events, then take its completion."""

    def __init__(self, generation: Generation, events: asyncio.Queue[GenerationEvent]) -> None:
        self._generation = generation
        self._events = events

    async def events(self) -> AsyncIterator[GenerationEvent]:
        """Pieces of the answer; the last has a finish reason. Raises AnswerFailed."""
        while True:
            event = await self._events.get()
            if event.error is not None:
                raise AnswerFailed(f"the engine stopped: {event.error}")
            yield event
            if event.finish_reason is not None:
                return

    def cancel(self) -> None:
        """Stop at the next token; what was produced is still billed."""
        self._generation.cancel()

    async def completion(self) -> Completion:
        """The whole answer, once its events are over or it was cancelled."""
        return await asyncio.to_thread(self._generation.result, 60.0)
