"""Files that people have (.jsonl, .json, .csv, .txt, .parquet) into rows.

Every refusal names file and line (or record). Sizes are bounded before anything is parsed. Knows
nothing of contributors, tokens or the chain.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from chain.errors import DecodeError

from .rows import MAX_CONTRIBUTION_BYTES, MAX_CONTRIBUTION_ROWS, MAX_ROW_BYTES, Scalar, check_row

# The names that data sets in the wild use, in order of preference.
PROMPT_FIELDS: Final = ("prompt", "question", "instruction", "query", "input")
COMPLETION_FIELDS: Final = ("completion", "answer", "response", "output", "text")


class MalformedFile(DecodeError):
    """A data file cannot be read as rows; the message names the file and, if known, the line."""


def read_rows(path: Path) -> list[dict[str, Scalar]]:
    """Read all rows of a data file, by its suffix. Raises MalformedFile or MalformedRow."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(sorted(_READERS))
        raise MalformedFile(f"{path.name}: unknown kind {path.suffix!r}, expected one of {known}")
    try:
        size = path.stat().st_size
        if size > MAX_CONTRIBUTION_BYTES:
            raise MalformedFile(f"{path.name}: {size} bytes, limit {MAX_CONTRIBUTION_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise MalformedFile(f"{path}: {error.strerror or error}") from None
    rows: list[dict[str, Scalar]] = []
    for where, record in reader(path.name, data):
        if len(rows) == MAX_CONTRIBUTION_ROWS:
            raise MalformedFile(f"{where}: more than {MAX_CONTRIBUTION_ROWS} rows")
        rows.append(to_row(record, where))
    if not rows:
        raise MalformedFile(f"{path.name}: holds no rows")
    return rows


def to_row(record: object, where: str) -> dict[str, Scalar]:
    """A record of any of the known shapes as a row.

    Shapes: prompt/completion under any name of PROMPT_FIELDS/COMPLETION_FIELDS, Alpaca's
    instruction + input + output, and OpenAI's `messages` with one user and one assistant turn.
    Floats become their decimal text, since a row has one spelling in every language.
    """
    if not isinstance(record, Mapping):
        raise MalformedFile(f"{where}: expected an object, got {type(record).__name__}")
    fields = {
        str(key): _plain(value, f"{where}: field {key!r:.40}")
        for key, value in record.items()
        if key != "messages"
    }
    if "messages" in record:
        fields.update(_from_messages(record["messages"], where))
        return check_row(fields, where)
    prompt_name = next((name for name in PROMPT_FIELDS if name in fields), None)
    completion_name = next((name for name in COMPLETION_FIELDS if name in fields), None)
    if completion_name is None:
        wanted = ", ".join(COMPLETION_FIELDS)
        raise MalformedFile(f"{where}: no field for the completion; expected one of {wanted}")
    completion = fields.pop(completion_name)
    prompt = fields.pop(prompt_name) if prompt_name is not None else ""
    if prompt_name == "instruction" and fields.get("input"):
        prompt = f"{prompt}\n{fields.pop('input')}"
    return check_row({**fields, "prompt": prompt, "completion": completion}, where)


def _plain(value: object, where: str) -> Scalar:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise MalformedFile(f"{where}: {value} is not a finite number")
        return repr(value)
    if value is None or isinstance(value, str | int):
        return value
    raise MalformedFile(f"{where} is {type(value).__name__}, expected text or a number")


def _from_messages(messages: object, where: str) -> dict[str, str]:
    if not isinstance(messages, list):
        raise MalformedFile(f"{where}: 'messages' is {type(messages).__name__}, expected a list")
    turns: dict[str, str] = {}
    for turn in messages:
        role = turn.get("role") if isinstance(turn, dict) else None
        content = turn.get("content") if isinstance(turn, dict) else None
        if role not in {"system", "user", "assistant"} or not isinstance(content, str):
            raise MalformedFile(f"{where}: a message needs a known 'role' and text 'content'")
        if role in turns:
            raise MalformedFile(f"{where}: more than one {role} message; one turn a row")
        turns[role] = content
    if "user" not in turns or "assistant" not in turns:
        raise MalformedFile(f"{where}: 'messages' needs one user and one assistant message")
    row = {"prompt": turns["user"], "completion": turns["assistant"]}
    if "system" in turns:
        row["system"] = turns["system"]
    return row


_Records = Iterator[tuple[str, object]]


def _text(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise MalformedFile(f"{name}:{line}: not UTF-8 at byte {error.start}") from None


def _read_jsonl(name: str, data: bytes) -> _Records:
    for number, line in enumerate(_text(name, data).split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{name}:{number}"
        # A row in another spelling may be longer than its canonical bytes, but not by this much.
        if len(line) > 8 * MAX_ROW_BYTES:
            raise MalformedFile(f"{where}: {len(line)} characters, limit {8 * MAX_ROW_BYTES}")
        yield where, _parse(line, where)


def _read_json(name: str, data: bytes) -> _Records:
    value = _parse(_text(name, data), name)
    if not isinstance(value, list):
        raise MalformedFile(f"{name}: expected a list of objects, got {type(value).__name__}")
    for number, record in enumerate(value, start=1):
        yield f"{name}: record {number}", record


def _parse(text: str, where: str) -> object:
    try:
        value: object = json.loads(text, parse_constant=_refuse_constant)
        return value
    except json.JSONDecodeError as error:
        raise MalformedFile(f"{where}: {error.msg} at column {error.colno}") from None
    except (RecursionError, ValueError) as error:
        raise MalformedFile(f"{where}: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _read_csv(name: str, data: bytes) -> _Records:
    reader = csv.DictReader(io.StringIO(_text(name, data), newline=""), strict=True)
    try:
        header = reader.fieldnames
        if not header or len(set(header)) != len(header):
            raise MalformedFile(f"{name}:1: the header is empty or names a column twice")
        for record in reader:
            where = f"{name}:{reader.line_num}"
            if None in record or None in record.values():
                raise MalformedFile(f"{where}: expected {len(header)} columns as in the header")
            yield where, record
    except csv.Error as error:
        raise MalformedFile(f"{name}:{reader.line_num}: {error}") from None


def _read_txt(name: str, data: bytes) -> _Records:
    """Paragraphs, parted by blank lines, each a completion without a prompt."""
    first, lines = 1, list[str]()
    for number, line in enumerate([*_text(name, data).splitlines(), ""], start=1):
        if line.strip():
            if not lines:
                first = number
            lines.append(line.rstrip())
        elif lines:
            yield f"{name}:{first}", {"prompt": "", "completion": "\n".join(lines)}
            lines = []


def _read_parquet(name: str, data: bytes) -> _Records:
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise MalformedFile(f"{name}: reading parquet needs pyarrow (extra 'ai')") from None
    try:
        file = parquet.ParquetFile(arrow.BufferReader(data))
        metadata = file.metadata
        if metadata.num_rows > MAX_CONTRIBUTION_ROWS:
            raise MalformedFile(f"{name}: {metadata.num_rows} rows, limit {MAX_CONTRIBUTION_ROWS}")
        # Compressed columns say beforehand how large they will be.
        groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
        unpacked = sum(group.total_byte_size for group in groups)
        if unpacked > MAX_CONTRIBUTION_BYTES:
            raise MalformedFile(f"{name}: {unpacked} bytes, limit {MAX_CONTRIBUTION_BYTES}")
        number = 0
        for batch in file.iter_batches(batch_size=1024):
            for record in batch.to_pylist():
                number += 1
                yield f"{name}: record {number}", record
    except (arrow.ArrowException, OSError) as error:
        raise MalformedFile(f"{name}: not a readable parquet file: {error}") from None


_READERS: Final[dict[str, Callable[[str, bytes], _Records]]] = {
    ".jsonl": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".txt": _read_txt,
    ".parquet": _read_parquet,
}
