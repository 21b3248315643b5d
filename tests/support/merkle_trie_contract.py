"""The portal's Merkle-Patricia verifier on the bench, for any key."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import vyper
from contract_bench import ContractBench, Outcome, call_data
from vyper.compiler.input_bundle import FilesystemInputBundle

from chain import abi

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).with_name("merkle_trie_harness.vy")


@cache
def _creation() -> bytes:
    compiled = vyper.compile_code(
        SOURCE.read_text(),
        output_formats=["bytecode"],
        input_bundle=FilesystemInputBundle([ROOT]),
    )
    return bytes.fromhex(compiled["bytecode"][2:])


class MerkleTrieContract:
    """Reads values out of proofs as the portal does."""

    def __init__(self) -> None:
        self._bench = ContractBench()
        self._at = self._bench.deploy(_creation())

    def call(self, root: bytes, key: bytes, proof: list[bytes]) -> Outcome:
        """What the contract says to a proof."""
        return self._bench.send(
            self._at, call_data("read(bytes32,bytes32,bytes[])", root, key, proof)
        )

    def read(self, root: bytes, key: bytes, proof: list[bytes]) -> bytes:
        """The value of a key; an AssertionError with the reason of a refusal."""
        outcome = self.call(root, key, proof)
        assert outcome.succeeded, outcome.reason
        return abi.decode(["bytes"], outcome.output)[0]
