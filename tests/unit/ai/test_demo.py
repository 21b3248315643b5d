"""The demo's parts without its processes: data, conservation over a real chain, report and page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

pytest.importorskip("torch", reason="the AI tests need the extra 'ai'")

from market import CALLER, CURATOR, Market
from node_process import ROOT

from ai.audit.audit import audit
from ai.audit.gather import chain_record
from ai.demo.conservation import Conservation, conservation
from ai.demo.report import ChainEnd, DemoReport, document, page
from ai.demo.sources import file_datanet, python_datanets
from ai.demo.story import GivenAnswer, TrainedAdapter
from chain.errors import DecodeError
from chain.types import to_address
from genesis.interfaces import INFERENCE_ESCROW, PROOF_OF_ATTRIBUTION

pytestmark = pytest.mark.asyncio(loop_scope="module")

END = ChainEnd(90, "0x" + "aa" * 32, "0x" + "bb" * 32)
DOCUMENTED = ROOT / "docs" / "protocol" / "demo-report.md"


# ------------------------------------------------------------------------------------------- data


async def test_the_demo_has_two_datanets_of_six_contributors_and_questions_they_answer() -> None:
    plans = python_datanets()
    people = [each.contributor for plan in plans for each in plan.contributions]
    assert len(plans) == 2
    assert len(set(people)) == len(people) == 6
    for plan in plans:
        prompts = {row["prompt"] for each in plan.contributions for row in each.rows}
        assert set(plan.questions) <= prompts
        assert all(question.startswith("What does") for question in plan.questions)
        assert all(len(each.rows) >= 10 for each in plan.contributions)


ROWS = [{"prompt": "a?", "completion": "A."}, {"prompt": "b?", "completion": "B."}]


def write_parquet(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(ROWS), path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("r.jsonl", lambda path: path.write_text("\n".join(map(json.dumps, ROWS)))),
        ("r.csv", lambda path: path.write_text("prompt,completion\na?,A.\nb?,B.\n")),
        ("r.parquet", write_parquet),
    ],
)
async def test_a_users_file_becomes_a_datanet_that_is_asked_its_own_questions(
    tmp_path: Path, name: str, write: Any
) -> None:
    write(tmp_path / name)
    plan = file_datanet(tmp_path / name)
    assert plan.questions == ("a?", "b?")
    assert [dict(row) for row in plan.contributions[0].rows] == ROWS
    assert name in plan.title


async def test_a_users_text_is_asked_how_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_text("Once there was a mill.\n\nIt stood below the weir.\n")
    plan = file_datanet(path)
    assert plan.questions
    assert all(0 < len(question) <= 60 for question in plan.questions)


@pytest.mark.parametrize("name", ["r.bin", "r.pkl", "r.exe"])
async def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04")
    with pytest.raises(DecodeError, match=name):
        file_datanet(tmp_path / name)


# ----------------------------------------------------------------------------------- conservation


async def test_wei_are_conserved_before_and_after_every_claim_and_refund(
    own_market: Market,
) -> None:
    answer = await own_market.ask()
    before = await conservation(own_market.chain)
    assert before.holds
    assert before.held_wei >= int(answer.receipt["fee_wei"])
    caller = own_market.caller
    for account in answer.receipt["payouts_wei"]:
        view = await own_market.chain.view(PROOF_OF_ATTRIBUTION, "balanceOf", to_address(account))
        if view["amountWei"]:
            await caller.send(PROOF_OF_ATTRIBUTION, "claimFor", to_address(account))
    opened = await own_market.open_escrow(own_market.body("What do pears do?"))
    own_market.chain.mine(seconds=3_600)
    await caller.send(INFERENCE_ESCROW, "refund", bytes.fromhex(opened[2:]))
    after = await conservation(own_market.chain)
    assert after.holds
    assert after.out_wei > before.out_wei
    assert after.in_wei > before.in_wei


async def test_an_outflow_nobody_accounts_for_is_noticed(
    own_market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    await own_market.ask(max_tokens=30)  # shorter than that: a part goes back
    assert (await conservation(own_market.chain)).holds
    monkeypatch.setattr("ai.demo.conservation.OUTFLOWS", ())
    assert not (await conservation(own_market.chain)).holds


# ----------------------------------------------------------------------------------------- report


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def report(market: Market) -> DemoReport:
    """A report over one real answer."""
    answer = await market.ask("What do ships do?", max_tokens=30)
    record = await chain_record(market.chain, answer.request_id)
    progress = market.board.find(1)
    assert progress is not None
    trained = TrainedAdapter(
        plan=python_datanets()[0],
        version=market.version,
        contributors=3,
        adapter_id=market.adapter_id,
        base_model=market.trainer.base_model,
        steps=progress.steps,
        loss_first=progress.loss_first or 0.0,
        loss_last=progress.loss_last or 0.0,
        statement_tx=progress.statement_tx or "",
    )
    return DemoReport(
        l1_client="dev-l1",
        l1_blocks=12,
        sequencer=END,
        verifier=END,
        trained=[trained],
        answers=[GivenAnswer(trained, "What do ships do?", answer)],
        claimed_wei={"0x" + market.chain.account(CURATOR).address.hex(): 10**15},
        conservation=await conservation(market.chain),
        audits=[audit(record, market.stores.contents)],
        seconds={"start": 1.0, "total": 2.0},
        names={"0x" + market.chain.account(CALLER).address.hex(): "caller"},
    )


async def test_an_honest_report_is_verified(report: DemoReport) -> None:
    assert report.verified


@pytest.mark.parametrize("what", ["hash", "root", "number", "audit", "missing audit", "wei"])
async def test_whatever_does_not_hold_makes_the_report_unverified(
    report: DemoReport, what: str
) -> None:
    held = report.conservation
    (honest,) = report.audits
    failing = replace(honest, checks=(replace(honest.checks[0], holds=False),))
    changes: dict[str, dict[str, Any]] = {
        "hash": {"verifier": replace(END, block_hash="0x" + "ab" * 32)},
        "root": {"verifier": replace(END, state_root="0x" + "ab" * 32)},
        "number": {"verifier": replace(END, number=89)},
        "audit": {"audits": [failing]},
        "missing audit": {"audits": []},
        "wei": {"conservation": Conservation(held.in_wei, held.out_wei, held.held_wei + 1)},
    }
    assert not replace(report, **changes[what]).verified


async def test_the_object_has_the_form_that_its_page_documents(report: DemoReport) -> None:
    block = re.search(r"```json\n(.*?)```", DOCUMENTED.read_text(), re.DOTALL)
    assert block is not None
    example, found = json.loads(block[1]), json.loads(json.dumps(document(report)))
    assert shape(example) == shape(found)


def shape(value: Any) -> Any:
    """Names and types; the keys of maps by account, and of seconds, are data and not form."""
    if isinstance(value, dict):
        if all(key.startswith("0x") for key in value):
            return {"0x…": {type(each).__name__ for each in value.values()}}
        return {key: "…" if key == "seconds" else shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])]
    return type(value).__name__


async def test_the_page_can_be_read_on_a_terminal(report: DemoReport) -> None:
    text = page(report)
    assert all(len(line) <= 100 for line in text.splitlines())
    for words in (
        "Ships carry iron over the wide sea.", "What do ships do?", "audit: ok", "the same hash",
        "to the last wei", "1 of 1 answers", "ETH", END.block_hash,
    ):  # fmt: skip
        assert words in " ".join(text.split())


async def test_the_page_does_not_hide_what_failed(report: DemoReport) -> None:
    other = replace(END, block_hash="0x" + "ab" * 32)
    held = Conservation(1, 2, 3)
    text = " ".join(page(replace(report, verifier=other, conservation=held)).split())
    assert "NOT THE SAME" in text
    assert "DOES NOT ADD UP" in text


async def test_a_long_answer_is_wrapped_not_cut(report: DemoReport) -> None:
    (given,) = report.answers
    words = "long " * 60
    long = replace(given, answer=replace(given.answer, text=words), prompt="why " * 50)
    text = page(replace(report, answers=[long]))
    assert all(len(line) <= 100 for line in text.splitlines())
    assert text.count("long") == 60
