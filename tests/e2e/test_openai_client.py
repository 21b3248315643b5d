"""The unmodified openai client against a worker process: what users of the API will do first."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="the AI tests need the extra 'ai'")

import openai
from ai_network import PRICES, AiNetwork, start_ai_network, stop_ai_network
from node_process import ROOT, wait_for

from ai.gateway.payment import PAYMENT_HEADER
from chain.types import Hash32
from genesis.interfaces import INFERENCE_ESCROW, PROOF_OF_ATTRIBUTION

pytestmark = pytest.mark.e2e

SHIPS = "Ships carry iron over the wide sea."
QUESTION = [{"role": "user", "content": "What do ships do?"}]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AiNetwork]:
    network = start_ai_network(tmp_path_factory.mktemp("ai"))
    yield network
    stop_ai_network(network)


@pytest.fixture(scope="module")
def client(net: AiNetwork) -> openai.OpenAI:
    return openai.OpenAI(base_url=net.gateway + "/v1", api_key="unused", max_retries=0)


def asked(net: AiNetwork, **changes: Any) -> dict[str, Any]:
    return {"model": net.adapter, "messages": QUESTION, "max_tokens": 30} | changes


def paid(net: AiNetwork, body: dict[str, Any]) -> dict[str, Any]:
    """The body with the header that names its open escrow."""
    return body | {"extra_headers": {PAYMENT_HEADER: net.pay(body)}}


def request_status(net: AiNetwork, request: str) -> int:
    async def act(account: Any) -> int:
        view = account.client.view
        return (await view(INFERENCE_ESCROW, "getRequest", Hash32(bytes.fromhex(request[2:]))))[
            "status"
        ]

    return net.run(act)


def stemma_audit(net: AiNetwork, request: str, *more: str) -> subprocess.CompletedProcess[str]:
    program = "from node.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "audit", request, *more],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_paid_chat_completion_has_usage_receipt_and_citations(
    net: AiNetwork, client: openai.OpenAI
) -> None:
    answer = client.chat.completions.create(**paid(net, asked(net)))
    assert answer.choices[0].message.content == SHIPS
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    extra = answer.model_extra["stemma"]
    fee = answer.usage.prompt_tokens * PRICES[0] + answer.usage.completion_tokens * PRICES[1]
    assert int(extra["receipt"]["fee_wei"]) == fee
    assert extra["citations"][0]["text"] == SHIPS


def test_a_stream_ends_in_usage_and_receipt(net: AiNetwork, client: openai.OpenAI) -> None:
    body = asked(net, stream=True, stream_options={"include_usage": True})
    chunks = list(client.chat.completions.create(**paid(net, body)))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == SHIPS
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 1
    assert chunks[-1].model_extra["stemma"]["receipt"]["settle_tx"].startswith("0x")


async def test_the_async_client_streams_two_answers_at_once(net: AiNetwork) -> None:
    bodies = [
        asked(net, stream=True),
        asked(net, stream=True, messages=[{"role": "user", "content": "What do kites do?"}]),
    ]
    headers = [await asyncio.to_thread(net.pay, body) for body in bodies]

    async def read(client: openai.AsyncOpenAI, body: dict[str, Any], request: str) -> str:
        stream = await client.chat.completions.create(
            **body, extra_headers={PAYMENT_HEADER: request}
        )
        return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    url = net.gateway + "/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key="unused", max_retries=0) as client:
        texts = await asyncio.gather(
            *(read(client, body, request) for body, request in zip(bodies, headers, strict=True))
        )
    assert texts == [SHIPS, "Kites rise when somebody runs below."]


def test_a_stop_text_ends_the_answer_and_is_left_out(net: AiNetwork, client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(**paid(net, asked(net, stop=[" over"])))
    assert answer.choices[0].message.content == "Ships carry iron"
    assert answer.choices[0].finish_reason == "stop"


def test_one_seed_gives_one_answer(net: AiNetwork, client: openai.OpenAI) -> None:
    body = asked(net, temperature=1.5, seed=42, max_tokens=12)
    first, second = (client.chat.completions.create(**paid(net, body)) for _ in range(2))
    assert first.choices[0].message.content == second.choices[0].message.content


def test_the_legacy_completion_works(net: AiNetwork, client: openai.OpenAI) -> None:
    body = {"model": net.adapter, "prompt": "A text", "max_tokens": 5}
    answer = client.completions.create(**paid(net, body))
    assert answer.object == "text_completion"
    assert answer.usage is not None


def test_an_unpaid_request_is_402_with_a_quote(net: AiNetwork, client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as raised:
        client.chat.completions.create(**asked(net))
    assert raised.value.status_code == 402
    offer = raised.value.response.json()["stemma"]
    assert offer["escrow"]["to"] == "0x" + INFERENCE_ESCROW.address.hex()
    assert int(offer["quote"]["max_fee_wei"]) > 0
    assert raised.value.code == "payment_required"


def test_an_unknown_model_is_not_found(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="0x" + "ab" * 32, messages=QUESTION)
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


def test_tools_are_refused_not_dropped(net: AiNetwork, client: openai.OpenAI) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {}}}
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(**asked(net, tools=[tool]))
    assert raised.value.param == "tools"


def test_a_used_escrow_is_a_conflict(net: AiNetwork, client: openai.OpenAI) -> None:
    body = paid(net, asked(net, max_tokens=2))
    client.chat.completions.create(**body)
    with pytest.raises(openai.ConflictError):
        client.chat.completions.create(**body)


def test_models_keep_their_extra_fields(net: AiNetwork, client: openai.OpenAI) -> None:
    listed = client.models.list().data
    assert [model.id for model in listed] == [net.adapter]
    model = client.models.retrieve(net.adapter)
    assert model.model_extra["stemma"]["input_price_wei"] == str(PRICES[0])
    assert model.model_extra["parent"] == model.model_extra["root"]
    assert model.created > 1_700_000_000


def test_a_client_that_leaves_is_billed_for_what_was_made(
    net: AiNetwork, client: openai.OpenAI
) -> None:
    body = paid(net, asked(net, stream=True, max_tokens=64, temperature=2.0, seed=3))
    request = body["extra_headers"][PAYMENT_HEADER]
    stream = client.chat.completions.create(**body)
    next(iter(stream))
    stream.close()
    wait_for("the settlement", lambda: request_status(net, request) == 2, 30)

    async def act(account: Any) -> dict[str, Any]:
        view = account.client.view
        return await view(PROOF_OF_ATTRIBUTION, "getSettlement", bytes.fromhex(request[2:]))

    settled = net.run(act)
    assert settled["outputTokens"] <= 64
    assert settled["feeWei"] == (
        settled["inputTokens"] * PRICES[0] + settled["outputTokens"] * PRICES[1]
    )


def test_an_audit_from_the_data_directory_holds_even_when_the_model_runs_again(
    net: AiNetwork, client: openai.OpenAI
) -> None:
    answer = client.chat.completions.create(**paid(net, asked(net)))
    request = answer.model_extra["stemma"]["receipt"]["request"]
    again = ("--rerun", "--base-model", str(net.base_model))
    done = stemma_audit(net, request, "--datadir", str(net.node.datadir), *again, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["verdict"] == "ok"
    assert found["text"] == SHIPS
    assert len(found["checks"]) == 17
    assert found["not_made"] == []


def test_an_audit_through_the_gateway_reads_as_text(net: AiNetwork, client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(**paid(net, asked(net)))
    request = answer.model_extra["stemma"]["receipt"]["request"]
    done = stemma_audit(net, request, "--rpc", net.node.l2, "--gateway", net.gateway)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verdict   ok" in done.stdout
    assert SHIPS in done.stdout


def test_an_audit_over_a_tampered_store_says_no_with_exit_code_3(
    net: AiNetwork, client: openai.OpenAI, tmp_path: Path
) -> None:
    answer = client.chat.completions.create(**paid(net, asked(net)))
    receipt = answer.model_extra["stemma"]["receipt"]
    shutil.copytree(net.worker.datadir / "content", tmp_path / "content")
    name = receipt["evidence_hash"][2:]
    evidence = tmp_path / "content" / "blobs" / name[:2] / name[2:]
    evidence.write_bytes(evidence.read_bytes().replace(b"datainf", b"datajnf"))
    places = ("--rpc", net.node.l2, "--content", str(tmp_path / "content"))
    done = stemma_audit(net, receipt["request"], *places)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "NO  the evidence belongs to this answer" in done.stdout
    evidence.unlink()
    assert stemma_audit(net, receipt["request"], *places).returncode == 3


def test_an_audit_without_a_node_ends_with_exit_code_4(net: AiNetwork) -> None:
    places = ("--rpc", "http://127.0.0.1:1", "--gateway", net.gateway)
    assert stemma_audit(net, "0x" + "ab" * 32, *places).returncode == 4


def test_the_tutorials_do_what_they_say(net: AiNetwork, tmp_path: Path) -> None:
    run = json.loads((net.node.datadir / "run.json").read_text()) | {"gateway": net.gateway}
    (tmp_path / "run.json").write_text(json.dumps(run))
    said = ""
    for name in ("first-adapter", "ask-with-openai-client"):
        text = (ROOT / "docs" / "tutorials" / f"{name}.md").read_text()
        (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        (tmp_path / "tutorial.py").write_text(block)
        done = subprocess.run(
            [sys.executable, tmp_path / "tutorial.py", tmp_path / "run.json"],
            cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        said += done.stdout
    assert "adapter 0x" in said
    assert "costs at most" in said
    assert re.search(r"^paid \d+ wei", said, re.MULTILINE)
    assert re.search(r"^request 0x[0-9a-f]{64}$", said, re.MULTILINE)


def test_a_worker_that_was_killed_serves_the_same_adapter_again(net: AiNetwork) -> None:
    net.worker.stop(signal.SIGKILL)
    net.gateway = net.worker.start()
    fresh = openai.OpenAI(base_url=net.gateway + "/v1", api_key="unused", max_retries=0)
    answer = fresh.chat.completions.create(**paid(net, asked(net)))
    assert answer.choices[0].message.content == SHIPS
