"""Names of the ways in which a frame can fail, in geth's words. Knows no frame."""

from __future__ import annotations

from eth.exceptions import (
    FullStack,
    InsufficientStack,
    InvalidInstruction,
    InvalidJumpDestination,
    OutOfBoundsRead,
    OutOfGas,
    Revert,
    VMError,
    WriteProtection,
)

# geth's words (core/vm/errors.go), which wallets and explorers know.
_WORDS: dict[type[VMError], str] = {
    OutOfGas: "out of gas",
    Revert: "execution reverted",
    InvalidJumpDestination: "invalid jump destination",
    InsufficientStack: "stack underflow",
    FullStack: "stack limit reached 1024 (1023)",
    WriteProtection: "write protection",
    OutOfBoundsRead: "return data out of bounds",
}
_SPEAKING = ("max ", "invalid code", "contract creation code")


def describe(error: VMError) -> str:
    """What geth would call this end of a frame."""
    text = str(error)
    if isinstance(error, InvalidInstruction) or text.startswith(_SPEAKING):
        return text
    return _WORDS.get(type(error), text)
