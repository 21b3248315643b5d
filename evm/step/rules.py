"""The rules that steps run under: a small value, made outside from a fork's rule set.

How a standard precompile computes is not known here: `PrecompileRun` is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..precompiles.frame import Native
from .signers import Recover, recover_signer


@dataclass(frozen=True, slots=True)
class PrecompileResult:
    """What came of a precompile; where it failed, all gas is gone and there is no output."""

    succeeded: bool
    gas_left: int
    output: bytes


class PrecompileRun(Protocol):
    """Ethereum's precompiles."""

    def __call__(self, address: bytes, data: bytes, gas: int, /) -> PrecompileResult:
        """Run the precompile at an address, which has one."""


@dataclass(frozen=True, slots=True, eq=False)
class StepRules:
    """What a fork's rules are to the step machine; Cancun's and later.

    Attributes:
        fork: the number that a block's record carries (docs/protocol/one-step.md).
        opcodes: which are defined.
        precompiles: the addresses of all of them, natives among them.
        run_precompile: runs those that are not natives.
        has_delegations: EIP-7702.
        recover: who signed, for transactions and authorizations.

    """

    fork: int
    opcodes: frozenset[int]
    precompiles: frozenset[bytes]
    run_precompile: PrecompileRun
    natives: Mapping[bytes, Native] = field(default_factory=dict)
    has_delegations: bool = True
    recover: Recover = recover_signer
