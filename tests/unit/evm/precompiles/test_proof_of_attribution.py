"""Settling answers: who is paid what, from which statement, and that nothing is lost."""

from __future__ import annotations

from itertools import permutations

import pytest
from natives import (
    ADAPTER,
    ANNA,
    CALLER,
    CARA,
    INFERENCE_ESCROW,
    MAKER,
    MODEL_REGISTRY,
    OWNER,
    PROMPT,
    PROOF_OF_ATTRIBUTION,
    WORKER,
    WORKER_REGISTRY,
    Natives,
    ascending_shares,
    replace,
    statement_values,
    word,
)

from chain.attestation import shares_proof, shares_root, sign_statement
from chain.split import FeeParts, divide_fee
from genesis.addresses import PLATFORM_ACCOUNT

PLATFORM, HOST, STAKERS, CONTRIBUTOR, ADAPTER_OWNER, BASE_OWNER = range(1, 7)
SHARES = ascending_shares(500_000, 300_000, 200_000)
FEE = 7 * 1_000 + 33 * 3_000  # of natives.inference_statement at the adapter's prices


@pytest.fixture
def natives():
    natives = Natives()
    natives.register_adapter()
    return natives


@pytest.fixture
def request_id(natives):
    return natives.open_request()


def settle(natives, request_id, shares=SHARES):
    statement = natives.inference_statement(request_id, shares)
    arguments = natives.settle_arguments(statement, shares)
    return natives.send(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)


def settle_held(natives, request_id, shares=SHARES):
    statement = natives.inference_statement(request_id, shares)
    arguments = (statement_values(statement), natives.sign(statement), [], [])
    return natives.send(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)


def refuse(natives, statement, shares=SHARES, *, signer=WORKER):
    arguments = natives.settle_arguments(statement, shares, signer=signer)
    return natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)


def balance(natives, account):
    return natives.read(PROOF_OF_ATTRIBUTION, "balanceOf", account)


def claim_share(natives, request_id, index, shares=SHARES, **options):
    account, ppm = shares[index]
    proof = shares_proof(shares, index)
    arguments = (request_id, index, len(shares), account, ppm, proof)
    result = natives.send(PROOF_OF_ATTRIBUTION, "claimShare", *arguments, by=ANNA, **options)
    return result["amountWei"]


# ------------------------------------------------------------------------------ dividing a fee


def test_division_of_the_published_example():
    parts = divide_fee(10**18, adapter_royalty_bp=0, base_royalty_bp=0, has_stakers=True)
    assert parts == FeeParts(0, 0, 10**17, 2 * 10**17, 2 * 10**17, 5 * 10**17)


def test_royalties_come_off_the_top_and_round_down():
    parts = divide_fee(1_003, adapter_royalty_bp=500, base_royalty_bp=300, has_stakers=True)
    assert (parts.adapter_owner_wei, parts.base_owner_wei) == (50, 30)  # 50.15 and 30.09
    assert (parts.platform_wei, parts.host_wei, parts.stakers_wei) == (92, 185, 185)
    assert parts.contributors_wei == 461  # of 923: 92.3, 184.6, 184.6, 461.5


def test_part_of_the_stakers_goes_to_the_platform_where_nobody_is_bonded():
    parts = divide_fee(10_000, adapter_royalty_bp=0, base_royalty_bp=0, has_stakers=False)
    assert parts == FeeParts(0, 0, 3_000, 2_000, 0, 5_000)


def test_fee_of_one_wei_goes_to_the_contributors():
    parts = divide_fee(1, adapter_royalty_bp=2_500, base_royalty_bp=2_500, has_stakers=True)
    assert parts == FeeParts(0, 0, 0, 0, 0, 1)


# ----------------------------------------------------------------------------------- settling


