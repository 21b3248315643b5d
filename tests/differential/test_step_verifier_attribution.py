"""The native proof_of_attribution on L1, call by call as on the step machine: what it pays.

What a native says when it refuses a call is return data: reasons are compared letter by letter.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from judged_host import MOST_GAS, RULES, JudgedHost
from judged_natives import (
    SHARES,
    changed,
    opened,
    settle,
    settle_arguments,
    share_arguments,
)
from natives import (
    ADAPTER,
    ANNA,
    BASE,
    BEN,
    CALLER,
    CARA,
    ETHER,
    MAKER,
    MODEL_REGISTRY,
    OWNER,
    PROOF_OF_ATTRIBUTION,
    WORKER,
    WORKER_REGISTRY,
    Natives,
    ascending_shares,
    statement_values,
    word,
)
from step_verifier import UNSUPPORTED_PRECOMPILE, StepVerifier

from chain.attestation import shares_root
from evm.step.opener import encode_witness, witness_items
from evm.step.state import Phase
from evm.step.stepping import record

MOST_WORD = 2**256 - 1


@pytest.fixture(scope="module")
def verifier():
    return StepVerifier(RULES)


@pytest.fixture
def market(verifier):
    return opened(verifier)


def test_a_settlement_that_pays_its_shares(market):
    host, natives, identity = market
    host.mutants, host.loads = 1, 12
    settle(natives, identity, by=CARA)
    told = ["RequestSettled", "Settled", *["Paid"] * 3, "RewardsDeposited", *["Paid"] * 4]
    assert natives.event_names == told
    host.mutants = 0
    natives.read(PROOF_OF_ATTRIBUTION, "getSettlement", identity)
    held = natives.read(PROOF_OF_ATTRIBUTION, "heldOf", identity)
    assert held == {"heldWei": 0, "claimedPpm": 1_000_000}
    for account in (SHARES[0][0], CARA.address, WORKER.address):
        natives.read(PROOF_OF_ATTRIBUTION, "balanceOf", account)
    natives.send(PROOF_OF_ATTRIBUTION, "claim", by=WORKER)
    natives.send(PROOF_OF_ATTRIBUTION, "claimFor", SHARES[0][0], by=BEN)
    assert max(host.judge.found.gas()) < MOST_GAS


def test_a_settlement_whose_shares_are_claimed(market):
    host, natives, identity = market
    host.mutants = 1
    settle(natives, identity, is_held=True)
    for index in (1, 0, 2):
        natives.send(PROOF_OF_ATTRIBUTION, "claimShare", *share_arguments(identity, index), by=BEN)
        host.mutants = 0
        natives.read(PROOF_OF_ATTRIBUTION, "heldOf", identity)
        assert natives.read(PROOF_OF_ATTRIBUTION, "isShareClaimed", identity, index)
    assert not natives.read(PROOF_OF_ATTRIBUTION, "isShareClaimed", identity, 3)
    assert not natives.read(PROOF_OF_ATTRIBUTION, "isShareClaimed", identity, 256)
    natives.refuse(PROOF_OF_ATTRIBUTION, "claimShare", *share_arguments(identity, 1), by=BEN)
    assert max(host.judge.found.gas()) < MOST_GAS


@pytest.mark.parametrize("tokens", [0, 100])
def test_a_fee_of_nothing_or_of_everything(market, tokens):
    """Without a fee no wei move, without a rest none go back."""
    _, natives, identity = market
    settle(natives, identity, input_tokens=tokens, output_tokens=tokens)


def test_a_base_model_with_an_owner_and_nobody_bonded(verifier):
    host = JudgedHost(verifier, judges=False, loads=100)
    natives = Natives(host)
    natives.send(MODEL_REGISTRY, "registerBaseModel", BASE, 300, "base", by=MAKER)
    natives.register_adapter()
    identity = natives.open_request()
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    host.judges = True
    settle(natives, identity)
    assert "RewardsDeposited" not in natives.event_names


@pytest.mark.parametrize("seed", range(3))
def test_gas_of_a_settlement_runs_out_anywhere(market, seed):
    host, natives, identity = market
    arguments = settle_arguments(natives, identity)
    host.judges, effects = False, host._effects
    spent = natives.call(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER).gas_used
    host._effects, host.judges = effects, True
    gas = random.Random(seed).randrange(spent) if seed else spent - 1
    done = natives.call(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER, gas=gas)
    assert not done.succeeded


@pytest.mark.parametrize("name", ["claimShare", "claim"])
def test_gas_of_a_claim_runs_out_anywhere(market, name):
    host, natives, identity = market
    host.judges = False
    settle(natives, identity, is_held=True)
    arguments = share_arguments(identity, 1) if name == "claimShare" else ()
    effects = host._effects
    spent = natives.call(PROOF_OF_ATTRIBUTION, name, *arguments, by=WORKER).gas_used
    host.judges, rnd = True, random.Random(spent)
    for gas in (499, spent - 1, spent, *(rnd.randrange(spent) for _ in range(2))):
        host._effects = effects
        done = natives.call(PROOF_OF_ATTRIBUTION, name, *arguments, by=WORKER, gas=gas)
        assert done.succeeded == (gas >= spent)


def test_a_rich_fee(verifier):
    """Most wei there may be, within what a caller of these tests has."""
    host = JudgedHost(verifier, judges=False, loads=100)
    natives = Natives(host)
    host.fund(CALLER.address, 2**121)
    natives.register_adapter()
    natives.send(MODEL_REGISTRY, "setPrice", ADAPTER, 2**112 + 1, 2**113 + 7, by=OWNER)
    identity = natives.open_request(value=2**121 - ETHER)
    host.judges = True
    settle(natives, identity, input_tokens=3, output_tokens=50)


def test_each_refusal_of_a_share_says_the_same(market):
    host, natives, identity = market
    host.judges = False
    settle(natives, identity, is_held=True)
    other = natives.open_request()
    settle(natives, other)
    host.judges = True
    _, _, count, account, ppm, proof = share_arguments(identity, 1)
    refused = [
        natives.refuse(PROOF_OF_ATTRIBUTION, "claimShare", *arguments, by=BEN)
        for arguments in (
            (word("nothing"), 1, count, account, ppm, proof),
            (other, 1, count, account, ppm, proof),
            (identity, 3, 3, account, ppm, proof),
            (identity, MOST_WORD, MOST_WORD, account, ppm, proof),
            (identity, 1, 2**64 + 1, account, ppm, proof),
            (identity, 1, 2**64, account, ppm, proof),
            (identity, 2**64 - 1, 2**64, account, ppm, [word("x")] * 64),
            (identity, 1, count, account, ppm, [word("x")] * 65),
            (identity, 1, count, account, ppm, proof[:1]),
            (identity, 1, count, account, ppm, [*proof, word("x")]),
            (identity, 0, count, account, ppm, proof),
            (identity, 1, count, account, ppm + 1, proof),
            (identity, 1, count, account, MOST_WORD, proof),
            (identity, 1, count, ANNA.address, ppm, proof),
        )
    ]
    assert len(set(refused)) >= len(refused) - 1
    natives.send(PROOF_OF_ATTRIBUTION, "claimShare", *share_arguments(identity, 1), by=BEN)
    again = share_arguments(identity, 1)
    assert "claimed already" in natives.refuse(PROOF_OF_ATTRIBUTION, "claimShare", *again, by=BEN)


@pytest.mark.parametrize("most", [MOST_WORD, 999_999, 1_000_000])
def test_shares_that_exceed_the_whole(market, most):
    """A root whose list is not on the chain may hold any numbers."""
    host, natives, identity = market
    shares = [(ANNA.address, 2), (BEN.address, most)]
    statement = replace(
        natives.inference_statement(identity, SHARES), shares_root=shares_root(shares)
    )
    arguments = (statement_values(statement), natives.sign(statement), [], [])
    host.judges = False
    natives.send(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)
    host.judges = True
    first, second = (share_arguments(identity, index, shares) for index in range(2))
    natives.send(PROOF_OF_ATTRIBUTION, "claimShare", *first, by=BEN)
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "claimShare", *second, by=BEN)
    assert reason.endswith(f": 2 + {most} parts exceed 1000000")


def test_each_refusal_of_the_others_says_the_same(market):
    _, natives, _ = market
    nothing = word("nothing")
    refused = [
        natives.refuse(PROOF_OF_ATTRIBUTION, name, *arguments, by=CARA, **options)
        for name, arguments, options in (
            ("claim", (), {}),
            ("claimFor", (BEN.address,), {}),
            ("claim", (), {"value": 3}),
            ("claim", (), {"is_static": True}),
            ("claimFor", (BEN.address,), {"is_static": True}),
            ("balanceOf", (BEN.address,), {"value": 10**20}),
            ("heldOf", (nothing,), {}),
            ("isShareClaimed", (nothing, MOST_WORD), {}),
            ("claimShare", (nothing, 1, 2, BEN.address, 3, []), {"is_static": True}),
            ("claimShare", (nothing, 1, 2, BEN.address, 3, []), {"value": 1}),
            ("getSettlement", (nothing,), {"is_static": True, "gas": 10_000}),
        )
    ]
    assert all(reason.startswith("proof_of_attribution") for reason in refused)


def malformed():
    """Calldata that is too short, too long or not what its types say."""
    claim = PROOF_OF_ATTRIBUTION.encode_call("claimFor", ANNA.address)
    share = PROOF_OF_ATTRIBUTION.encode_call(
        "claimShare", word("x"), 1, 2, ANNA.address, 3, [word("y")] * 2
    )
    marked = PROOF_OF_ATTRIBUTION.encode_call("isShareClaimed", word("x"), 1)
    yield from (b"", b"\x00", claim[:3], b"\xff\xfe\xfd\xfc", b"\xff" * 40, bytes(4))
    yield from (claim[:4], claim[:35], claim[:4] + b"\x01" + claim[5:], claim + bytes(3))
    yield from (marked[:36], marked[:67], share[:4], share[:100], share[:163], share[:195])
    yield from (share[:196], share[:227], share[:228], share[:291], share + bytes(9))
    yield changed(share, {3: 2**160})
    for number in (MOST_WORD, 0, 32, 9 * 32, 2**64, 7 * 32):
        yield from (changed(share, {5: number}), changed(share, {6: number}))


def test_malformed_calldata(market):
    host, _, _ = market
    for data in malformed():
        host.call(PROOF_OF_ATTRIBUTION.address, caller=ANNA.address, calldata=data)


def test_a_list_too_long_for_a_transaction_is_refused_by_name(verifier):
    host, natives, identity = opened(verifier)
    host.judges = False
    seen = []
    host.step = lambda state: seen.append(state) or JudgedHost.step(host, state)
    shares = ascending_shares(*[9_000] * 104, 64_000)
    arguments = settle_arguments(natives, identity, shares)
    natives.send(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER, gas=30_000_000)
    state = [state for state in seen if state.phase == Phase.PRECOMPILE][-1]
    _, witness = record(state, host._opener, host._rules)
    first, *items = witness_items(witness)
    assert verifier.step(first, encode_witness(items)).refused_with(UNSUPPORTED_PRECOMPILE)
