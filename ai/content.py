"""Naming by content: exact JSON, its hash, and the manifest of a set of files.

Everything in `ai` that another party must be able to recompute (rows, recipes, evidence, adapters,
base models) is named through this file. Knows nothing of what the values mean.
Format: docs/protocol/content-store.md.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from chain.crypto.keccak import keccak256
from chain.errors import DecodeError, EncodeError

from .canonical import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from chain.types import Hash32

# Deeper nesting has no use here, and json recurses once per level.
MAX_JSON_DEPTH: Final = 16
_READ_BYTES: Final = 1 << 20


def exact_json(value: object) -> bytes:
    """The one JSON text of a value, as ai/canonical.py writes it, and with integers only.

    Floats are refused: two languages write the same float differently, so quantities are integers
    in a named unit. Raises EncodeError.
    """
    _check_exact(value, "$", 0)
    return canonical_json(value)


def _check_exact(value: object, where: str, depth: int) -> None:
    if depth > MAX_JSON_DEPTH:
        raise EncodeError(f"exact JSON: nested more than {MAX_JSON_DEPTH} deep at {where:.80}")
    if value is None or isinstance(value, str | bool | int):
        return
    if isinstance(value, dict):
        for key, member in value.items():
            if not isinstance(key, str):
                raise EncodeError(f"exact JSON: key {key!r:.40} at {where:.80} is no string")
            _check_exact(member, f"{where}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for index, member in enumerate(value):
            _check_exact(member, f"{where}[{index}]", depth + 1)
    else:
        raise EncodeError(f"exact JSON: {type(value).__name__} at {where:.80} has no form")


def parse_exact_json(data: bytes, what: str) -> object:
    """Read exact JSON back; another spelling of the same value is refused with DecodeError."""
    try:
        value: object = json.loads(data)
        again = exact_json(value)
    except (ValueError, RecursionError, EncodeError) as error:
        raise DecodeError(f"{what}: not canonical JSON: {error}") from None
    if again != data:
        raise DecodeError(f"{what}: JSON is not in canonical form ({len(data)} bytes)")
    return value


def content_hash(value: object) -> Hash32:
    """keccak256 of the exact JSON of a value."""
    return keccak256(exact_json(value))


def file_sha256(path: Path) -> str:
    """sha256 of a file as hex, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def manifest_bytes(kind: str, digests: Mapping[str, str]) -> bytes:
    """The canonical manifest of named files: `{"files": {name: sha256}, "format": kind}`."""
    return exact_json({"format": kind, "files": dict(digests)})


def directory_digests(directory: Path, names: Sequence[str]) -> dict[str, str]:
    """sha256 by name of the given files of one directory. A missing one raises DecodeError."""
    digests: dict[str, str] = {}
    for name in names:
        path = directory / name
        if not path.is_file():
            raise DecodeError(f"manifest: {directory} has no file {name}")
        digests[name] = file_sha256(path)
    return digests