def test_settlement_pays_every_role(natives, request_id):
    caller_before = natives.host.balance(CALLER.address)
    settle(natives, request_id)
    told = ["RequestSettled", "Settled", *["Paid"] * 3, "RewardsDeposited", *["Paid"] * 4]
    assert natives.event_names == told
    paid = [tuple(e.arguments.values())[1:] for e in natives.events if e.name == "Paid"]
    rest = FEE - 5_300  # the adapter's owner has 500 basis points
    assert paid == [
        (OWNER.address, ADAPTER_OWNER, 5_300),
        (PLATFORM_ACCOUNT, PLATFORM, rest // 10),
        (WORKER.address, HOST, rest // 5),
        (WORKER_REGISTRY.address, STAKERS, rest // 5),
        (SHARES[0][0], CONTRIBUTOR, rest // 4),
        (SHARES[1][0], CONTRIBUTOR, rest * 3 // 20),
        (SHARES[2][0], CONTRIBUTOR, rest // 10),
    ]
    assert sum(amount for _, _, amount in paid) == FEE
    assert natives.host.balance(CALLER.address) == caller_before + 400_000 - FEE
    assert natives.host.balance(INFERENCE_ESCROW.address) == 0
    assert natives.host.balance(PROOF_OF_ATTRIBUTION.address) == FEE - rest // 5
    assert natives.read(WORKER_REGISTRY, "pendingRewards", WORKER.address) == rest // 5


def test_settlement_is_recorded_and_told(natives, request_id):
    settle(natives, request_id)
    contributors_wei = (FEE - 5_300) // 2
    assert natives.read(PROOF_OF_ATTRIBUTION, "getSettlement", request_id) == {
        "adapterId": ADAPTER,
        "outputHash": word("output"),
        "sharesRoot": shares_root(SHARES),
        "evidenceHash": word("evidence"),
        "inputTokens": 7,
        "outputTokens": 33,
        "feeWei": FEE,
        "contributorsWei": contributors_wei,
        "worker": WORKER.address,
        "blockNumber": natives.host.block_number,
    }
    held = natives.read(PROOF_OF_ATTRIBUTION, "heldOf", request_id)
    assert held == {"heldWei": 0, "claimedPpm": 1_000_000}


def test_settled_event_carries_the_statement(natives, request_id):
    settle(natives, request_id)
    settled = next(e for e in natives.events if e.name == "Settled")
    assert tuple(settled.arguments.values()) == (
        request_id, ADAPTER, WORKER.address, PROMPT, word("output"), 7, 33,
        shares_root(SHARES), word("evidence"), FEE,
    )  # fmt: skip


def test_anyone_may_carry_the_statement(natives, request_id):
    statement = natives.inference_statement(request_id, SHARES)
    arguments = natives.settle_arguments(statement, SHARES)
    natives.send(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=CARA)
    assert balance(natives, CARA.address) == 0


def test_only_the_worker_settles_without_the_list(natives, request_id):
    statement = natives.inference_statement(request_id, SHARES)
    arguments = (statement_values(statement), natives.sign(statement), [], [])
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=CARA)
    assert reason == (
        f"proof_of_attribution: without its shares request 0x{request_id.hex()} is settled by"
        f" 0x{WORKER.address.hex()} only, caller is 0x{CARA.address.hex()}"
    )


def test_replayed_statement_is_refused(natives, request_id):
    settle(natives, request_id)
    reason = refuse(natives, natives.inference_statement(request_id, SHARES))
    assert reason == (f"proof_of_attribution: request 0x{request_id.hex()} is settled, not open")


def test_statement_about_a_refunded_request_is_refused(natives, request_id):
    natives.host.timestamp += 601
    natives.send(INFERENCE_ESCROW, "refund", request_id, by=CALLER)
    reason = refuse(natives, natives.inference_statement(request_id, SHARES))
    assert reason.endswith("is refunded, not open")


def test_statement_after_the_deadline_is_refused(natives, request_id):
    natives.host.timestamp += 601
    reason = refuse(natives, natives.inference_statement(request_id, SHARES))
    assert reason.startswith(f"inference_escrow: request 0x{request_id.hex()} ended at ")


def test_statement_at_the_deadline_is_in_time(natives, request_id):
    natives.host.timestamp += 600
    settle(natives, request_id)


def test_statement_about_an_unknown_request_is_refused(natives):
    reason = refuse(natives, natives.inference_statement(word("nothing"), SHARES))
    assert reason == f"inference_escrow: no request 0x{word('nothing').hex()}"


def test_wrong_signer_is_refused(natives, request_id):
    statement = natives.inference_statement(request_id, SHARES)
    reason = refuse(natives, statement, signer=CARA)
    assert reason == (
        f"proof_of_attribution: request 0x{request_id.hex()} chose worker"
        f" 0x{WORKER.address.hex()}, signed by 0x{CARA.address.hex()}"
    )


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\xff" * 65, bytes(1_000)])
def test_malformed_signature_is_refused(natives, request_id, signature):
    statement = natives.inference_statement(request_id, SHARES)
    arguments = list(natives.settle_arguments(statement, SHARES))
    arguments[1] = signature
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)
    assert reason.startswith(f"proof_of_attribution: signature for request 0x{request_id.hex()}")


def test_signature_with_a_high_s_is_refused(natives, request_id):
    statement = natives.inference_statement(request_id, SHARES)
    arguments = list(natives.settle_arguments(statement, SHARES))
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    r, s, v = arguments[1][:32], int.from_bytes(arguments[1][32:64], "big"), arguments[1][64]
    arguments[1] = r + (order - s).to_bytes(32, "big") + bytes((v ^ 7,))  # 27 <-> 28
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)
    assert "high s" in reason


@pytest.mark.parametrize("domain", ["chain", "contract"])
def test_statement_signed_for_another_domain_is_refused(natives, request_id, domain):
    statement = natives.inference_statement(request_id, SHARES)
    contract = MODEL_REGISTRY if domain == "contract" else PROOF_OF_ATTRIBUTION
    arguments = list(natives.settle_arguments(statement, SHARES))
    arguments[1] = sign_statement(
        statement,
        WORKER.key,
        chain_id=natives.host.chain_id + (domain == "chain"),
        verifying_contract=contract.address,
    )
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)
    assert "signed by" in reason


@pytest.mark.parametrize("name", ["output_hash", "shares_root", "evidence_hash"])
def test_statement_with_one_altered_field_is_refused(natives, request_id, name):
    statement = natives.inference_statement(request_id, SHARES)
    arguments = list(natives.settle_arguments(statement, SHARES))
    arguments[0] = statement_values(replace(statement, **{name: word("altered")}))
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)
    assert "signed by" in reason


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("adapter_id", word("other"), "asks adapter 0x"),
        ("prompt_hash", word("other"), "has prompt 0x"),
        ("input_tokens", 101, "allows 100 input and 100 output tokens, stated 101 and 33"),
        ("output_tokens", 101, "allows 100 input and 100 output tokens, stated 7 and 101"),
    ],
)
def test_statement_about_something_else_is_refused(natives, request_id, name, value, reason):
    statement = replace(natives.inference_statement(request_id, SHARES), **{name: value})
    assert reason in refuse(natives, statement)


