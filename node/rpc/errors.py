"""JSON-RPC errors with geth's codes and geth's words; clients classify by both.

viem matches the message by regular expression and knows only one code, 3 for a revert. The codes
are those of JSON-RPC 2.0 and EIP-1474. This module does not know the transport.
"""

from __future__ import annotations

from chain.errors import StemmaError
from evm.revert import revert_reason

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
RESOURCE_NOT_FOUND = -32001
RESOURCE_UNAVAILABLE = -32002
UNSUPPORTED = -32004
LIMIT_EXCEEDED = -32005
EXECUTION_REVERTED = 3


class RpcError(StemmaError):
    """An answer of the form `{"error": {code, message, data?}}`."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        """Keep the three fields of a JSON-RPC error object."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def to_json(self) -> dict[str, object]:
        """Return the JSON-RPC error object."""
        body: dict[str, object] = {"code": self.code, "message": self.message}
        if self.data is not None:
            body["data"] = self.data
        return body


class InvalidParameter(RpcError):
    """A parameter does not have the form the method wants (-32602)."""

    def __init__(self, message: str) -> None:
        """Keep the message; the dispatcher puts the argument's position in front."""
        super().__init__(INVALID_PARAMS, message)


def method_not_found(name: object) -> RpcError:
    """Geth's answer to an unknown method."""
    return RpcError(METHOD_NOT_FOUND, f"the method {name} does not exist/is not available")


def header_not_found() -> RpcError:
    """Geth's answer to a state query at a block that is not there."""
    return RpcError(SERVER_ERROR, "header not found")


def not_executed(number: int, begins_at: int) -> RpcError:
    """Receipts and logs from before the block at which a node's chain begins."""
    return RpcError(
        RESOURCE_NOT_FOUND,
        f"receipts of block {number} are not kept: this node joined at block {begins_at} by a "
        "snapshot",
    )


def limit_exceeded(message: str) -> RpcError:
    """A limit was hit; the message carries the limit."""
    return RpcError(LIMIT_EXCEEDED, message)


def execution_reverted(output: bytes) -> RpcError:
    """Code 3, `execution reverted: <reason>`, the raw output as data."""
    reason = revert_reason(output)
    message = "execution reverted" if reason is None else f"execution reverted: {reason}"
    return RpcError(EXECUTION_REVERTED, message, "0x" + output.hex())
