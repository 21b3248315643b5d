"""The native proof_of_attribution on L1, call by call as on the step machine.

What a native says when it refuses a call is return data: reasons are compared letter by letter.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from natives import (
    ADAPTER,
    ANNA,
    BASE,
    BEN,
    CALLER,
    CARA,
    ETHER,
    INFERENCE_ESCROW,
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
from step_host import StepHost
from step_runs import Step
from step_verifier import Judge, StepVerifier

from chain.attestation import shares_proof, shares_root
from chain.crypto.secp256k1 import CURVE_ORDER, HALF_CURVE_ORDER
from evm.precompiles import NATIVE_PRECOMPILES
from evm.step.opener import encode_witness, witness_items
from evm.step.state import Phase
from evm.step.stepping import record
from rollup.settlement.step_verifier import ForkRules

RULES = ForkRules.BLS | ForkRules.DELEGATIONS | ForkRules.NATIVES
MOST_GAS = 1 << 24
SHARES = ascending_shares(500_001, 300_000, 199_999)
MOST_WORD = 2**256 - 1


@pytest.fixture(scope="module")
def verifier():
    return StepVerifier(RULES)


class JudgedHost(StepHost):
    """A host whose native steps the verifier takes too, once a test asks for it."""

    def __init__(self, verifier):
        super().__init__(NATIVE_PRECOMPILES)
        self.judge, self.rnd, self.mutants = Judge(verifier), random.Random(4), 0
        self.judges = False

    def _run(self, state):
        while state.phase != Phase.TRANSACTION_END:
            state = self.step(state)
        return state

    def wait(self, seconds):
        """Let time pass."""
        self._block = replace(self._block, timestamp=self._block.timestamp + seconds)

    def step(self, state):
        after, witness = record(state, self._opener, self._rules)
        if state.phase == Phase.PRECOMPILE and self.judges:
            first, *items = witness_items(witness)
            step = Step(state.phase, 0, first, encode_witness(items), after.commitment, "native")
            self.judge.step(step)
            self.judge.mutants(step, self.rnd, self.mutants)
            assert self.judge.found.wrong == []
            assert not self.judge.found.unsupported
        return after


@pytest.fixture
def market(verifier):
    """A host with an open request; (host, natives, the request's id). Nothing is judged yet."""
    return opened(verifier)


def opened(verifier, value=400_000, **options):
    host = JudgedHost(verifier)
    natives = Natives(host)
    natives.register_adapter(**options)
    identity = natives.open_request(value=value)
    host.judges = True
    return host, natives, identity


def settle_arguments(natives, identity, shares=SHARES, *, is_held=False, **tokens):
    statement = natives.inference_statement(identity, shares, **tokens)
    arguments = natives.settle_arguments(statement, shares)
    return (*arguments[:2], [], []) if is_held else arguments


def settle(natives, identity, shares=SHARES, *, by=WORKER, **options):
    arguments = settle_arguments(natives, identity, shares, **options)
    return natives.send(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=by)


def share_arguments(identity, index, shares=SHARES):
    return (identity, index, len(shares), *shares[index], shares_proof(shares, index))


# -- settling -------------------------------------------------------------------------------------


def test_a_settlement_that_pays_its_shares(market):
    host, natives, identity = market
    host.mutants = 3
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


@pytest.mark.parametrize(
    ("input_tokens", "output_tokens"), [(0, 0), (1, 0), (0, 1), (100, 100), (99, 7)]
)
def test_fees_of_any_size(market, input_tokens, output_tokens):
    _, natives, identity = market
    settle(natives, identity, input_tokens=input_tokens, output_tokens=output_tokens)


@pytest.mark.parametrize("wei", [1, 2, 3, 7, 13, 9_999])
def test_units_left_over_go_where_they_do(verifier, wei):
    """Prices of one wei make fees of few: each rounding shows."""
    host, natives, _ = opened(verifier)
    host.judges = False
    natives.send(MODEL_REGISTRY, "setPrice", ADAPTER, wei, 0, by=OWNER)
    identity = natives.open_request(value=100 * wei)
    host.judges = True
    rnd = random.Random(wei)
    parts = [rnd.randrange(1, 100_000) for _ in range(4)] + [1, 1, 1]
    shares = ascending_shares(*parts, 1_000_000 - sum(parts))
    settle(natives, identity, shares, input_tokens=1, output_tokens=0)
    assert max(host.judge.found.gas()) < MOST_GAS


def test_a_base_model_with_an_owner_and_nobody_bonded(verifier):
    host = JudgedHost(verifier)
    natives = Natives(host)
    natives.send(MODEL_REGISTRY, "registerBaseModel", BASE, 300, "base", by=MAKER)
    natives.register_adapter()
    identity = natives.open_request()
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    host.judges = True
    settle(natives, identity)
    assert "RewardsDeposited" not in natives.event_names


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
    assert len(set(refused)) == len(refused)


def test_a_fee_above_the_most_is_refused(verifier):
    _, natives, identity = opened(verifier, value=400_000)
    settle(natives, identity, input_tokens=100, output_tokens=100)
    reason = natives.refuse(
        PROOF_OF_ATTRIBUTION, "settle", *settle_arguments(natives, identity), by=WORKER
    )
    assert reason.endswith("is settled, not open")


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
    yield from (r + s + bytes([v]) for v in (2, 26, 29, 255))
    yield from (r + high + v, zero + s + v, r + zero + v, order + s + v, r + order + v)
    yield r + b"\xff" * 32 + v
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


def changed(data, changes):
    """Calldata with other words among its arguments, by their numbers."""
    words = dict(changes)
    return data[:4] + b"".join(
        words[index].to_bytes(32, "big")
        if index in words
        else data[4 + 32 * index : 36 + 32 * index]
        for index in range((len(data) - 4 + 31) // 32)
    )


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


# -- shares, balances, views ----------------------------------------------------------------------


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


# -- gas ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", range(6))
def test_gas_of_a_settlement_runs_out_anywhere(market, share):
    host, natives, identity = market
    arguments = settle_arguments(natives, identity)
    host.judges, effects = False, host._effects
    spent = natives.call(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER).gas_used
    rnd = random.Random(share)
    for gas in [rnd.randrange(spent) for _ in range(3)] if share else [spent]:
        host._effects, host.judges = effects, True
        done = natives.call(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER, gas=gas)
        assert done.succeeded == (share == 0)


@pytest.mark.parametrize("name", ["claimShare", "claim"])
def test_gas_of_a_claim_runs_out_anywhere(market, name):
    host, natives, identity = market
    host.judges = False
    settle(natives, identity, is_held=True)
    arguments = share_arguments(identity, 1) if name == "claimShare" else ()
    effects = host._effects
    spent = natives.call(PROOF_OF_ATTRIBUTION, name, *arguments, by=WORKER).gas_used
    host.judges, rnd = True, random.Random(spent)
    for gas in (499, spent - 1, spent, *(rnd.randrange(spent) for _ in range(5))):
        host._effects = effects
        done = natives.call(PROOF_OF_ATTRIBUTION, name, *arguments, by=WORKER, gas=gas)
        assert done.succeeded == (gas >= spent)


def test_a_rich_fee(verifier):
    """Most wei there may be, within what a caller of these tests has."""
    host = JudgedHost(verifier)
    natives = Natives(host)
    host.fund(CALLER.address, 2**121)
    natives.register_adapter()
    natives.send(MODEL_REGISTRY, "setPrice", ADAPTER, 2**112 + 1, 2**113 + 7, by=OWNER)
    identity = natives.open_request(value=2**121 - ETHER)
    host.judges = True
    settle(natives, identity, input_tokens=3, output_tokens=50)
