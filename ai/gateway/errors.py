"""Errors of the gateway in the form that OpenAI clients understand.

`{"error": {"message", "type", "param", "code"}}` with an HTTP status; the official client turns 400
into BadRequestError, 404 into NotFoundError, 402 into APIStatusError (without retrying).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from chain.errors import StemmaError


class GatewayError(StemmaError):
    """A refused request; `body()` is what the client gets."""

    status = 400
    type = "invalid_request_error"
    code: str | None = None
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self, message: str, *, param: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.extra = dict(extra or {})

    def body(self) -> dict[str, Any]:
        """The JSON body of the answer; `extra` lies beside `error` under `stemma`."""
        error = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }
        return {"error": error, **({"stemma": self.extra} if self.extra else {})}


class InvalidParameter(GatewayError):
    """A parameter is missing, of the wrong type or out of its range."""

    code = "invalid_value"


class ContextExceeded(GatewayError):
    """Prompt and answer together do not fit the model's context."""

    code = "context_length_exceeded"


class UnsupportedParameter(GatewayError):
    """A parameter that would change the answer and that this server cannot honour."""

    code = "unsupported_parameter"


class UnknownModel(GatewayError):
    """No adapter of this id is registered on chain, or its files are not here."""

    status = 404
    code = "model_not_found"


class NotFound(GatewayError):
    """What the path names is not here, or not on chain."""

    status = 404
    code = "not_found"


class PaymentRequired(GatewayError):
    """No escrow, or one that does not pay for this request; `stemma` says how to open one."""

    status = 402
    type = "payment_required"
    code = "payment_required"


class RequestInUse(GatewayError):
    """This escrow pays, or has paid, for an answer: each one pays once."""

    status = 409
    code = "request_in_use"


class Overloaded(GatewayError):
    """Too many answers at once; try again later."""

    status = 429
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "2"}
    type = "rate_limit_error"
    code = "overloaded"


class AnswerFailed(GatewayError):
    """The answer could not be finished or settled; the escrow stays the caller's to refund."""

    status = 500
    type = "server_error"
    code = "answer_failed"
