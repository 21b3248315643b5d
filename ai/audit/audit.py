"""The audit of one paid answer from chain data and content store alone.

Each check states what the chain says, what follows from the documents it names by hash, and whether
the two agree. What a model computed is not judged here (rerun.py does that within a tolerance);
what must hold exactly is. Knows nothing of how the chain is reached or where content lies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ai.attribution.evidence import Evidence, check_shares, parse_evidence
from ai.content import parse_exact_json
from ai.datasets.snapshot import Snapshot, materialise
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
from chain.types import ZERO_ADDRESS, Hash32
from genesis.addresses import PLATFORM_ACCOUNT, WORKER_REGISTRY
from genesis.interfaces import PROOF_OF_ATTRIBUTION

from .record import Audit, ChainRecord, Check, CheckFailed, Payment, same
from .training import training_steps

Step = tuple[str, Callable[[], str]]

DOCUMENTS: Final = "every document that was fetched has the hash it is named by"


def audit(
    record: ChainRecord,
    contents: ContentStore,
    *,
    problems: Sequence[str] = (),
    adapter_files: Mapping[str, bytes] | None = None,
) -> Audit:
    """Recompute every number of a settled request. Never raises for what it audits.

    `problems` are what went wrong while the documents were fetched (gather.py). With
    `adapter_files`, the adapter's own hash is checked too.
    """
    auditor = Auditor(record, contents)
    steps: list[Step] = [
        (DOCUMENTS, lambda: _no_problems(problems)),
        *auditor.steps(),
        *training_steps(record, contents, adapter_files),
    ]
    checks, not_made = run_checks(steps)
    return Audit(
        request_id=record.request_id,
        checks=checks,
        not_made=not_made,
        prompt=auditor.prompt_text,
        output=auditor.output,
        shares=auditor.evidence.shares if auditor.evidence else (),
        payments=tuple(record.payments),
    )


def run_checks(steps: Sequence[Step]) -> tuple[tuple[Check, ...], tuple[str, ...]]:
    """Make checks in order up to the first that fails: what follows stands on it."""
    checks: list[Check] = []
    for position, (name, step) in enumerate(steps):
        try:
            checks.append(Check(name, holds=True, detail=step()))
        except StemmaError as error:
            checks.append(Check(name, holds=False, detail=str(error)))
            return tuple(checks), tuple(left for left, _ in steps[position + 1 :])
    return tuple(checks), ()


def _no_problems(problems: Sequence[str]) -> str:
    if problems:
        raise CheckFailed("; ".join(problems))
    return "none was altered on its way"


class Auditor:
    """The checks of an answer in order; each leaves what the later ones need."""

    def __init__(self, record: ChainRecord, contents: ContentStore) -> None:
        self.record = record
        self.contents = contents
        self.prompt_text = ""
        self.output = ""
        self.evidence: Evidence | None = None
        self.snapshot: Snapshot | None = None

    def steps(self) -> list[Step]:
        """Name and check, in order."""
        return [
            ("the statement is signed by the worker the caller chose", self.signature),
            ("the prompt is the one that was paid for", self.prompt_document),
            ("the output is the one that was attested", self.output_text),
            ("the evidence belongs to this answer", self.evidence_document),
            ("every row stands in the published snapshot", self.rows),
            ("the shares follow from the evidence", self.shares),
            ("the fee is tokens times price", self.fee),
            ("every payment is the exact part of the fee", self.payments),
        ]

    def signature(self) -> str:
        """Recover who signed the statement that was settled, and compare every field of it."""
        arguments = self._settle_arguments()
        statement = InferenceStatement(*arguments["statement"])
        signer = recover_signer(
            statement,
            arguments["signature"],
            chain_id=self.record.chain_id,
            verifying_contract=PROOF_OF_ATTRIBUTION.address,
        )
        same("signer", self.record.request["worker"], signer)
        same("request", self.record.request_id, statement.request_id)
        for name, stated in zip(_STATED, statement_values(statement)[1:], strict=True):
            same(name, self.record.settled[name], stated)
        return f"the caller chose 0x{signer.hex()}, signed by the same"

    def prompt_document(self) -> str:
        """Fetch the request by its hash; it asked for this adapter and no fewer tokens."""
        settled = self.record.settled
        prompt_hash = Hash32(self.record.request["promptHash"])
        same("prompt hash", prompt_hash, settled["promptHash"])
        data = self.contents.get(prompt_hash)
        self.prompt_text = data.decode("utf-8", "replace")
        asked = parse_exact_json(data, "prompt")
        if not isinstance(asked, dict):
            raise CheckFailed(f"prompt 0x{prompt_hash.hex()} is not a request")
        same("adapter of the prompt", "0x" + settled["adapterId"].hex(), asked.get("model"))
        limit = asked.get("max_tokens")
        if not isinstance(limit, int) or settled["outputTokens"] > limit:
            raise CheckFailed(f"{settled['outputTokens']} tokens billed, {limit!r:.40} asked for")
        return f"0x{prompt_hash.hex()} on chain and by its {len(data)} bytes"

    def output_text(self) -> str:
        """Fetch the answer by its hash."""
        output_hash = Hash32(self.record.settled["outputHash"])
        data = self.contents.get(output_hash)
        self.output = data.decode("utf-8", "replace")
        return f"0x{output_hash.hex()} on chain and by its {len(data)} bytes"

    def evidence_document(self) -> str:
        """Fetch the evidence by its hash; it names the same answer, adapter and shares."""
        settled, adapter = self.record.settled, self.record.adapter
        evidence = parse_evidence(self.contents.get(Hash32(settled["evidenceHash"])))
        same("adapter", settled["adapterId"], evidence.adapter_id)
        same("base model", adapter["baseModel"], evidence.base_model)
        same("datanet", adapter["datanetId"], evidence.datanet_id)
        same("snapshot root", adapter["snapshotRoot"], evidence.snapshot_root)
        same("prompt hash", settled["promptHash"], evidence.prompt_hash)
        same("output hash", settled["outputHash"], evidence.output_hash)
        same("shares root", settled["sharesRoot"], evidence.shares_root)
        size = len(self.contents.get(Hash32(settled["outputHash"])))
        if evidence.output_tokens > size:  # a token is at least a byte
            raise CheckFailed(f"{evidence.output_tokens} tokens in an output of {size} bytes")
        self.evidence = evidence
        methods = f"{evidence.influence_method} and {evidence.span_method}"
        return f"scores of {evidence.row_count} rows by {methods}; shares root as on chain"

    def rows(self) -> str:
        """Rebuild the snapshot from every row and compare its root."""
        adapter = self.record.adapter
        root = Hash32(adapter["snapshotRoot"])
        self.snapshot = materialise(
            self.contents, adapter["datanetId"], self.record.contributions, root
        )
        people = len(self.snapshot.contributors)
        return (
            f"{len(self.snapshot.rows)} rows of {people} contributors give root 0x{root.hex()}, "
            f"as on chain for datanet {adapter['datanetId']}"
        )

    def shares(self) -> str:
        """Recompute the shares from the evidence's scores; they are the ones that were paid."""
        evidence = _present(self.evidence, "evidence")
        check_shares(evidence, _present(self.snapshot, "snapshot"))
        total = sum(ppm for _, ppm in evidence.shares)
        same("sum of shares", 1_000_000, total)
        arguments = self._settle_arguments()
        listed = list(zip(arguments["accounts"], arguments["sharesPpm"], strict=True))
        if listed:
            same("shares that were paid", listed, list(evidence.shares))
        return (
            f"{len(evidence.shares)} accounts, {total} of 1000000 parts, the same when recomputed"
        )

    def fee(self) -> str:
        """Multiply tokens by the prices of the escrow."""
        settled, prices = self.record.settled, self.record.prices
        fee_wei = (
            settled["inputTokens"] * prices["inputPriceWei"]
            + settled["outputTokens"] * prices["outputPriceWei"]
        )
        same("fee in wei", settled["feeWei"], fee_wei)
        if fee_wei > self.record.request["maxFeeWei"]:
            raise CheckFailed(f"fee {fee_wei} wei, at most {self.record.request['maxFeeWei']}")
        return (
            f"{settled['inputTokens']} × {prices['inputPriceWei']} + "
            f"{settled['outputTokens']} × {prices['outputPriceWei']} = {fee_wei} wei; charged "
            f"{settled['feeWei']}, at most {self.record.request['maxFeeWei']}"
        )

    def payments(self) -> str:
        """Recompute every payment, and that they add up to the fee."""
        evidence, fee_wei = _present(self.evidence, "evidence"), self.record.settled["feeWei"]
        expected, held_wei = self._expected_payments(evidence)
        same("payments", sorted(self.record.payments), sorted(expected))
        paid_wei = sum(wei for _, _, wei in expected)
        same("fee in wei", fee_wei, paid_wei + held_wei)
        held = f" and {held_wei} held for claims" if held_wei else ""
        return f"{len(expected)} payments of {paid_wei} wei in all{held}; fee {fee_wei}"

    def _expected_payments(self, evidence: Evidence) -> tuple[list[Payment], int]:
        """What `settle` must have paid, and what it must hold, from the rule alone.

        The rule: docs/protocol/proof-of-attribution.md. Contributors get theirs at once where the
        call listed them; else the part is held, and each proves a share to claim it.
        """
        royalties = self.record.royalties
        base_owner = royalties["baseOwner"]
        parts = divide_fee(
            self.record.settled["feeWei"],
            adapter_royalty_bp=royalties["adapterRoyaltyBp"],
            base_royalty_bp=royalties["baseRoyaltyBp"] if base_owner != ZERO_ADDRESS else 0,
            has_stakers=self.record.bonded_wei > 0,
        )
        payments = [
            (royalties["adapterOwner"], ADAPTER_OWNER, parts.adapter_owner_wei),
            (base_owner, BASE_OWNER, parts.base_owner_wei),
            (PLATFORM_ACCOUNT, PLATFORM, parts.platform_wei),
            (self.record.request["worker"], HOST, parts.host_wei),
            (WORKER_REGISTRY, STAKERS, parts.stakers_wei),
        ]
        held_wei = parts.contributors_wei
        if self._settle_arguments()["accounts"]:
            weights = [ppm for _, ppm in evidence.shares]
            wei_by_share = split_largest_remainder(held_wei, weights)
            payments += [
                (account, CONTRIBUTOR, wei)
                for (account, _), wei in zip(evidence.shares, wei_by_share, strict=True)
            ]
            held_wei = 0
        return [payment for payment in payments if payment[2] > 0], held_wei

    def _settle_arguments(self) -> dict[str, Any]:
        function, arguments = PROOF_OF_ATTRIBUTION.decode_call(self.record.settle_calldata)
        same("called function", "settle", function.name)
        return arguments


_STATED: Final = (
    "adapterId",
    "promptHash",
    "outputHash",
    "inputTokens",
    "outputTokens",
    "sharesRoot",
    "evidenceHash",
)


def _present(value: Any, what: str) -> Any:  # noqa: ANN401 - passes the type through
    if value is None:
        raise CheckFailed(f"{what} was not checked, so nothing that stands on it can be")
    return value
