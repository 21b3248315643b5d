"""Why a call reverted, read from its output: Solidity's and Vyper's `Error` and `Panic`.

Words as geth's `abi.UnpackRevert` has them. Custom errors stay bytes: their meaning is in an ABI.
"""

from __future__ import annotations

from typing import Final

from chain import abi
from chain.errors import DecodeError

_ERROR_SELECTOR: Final = abi.selector("Error(string)")
_PANIC_SELECTOR: Final = abi.selector("Panic(uint256)")
_PANIC_REASONS: Final = {
    0x00: "generic panic",
    0x01: "assert(false)",
    0x11: "arithmetic underflow or overflow",
    0x12: "division or modulo by zero",
    0x21: "enum overflow",
    0x22: "invalid encoded storage byte array accessed",
    0x31: "out-of-bounds array access; popping on an empty array",
    0x32: "out-of-bounds access of an array or bytesN",
    0x41: "out of memory",
    0x51: "uninitialized function",
}


def revert_reason(output: bytes) -> str | None:
    """The reason in `Error(string)` or `Panic(uint256)`; None where the output is neither."""
    try:
        if output[:4] == _ERROR_SELECTOR:
            return str(abi.decode(["string"], output[4:])[0])
        if output[:4] == _PANIC_SELECTOR:
            code = int(abi.decode(["uint256"], output[4:])[0])
            return _PANIC_REASONS.get(code, f"unknown panic code: {code:#x}")
    except DecodeError:
        return None
    return None
