"""How long a transaction is when FastLZ has compressed it, in pieces of bounded work.

FastLZ remembers where each hash of three bytes came last: 8,192 places, u32 each like the length of
a transaction, which one step opens as a single item of 32,768 bytes. It looks at most 8,191 bytes
back, so a step that goes on by 1,024 bytes reads ten pieces of 1,024 at most. Same lengths as
`evm.fastlz`, which has the whole transaction at once. Knows nothing of prices.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

STEP_BYTES: Final = 1024
PLACE_BYTES: Final = 4
TABLE_BYTES: Final = PLACE_BYTES * 8192
HISTORY_BYTES: Final = 8191
EMPTY_TABLE: Final = bytes(TABLE_BYTES)
_FIRST_PLACE: Final = 2
_UNSEARCHED: Final = 13
_AHEAD: Final = 16
_LONGEST_IN_ONE: Final = 262


@dataclass(slots=True)
class FastLz:
    """Where the compression stands. `matched` is 0 while it looks for a match."""

    position: int = _FIRST_PLACE
    anchor: int = 0
    size: int = 0
    reference: int = 0
    matched: int = 0


def is_over(state: FastLz, length: int) -> bool:
    """Whether nothing is left to look at."""
    return state.matched == 0 and state.position >= length - _UNSEARCHED


def final_size(state: FastLz, length: int) -> int:
    """The compressed length when it is over."""
    return state.size + _literals(length - state.anchor)


def advance(
    state: FastLz, table: bytearray, length: int, read: Callable[[int, int], bytes]
) -> None:
    """Go on by at most 1,024 bytes. `read(start, end)` gives bytes of the transaction."""
    limit = length - _UNSEARCHED
    at = state.position + state.matched
    base = max(0, at - HISTORY_BYTES - _AHEAD)
    data = read(base, min(length, at + STEP_BYTES + _AHEAD))
    stop = at + STEP_BYTES
    while not is_over(state, length) and state.position + state.matched < stop:
        if state.matched:
            _extend(state, table, data, base, limit)
        else:
            _search(state, table, data, base, limit)


def _search(state: FastLz, table: bytearray, data: bytes, base: int, limit: int) -> None:
    position = state.position
    reference = _replace(table, _slot(data, position - base), position)
    state.position += 1
    if position - reference > HISTORY_BYTES:
        return
    word = data[position - base : position - base + 3]
    if data[reference - base : reference - base + 3] != word:
        return
    if position + 1 >= limit:
        return
    state.position = position
    if position > state.anchor:
        state.size += _literals(position - state.anchor)
    state.reference, state.matched = reference, 3


def _extend(state: FastLz, table: bytearray, data: bytes, base: int, limit: int) -> None:
    """One more byte of a match; the first that differs counts too, and ends it."""
    right = state.position + state.matched
    is_end = right >= limit + 9
    if not is_end:
        left = state.reference + state.matched
        state.matched += 1
        is_end = data[left - base] != data[right - base]
    if not is_end:
        return
    length = state.matched - 3
    state.size += _match(length)
    state.position += length
    for place in (state.position, state.position + 1):
        _replace(table, _slot(data, place - base), place)
    state.position += 2
    state.anchor, state.matched = state.position, 0


def _slot(data: bytes, at: int) -> int:
    word = int.from_bytes(data[at : at + 3], "little")
    return (2654435769 * word & 0xFFFFFFFF) >> 19


def _replace(table: bytearray, slot: int, position: int) -> int:
    place = slice(PLACE_BYTES * slot, PLACE_BYTES * (slot + 1))
    before = int.from_bytes(table[place], "big")
    table[place] = position.to_bytes(PLACE_BYTES, "big")
    return before


def _literals(count: int) -> int:
    full, rest = divmod(count, 32)
    return 33 * full + (rest + 1 if rest else 0)


def _match(length: int) -> int:
    full, rest = divmod(length - 1, _LONGEST_IN_ONE)
    return 3 * full + (3 if rest >= 6 else 2)
