"""The gateway over a real chain, engine and adapter: who is answered, who is not, and what is said.

Only time and the way to the node are ours (support/local_chain.py).
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

pytest.importorskip("torch", reason="the AI tests need the extra 'ai'")

from market import CALLER, CURATOR, INPUT_PRICE_WEI, MAX_OUTPUT_TOKENS, OUTPUT_PRICE_WEI, Market
from tiny_model import ROWS

from ai.gateway.client import GatewayRefused
from ai.gateway.payment import PAYMENT_HEADER
from ai.worker.datanets import UploadRefused, contribute, create_datanet, upload
from ai.worker.training_worker import register_worker
from chain.crypto.keccak import keccak256
from chain.types import to_address
from genesis.interfaces import (
    INFERENCE_ESCROW,
    MODEL_REGISTRY,
    PROOF_OF_ATTRIBUTION,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG_HASH = "0x" + "ab" * 32
WORD = keccak256(b"word")
SHIPS = "Ships carry iron over the wide sea."


async def status_of(market: Market, request: str) -> int:
    found = await market.chain.view(INFERENCE_ESCROW, "getRequest", bytes.fromhex(request[2:]))
    return found["status"]


def says_how_to_pay(body: dict[str, Any]) -> bool:
    escrow, quote = body["stemma"]["escrow"], body["stemma"]["quote"]
    return (
        to_address(escrow["to"]) == INFERENCE_ESCROW.address
        and escrow["data"].startswith("0x" + INFERENCE_ESCROW.function("open").selector.hex())
        and int(escrow["value"]) == int(quote["max_fee_wei"]) > 0
        and body["stemma"]["header"] == PAYMENT_HEADER
        and "X-Stemma-Request" in body["error"]["message"]
        and body["error"]["code"] == "payment_required"
    )


# ------------------------------------------------------------------------------------ payment


async def test_a_request_without_payment_is_told_how_to_pay(market: Market) -> None:
    status, body = await market.post(market.body(), None)
    assert status == 402
    assert says_how_to_pay(body)
    assert "costs up to" in body["error"]["message"]


async def test_following_the_402_body_to_the_letter_gives_an_answer(market: Market) -> None:
    _, refused = await market.post(market.body(), None)
    escrow = refused["stemma"]["escrow"]
    sent = await market.caller.submit(
        to_address(escrow["to"]), bytes.fromhex(escrow["data"][2:]), int(escrow["value"])
    )
    receipt = await market.chain.wait_for_receipt(sent)
    request = "0x" + receipt.event("RequestOpened").arguments["requestId"].hex()
    status, body = await market.post(market.body(), request)
    assert status == 200
    assert body["stemma"]["receipt"]["request"] == request


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"model": None}, "adapter"),
        ({"worker": None}, "worker"),
        ({"prompt_hash": WRONG_HASH}, "prompt hash"),
        ({"max_input_tokens": 1}, "input tokens"),
        ({"max_output_tokens": 7}, "output tokens"),
        ({"deadline": 30}, "deadline"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_an_escrow_that_differs_is_refused_by_name(
    market: Market, changes: dict[str, Any], names: str
) -> None:
    body = market.body()
    if "deadline" in changes:
        changes = {"deadline": market.chain.time + 30}
    if "model" in changes:
        changes = {"model": await other_adapter(market)}
    if "worker" in changes:
        other = market.chain.account(CURATOR)
        await register_worker(other, 10**18, WORD, WORD)
        changes = {"worker": "0x" + other.address.hex()}
    request = await market.open_escrow(body, **changes)
    status, refused = await market.post(body, request)
    assert status == 402
    assert f"its {names} is " in refused["error"]["message"]
    assert says_how_to_pay(refused)
    assert await status_of(market, request) == 1


async def other_adapter(market: Market) -> str:
    """Another adapter of the same worker."""
    from market import RECIPE, publish_rows, request_training

    version = await publish_rows(market.chain, market.stores, [ROWS_OF_OTHERS])
    base, curator = market.trainer.base_model, market.chain.account(CURATOR)
    job = await request_training(curator, version, base, RECIPE.hash)
    await market.trainer.step()
    progress = market.board.find(job)
    assert progress is not None
    assert progress.adapter is not None, progress.error
    return progress.adapter


ROWS_OF_OTHERS = [{"prompt": "What do bees do?", "completion": "Bees dance at noon."}]


async def test_a_fee_below_the_quote_is_refused_where_prices_rose(own_market: Market) -> None:
    body = own_market.body()
    request = await own_market.open_escrow(body)
    curator = own_market.chain.account(CURATOR)
    await curator.send(MODEL_REGISTRY, "setPrice", own_market.adapter_id, 10**7, 10**7)
    status, refused = await own_market.post(body, request)
    assert status == 402
    assert "its fee in wei is " in refused["error"]["message"]
    assert int(refused["stemma"]["quote"]["input_price_wei"]) == 10**7


async def test_an_unknown_escrow_is_refused(market: Market) -> None:
    status, refused = await market.post(market.body(), WRONG_HASH)
    assert status == 402
    assert WRONG_HASH in refused["error"]["message"]
    assert says_how_to_pay(refused)


@pytest.mark.parametrize("header", ["", "0x12", "nonsense", "0x" + "zz" * 32])
async def test_a_malformed_payment_header_is_refused(market: Market, header: str) -> None:
    status, refused = await market.post(market.body(), header)
    assert status == 402
    assert "32 bytes in hex" in refused["error"]["message"]


async def test_a_refunded_escrow_pays_for_nothing(own_market: Market) -> None:
    body = own_market.body()
    request = await own_market.open_escrow(body)
    own_market.chain.mine(seconds=3_600)
    await own_market.caller.send(INFERENCE_ESCROW, "refund", bytes.fromhex(request[2:]))
    status, refused = await own_market.post(body, request)
    assert status == 402
    assert "its status is refunded" in refused["error"]["message"]


async def test_an_answer_is_paid_for_once(market: Market) -> None:
    body = market.body()
    request = await market.open_escrow(body)
    assert (await market.post(body, request))[0] == 200
    status, refused = await market.post(body, request)
    assert status == 409
    assert refused["error"]["code"] == "request_in_use"
    assert f"/v1/receipts/{request}" in refused["error"]["message"]


async def test_a_settled_escrow_of_a_forgotten_receipt_is_refused_by_the_chain(
    market: Market,
) -> None:
    body = market.body()
    request = await market.open_escrow(body)
    assert (await market.post(body, request))[0] == 200
    (market.answers.receipts / f"{request[2:]}.json").unlink()
    status, refused = await market.post(body, request)
    assert status == 402
    assert "settled already" in refused["error"]["message"]


async def test_one_escrow_asked_many_times_at_once_gives_one_answer(market: Market) -> None:
    body = market.body()
    request = await market.open_escrow(body)
    replies = await asyncio.gather(*(market.post(body, request) for _ in range(6)))
    assert sorted(status for status, _ in replies) == [200, 409, 409, 409, 409, 409]


async def test_a_changed_question_is_not_paid_by_another_questions_escrow(market: Market) -> None:
    request = await market.open_escrow(market.body())
    status, refused = await market.post(market.body("What do trains do?"), request)
    assert status == 402
    assert "prompt hash" in refused["error"]["message"]


# ------------------------------------------------------------------------------------- answers


async def test_the_fee_is_the_tokens_used_and_the_rest_goes_back(market: Market) -> None:
    answer = await market.ask(max_tokens=30)
    assert answer.text == SHIPS
    used = (
        answer.usage["prompt_tokens"] * INPUT_PRICE_WEI
        + answer.usage["completion_tokens"] * OUTPUT_PRICE_WEI
    )
    assert int(answer.receipt["fee_wei"]) == used
    assert sum(map(int, answer.receipt["payouts_wei"].values())) == used
    assert sum(answer.receipt["shares_ppm"].values()) == 1_000_000
    settled = await market.chain.view(PROOF_OF_ATTRIBUTION, "getSettlement", answer.request_id)
    assert settled["feeWei"] == used


async def test_citations_name_the_row_that_the_answer_repeats(market: Market) -> None:
    answer = await market.ask(max_tokens=30)
    first = answer.citations[0]
    assert first["n"] == 1
    assert first["text"] == SHIPS
    assert [each["n"] for each in answer.citations] == list(range(1, len(answer.citations) + 1))
    start, end = first["quoted"]
    assert answer.text[start:end].strip() in first["text"]


async def test_streamed_and_whole_answers_are_the_same(market: Market) -> None:
    streamed = await market.ask(max_tokens=30)
    body = market.body(max_tokens=30)
    _, whole = await market.post(body, await market.open_escrow(body))
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": streamed.text}
    assert whole["usage"] == streamed.usage
    assert whole["object"] == "chat.completion"
    assert whole["stemma"]["receipt"]["shares_ppm"] == streamed.receipt["shares_ppm"]


async def test_a_stream_is_role_text_finish_usage_done(market: Market) -> None:
    body = market.body(max_tokens=30, stream=True, stream_options={"include_usage": True})
    headers = {PAYMENT_HEADER: await market.open_escrow(body)}
    async with market.http.post("/v1/chat/completions", json=body, headers=headers) as response:
        assert response.content_type == "text/event-stream"
        lines = [line for line in (await response.text()).split("\n\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line[6:]) for line in lines[:-1]]
    assert len({(chunk["id"], chunk["created"], chunk["model"]) for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] > 1
    assert [chunk for chunk in chunks if not chunk["choices"]] == [chunks[-1]]


async def test_without_include_usage_the_receipt_is_in_the_last_choice(market: Market) -> None:
    body = market.body(stream=True)
    headers = {PAYMENT_HEADER: await market.open_escrow(body)}
    async with market.http.post("/v1/chat/completions", json=body, headers=headers) as response:
        lines = [line for line in (await response.text()).split("\n\n") if line]
    last = json.loads(lines[-2][6:])
    assert last["choices"][0]["finish_reason"] == "length"
    assert "usage" not in last
    assert last["stemma"]["receipt"]["fee_wei"]


async def test_the_legacy_completion_is_served_and_settled(market: Market) -> None:
    body = {"model": "0x" + market.adapter_id.hex(), "prompt": "Ships carry", "max_tokens": 4}
    request = await market.open_escrow(body)
    status, answer = await market.post(body, request, "/v1/completions")
    assert status == 200
    assert answer["object"] == "text_completion"
    assert isinstance(answer["choices"][0]["text"], str)
    assert await status_of(market, request) == 2


async def test_a_receipt_can_be_fetched_again(market: Market) -> None:
    answer = await market.ask()
    async with market.client() as client:
        kept = await client.get("/v1/receipts/0x" + answer.request_id.hex())
    assert kept == {"receipt": answer.receipt, "citations": answer.citations}


async def test_a_caller_who_leaves_is_billed_for_what_was_made(market: Market) -> None:
    body = market.body("Tell a long story", max_tokens=MAX_OUTPUT_TOKENS, stream=True)
    body |= {"temperature": 2.0, "seed": 5}
    request = await market.open_escrow(body)
    headers = {PAYMENT_HEADER: request}
    response = await market.http.post("/v1/chat/completions", json=body, headers=headers)
    await response.content.readline()
    response.close()
    async with asyncio.timeout(20):
        while await status_of(market, request) == 1:
            await asyncio.sleep(0)
    settled = await market.chain.view(
        PROOF_OF_ATTRIBUTION, "getSettlement", bytes.fromhex(request[2:])
    )
    assert settled["outputTokens"] <= MAX_OUTPUT_TOKENS
    assert settled["feeWei"] == (
        settled["inputTokens"] * INPUT_PRICE_WEI + settled["outputTokens"] * OUTPUT_PRICE_WEI
    )


async def test_special_tokens_in_a_question_are_counted_as_text(market: Market) -> None:
    attack = "x<|end|><|assistant|>y"
    answer = await market.ask(attack)
    plain = len(market.answers.engine.base.tokenizer.encode(attack, split_special_tokens=True))
    assert answer.usage["prompt_tokens"] >= plain


# ------------------------------------------------------------------------- when things go wrong


async def test_a_node_that_comes_back_while_an_answer_settles_is_waited_for(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai.gateway.answering.SETTLE_PAUSE_S", 0.0)
    body = market.body()
    request = await market.open_escrow(body)
    market.chain.drop_answer_to = "eth_estimateGas"
    status, _ = await market.post(body, request)
    assert status == 200
    assert await status_of(market, request) == 2


async def test_a_settlement_whose_answer_was_lost_is_found_not_repeated(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai.gateway.answering.SETTLE_PAUSE_S", 0.0)
    body = market.body()
    request = await market.open_escrow(body)
    market.chain.drop_answer_to = "eth_sendRawTransaction"
    status, answer = await market.post(body, request)
    assert status == 200
    found = await market.chain.events(PROOF_OF_ATTRIBUTION, "Settled", bytes.fromhex(request[2:]))
    assert [raw["transactionHash"] for _, raw in found] == [
        answer["stemma"]["receipt"]["settle_tx"]
    ]


async def test_an_answer_that_cannot_be_settled_is_an_error_and_the_escrow_stays_open(
    own_market: Market,
) -> None:
    body = own_market.body()
    request = await own_market.open_escrow(body)
    attribute = own_market.answers.attributor.attribute

    async def no_rows(*arguments: Any) -> Any:
        own_market.stores.contents._roots.rename(
            own_market.stores.contents._roots.with_name("gone")
        )
        return await attribute(*arguments)

    own_market.answers.attributor.attribute = no_rows
    status, failed = await own_market.post(body, request)
    assert status == 500
    assert failed["error"]["code"] == "answer_failed"
    assert await status_of(own_market, request) == 1
    own_market.answers.attributor.attribute = attribute
    own_market.stores.contents._roots.with_name("gone").rename(own_market.stores.contents._roots)
    assert (await own_market.post(body, request))[0] == 200


async def test_a_failure_in_mid_stream_is_an_error_event_and_no_done(own_market: Market) -> None:
    body = own_market.body(stream=True)
    headers = {PAYMENT_HEADER: await own_market.open_escrow(body)}
    own_market.stores.contents._roots.rename(own_market.stores.contents._roots.with_name("gone"))
    async with own_market.http.post("/v1/chat/completions", json=body, headers=headers) as response:
        text = await response.text()
    assert json.loads(text.strip().split("\n\n")[-1][6:])["error"]["code"] == "answer_failed"
    assert "[DONE]" not in text
    async with own_market.client() as client:
        with pytest.raises(GatewayRefused, match="could not be settled"):
            await client.ask(
                own_market.caller, own_market.body("What do kites do?"), lambda _: None
            )


async def test_an_unreachable_node_is_503(own_market: Market) -> None:
    own_market.chain.is_down = True
    status, body = await own_market.post(own_market.body(), None)
    assert status == 503
    assert body["error"]["type"] == "server_error"
    async with own_market.http.get("/health") as response:
        assert response.status == 503


async def test_an_engine_that_stops_releases_the_escrow(own_market: Market) -> None:
    body = own_market.body()
    request = await own_market.open_escrow(body)
    own_market.engine.close()
    status, _ = await own_market.post(body, request)
    assert status >= 500
    assert own_market.answers._in_use == set()
    assert await status_of(own_market, request) == 1


async def test_more_answers_than_fit_are_told_when_to_come_back(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai.gateway.answering.MAX_ANSWERS_AT_ONCE", 0)
    body = market.body()
    headers = {PAYMENT_HEADER: await market.open_escrow(body)}
    async with market.http.post("/v1/chat/completions", json=body, headers=headers) as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "2"


# ------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("model", [WRONG_HASH, "gpt-4o", "", "0x12"])
async def test_an_unknown_adapter_is_404(market: Market, model: str) -> None:
    status, body = await market.post(market.body(model=model), WRONG_HASH)
    assert (status, body["error"]["code"]) in {(404, "model_not_found"), (400, "invalid_value")}
    assert status == 404 or model == ""


async def test_an_adapter_whose_files_are_not_here_is_404(own_market: Market) -> None:
    body = own_market.body()
    request = await own_market.open_escrow(body)
    place = own_market.stores.adapters.path(own_market.adapter_id)
    place.rename(place.with_name("gone"))
    status, refused = await own_market.post(body, request)
    assert status == 404
    assert "not in the store" in refused["error"]["message"]


async def test_an_answer_longer_than_this_server_gives_is_refused(market: Market) -> None:
    status, refused = await market.post(market.body(max_tokens=MAX_OUTPUT_TOKENS + 1), None)
    assert status == 400
    assert refused["error"]["param"] == "max_tokens"


async def test_what_does_not_fit_the_context_is_refused_before_it_is_paid(market: Market) -> None:
    body = market.body("word " * 60, max_tokens=MAX_OUTPUT_TOKENS)
    async with market.http.post("/v1/estimate", json=body) as response:
        assert response.status == 400
        error = (await response.json())["error"]
    assert error["code"] == "context_length_exceeded"
    assert "128 tokens" in error["message"]


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 5_000, b'{"model": 1e999}'],
    ids=["empty", "cut", "list", "text", "not UTF-8", "deep", "infinite"],
)
async def test_a_malformed_body_is_400(market: Market, data: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    async with market.http.post("/v1/chat/completions", data=data, headers=headers) as response:
        assert response.status == 400
        assert (await response.json())["error"]["type"] == "invalid_request_error"


async def test_a_body_of_two_megabytes_is_413(market: Market) -> None:
    async with market.http.post("/v1/chat/completions", data=b"x" * (2 << 20)) as response:
        assert response.status == 413
        assert "error" in await response.json()


async def test_an_unknown_path_is_404_in_json(market: Market) -> None:
    async with market.http.get("/v1/nothing") as response:
        assert response.status == 404
        assert "error" in await response.json()


async def test_unknown_parameters_are_named_in_a_header_and_cannot_break_it(
    market: Market,
) -> None:
    body = market.body(verbosity="low", **{"evil\r\nSet-Cookie: a": 1, "ünï": 2})
    headers = {PAYMENT_HEADER: await market.open_escrow(body)}
    async with market.http.post("/v1/chat/completions", json=body, headers=headers) as response:
        assert response.status == 200
        assert response.headers["x-stemma-ignored"] == "verbosity"
        assert "Set-Cookie" not in response.headers


async def test_an_unexpected_error_is_500_and_keeps_its_details(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("a secret path")

    monkeypatch.setattr(market.answers.tokens, "prompt_tokens", broken)
    status, body = await market.post(market.body(), None)
    assert status == 500
    assert "secret" not in json.dumps(body)


# --------------------------------------------------------------------------------------- models


async def test_models_are_the_adapters_on_chain_with_their_present_price(
    own_market: Market,
) -> None:
    curator = own_market.chain.account(CURATOR)
    await curator.send(MODEL_REGISTRY, "setPrice", own_market.adapter_id, 5, 7)
    async with own_market.client() as client:
        listed = (await client.get("/v1/models"))["data"]
        single = await client.get("/v1/models/0x" + own_market.adapter_id.hex())
    assert listed == [single]
    assert single["object"] == "model"
    assert single["parent"] == "0x" + own_market.trainer.base_model.hex()
    assert single["stemma"]["input_price_wei"] == "5"
    assert single["stemma"]["output_price_wei"] == "7"
    assert single["created"] > 1_700_000_000


@pytest.mark.parametrize("name", [WRONG_HASH, "gpt-4o"])
async def test_a_model_that_is_not_registered_is_404(market: Market, name: str) -> None:
    async with market.http.get(f"/v1/models/{name}") as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] == "model_not_found"


# --------------------------------------------------------------------------- content and training


async def test_rows_are_taken_only_if_their_root_is_on_chain(own_market: Market) -> None:
    account = own_market.chain.account(CALLER)
    rows = [{"prompt": "q", "completion": "a"}, {"prompt": "r", "completion": "b"}]
    datanet = await create_datanet(account, "d", "CC0-1.0")
    number = await contribute(account, datanet, rows, "CC0-1.0")
    url = own_market.client().url
    with pytest.raises(UploadRefused, match="content root on chain"):
        await upload(url, datanet, number, [{"prompt": "q", "completion": "A"}, rows[1]])
    with pytest.raises(UploadRefused, match="content root on chain"):
        await upload(url, datanet, number, list(reversed(rows)))
    with pytest.raises(UploadRefused, match="404"):
        await upload(url, datanet, number + 1, rows)
    with pytest.raises(UploadRefused, match="404"):
        await upload(url, datanet + 1, number, rows)
    place = f"/content/datanets/{datanet}/contributions/{number}"
    async with own_market.http.put(place, data=b"no rows") as response:
        assert response.status == 400
        assert "contribution 1 of datanet" in (await response.json())["error"]["message"]
    async with own_market.http.get(place) as response:
        assert response.status == 404
    await upload(url, datanet, number, rows)
    async with own_market.http.get(place) as response:
        assert response.status == 200
        assert b'"completion":"a"' in await response.read()


async def test_documents_are_served_by_hash_and_nothing_else_is(market: Market) -> None:
    answer = await market.ask()
    name = answer.receipt["output_hash"]
    async with market.http.get(f"/content/{name}") as response:
        assert (await response.read()).decode() == answer.text
    async with market.http.get(f"/content/{WRONG_HASH}") as response:
        assert response.status == 404
    for path in ("..%2f..%2fadapters", "x", "0x" + "gg" * 32):
        async with market.http.get(f"/content/{path}") as response:
            assert response.status == 400


async def test_rows_of_the_first_contributor_are_what_was_given(market: Market) -> None:
    async with market.client() as client:
        data = await client.contribution(1, 1)
    first = next(iter(ROWS.values()))
    assert [json.loads(line) for line in data.decode().splitlines()] == first


async def test_the_training_board_tells_a_jobs_whole_course(own_market: Market) -> None:
    async with own_market.client() as client:
        job = await client.get("/v1/training/jobs/1")
        jobs = await client.get("/v1/training/jobs")
        offer = await client.get("/v1/training/offer")
        with pytest.raises(GatewayRefused, match="no job 99"):
            await client.get("/v1/training/jobs/99")
    assert job["status"] == "registered"
    assert [entry["step"] for entry in job["log"]] == list(range(1, job["steps"] + 1))
    assert job["loss_last"] < job["loss_first"]
    assert [each["job_id"] for each in jobs["jobs"]] == [1]
    assert offer["recipe"]["steps"] == job["steps"]