def test_later_price_does_not_change_the_fee(natives, request_id):
    natives.send(MODEL_REGISTRY, "setPrice", ADAPTER, 10**6, 10**6, by=OWNER)
    settle(natives, request_id)
    assert natives.read(PROOF_OF_ATTRIBUTION, "getSettlement", request_id)["feeWei"] == FEE


def test_free_answer_pays_nobody(natives):
    natives.send(MODEL_REGISTRY, "setPrice", ADAPTER, 0, 0, by=OWNER)
    request_id = natives.open_request(value=0)
    settle(natives, request_id)
    assert natives.event_names == ["RequestSettled", "Settled"]


# ------------------------------------------------------------------------------------- shares


@pytest.mark.parametrize("total", [999_999, 1_000_001])
def test_share_sum_off_by_one_is_refused(natives, request_id, total):
    shares = ascending_shares(500_000, 300_000, total - 800_000)
    reason = refuse(natives, natives.inference_statement(request_id, shares), shares)
    assert reason == f"proof_of_attribution: shares sum to {total}, not to 1000000"


def test_share_sum_that_wraps_is_refused(natives, request_id):
    shares = ascending_shares(2**256 - 1, 1_000_001)
    reason = refuse(natives, natives.inference_statement(request_id, shares), shares)
    assert "shares sum to" in reason


def test_shares_of_another_root_are_refused(natives, request_id):
    statement = natives.inference_statement(request_id, SHARES)
    other = ascending_shares(500_001, 299_999, 200_000)
    reason = refuse(natives, statement, other)
    assert reason == (
        f"proof_of_attribution: shares have root 0x{shares_root(other).hex()},"
        f" stated 0x{shares_root(SHARES).hex()}"
    )


def test_duplicate_account_is_refused(natives, request_id):
    shares = [SHARES[0], SHARES[0]]
    reason = refuse(natives, natives.inference_statement(request_id, shares), shares)
    assert reason.startswith("proof_of_attribution: accounts must ascend")


def test_descending_accounts_are_refused(natives, request_id):
    shares = SHARES[::-1]
    reason = refuse(natives, natives.inference_statement(request_id, shares), shares)
    assert reason.startswith("proof_of_attribution: accounts must ascend")


def test_zero_account_is_refused(natives, request_id):
    shares = [(bytes(20), 1_000_000)]
    reason = refuse(natives, natives.inference_statement(request_id, shares), shares)
    assert reason.startswith("proof_of_attribution: accounts must ascend")


def test_share_of_zero_is_refused(natives, request_id):
    shares = ascending_shares(1_000_000, 0)
    reason = refuse(natives, natives.inference_statement(request_id, shares), shares)
    assert reason == f"proof_of_attribution: share of 0x{shares[1][0].hex()} is 0"


