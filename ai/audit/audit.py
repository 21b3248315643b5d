"""The audit of one paid answer from chain data and content store alone.

Each check states what the chain says, what follows from the documents it names by hash, and whether
the two agree. What a model computed is not judged here (rerun.py does that within a tolerance);
what must hold exactly is. Knows nothing of how the chain is reached or where content lies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ai.attribution.evidence import Evidence, check_shares, parse_evidence
from ai.datasets.snapshot import Contribution, Snapshot, materialise
from ai.datasets.store import ContentStore
from chain.attestation import InferenceStatement, recover_signer, statement_values
from chain.errors import StemmaError
from chain.split import (
    ADAPTER_OWNER,
    BASE_OWNER,
    CONTRIBUTOR,
    HOST,
    PLATFORM,
    STAKERS,
    divide_fee,
    split_largest_remainder,
)
from chain.types import ZERO_ADDRESS, Address, Hash32
from genesis.addresses import PLATFORM_ACCOUNT, WORKER_REGISTRY
from genesis.interfaces import PROOF_OF_ATTRIBUTION

VERDICT_OK: Final = "ok"

Payment = tuple[Address, int, int]
"""Account, role, wei: one `Paid` event."""


class CheckFailed(StemmaError):
    """A claim does not follow from what it is said to follow from; both sides are named."""


@dataclass(frozen=True, slots=True)
class ChainRecord:
    """All that the chain says of one settled request; mappings by ABI names."""

    chain_id: int
    request_id: Hash32
    request: Mapping[str, Any]
    prices: Mapping[str, Any]
    settled: Mapping[str, Any]
    payments: Sequence[Payment]
    settle_calldata: bytes
    adapter: Mapping[str, Any]
    royalties: Mapping[str, Any]
    contributions: Sequence[Contribution]
    training_worker: Address


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold; `detail` says what was seen, or both sides of a mismatch."""

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Audit:
    """The result for one request; `verdict` is "ok" or names the first check that failed."""

    request_id: Hash32
    checks: tuple[Check, ...]
    prompt: str = ""
    output: str = ""
    shares: tuple[tuple[Address, int], ...] = ()
    payments: tuple[Payment, ...] = field(default=())

    @property
    def verdict(self) -> str:
        """Either `ok` or the name of what failed first."""
        failed = next((check for check in self.checks if not check.holds), None)
        return VERDICT_OK if failed is None else f"failed: {failed.name}"


def audit(record: ChainRecord, contents: ContentStore) -> Audit:
    """Recompute every number of a settled request. Never raises for what it audits."""
    auditor = _Auditor(record, contents)
    steps: list[tuple[str, Callable[[], str]]] = [
        ("statement is signed by the worker the caller chose", auditor.signature),
        ("prompt is the one that was paid for", auditor.prompt_document),
        ("output is the one that was attested", auditor.output_text),
        ("evidence belongs to this answer", auditor.evidence_document),
        ("every row stands in the published snapshot", auditor.rows),
        ("shares follow from the evidence", auditor.shares),
        ("fee is tokens times price", auditor.fee),
        ("every payment is the exact part of the fee", auditor.payments),
    ]
    checks: list[Check] = []
    for name, step in steps:
        try:
            checks.append(Check(name, holds=True, detail=step()))
        except StemmaError as error:
            checks.append(Check(name, holds=False, detail=str(error)))
            break  # what follows stands on this
    return Audit(
        request_id=record.request_id,
        checks=tuple(checks),
        prompt=auditor.prompt_text,
        output=auditor.output,
        shares=auditor.evidence.shares if auditor.evidence else (),
        payments=tuple(record.payments),
    )


