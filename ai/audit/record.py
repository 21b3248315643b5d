"""What an audit is given and what it finds: the chain's words, checks, a verdict. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ai.datasets.snapshot import Contribution
from chain.errors import StemmaError
from chain.types import Address, Hash32

VERDICT_OK: Final = "ok"

Payment = tuple[Address, int, int]
"""Account, role, wei: one `Paid` event."""


class CheckFailed(StemmaError):
    """A claim does not follow from what it is said to follow from; both sides are named."""


@dataclass(frozen=True, slots=True)
class TrainingRecord:
    """What the chain says of the training job that made an adapter; mappings by ABI names."""

    job_id: int
    job: Mapping[str, Any]
    submitted: Mapping[str, Any]
    submit_calldata: bytes
    submit_tx: str


@dataclass(frozen=True, slots=True)
class ChainRecord:
    """All that the chain says of one settled request; mappings by ABI names.

    `bonded_wei` is what all workers had at stake after the settlement's block: the rule of the
    split asks whether it is more than nothing.
    """

    chain_id: int
    request_id: Hash32
    request: Mapping[str, Any]
    prices: Mapping[str, Any]
    settled: Mapping[str, Any]
    settle_tx: str
    block_number: int
    payments: Sequence[Payment]
    settle_calldata: bytes
    adapter: Mapping[str, Any]
    royalties: Mapping[str, Any]
    bonded_wei: int
    contributions: Sequence[Contribution]
    training: TrainingRecord


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold; `detail` says what was seen, or both sides of a mismatch."""

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Audit:
    """The result for one request; `verdict` is "ok" or names the first check that failed.

    `not_made` are the checks that stand on a failed one and so were not made.
    """

    request_id: Hash32
    checks: tuple[Check, ...]
    not_made: tuple[str, ...] = ()
    prompt: str = ""
    output: str = ""
    shares: tuple[tuple[Address, int], ...] = ()
    payments: tuple[Payment, ...] = field(default=())

    @property
    def verdict(self) -> str:
        """Either `ok` or the name of what failed first."""
        failed = next((check for check in self.checks if not check.holds), None)
        return VERDICT_OK if failed is None else f"failed: {failed.name}"


def same(what: str, on_chain: object, found: object) -> None:
    """Raise CheckFailed naming both sides unless they are equal."""
    if on_chain != found:
        raise CheckFailed(f"{what}: the chain says {show(on_chain)}, found {show(found)}")


def show(value: object) -> str:
    """A value as an auditor reads it: bytes in hex, the rest short."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show(each) for each in value[:16]) + "]"
    return repr(value)[:300]
