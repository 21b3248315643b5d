"""A row, its canonical bytes, the leaf that binds it to its contributor, and a contribution's file.

A row is a flat JSON object with the strings `prompt` and `completion`. Knows nothing of where rows
are stored nor of the chain's snapshot. Format: docs/protocol/content-store.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from ai.content import exact_json, parse_exact_json
from chain.abi import encode
from chain.crypto.keccak import keccak256
from chain.crypto.merkle import leaf_hash, merkle_root
from chain.errors import DecodeError, EncodeError

if TYPE_CHECKING:
    from chain.types import Address, Hash32

_ALLOWED: Final = "text, integer, true/false or null"
Scalar = str | int | bool | None
Row = Mapping[str, Scalar]

MAX_ROW_BYTES: Final = 32 * 1024  # several times the context of any model this serves
MAX_ROW_FIELDS: Final = 32
MAX_CONTRIBUTION_ROWS: Final = 100_000
MAX_CONTRIBUTION_BYTES: Final = 64 * 1024 * 1024  # read into memory at once


class MalformedRow(DecodeError):
    """A record is not a row: the message names the file and line, or the contribution and index."""


def check_row(value: object, where: str) -> dict[str, Scalar]:
    """Return `value` as a row or raise MalformedRow that begins with `where`."""
    if not isinstance(value, Mapping):
        raise MalformedRow(f"{where}: expected a JSON object, got {type(value).__name__}")
    if len(value) > MAX_ROW_FIELDS:
        raise MalformedRow(f"{where}: {len(value)} fields, limit {MAX_ROW_FIELDS}")
    row: dict[str, Scalar] = {}
    for key, member in value.items():
        if not isinstance(key, str) or not key:
            raise MalformedRow(f"{where}: field name {key!r:.40} is not a non-empty string")
        if member is not None and not isinstance(member, str | int):
            kind = type(member).__name__
            raise MalformedRow(f"{where}: field {key!r:.40} is {kind}, expected {_ALLOWED}")
        row[key] = member
    for name in ("prompt", "completion"):
        if not isinstance(row.get(name), str):
            raise MalformedRow(f"{where}: field {name!r} is missing or not text")
    if not str(row["completion"]).strip():
        raise MalformedRow(f"{where}: field 'completion' is empty")
    _check_size(row, where)
    return row


def _check_size(row: Row, where: str) -> None:
    try:
        size = len(exact_json(row))
    except EncodeError as error:
        raise MalformedRow(f"{where}: {error}") from None
    if size > MAX_ROW_BYTES:
        raise MalformedRow(f"{where}: {size} bytes, limit {MAX_ROW_BYTES}")


def row_leaf(contributor: Address, index: int, row: Row) -> Hash32:
    """leaf_hash(abi.encode(address contributor, uint256 index, bytes32 keccak(canonical row)))."""
    row_hash = keccak256(exact_json(dict(row)))
    return leaf_hash(encode(["address", "uint256", "bytes32"], [contributor, index, row_hash]))


def row_leaves(contributor: Address, rows: Sequence[Row]) -> list[Hash32]:
    """The leaves of one contribution, in order."""
    return [row_leaf(contributor, index, row) for index, row in enumerate(rows)]


def content_root(contributor: Address, rows: Sequence[Row]) -> Hash32:
    """Merkle root over the rows of one contribution: what the contributor puts on chain."""
    return merkle_root(row_leaves(contributor, rows))


def encode_contribution(rows: Sequence[Row]) -> bytes:
    """The file of a contribution: one canonical row a line, each ended by a newline."""
    checked = (check_row(row, f"row {index}") for index, row in enumerate(rows))
    return b"".join(exact_json(row) + b"\n" for row in checked)


def decode_contribution(data: bytes, what: str = "contribution") -> tuple[dict[str, Scalar], ...]:
    """Read a contribution's file; raises MalformedRow that names the line.

    Strict: a file that decodes is the file that `encode_contribution` writes.
    """
    if len(data) > MAX_CONTRIBUTION_BYTES:
        raise MalformedRow(f"{what}: {len(data)} bytes, limit {MAX_CONTRIBUTION_BYTES}")
    if data and not data.endswith(b"\n"):
        raise MalformedRow(f"{what}: the last line does not end in a newline")
    lines = data.split(b"\n")[:-1]
    if len(lines) > MAX_CONTRIBUTION_ROWS:
        raise MalformedRow(f"{what}: {len(lines)} rows, limit {MAX_CONTRIBUTION_ROWS}")
    rows = []
    for number, line in enumerate(lines, start=1):
        where = f"{what}:{number}"
        try:
            value = parse_exact_json(line, where)
        except DecodeError as error:
            raise MalformedRow(str(error)) from None
        rows.append(check_row(value, where))
    return tuple(rows)
