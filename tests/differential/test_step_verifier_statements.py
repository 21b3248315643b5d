"""Settlements that are refused, on L1 as on the step machine: arguments, signatures, statements.

What a native says when it refuses a call is return data: reasons are compared letter by letter.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from judged_host import RULES, JudgedHost
from judged_natives import (
    SHARES,
    changed,
    opened,
    settle_arguments,
)
from natives import (
    ANNA,
    CARA,
    INFERENCE_ESCROW,
    PROOF_OF_ATTRIBUTION,
    WORKER,
    word,
)
from step_verifier import StepVerifier

from chain.crypto.secp256k1 import CURVE_ORDER, HALF_CURVE_ORDER
from evm.step.state import Message

MOST_WORD = 2**256 - 1


@pytest.fixture(scope="module")
def verifier():
    return StepVerifier(RULES)


@pytest.fixture
def market(verifier):
    return opened(verifier)


def wrong_statements(natives, identity):
    """Arguments of `settle` that are refused, with who sends them."""
    right = natives.inference_statement(identity, SHARES)
    for changes in (
        {"request_id": word("nothing")},
        {"adapter_id": word("other")},
        {"prompt_hash": word("other")},
        {"input_tokens": 101},
        {"output_tokens": 2**64 - 1},
        {"shares_root": word("other")},
    ):
        yield natives.settle_arguments(replace(right, **changes), SHARES)
    yield natives.settle_arguments(right, SHARES, signer=ANNA)
    fields, signature, accounts, parts = natives.settle_arguments(right, SHARES)
    yield (fields, signature, accounts, parts[:2])
    yield (fields, signature, [], parts)
    yield (fields, signature, [], [])  # by another than the worker
    yield (fields, signature, accounts[::-1], parts)
    yield (fields, signature, [accounts[0]] * 3, parts)
    yield (fields, signature, accounts, [0, 500_000, 500_000])
    yield (fields, signature, accounts, [1, 2, 3])
    yield (fields, signature, accounts, [MOST_WORD, 10**6, 1])
    yield (fields, signature, accounts, [MOST_WORD, MOST_WORD, MOST_WORD])
    yield (fields, signature, accounts, [2**255 + 10**39, 2**255, 7])
    many = [number.to_bytes(20, "big") for number in range(1, 258)]
    yield (fields, signature, many, [1] * 257)


def test_each_refusal_of_a_settlement_says_the_same(market):
    _, natives, identity = market
    refused = [
        natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=CARA)
        for arguments in wrong_statements(natives, identity)
    ]
    right = settle_arguments(natives, identity)
    refused += [
        natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *right, by=WORKER, **options)
        for options in ({"value": 3}, {"is_static": True})
    ]
    assert len(set(refused)) == len(refused)


def test_nothing_is_settled_below_the_deepest_frame(market):
    host, natives, identity = market

    def run_deep(state):
        message = host._opener.open(state.pending, Message)
        return JudgedHost._run(host, replace(state, pending=replace(message, depth=1_024)))

    host._run = run_deep
    arguments = settle_arguments(natives, identity)
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)
    assert reason.startswith("nested call at depth 1")


def test_statements_that_come_too_late(market):
    host, natives, identity = market
    arguments = settle_arguments(natives, identity)
    host.wait(601)
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)
    assert " ended at " in reason
    natives.host.judges = False
    natives.send(INFERENCE_ESCROW, "refund", identity, by=ANNA)
    natives.host.judges = True
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)
    assert reason.endswith("is refunded, not open")


def signatures(right):
    """Bytes that are no signature, or nobody's."""
    r, s, v = right[:32], right[32:64], right[64:]
    high = (CURVE_ORDER - int.from_bytes(s, "big")).to_bytes(32, "big")
    order, zero = CURVE_ORDER.to_bytes(32, "big"), bytes(32)
    yield from (b"", right[:64], right + b"\x00", bytes(97))
    yield from (r + s + bytes([v]) for v in (2, 29))
    yield from (r + high + v, zero + s + v, r + zero + v, order + s + v, r + order + v)
    yield r + (HALF_CURVE_ORDER + 1).to_bytes(32, "big") + v
    yield (5).to_bytes(32, "big") + s + v  # no point has this x
    yield r + s + bytes([28 if v == b"\x1b" else 27])


def test_signatures_of_nobody(market):
    _, natives, identity = market
    fields, right, accounts, parts = settle_arguments(natives, identity)
    for signature in signatures(right):
        arguments = (fields, signature, accounts, parts)
        natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)
    short = (fields, right[:64] + bytes([right[64] - 27]), accounts, parts)
    natives.send(PROOF_OF_ATTRIBUTION, "settle", *short, by=WORKER)


def malformed_settlements(data):
    """Calldata of `settle` that is cut off, or whose words are not what their types say.

    The words: 0 to 7 the statement, 8 to 10 the offsets, 11 the signature's length and 12 to 14 its
    bytes, 15 the accounts and three of them, 19 the shares and three of them.
    """
    yield from (data[:4], data[:35], data[:100], data[:259], data[:260], data[:300], data[:356])
    yield from (data[: 4 + 32 * words + 9] for words in (11, 12, 14, 15, 17, 19, 21))
    yield from (changed(data, {index: 2**64}) for index in (4, 5))
    for index in (8, 9, 10):
        for offset in (MOST_WORD, MOST_WORD - 31, 2**255, 1, 23 * 32, 22 * 32, 22 * 32 + 1):
            yield changed(data, {index: offset})
    lengths = (MOST_WORD, MOST_WORD - 30, MOST_WORD - 31, 2**255, 24, 23, 22, 7, 2**32, 0, 66, 95)
    for index in (11, 15, 19):
        yield from (changed(data, {index: length}) for length in lengths)
    yield changed(data, {14: MOST_WORD})
    yield from (changed(data, {16: 2**160}), changed(data, {18: MOST_WORD}))
    yield changed(data, {9: 8 * 32, 8: 8 * 32})
    yield changed(data, {8: 0, 0: 32 * 16})
    yield changed(data, {10: 15 * 32, 9: 15 * 32, 19: 3, 8: 15 * 32, 15: 3})


@pytest.mark.parametrize("half", [0, 1])
def test_malformed_settlements(market, half):
    host, natives, identity = market
    arguments = settle_arguments(natives, identity)
    data = PROOF_OF_ATTRIBUTION.encode_call("settle", *arguments)
    effects = host._effects
    for wrong in list(malformed_settlements(data))[half::2]:
        host._effects = effects
        host.call(PROOF_OF_ATTRIBUTION.address, caller=WORKER.address, calldata=wrong)
