"""How long a transaction is when FastLZ has compressed it: what the L2's data fee is counted in.

Only lengths, nothing is compressed: the port of ariya/FastLZ 344eb40 (level 1) that op-geth and
Solady's LibZip agree on. Knows nothing of prices.
"""

from __future__ import annotations

import re
from typing import Final

_MAX_DISTANCE: Final = 8191
_FIRST_PLACE: Final = 2
"""Where FastLZ begins to look for what came before."""
_UNSEARCHED_BYTES: Final = 14
"""At the end; no match begins there."""
_SHORTEST_RUN: Final = 11
_ZERO_RUN: Final = re.compile(rb"\0{%d,}" % _SHORTEST_RUN)
_LOST_IN_RUN: Final = 10
"""A run of zeros takes at most so many bytes of the result, for reasons given in `longest_size`."""


def longest_size(data: bytes) -> int:
    """A bound on `fastlz_size` from above, at a twentieth of its time.

    Literals take a byte more for each 32. A match of c bytes takes 2 bytes or, from c = 9 on, at
    most 3 + c/87, and may cut literals in two, which takes one more: never more than c literals
    did, 33/32·c. So any set of matches may be left out of the sum, and the zeros alone are counted.
    In a run of zeros, the second place where FastLZ looks is like the first, at distance 1, so at
    most two matches cover all of it but two bytes: n zeros take 10 bytes at most.
    """
    size = len(data) + len(data) // 32 + 1
    for run in _ZERO_RUN.finditer(data, _FIRST_PLACE, max(0, len(data) - _UNSEARCHED_BYTES)):
        size -= run.end() - run.start() - _LOST_IN_RUN
    return size


def fastlz_size(data: bytes) -> int:
    """Length in bytes of the FastLZ compression of `data`."""
    limit = len(data) - 13
    if limit <= 2:
        return _literals(len(data))
    triples = zip(data, data[1:], data[2:], strict=False)
    words = [first | second << 8 | third << 16 for first, second, third in triples]
    slots = [(2654435769 * word & 0xFFFFFFFF) >> 19 for word in words]
    table: dict[int, int] = {}
    size, anchor, position = 0, 0, _FIRST_PLACE
    while position < limit:
        found = _next_match(words, slots, table, position, limit)
        if found is None:
            break
        position, reference = found
        if position > anchor:
            size += _literals(position - anchor)
        matched = _common_length(data, reference + 3, position + 3, limit + 9)
        size += _match(matched)
        position += matched
        table[slots[position]] = position
        table[slots[position + 1]] = position + 1
        position += 2
        anchor = position
    return size + _literals(len(data) - anchor)


def _next_match(
    words: list[int], slots: list[int], table: dict[int, int], start: int, limit: int
) -> tuple[int, int] | None:
    """The next place whose three bytes came at most 8191 bytes before, and that place before.

    FastLZ gives up one place early: a match that begins at the last one does not count.
    """
    for position in range(start, limit):
        slot = slots[position]
        reference = table.get(slot, 0)
        table[slot] = position
        if words[reference] == words[position] and position - reference <= _MAX_DISTANCE:
            return (position, reference) if position + 1 < limit else None
    return None


def _literals(count: int) -> int:
    """Bytes that a run of literals takes: one of length for each 32."""
    full, rest = divmod(count, 32)
    return 33 * full + (rest + 1 if rest else 0)


def _match(length: int) -> int:
    """Bytes that a match takes: three for each 262, and two or three for the rest."""
    full, rest = divmod(length - 1, 262)
    return 3 * full + (3 if rest >= 6 else 2)


def _common_length(data: bytes, left: int, right: int, end: int) -> int:
    """How many bytes agree from `left` and `right` on, counted as FastLZ does: the first
    difference counts too.
    """
    length = 0
    while right + length < end:
        length += 1
        if data[left + length - 1] != data[right + length - 1]:
            break
    return length
