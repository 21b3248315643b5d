"""Whether a block is what its execution gives: each field of the header, named where it differs."""

from __future__ import annotations

from dataclasses import fields

from chain.block import Header

from .errors import InvalidBlock


def check_header(given: Header, executed: Header) -> None:
    """Compare a header with what execution made. Raises InvalidBlock naming the first field."""
    for each in fields(Header):
        want, have = getattr(given, each.name), getattr(executed, each.name)
        if want != have:
            raise InvalidBlock(
                given.hash, given.number, f"{each.name} is {want!r}, execution gives {have!r}"
            )