def test_lists_of_different_lengths_are_refused(natives, request_id):
    statement = natives.inference_statement(request_id, SHARES)
    arguments = list(natives.settle_arguments(statement, SHARES))
    arguments[3] = arguments[3][:2]
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)
    assert reason == "proof_of_attribution: 3 accounts and 2 shares"


def test_256_accounts_are_the_most_and_fit_in_a_block(natives, request_id):
    shares = ascending_shares(*[3_906] * 255, 1_000_000 - 255 * 3_906)
    settle(natives, request_id, shares)
    assert natives.last.gas_used < 8_000_000
    shares = ascending_shares(*[1] * 257)
    statement = natives.inference_statement(natives.open_request(), shares)
    reason = refuse(natives, statement, shares)
    assert reason == "proof_of_attribution: 257 accounts, at most 256; leave the list to claimShare"


def test_indivisible_wei_goes_to_the_largest_remainder_then_the_lower_address(natives):
    natives.send(MODEL_REGISTRY, "setPrice", ADAPTER, 0, 1, by=OWNER)
    request_id = natives.open_request(value=100)
    shares = ascending_shares(333_333, 333_333, 333_334)
    settle(natives, request_id, shares)  # fee 33: owner 1, rest 32: 3, 6 or 7, 6 or 7, 16
    amounts = [balance(natives, account) for account, _ in shares]
    assert amounts == [5, 5, 6]  # of 16: 5.333328, 5.333328, 5.333344


# ------------------------------------------------------------------------- cases without recipients


def test_without_stakers_their_part_goes_to_the_platform(natives, request_id):
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    settle(natives, request_id)
    assert balance(natives, PLATFORM_ACCOUNT) == (FEE - 5_300) * 3 // 10
    assert "RewardsDeposited" not in natives.event_names
    assert natives.read(WORKER_REGISTRY, "pendingRewards", WORKER.address) == 0


def test_unregistered_base_model_takes_nothing(natives, request_id):
    settle(natives, request_id)
    roles = [event.arguments["role"] for event in natives.events if event.name == "Paid"]
    assert BASE_OWNER not in roles


def test_registered_base_model_takes_its_royalty():
    natives = Natives()
    base = natives.training_statement(word("any")).base_model
    natives.send(MODEL_REGISTRY, "registerBaseModel", base, 300, "", by=MAKER)
    natives.register_adapter()
    request_id = natives.open_request()
    settle(natives, request_id)
    assert balance(natives, MAKER.address) == FEE * 300 // 10_000
    assert balance(natives, OWNER.address) == FEE * 500 // 10_000


# ------------------------------------------------------------------------------------- claims


def test_claim_pays_the_balance_once(natives, request_id):
    settle(natives, request_id)
    owed = balance(natives, OWNER.address)
    before = natives.host.balance(OWNER.address)
    assert natives.send(PROOF_OF_ATTRIBUTION, "claim", by=OWNER) == {"amountWei": owed}
    assert [tuple(e.arguments.values()) for e in natives.events] == [(OWNER.address, owed)]
    assert natives.host.balance(OWNER.address) == before + owed
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "claim", by=OWNER)
    assert reason == f"proof_of_attribution: nothing to claim for 0x{OWNER.address.hex()}"


def test_claim_for_another_pays_that_other(natives, request_id):
    settle(natives, request_id)
    account = SHARES[0][0]
    owed = balance(natives, account)
    natives.send(PROOF_OF_ATTRIBUTION, "claimFor", account, by=CARA)
    assert natives.host.balance(account) == owed > 0


def test_claim_costs_the_same_after_many_settlements(natives):
    costs = set()
    for settlements in (1, 5):
        for _ in range(settlements):
            settle(natives, natives.open_request())
        natives.send(PROOF_OF_ATTRIBUTION, "claim", by=OWNER)
        costs.add(natives.last.gas_used)
    assert len(costs) == 1


def test_held_part_is_claimed_share_by_share(natives, request_id):
    settle_held(natives, request_id)
    contributors_wei = (FEE - 5_300) // 2
    held = next(e for e in natives.events if e.name == "SharesHeld")
    assert tuple(held.arguments.values()) == (request_id, shares_root(SHARES), contributors_wei)
    total = 0
    for index in range(3):
        assert not natives.read(PROOF_OF_ATTRIBUTION, "isShareClaimed", request_id, index)
        total += claim_share(natives, request_id, index)
        assert natives.event_names == ["Paid"]
        assert natives.read(PROOF_OF_ATTRIBUTION, "isShareClaimed", request_id, index)
        left = natives.read(PROOF_OF_ATTRIBUTION, "heldOf", request_id)["heldWei"]
        assert left == contributors_wei - total
    assert total == contributors_wei
    assert balance(natives, SHARES[0][0]) == contributors_wei // 2


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_held_part_is_paid_out_exactly_in_any_order(natives, order):
    natives.send(MODEL_REGISTRY, "setPrice", ADAPTER, 0, 1, by=OWNER)
    shares = ascending_shares(333_333, 333_333, 333_334)
    request_id = natives.open_request(value=100)
    settle_held(natives, request_id, shares)
    assert sum(claim_share(natives, request_id, index, shares) for index in order) == 16


