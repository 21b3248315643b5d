"""execution-apis' rpc-compat files: our node on geth's chain gives geth's answers.

Two chains, up to Prague and up to Osaka, and one case per `.io` file, by its name. An answer has to
be equal, or of the same shape where the file is marked `speconly`; of an error the code is
compared. Traces are compared to the letter, marked or not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from geth_chain import GethChainRpc, open_chain
from vectors import vectors_root

from evm.engine import ExecutionEngine

FORKS = ("prague", "osaka")
SPEC_ONLY = "// speconly:"
EXACT = ("debug_trace",)
"""Methods whose answers are compared in full whatever the file says."""
OPTIONAL = {"deleteStrategy"}
"""Keys that a shape may have or not: of eth_capabilities, for a node that deletes."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one file holds."""

    exchanges: tuple[tuple[dict[str, Any], dict[str, Any]], ...]
    shape_only: bool


def folder(fork: str) -> Path:
    return vectors_root() / f"execution_apis_{fork}" / "tests"


def names() -> list[str]:
    return sorted(
        f"{fork}/{path.parent.name}/{path.stem}"
        for fork in FORKS
        for path in folder(fork).glob("*/*.io")
    )


def read(name: str) -> Conversation:
    fork, _, rest = name.partition("/")
    lines = (folder(fork) / f"{rest}.io").read_text().splitlines()
    asked = [json.loads(line[3:]) for line in lines if line.startswith(">> ")]
    answered = [json.loads(line[3:]) for line in lines if line.startswith("<< ")]
    is_marked = any(line.startswith(SPEC_ONLY) for line in lines)
    return Conversation(tuple(zip(asked, answered, strict=True)), is_marked)


def shape_faults(want: Any, got: Any, where: str) -> Iterator[str]:
    """Where the shapes of two JSON values differ: keys, kinds of values, hex or not."""
    if want is None or got is None:
        return
    if type(want) is not type(got) and {type(want), type(got)} != {int, float}:
        yield f"{where}: {want!r:.80} against {got!r:.80}"
    elif isinstance(want, dict):
        yield from _object_faults(want, got, where)
    elif isinstance(want, list):
        for index, item in enumerate(got):
            tries = [list(shape_faults(like, item, f"{where}[{index}]")) for like in want]
            if tries and all(tries):
                yield min(tries, key=len)[0]
    elif isinstance(want, str) and want.startswith("0x") and not got.startswith("0x"):
        yield f"{where}: {want!r:.80} against {got!r:.80}"


def _object_faults(want: dict[str, Any], got: dict[str, Any], where: str) -> Iterator[str]:
    if all(key.startswith("0x") or key.isdigit() for key in (*want, *got)):
        # A map by account, slot or nonce: the keys are data.
        yield from shape_faults(list(want.values()), list(got.values()), where)
        return
    if want.keys() - OPTIONAL != got.keys() - OPTIONAL:
        yield f"{where}: keys {sorted(want.keys() ^ got.keys())} are on one side only"
    for key in want.keys() & got.keys():
        yield from shape_faults(want[key], got[key], f"{where}.{key}")


def difference(want: Any, got: Any, where: str = "result") -> str | None:
    """The first place where two JSON values differ, or None."""
    if isinstance(want, dict) and isinstance(got, dict):
        if want.keys() != got.keys():
            return f"{where}: keys {sorted(want.keys() ^ got.keys())} are on one side only"
        found = (difference(want[key], got[key], f"{where}.{key}") for key in want)
        return next((fault for fault in found if fault), None)
    if isinstance(want, list) and isinstance(got, list):
        if len(want) != len(got):
            return f"{where}: {len(want)} items wanted, {len(got)} given"
        pairs = enumerate(zip(want, got, strict=True))
        found = (difference(left, right, f"{where}[{index}]") for index, (left, right) in pairs)
        return next((fault for fault in found if fault), None)
    is_same = want == got and type(want) is type(got)
    return None if is_same else f"{where}: want {want!r:.200}, got {got!r:.200}"


def fault_in(want: dict[str, Any], got: dict[str, Any], shape_only: bool) -> str | None:
    if "error" in want:
        code = got.get("error", {}).get("code")
        wanted = want["error"]["code"]
        return None if code == wanted else f"error {wanted} wanted, got {got!r:.300}"
    if "error" in got:
        return f"unexpected {got['error']!r:.300}"
    if shape_only:
        return next(shape_faults(want["result"], got["result"], "result"), None)
    return difference(want["result"], got["result"])


@cache
def engine_of(fork: str) -> ExecutionEngine:
    return open_chain(folder(fork))


def fill_pool(rpc: GethChainRpc, fork: str) -> None:
    """Send what the files of eth_sendRawTransaction send: geth had them when it was recorded."""
    for path in sorted((folder(fork) / "eth_sendRawTransaction").glob("*.io")):
        for request, _ in read(f"{fork}/eth_sendRawTransaction/{path.stem}").exchanges:
            assert "error" not in rpc.ask(request)


def faults(rpc: GethChainRpc, name: str) -> str | None:
    conversation = read(name)
    shape_only = conversation.shape_only and not name.split("/")[1].startswith(EXACT)
    for request, want in conversation.exchanges:
        got = rpc.ask(request)
        if got["id"] != request["id"]:
            return f"answer to {got['id']}, not to {request['id']}"
        fault = fault_in(want, got, shape_only)
        if fault is not None:
            return fault
    return None


@pytest.mark.parametrize("name", names())
def test_answers_of_geth(tmp_path: Path, name: str) -> None:
    fork, method, _ = name.split("/")
    with ThreadPoolExecutor(1) as readers:
        rpc = GethChainRpc(engine_of(fork), readers, tmp_path)
        if method.startswith("txpool_"):
            fill_pool(rpc, fork)
        assert faults(rpc, name) is None
