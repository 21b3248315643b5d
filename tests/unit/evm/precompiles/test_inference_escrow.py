"""Requests for paid answers: opening, refunding, settling."""

from __future__ import annotations

import pytest
from eth_abi import encode as eth_abi_encode
from eth_utils import keccak
from natives import (
    ADAPTER,
    ANNA,
    CALLER,
    INFERENCE_ESCROW,
    MODEL_REGISTRY,
    OWNER,
    PROMPT,
    WORKER,
    WORKER_REGISTRY,
    Natives,
    word,
)

OPEN, SETTLED, REFUNDED = range(1, 4)


@pytest.fixture
def natives():
    natives = Natives()
    natives.register_adapter()
    return natives


def arguments_of(natives, **changed):
    named = {
        "adapter": ADAPTER,
        "worker": WORKER.address,
        "prompt": PROMPT,
        "max_input": 100,
        "max_output": 100,
        "deadline": natives.host.timestamp + 600,
    }
    return tuple((named | changed).values())


def refuse_open(natives, *, value=400_000, **changed):
    arguments = arguments_of(natives, **changed)
    return natives.refuse(INFERENCE_ESCROW, "open", *arguments, by=CALLER, value=value)


def test_request_is_recorded_told_and_held(natives):
    identity = natives.open_request()
    deadline = natives.host.timestamp + 600
    (event,) = natives.events
    expected = (identity, CALLER.address, ADAPTER, WORKER.address, PROMPT, 100, 100, deadline)
    assert (event.name, tuple(event.arguments.values())) == ("RequestOpened", (*expected, 400_000))
    assert natives.read(INFERENCE_ESCROW, "getRequest", identity) == {
        "caller": CALLER.address,
        "adapterId": ADAPTER,
        "worker": WORKER.address,
        "promptHash": PROMPT,
        "maxInputTokens": 100,
        "maxOutputTokens": 100,
        "deadline": deadline,
        "maxFeeWei": 400_000,
        "status": OPEN,
    }
    prices = natives.read(INFERENCE_ESCROW, "pricesOf", identity)
    assert tuple(prices.values()) == (1_000, 3_000)
    assert natives.host.balance(INFERENCE_ESCROW.address) == 400_000


def test_request_id_is_known_beforehand(natives):
    assert natives.read(INFERENCE_ESCROW, "nonceOf", CALLER.address) == 0
    types = ["uint256", "address", "address", "uint256"]
    for nonce in range(2):
        fields = (natives.host.chain_id, INFERENCE_ESCROW.address, CALLER.address, nonce)
        expected = natives.read(INFERENCE_ESCROW, "requestIdOf", CALLER.address, nonce)
        assert expected == keccak(eth_abi_encode(types, fields))
        assert natives.open_request() == expected
    assert natives.read(INFERENCE_ESCROW, "nonceOf", CALLER.address) == 2


def test_callers_have_nonces_of_their_own(natives):
    assert natives.open_request(by=CALLER) != natives.open_request(by=ANNA)


def test_value_below_the_most_it_may_cost_is_refused(natives):
    reason = refuse_open(natives, value=399_999)
    assert reason == (
        "inference_escrow: 399999 wei sent, 400000 needed for 100 input tokens at 1000"
        " and 100 output tokens at 3000"
    )


def test_more_value_than_needed_is_held(natives):
    identity = natives.open_request(value=500_000)
    assert natives.read(INFERENCE_ESCROW, "getRequest", identity)["maxFeeWei"] == 500_000


def test_unknown_adapter_is_refused(natives):
    reason = refuse_open(natives, adapter=word("no such adapter"))
    assert reason == f"model_registry: no adapter 0x{word('no such adapter').hex()}"


def test_worker_that_is_not_active_is_refused(natives):
    reason = refuse_open(natives, worker=ANNA.address)
    assert reason == f"inference_escrow: 0x{ANNA.address.hex()} is not an active worker"
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    assert "not an active worker" in refuse_open(natives)


def test_deadline_that_has_come_is_refused(natives):
    now = natives.host.timestamp
    reason = refuse_open(natives, deadline=now)
    assert reason == f"inference_escrow: deadline {now} is not after now, {now}"


def test_later_price_does_not_touch_an_open_request(natives):
    identity = natives.open_request()
    natives.send(MODEL_REGISTRY, "setPrice", ADAPTER, 10**9, 10**9, by=OWNER)
    prices = natives.read(INFERENCE_ESCROW, "pricesOf", identity)
    assert tuple(prices.values()) == (1_000, 3_000)


def test_refund_after_the_deadline_is_whole_and_once(natives):
    identity = natives.open_request()
    deadline = natives.host.timestamp + 600
    natives.host.timestamp = deadline
    reason = natives.refuse(INFERENCE_ESCROW, "refund", identity, by=CALLER)
    assert reason == (
        f"inference_escrow: request 0x{identity.hex()} runs until {deadline}, now is {deadline}"
    )
    natives.host.timestamp = deadline + 1
    before = natives.host.balance(CALLER.address)
    natives.send(INFERENCE_ESCROW, "refund", identity, by=ANNA)
    assert [tuple(e.arguments.values()) for e in natives.events] == [(identity, 400_000)]
    assert natives.host.balance(CALLER.address) == before + 400_000
    assert natives.read(INFERENCE_ESCROW, "getRequest", identity)["status"] == REFUNDED
    reason = natives.refuse(INFERENCE_ESCROW, "refund", identity, by=CALLER)
    assert reason == f"inference_escrow: request 0x{identity.hex()} is refunded, not open"


def test_only_proof_of_attribution_settles(natives):
    identity = natives.open_request()
    for person in (CALLER, WORKER, OWNER):
        reason = natives.refuse(INFERENCE_ESCROW, "settle", identity, 1, by=person)
        assert reason.startswith("inference_escrow: settle is for 0x5354454d4d41")
        assert reason.endswith(person.address.hex())


def test_unknown_request_is_refused(natives):
    for name in ("refund", "getRequest", "pricesOf"):
        reason = natives.refuse(INFERENCE_ESCROW, name, word("nothing"), by=CALLER)
        assert reason == f"inference_escrow: no request 0x{word('nothing').hex()}"


def test_largest_limits_do_not_overflow(natives):
    natives.send(MODEL_REGISTRY, "setPrice", ADAPTER, 2**128 - 1, 2**128 - 1, by=OWNER)
    reason = refuse_open(natives, max_input=2**64 - 1, max_output=2**64 - 1)
    assert f"{2 * (2**64 - 1) * (2**128 - 1)} needed" in reason