def test_share_is_claimed_once(natives, request_id):
    settle_held(natives, request_id)
    claim_share(natives, request_id, 1)
    account, ppm = SHARES[1]
    arguments = (request_id, 1, 3, account, ppm, shares_proof(SHARES, 1))
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "claimShare", *arguments, by=ANNA)
    assert reason.endswith("is claimed already")


@pytest.mark.parametrize(
    "changed",
    [{1: 0}, {1: 2}, {2: 4}, {3: ANNA.address}, {4: 300_001}, {5: []}, {5: [word("x")] * 2}],
)
def test_share_that_is_not_under_the_root_is_refused(natives, request_id, changed):
    settle_held(natives, request_id)
    account, ppm = SHARES[1]
    arguments = [request_id, 1, 3, account, ppm, shares_proof(SHARES, 1)]
    for position, value in changed.items():
        arguments[position] = value
    if changed == {2: 4}:  # with 4 leaves the proof of leaf 1 has the same two hashes
        natives.send(PROOF_OF_ATTRIBUTION, "claimShare", *arguments, by=ANNA)
        assert balance(natives, account) > 0
        arguments[2] = 3
        reason = natives.refuse(PROOF_OF_ATTRIBUTION, "claimShare", *arguments, by=ANNA)
        assert reason.endswith("is claimed already")
        return
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "claimShare", *arguments, by=ANNA)
    assert "is not under root 0x" in reason


def test_wrong_count_does_not_move_the_last_share(natives, request_id):
    settle_held(natives, request_id)
    account, ppm = SHARES[2]
    proof = shares_proof(SHARES, 2)
    arguments = (request_id, 1, 2, account, ppm, proof)  # the odd leaf seen as leaf 1 of 2
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "claimShare", *arguments, by=ANNA)
    assert "is not under root" in reason


@pytest.mark.parametrize(("index", "count", "hashes"), [(3, 3, 2), (0, 2**64 + 1, 2), (0, 3, 65)])
def test_proof_out_of_bounds_is_refused(natives, request_id, index, count, hashes):
    settle_held(natives, request_id)
    arguments = (request_id, index, count, ANNA.address, 1, [word("x")] * hashes)
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "claimShare", *arguments, by=ANNA)
    assert reason.endswith(f"{hashes} hashes of proof for {count} shares")


def test_shares_under_a_root_that_exceed_a_million_stop_at_it(natives, request_id):
    shares = ascending_shares(600_000, 400_000, 500_000)
    settle_held(natives, request_id, shares)
    claim_share(natives, request_id, 0, shares)
    account, ppm = shares[2]
    arguments = (request_id, 2, 3, account, ppm, shares_proof(shares, 2))
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "claimShare", *arguments, by=ANNA)
    assert reason.endswith("600000 + 500000 parts exceed 1000000")
    claim_share(natives, request_id, 1, shares)
    assert natives.read(PROOF_OF_ATTRIBUTION, "heldOf", request_id)["heldWei"] == 0


def test_share_that_was_paid_at_settlement_is_not_claimed_again(natives, request_id):
    settle(natives, request_id)
    account, ppm = SHARES[0]
    arguments = (request_id, 0, 3, account, ppm, shares_proof(SHARES, 0))
    reason = natives.refuse(PROOF_OF_ATTRIBUTION, "claimShare", *arguments, by=ANNA)
    assert reason.endswith("was paid at settlement")


def test_unknown_settlement_is_refused(natives, request_id):
    for name, arguments in (
        ("getSettlement", ()),
        ("heldOf", ()),
        ("isShareClaimed", (0,)),
        ("claimShare", (0, 1, ANNA.address, 1, [])),
    ):
        reason = natives.refuse(PROOF_OF_ATTRIBUTION, name, request_id, *arguments, by=ANNA)
        assert reason == f"proof_of_attribution: request 0x{request_id.hex()} is not settled"


def test_claims_of_thousands_of_shares_cost_the_logarithm(natives):
    shares = ascending_shares(*[1] * 2_000)
    request_id = natives.open_request()
    settle_held(natives, request_id, shares)
    claim_share(natives, request_id, 1_999, shares)
    assert natives.last.gas_used < 100_000
