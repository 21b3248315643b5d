"""The worked examples of the pages on gateway, audit and training job, and the names in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the AI tests need the extra 'ai'")

from node_process import ROOT

from ai.audit.audit import DOCUMENTS, Auditor
from ai.audit.rerun import rerun_steps
from ai.audit.training import training_steps
from ai.content import content_hash, exact_json, parse_exact_json
from ai.gateway import errors
from ai.gateway.openai_schema import parse_completion_request
from ai.worker.jobs import JobProgress
from chain.split import divide_fee

PAGES = ROOT / "docs" / "protocol"


def page(name: str) -> str:
    return (PAGES / name).read_text()


def test_the_prompt_hash_of_the_gateways_page() -> None:
    text = page("gateway.md")
    model = re.search(r'"model":"(0x[0-9a-f]{64})"', text)
    assert model is not None
    body = {
        "model": model[1],
        "messages": [{"role": "user", "content": "Who keeps the bees?"}],
        "max_tokens": 40,
    }
    request = parse_completion_request(body, chat=True, max_output_tokens=256)
    assert exact_json(request.document()).decode() in text
    assert f"`0x{request.prompt_hash.hex()}`" in text


def test_the_gateways_page_names_every_error_code() -> None:
    text = page("gateway.md")
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    codes = {each.code for each in kinds if issubclass(each, errors.GatewayError)} - {None}
    assert {code for code in codes if f"`{code}`" not in text} == set()


def test_the_split_of_the_audits_page() -> None:
    text = page("audit.md")
    fee_wei = 12 * 10**12 + 18 * 3 * 10**12
    parts = divide_fee(fee_wei, adapter_royalty_bp=500, base_royalty_bp=0, has_stakers=True)
    for name in ("adapter_owner", "platform", "host", "stakers", "contributors"):
        amount = getattr(parts, f"{name}_wei")
        assert re.search(rf"^{name.replace('_', ' ')} +{amount} ", text, re.MULTILINE)


def test_the_audits_page_names_every_check(tmp_path: Path) -> None:
    text = page("audit.md")
    nothing: object = None
    auditor = Auditor(nothing, nothing)
    names = [DOCUMENTS, *(name for name, _ in auditor.steps())]

    class Record:
        training = None

    names += [name for name, _ in training_steps(Record(), nothing, {})]
    names += [name for name, _ in rerun_steps(Record(), nothing, tmp_path, nothing)]
    assert len(names) == 17
    assert [name for name in names if f"| {name} |" not in text] == []


def test_the_metrics_hash_of_the_training_page() -> None:
    text = page("training-job.md")
    found = re.search(r"```\n(\[\{.*\}\])\n```", text)
    assert found is not None
    metrics = parse_exact_json(found[1].encode(), "the example")
    assert f"`0x{content_hash(metrics).hex()}`" in text


def test_the_training_page_names_every_field_of_the_board() -> None:
    text = page("training-job.md")
    names = set(JobProgress(1).document()) - {"job_id"}
    assert {name for name in names if f"`{name}`" not in text} == set()
