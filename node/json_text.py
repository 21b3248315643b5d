"""JSON from strangers, read without trusting how deep it nests."""

from __future__ import annotations

import json
from typing import Any

MAX_DEPTH = 100
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_BRACES_TO_BRACKETS = bytes.maketrans(b"{}", b"[]")


def parse(body: bytes | str) -> Any:  # noqa: ANN401 - JSON
    """The value that JSON text says. Raises ValueError, also for NaN and what nests too deep."""
    if _is_deep(body):
        raise ValueError(f"nested more than {MAX_DEPTH} deep")
    return json.loads(body, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _is_deep(body: bytes | str) -> bool:
    """Whether a message nests more than MAX_DEPTH lists and objects.

    Python's parser recurses in C once a level, and py-evm raises the recursion limit to what fits
    the EVM: a long row of brackets would overflow the stack and end the process. Brackets inside
    strings count too; nothing we read has a use for that many.
    """
    raw = body.encode("utf-8", "replace") if isinstance(body, str) else body
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return False
    brackets = raw.translate(_BRACES_TO_BRACKETS, _NO_BRACKETS)
    for _ in range(MAX_DEPTH):
        shorter = brackets.replace(b"[]", b"")  # the innermost level
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    return bool(brackets)
