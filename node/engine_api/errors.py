"""Codes and names of the Engine API's errors. Source: execution-apis src/engine/common.md."""

from __future__ import annotations

from ..rpc.errors import RpcError

UNKNOWN_PAYLOAD = -38001
INVALID_FORKCHOICE_STATE = -38002
INVALID_PAYLOAD_ATTRIBUTES = -38003
TOO_LARGE_REQUEST = -38004
UNSUPPORTED_FORK = -38005

_NAMES = {
    UNKNOWN_PAYLOAD: "Unknown payload",
    INVALID_FORKCHOICE_STATE: "Invalid forkchoice state",
    INVALID_PAYLOAD_ATTRIBUTES: "Invalid payload attributes",
    TOO_LARGE_REQUEST: "Too large request",
    UNSUPPORTED_FORK: "Unsupported fork",
}


class EngineApiError(RpcError):
    """An error of the Engine API: the specified name as message, the details as data."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(code, _NAMES[code], {"err": detail})
        self.args = (f"{_NAMES[code]}: {detail}",)
