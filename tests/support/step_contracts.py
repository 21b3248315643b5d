"""Modules of the one-step verifier on the bench, each behind a harness of its own."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import vyper
from contract_bench import ContractBench, Outcome, call_data
from vyper.compiler.input_bundle import FilesystemInputBundle

from chain import abi

ROOT = Path(__file__).resolve().parents[2]


@cache
def creation(harness: str) -> bytes:
    """Creation code of a harness that stands beside this file."""
    compiled = vyper.compile_code(
        Path(__file__).with_name(harness).read_text(),
        output_formats=["bytecode"],
        input_bundle=FilesystemInputBundle([ROOT]),
    )
    return bytes.fromhex(compiled["bytecode"][2:])


class StepModule:
    """One harness, deployed once; its functions by signature."""

    def __init__(self, harness: str) -> None:
        self._bench = ContractBench()
        self._at = self._bench.deploy(creation(harness))
        self.code_bytes = len(self._bench.state.get_code(self._at))

    def call(self, signature: str, *args: Any) -> Outcome:
        """What a call left, refused or not."""
        return self._bench.send(self._at, call_data(signature, *args))

    def result(self, signature: str, returns: str, *args: Any) -> Any:
        """The one value that a call gives; an AssertionError with the reason of a refusal."""
        outcome = self.call(signature, *args)
        assert outcome.succeeded, outcome.reason
        return abi.decode([returns], outcome.output)[0]
