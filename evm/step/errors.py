"""What can be wrong with a witness, and how a frame can fail. Knows no instruction."""

from __future__ import annotations

from chain.errors import DecodeError, StemmaError


class WitnessError(DecodeError):
    """A witness does not show what the step opens: the message says which item, and both sides."""


class MissingPreimage(StemmaError):
    """Whoever makes a trace lacks the bytes behind a name: a trie node or a code."""

    def __init__(self, name: bytes) -> None:
        super().__init__(f"no preimage of 0x{name.hex()} is known: is the state of the block kept?")
        self.name = name


class ExceptionalHalt(Exception):
    """The innermost frame fails: all its gas is gone, its effects are undone.

    Never leaves this package. The reason is in geth's words.
    """


class Missing(Exception):
    """Something of the world is not in the world map yet: the step becomes a load.

    Never leaves this package. `kind` is one of `state.LoadKind`, `key` a slot or a code hash.
    """

    def __init__(self, kind: int, address: bytes, key: int = 0) -> None:
        super().__init__(kind, address, key)
        self.kind = kind
        self.address = address
        self.key = key