class _Auditor:
    """The checks in order; each leaves what the later ones need."""

    def __init__(self, record: ChainRecord, contents: ContentStore) -> None:
        self.record = record
        self.contents = contents
        self.prompt_text = ""
        self.output = ""
        self.evidence: Evidence | None = None
        self.snapshot: Snapshot | None = None

    def signature(self) -> str:
        _, arguments = PROOF_OF_ATTRIBUTION.decode_call(self.record.settle_calldata)
        statement = InferenceStatement(*arguments["statement"])
        signer = recover_signer(
            statement,
            arguments["signature"],
            chain_id=self.record.chain_id,
            verifying_contract=PROOF_OF_ATTRIBUTION.address,
        )
        _same("signer", self.record.request["worker"], signer)
        _same("request", self.record.request_id, statement.request_id)
        for name, stated in zip(_STATED, statement_values(statement)[1:], strict=True):
            _same(name, self.record.settled[name], stated)
        return f"signed by 0x{signer.hex()}"

    def prompt_document(self) -> str:
        prompt_hash = Hash32(self.record.request["promptHash"])
        _same("prompt hash", prompt_hash, self.record.settled["promptHash"])
        self.prompt_text = self.contents.get(prompt_hash).decode("utf-8", "replace")
        return f"0x{prompt_hash.hex()}, {len(self.prompt_text)} characters"

    def output_text(self) -> str:
        output_hash = Hash32(self.record.settled["outputHash"])
        self.output = self.contents.get(output_hash).decode("utf-8", "replace")
        return f"0x{output_hash.hex()}, {len(self.output)} characters"

    def evidence_document(self) -> str:
        settled, adapter = self.record.settled, self.record.adapter
        evidence = parse_evidence(self.contents.get(Hash32(settled["evidenceHash"])))
        _same("adapter", settled["adapterId"], evidence.adapter_id)
        _same("base model", adapter["baseModel"], evidence.base_model)
        _same("datanet", adapter["datanetId"], evidence.datanet_id)
        _same("snapshot root", adapter["snapshotRoot"], evidence.snapshot_root)
        _same("prompt hash", settled["promptHash"], evidence.prompt_hash)
        _same("output hash", settled["outputHash"], evidence.output_hash)
        _same("shares root", settled["sharesRoot"], evidence.shares_root)
        self.evidence = evidence
        return f"{evidence.influence_method} and {evidence.span_method}, {evidence.row_count} rows"

    def rows(self) -> str:
        adapter = self.record.adapter
        self.snapshot = materialise(
            self.contents,
            adapter["datanetId"],
            self.record.contributions,
            Hash32(adapter["snapshotRoot"]),
        )
        people = len(self.snapshot.contributors)
        return f"{len(self.snapshot.rows)} rows of {people} contributors, each with its path"

    def shares(self) -> str:
        evidence = _present(self.evidence, "evidence")
        check_shares(evidence, _present(self.snapshot, "snapshot"))
        total = sum(ppm for _, ppm in evidence.shares)
        _same("sum of shares", 1_000_000, total)
        return f"{len(evidence.shares)} accounts, {total} ppm"

    def fee(self) -> str:
        settled, prices = self.record.settled, self.record.prices
        fee_wei = (
            settled["inputTokens"] * prices["inputPriceWei"]
            + settled["outputTokens"] * prices["outputPriceWei"]
        )
        _same("fee in wei", settled["feeWei"], fee_wei)
        if fee_wei > self.record.request["maxFeeWei"]:
            raise CheckFailed(f"fee {fee_wei} wei, at most {self.record.request['maxFeeWei']}")
        return f"{settled['inputTokens']} + {settled['outputTokens']} tokens, {fee_wei} wei"

    def payments(self) -> str:
        evidence, fee_wei = _present(self.evidence, "evidence"), self.record.settled["feeWei"]
        expected = _expected_payments(self.record, evidence)
        _same("payments", sorted(expected), sorted(self.record.payments))
        _same("sum of payments", fee_wei, sum(wei for _, _, wei in expected))
        return f"{len(expected)} payments, {fee_wei} wei in all"


_STATED: Final = (
    "adapterId",
    "promptHash",
    "outputHash",
    "inputTokens",
    "outputTokens",
    "sharesRoot",
    "evidenceHash",
)


def _expected_payments(record: ChainRecord, evidence: Evidence) -> list[Payment]:
    """What `settle` must have paid, from the rule alone (docs/protocol/proof-of-attribution.md)."""
    royalties = record.royalties
    base_owner = royalties["baseOwner"]
    has_stakers = any(role == STAKERS for _, role, _ in record.payments)
    parts = divide_fee(
        record.settled["feeWei"],
        adapter_royalty_bp=royalties["adapterRoyaltyBp"],
        base_royalty_bp=royalties["baseRoyaltyBp"] if base_owner != ZERO_ADDRESS else 0,
        has_stakers=has_stakers,
    )
    wei_by_share = split_largest_remainder(
        parts.contributors_wei, [ppm for _, ppm in evidence.shares]
    )
    payments = [
        (royalties["adapterOwner"], ADAPTER_OWNER, parts.adapter_owner_wei),
        (base_owner, BASE_OWNER, parts.base_owner_wei),
        (PLATFORM_ACCOUNT, PLATFORM, parts.platform_wei),
        (record.request["worker"], HOST, parts.host_wei),
        (WORKER_REGISTRY, STAKERS, parts.stakers_wei),
        *(
            (account, CONTRIBUTOR, wei)
            for (account, _), wei in zip(evidence.shares, wei_by_share, strict=True)
        ),
    ]
    return [payment for payment in payments if payment[2] > 0]


def _same(what: str, on_chain: object, found: object) -> None:
    if on_chain != found:
        raise CheckFailed(f"{what}: chain says {_show(on_chain)}, found {_show(found)}")


def _show(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else repr(value)[:300]


def _present(value: Any, what: str) -> Any:  # noqa: ANN401 - passes the type through
    if value is None:
        raise CheckFailed(f"{what} was not checked, so nothing that stands on it can be")
    return value
