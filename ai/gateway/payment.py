"""What an answer may cost, and whether an escrow on chain pays for it.

A quote binds a request (by the hash of all that decides its answer) to prices on chain and to the
worker that will serve it. Knows nothing of HTTP or of how tokens are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ai.worker.client import REVERTED, ChainClient, RpcError
from chain.errors import DecodeError
from chain.types import Address, Hash32, to_hash32
from genesis.interfaces import INFERENCE_ESCROW, MODEL_REGISTRY

from .errors import PaymentRequired, UnknownModel
from .openai_schema import CompletionRequest

PAYMENT_HEADER: Final = "X-Stemma-Request"
QUOTE_LIFETIME_S: Final = 600
MIN_TIME_LEFT_S: Final = 60
"""An escrow that its caller could take back before the answer is settled is not accepted."""

STATUS_OPEN: Final = 1
STATUS_NAMES: Final = {STATUS_OPEN: "open", 2: "settled already", 3: "refunded"}

HOW_TO_PAY: Final = (
    "To pay: send the transaction described in `stemma.escrow` from any wallet, then repeat this "
    "request with the header " + PAYMENT_HEADER + " set to the requestId of its RequestOpened event"
)


@dataclass(frozen=True, slots=True)
class Adapter:
    """What the chain says of an adapter; prices in wei per token."""

    adapter_id: Hash32
    owner: Address
    base_model: Hash32
    datanet_id: int
    snapshot_root: Hash32
    job_id: int
    input_price_wei: int
    output_price_wei: int
    royalty_bp: int


@dataclass(frozen=True, slots=True)
class Quote:
    """The most that one request can cost, and what the escrow for it must say."""

    adapter: Adapter
    worker: Address
    prompt_hash: Hash32
    max_input_tokens: int
    max_output_tokens: int
    deadline: int

    @property
    def max_fee_wei(self) -> int:
        """Upper bound of the fee; actual use settles at or below it."""
        return self.fee_wei(self.max_input_tokens, self.max_output_tokens)

    def fee_wei(self, input_tokens: int, output_tokens: int) -> int:
        """Fee of actual use, by the prices on chain when the quote was made."""
        return (
            input_tokens * self.adapter.input_price_wei
            + output_tokens * self.adapter.output_price_wei
        )

    def document(self) -> dict[str, Any]:
        """The quote and the transaction that opens its escrow, as JSON for the client."""
        call = INFERENCE_ESCROW.encode_call(
            "open",
            self.adapter.adapter_id,
            self.worker,
            self.prompt_hash,
            self.max_input_tokens,
            self.max_output_tokens,
            self.deadline,
        )
        return {
            "quote": {
                "model": "0x" + self.adapter.adapter_id.hex(),
                "prompt_hash": "0x" + self.prompt_hash.hex(),
                "input_price_wei": str(self.adapter.input_price_wei),
                "output_price_wei": str(self.adapter.output_price_wei),
                "max_input_tokens": self.max_input_tokens,
                "max_output_tokens": self.max_output_tokens,
                "max_fee_wei": str(self.max_fee_wei),
                "worker": "0x" + self.worker.hex(),
                "deadline": self.deadline,
            },
            "escrow": {
                "to": "0x" + INFERENCE_ESCROW.address.hex(),
                "data": "0x" + call.hex(),
                "value": str(self.max_fee_wei),
            },
            "header": PAYMENT_HEADER,
        }


async def find_adapter(client: ChainClient, model: str) -> Adapter:
    """The adapter that a request names. Raises UnknownModel."""
    try:
        adapter_id = to_hash32(model)
        found = await client.view(MODEL_REGISTRY, "getAdapter", adapter_id)
    except (DecodeError, RpcError) as error:
        if isinstance(error, RpcError) and error.code != REVERTED:
            raise
        raise UnknownModel(
            f"model {model!r}: no adapter of this id is registered; see /v1/models", param="model"
        ) from None
    return Adapter(
        adapter_id=adapter_id,
        owner=found["owner"],
        base_model=Hash32(found["baseModel"]),
        datanet_id=found["datanetId"],
        snapshot_root=Hash32(found["snapshotRoot"]),
        job_id=found["jobId"],
        input_price_wei=found["inputPriceWei"],
        output_price_wei=found["outputPriceWei"],
        royalty_bp=found["royaltyBp"],
    )


async def make_quote(
    client: ChainClient,
    request: CompletionRequest,
    adapter: Adapter,
    worker: Address,
    input_tokens: int,
) -> Quote:
    """The quote for a request whose prompt has `input_tokens` tokens."""
    block = await client.rpc("eth_getBlockByNumber", "latest", False)
    return Quote(
        adapter=adapter,
        worker=worker,
        prompt_hash=request.prompt_hash,
        max_input_tokens=input_tokens,
        max_output_tokens=request.max_tokens,
        deadline=int(block["timestamp"], 16) + QUOTE_LIFETIME_S,
    )


def request_id_of(header: str | None, quote: Quote) -> Hash32:
    """The request id in the payment header. Raises PaymentRequired."""
    if header is None:
        raise _refused(f"this request costs up to {quote.max_fee_wei} wei and is not paid", quote)
    try:
        return to_hash32(header.strip())
    except DecodeError:
        raise _refused(f"{PAYMENT_HEADER}: 32 bytes in hex expected", quote) from None


async def check_payment(client: ChainClient, request_id: Hash32, quote: Quote) -> None:
    """Check that an escrow is open and pays for this quote. Raises PaymentRequired: what differs.

    Raises NodeUnreachable where the chain cannot be asked.
    """
    name = "0x" + request_id.hex()
    try:
        escrow = await client.view(INFERENCE_ESCROW, "getRequest", request_id)
    except RpcError as error:
        raise _refused(f"{PAYMENT_HEADER} {name}: {error.message}", quote) from None
    status = STATUS_NAMES.get(escrow["status"], str(escrow["status"]))
    now = quote.deadline - QUOTE_LIFETIME_S
    checks = [
        ("status", status, "open", escrow["status"] == STATUS_OPEN),
        _equal("adapter", escrow["adapterId"], quote.adapter.adapter_id),
        _equal("worker", escrow["worker"], quote.worker),
        _equal("prompt hash", escrow["promptHash"], quote.prompt_hash),
        _at_least("input tokens", escrow["maxInputTokens"], quote.max_input_tokens),
        _at_least("output tokens", escrow["maxOutputTokens"], quote.max_output_tokens),
        _at_least("fee in wei", escrow["maxFeeWei"], quote.max_fee_wei),
        _at_least("deadline", escrow["deadline"], now + MIN_TIME_LEFT_S),
    ]
    for what, found, wanted, holds in checks:
        if not holds:
            raise _refused(
                f"escrow {name} does not pay for this request: its {what} is {found}, "
                f"this request needs {wanted}",
                quote,
            )


def _equal(what: str, found: bytes, wanted: bytes) -> tuple[str, object, object, bool]:
    return what, "0x" + found.hex(), "0x" + wanted.hex(), found == wanted


def _at_least(what: str, found: int, wanted: int) -> tuple[str, object, object, bool]:
    return what, found, f"at least {wanted}", found >= wanted


def _refused(message: str, quote: Quote) -> PaymentRequired:
    return PaymentRequired(f"{message}. {HOW_TO_PAY}.", extra=quote.document())
