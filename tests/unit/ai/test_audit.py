"""The audit: an honest answer holds, and each tampering is named by the check that it breaks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

pytest.importorskip("torch", reason="the AI tests need the extra 'ai'")

from market import CALLER, WORKER, Market

from ai.attribution.evidence import parse_evidence
from ai.audit.audit import DOCUMENTS, audit, run_checks
from ai.audit.cli import Sources, find_sources
from ai.audit.gather import NotSettled, chain_record, fetch_documents
from ai.audit.record import Audit, ChainRecord
from ai.audit.report import audit_document, audit_page, ether
from ai.audit.rerun import rerun_steps
from ai.datasets.store import ContentStore
from ai.gateway.client import GatewayClient
from chain.attestation import InferenceStatement, sign_statement, statement_values
from chain.crypto.keccak import keccak256
from chain.split import CONTRIBUTOR, STAKERS
from chain.types import Address, Hash32
from genesis.interfaces import INFERENCE_ESCROW, PROOF_OF_ATTRIBUTION

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIGNATURE = "the statement is signed by the worker the caller chose"
PROMPT = "the prompt is the one that was paid for"
OUTPUT = "the output is the one that was attested"
EVIDENCE = "the evidence belongs to this answer"
ROWS = "every row stands in the published snapshot"
SHARES = "the shares follow from the evidence"
FEE = "the fee is tokens times price"
PAYMENTS = "every payment is the exact part of the fee"
TRAINER = "the adapter is attested by the worker that took the job"
SNAPSHOT = "it was trained on the snapshot that is paid for"
RECIPE = "the recipe is known and was followed to its last step"
FILES = "the adapter's files have its id"


@dataclass
class Case:
    """One honest answer: what the chain says of it, and a copy of its documents to tamper with."""

    record: ChainRecord
    contents: ContentStore
    directory: Path
    files: dict[str, bytes]

    def audit(self, record: ChainRecord | None = None) -> Audit:
        return audit(record or self.record, self.contents, adapter_files=self.files)

    def path(self, name: bytes, kind: str = "blobs") -> Path:
        return self.directory / kind / name.hex()[:2] / name.hex()[2:]

    def settled(self, **changes: Any) -> ChainRecord:
        return replace(self.record, settled={**self.record.settled, **changes})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def answered(market: Market) -> ChainRecord:
    answer = await market.ask("What do ships do?", max_tokens=30)
    return await chain_record(market.chain, answer.request_id)


@pytest.fixture
def case(market: Market, answered: ChainRecord, tmp_path: Path) -> Case:
    shutil.copytree(market.stores.contents._blobs, tmp_path / "blobs")
    shutil.copytree(market.stores.contents._roots, tmp_path / "roots")
    files = market.stores.adapters.files(market.adapter_id)
    return Case(answered, ContentStore(tmp_path), tmp_path, files)


def failed(result: Audit) -> str:
    """The name of the check that failed; the audit stops there."""
    assert result.verdict.startswith("failed: ")
    assert [check.holds for check in result.checks].count(False) == 1
    assert not result.checks[-1].holds
    return result.checks[-1].name


async def test_an_honest_answer_holds_in_every_check(case: Case) -> None:
    result = case.audit()
    assert result.verdict == "ok"
    assert result.not_made == ()
    assert [check.name for check in result.checks] == [
        DOCUMENTS, SIGNATURE, PROMPT, OUTPUT, EVIDENCE, ROWS, SHARES, FEE, PAYMENTS, TRAINER,
        SNAPSHOT, RECIPE, FILES,
    ]  # fmt: skip
    assert result.output == "Ships carry iron over the wide sea."
    paid = sum(wei for _, _, wei in result.payments)
    assert paid == case.record.settled["feeWei"]


async def test_without_the_adapters_files_the_rest_is_still_checked(case: Case) -> None:
    result = audit(case.record, case.contents)
    assert result.verdict == "ok"
    assert FILES not in [check.name for check in result.checks]


# ------------------------------------------------------------------------- documents tampered with


@pytest.mark.parametrize(
    ("field", "name"),
    [("promptHash", PROMPT), ("outputHash", OUTPUT), ("evidenceHash", EVIDENCE)],
)
async def test_one_altered_byte_of_a_document_is_seen(case: Case, field: str, name: str) -> None:
    path = case.path(case.record.settled[field])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    result = case.audit()
    assert failed(result) == name
    assert "hash to" in result.checks[-1].detail


@pytest.mark.parametrize(
    ("field", "name"),
    [("promptHash", PROMPT), ("outputHash", OUTPUT), ("evidenceHash", EVIDENCE)],
)
async def test_a_missing_document_is_seen(case: Case, field: str, name: str) -> None:
    case.path(case.record.settled[field]).unlink()
    result = case.audit()
    assert failed(result) == name
    assert "not in the store" in result.checks[-1].detail
    assert RECIPE in result.not_made


async def test_one_altered_row_is_seen(case: Case) -> None:
    first = case.record.contributions[0]
    rows = [
        dict(row) for row in case.contents.get_contribution(first.contributor, first.content_root)
    ]
    rows[0]["completion"] += "!"
    case.contents.put_contribution(first.contributor, rows)
    pointer = case.path(first.content_root, "roots")
    altered = ContentStore(case.directory).put_contribution(first.contributor, rows)
    pointer.write_bytes(case.path(altered, "roots").read_bytes())
    result = case.audit()
    assert failed(result) == ROWS
    assert "root of the 2 stored rows" in result.checks[-1].detail


async def test_a_row_claimed_by_another_contributor_is_seen(case: Case) -> None:
    first, *others = case.record.contributions
    thief = replace(first, contributor=Address(b"\x66" * 20))
    assert failed(case.audit(replace(case.record, contributions=[thief, *others]))) == ROWS


async def test_a_missing_row_file_is_seen(case: Case) -> None:
    case.path(case.record.contributions[1].content_root, "roots").unlink()
    assert failed(case.audit()) == ROWS


# ----------------------------------------------------------------------------- the chain's numbers


async def test_a_share_off_by_one_is_seen(case: Case) -> None:
    record, evidence = shifted_shares(case)
    result = case.audit(record)
    assert failed(result) == SHARES
    assert "shares claimed" in result.checks[-1].detail
    assert evidence.shares != ()


def shifted_shares(case: Case) -> tuple[ChainRecord, Any]:
    """A worker that moves one ppm from one contributor to another, and signs that."""
    honest = parse_evidence(case.contents.get(Hash32(case.record.settled["evidenceHash"])))
    contributors = [each.contributor for each in case.record.contributions]
    shares = dict(honest.shares)
    giver = next(iter(shares))
    taker = next(each for each in contributors if each != giver)
    shares[giver] -= 1
    shares[taker] = shares.get(taker, 0) + 1
    evidence = replace(honest, shares=tuple(sorted(shares.items())))
    case.contents.put(evidence.to_json())
    changes = {"sharesRoot": evidence.shares_root, "evidenceHash": evidence.hash}
    return resigned(case, changes, evidence.shares), evidence


def resigned(case: Case, changes: dict[str, Any], shares: Any = None) -> ChainRecord:
    """The record of a settlement in which the worker stated something else, and signed it."""
    record = case.settled(**changes)
    settled = record.settled
    statement = InferenceStatement(
        case.record.request_id, settled["adapterId"], settled["promptHash"], settled["outputHash"],
        settled["inputTokens"], settled["outputTokens"], settled["sharesRoot"],
        settled["evidenceHash"],
    )  # fmt: skip
    signature = sign_statement(
        statement,
        WORKER_KEY,
        chain_id=record.chain_id,
        verifying_contract=PROOF_OF_ATTRIBUTION.address,
    )
    old = PROOF_OF_ATTRIBUTION.decode_call(record.settle_calldata)[1]
    listed = list(zip(old["accounts"], old["sharesPpm"], strict=True)) if shares is None else shares
    calldata = PROOF_OF_ATTRIBUTION.encode_call(
        "settle",
        statement_values(statement),
        signature,
        [account for account, _ in listed],
        [ppm for _, ppm in listed],
    )
    return replace(record, settle_calldata=calldata)


WORKER_KEY = (WORKER + 1).to_bytes(32, "big")  # support/execution.KEYS


async def test_a_statement_signed_by_another_is_seen(case: Case) -> None:
    record = replace(case.record, request={**case.record.request, "worker": Address(b"\x01" * 20)})
    result = case.audit(record)
    assert failed(result) == SIGNATURE
    assert "0x" + "01" * 20 in result.checks[-1].detail


async def test_an_altered_signature_is_seen(case: Case) -> None:
    _, arguments = PROOF_OF_ATTRIBUTION.decode_call(case.record.settle_calldata)
    signature = bytearray(arguments["signature"])
    signature[5] ^= 1
    at = case.record.settle_calldata.index(arguments["signature"])
    calldata = bytearray(case.record.settle_calldata)
    calldata[at : at + 65] = signature
    record = replace(case.record, settle_calldata=bytes(calldata))
    assert failed(case.audit(record)) == SIGNATURE


@pytest.mark.parametrize("calldata", [b"", b"\x01\x02\x03\x04", "claim"])
async def test_a_settlement_by_another_call_is_seen(case: Case, calldata: Any) -> None:
    if calldata == "claim":
        calldata = PROOF_OF_ATTRIBUTION.encode_call("claim")
    assert failed(case.audit(replace(case.record, settle_calldata=calldata))) == SIGNATURE


@pytest.mark.parametrize("field", ["inputTokens", "outputTokens"])
async def test_an_event_that_differs_from_what_was_signed_is_seen(case: Case, field: str) -> None:
    record = case.settled(**{field: case.record.settled[field] + 1})
    assert failed(case.audit(record)) == SIGNATURE


async def test_more_output_than_was_asked_for_is_seen(case: Case) -> None:
    record = resigned(case, {"outputTokens": 31})
    assert failed(case.audit(record)) == PROMPT


async def test_a_wrong_price_is_seen(case: Case) -> None:
    prices = {**case.record.prices, "outputPriceWei": case.record.prices["outputPriceWei"] + 1}
    result = case.audit(replace(case.record, prices=prices))
    assert failed(result) == FEE
    assert "fee in wei" in result.checks[-1].detail


async def test_a_fee_above_the_escrow_is_seen(case: Case) -> None:
    request = {**case.record.request, "maxFeeWei": case.record.settled["feeWei"] - 1}
    assert failed(case.audit(replace(case.record, request=request))) == FEE


async def test_one_wei_moved_between_wallets_is_seen(case: Case) -> None:
    payments = list(case.record.payments)
    (a, role_a, wei_a), (b, role_b, wei_b), *rest = payments
    moved = [(a, role_a, wei_a - 1), (b, role_b, wei_b + 1), *rest]
    assert failed(case.audit(replace(case.record, payments=moved))) == PAYMENTS


async def test_a_payment_left_out_is_seen(case: Case) -> None:
    record = replace(case.record, payments=list(case.record.payments)[:-1])
    assert failed(case.audit(record)) == PAYMENTS


async def test_a_stakers_part_that_nobody_is_owed_is_seen(case: Case) -> None:
    assert any(role == STAKERS for _, role, _ in case.record.payments)
    assert failed(case.audit(replace(case.record, bonded_wei=0))) == PAYMENTS


async def test_a_part_held_for_later_claims_is_counted(case: Case) -> None:
    record = resigned(case, {}, shares=())
    paid = [each for each in case.record.payments if each[1] != CONTRIBUTOR]
    result = case.audit(replace(record, payments=paid))
    assert result.verdict == "ok"
    assert "held for claims" in next(c.detail for c in result.checks if c.name == PAYMENTS)


async def test_evidence_of_another_answer_is_seen(case: Case, market: Market) -> None:
    other = await market.ask("What do kites do?", max_tokens=20)
    name = bytes.fromhex(other.receipt["evidence_hash"][2:])
    case.contents.put(market.stores.contents.get(Hash32(name)))
    assert failed(case.audit(resigned(case, {"evidenceHash": name}))) == EVIDENCE


async def test_evidence_that_would_take_for_ever_is_refused(case: Case) -> None:
    honest = parse_evidence(case.contents.get(Hash32(case.record.settled["evidenceHash"])))
    huge = replace(honest, output_tokens=2**60)
    case.contents.put(huge.to_json())
    assert failed(case.audit(resigned(case, {"evidenceHash": huge.hash}))) == EVIDENCE


@pytest.mark.parametrize("document", [b"", b"[]", b"null", b'{"format":1}', b"\xff"])
async def test_a_document_that_is_none_is_refused(case: Case, document: bytes) -> None:
    name = case.contents.put(document)
    assert failed(case.audit(resigned(case, {"evidenceHash": name}))) == EVIDENCE
    prompt = replace(
        resigned(case, {"promptHash": name}), request={**case.record.request, "promptHash": name}
    )
    assert failed(case.audit(prompt)) == PROMPT


# ------------------------------------------------------------------------------------ training


def training(case: Case, **changes: Any) -> ChainRecord:
    return replace(case.record, training=replace(case.record.training, **changes))


async def test_training_attested_by_another_worker_is_seen(case: Case) -> None:
    job = {**case.record.training.job, "worker": Address(b"\x02" * 20)}
    assert failed(case.audit(training(case, job=job))) == TRAINER


@pytest.mark.parametrize("field", ["checkpointsRoot", "metricsHash"])
async def test_a_submission_that_differs_from_what_was_signed_is_seen(
    case: Case, field: str
) -> None:
    submitted = {**case.record.training.submitted, field: b"\x09" * 32}
    assert failed(case.audit(training(case, submitted=submitted))) == TRAINER


async def test_an_adapter_paid_for_another_snapshot_is_seen(case: Case) -> None:
    record = replace(case.record, adapter={**case.record.adapter, "jobId": 99})
    assert failed(case.audit(record)) == SNAPSHOT


@pytest.mark.parametrize("which", ["recipe", "metrics"])
async def test_an_unknown_recipe_or_metrics_is_seen(case: Case, which: str) -> None:
    record = case.record.training
    name = record.job["recipeHash"] if which == "recipe" else record.submitted["metricsHash"]
    case.path(name).unlink()
    assert failed(case.audit()) == RECIPE


async def test_other_adapter_files_are_seen(case: Case) -> None:
    weights = bytearray(case.files["adapter_model.safetensors"])
    weights[-1] ^= 1
    case.files["adapter_model.safetensors"] = bytes(weights)
    assert failed(case.audit()) == FILES


# ---------------------------------------------------------------------------------- model again


async def test_the_model_counts_generates_and_scores_the_same_again(
    case: Case, market: Market
) -> None:
    steps = rerun_steps(case.record, case.contents, market.base_directory, market.stores.adapters)
    checks, not_made = run_checks(steps)
    assert [check.detail for check in checks if not check.holds] == []
    assert not_made == ()
    assert len(checks) == 4


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("inputTokens", "the prompt has as many tokens as were billed"),
        ("outputTokens", "the model gives this output again, in as many tokens"),
    ],
)
async def test_tokens_billed_and_never_made_are_seen(
    case: Case, market: Market, field: str, name: str
) -> None:
    record = resigned(case, {field: case.record.settled[field] + 1})
    steps = rerun_steps(record, case.contents, market.base_directory, market.stores.adapters)
    checks, _ = run_checks(steps)
    assert checks[-1].name == name
    assert not checks[-1].holds


async def test_scores_that_the_model_does_not_give_are_seen(case: Case, market: Market) -> None:
    honest = parse_evidence(case.contents.get(Hash32(case.record.settled["evidenceHash"])))
    row, score = honest.influence[0]
    forged = replace(
        honest, influence=((row, max(1, (score + 500_000) % 1_000_000)), *honest.influence[1:])
    )
    case.contents.put(forged.to_json())
    record = resigned(case, {"evidenceHash": forged.hash})
    steps = rerun_steps(record, case.contents, market.base_directory, market.stores.adapters)
    checks, _ = run_checks(steps)
    assert checks[-1].name == "the rows' scores come out again, within the tolerance"
    assert not checks[-1].holds


# ------------------------------------------------------------------------------------ gathering


async def test_documents_fetched_from_a_gateway_suffice(
    market: Market, answered: ChainRecord, tmp_path: Path
) -> None:
    contents = ContentStore(tmp_path)
    async with market.client() as gateway:
        assert await fetch_documents(gateway, answered, contents) == []
    assert audit(answered, contents).verdict == "ok"


class LyingGateway(GatewayClient):
    """Sends one altered byte."""

    def __init__(self, honest: GatewayClient, alter: Callable[[str], bool]) -> None:
        super().__init__(honest.url)
        self.alter = alter

    async def _bytes(self, path: str) -> bytes:
        data = await super()._bytes(path)
        return data.replace(b"i", b"j", 1) if self.alter(path) else data


@pytest.mark.parametrize(
    "alter",
    [lambda path: "contributions/1" in path, lambda path: path.startswith("/content/0x")],
    ids=["rows", "documents"],
)
async def test_a_gateway_that_lies_is_named(
    market: Market, answered: ChainRecord, tmp_path: Path, alter: Callable[[str], bool]
) -> None:
    contents = ContentStore(tmp_path)
    async with LyingGateway(market.client(), alter) as gateway:
        problems = await fetch_documents(gateway, answered, contents)
    assert problems
    assert all(gateway.url in problem for problem in problems)
    assert failed(audit(answered, contents, problems=problems)) == DOCUMENTS


async def test_a_request_without_a_settlement_says_what_became_of_it(market: Market) -> None:
    unknown = keccak256(b"no such request")
    with pytest.raises(NotSettled, match="unknown to this chain"):
        await chain_record(market.chain, unknown)
    opened = await market.open_escrow(market.body("What do bees do?"))
    with pytest.raises(NotSettled, match="open: its answer is not settled yet"):
        await chain_record(market.chain, Hash32(bytes.fromhex(opened[2:])))


async def test_the_refund_of_an_audited_request_is_what_the_fee_left(
    market: Market, answered: ChainRecord
) -> None:
    found = await market.chain.events(INFERENCE_ESCROW, "RequestSettled", answered.request_id)
    refund = found[0][0].arguments["refundWei"]
    assert answered.request["maxFeeWei"] == answered.settled["feeWei"] + refund
    assert answered.request["caller"] == market.chain.account(CALLER).address


# ------------------------------------------------------------------------------- page and command


async def test_the_page_leads_from_question_to_wallets(case: Case) -> None:
    result = case.audit()
    page = audit_page(case.record, result, ["a note"])
    assert all(len(line) <= 100 for line in page.splitlines())
    for text in ("What do ships do?", result.output, "verdict   ok", "a note", "contributor"):
        assert text in page
    for account, _, wei in result.payments:
        assert f"0x{account.hex()}" in page
        assert f"{wei} wei" in page


async def test_a_failed_audit_says_no_and_what_was_not_looked_at(case: Case) -> None:
    case.path(case.record.settled["outputHash"]).unlink()
    page = audit_page(case.record, case.audit(), [])
    assert f"  NO  {OUTPUT}" in page
    assert f"{PAYMENTS}: not looked at" in page
    assert f"verdict   failed: {OUTPUT}" in page


async def test_the_json_object_holds_what_the_page_says(case: Case) -> None:
    result = case.audit()
    found = json.loads(json.dumps(audit_document(case.record, result, [])))
    assert found["verdict"] == "ok"
    assert sum(each["wei"] for each in found["payments"]) == found["fee_wei"]
    assert sum(found["shares_ppm"].values()) == 1_000_000
    assert len(found["checks"]) == len(result.checks)


@pytest.mark.parametrize(
    ("wei", "text"),
    [(0, "0 ETH"), (1, "0.000000000000000001 ETH"), (15 * 10**17, "1.5 ETH"), (10**18, "1 ETH")],
)
async def test_ether_keeps_every_digit(wei: int, text: str) -> None:
    assert ether(wei) == text


async def test_a_run_file_completes_what_was_not_said(tmp_path: Path) -> None:
    run = {"l2": {"rpc": "http://l2"}, "gateway": "http://gateway"}
    (tmp_path / "run.json").write_text(json.dumps(run))
    nothing = Sources("", None, None, None, None)
    assert find_sources(nothing, tmp_path).gateway == "http://gateway"
    (tmp_path / "ai" / "content").mkdir(parents=True)
    (tmp_path / "ai" / "adapters").mkdir()
    found = find_sources(nothing, tmp_path)
    assert (found.rpc, found.content) == ("http://l2", tmp_path / "ai" / "content")
    assert found.adapters == tmp_path / "ai" / "adapters"
    given = replace(nothing, rpc="http://mine", gateway="http://other")
    assert find_sources(given, tmp_path).rpc == "http://mine"
    assert find_sources(given, tmp_path).content is None
