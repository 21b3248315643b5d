"""Base models, training jobs and adapters."""

from __future__ import annotations

import pytest
from natives import (
    ADAPTER,
    ANNA,
    BASE,
    CARA,
    ETHER,
    MAKER,
    MODEL_REGISTRY,
    OWNER,
    RECIPE,
    WORKER,
    WORKER_REGISTRY,
    Natives,
    replace,
    statement_values,
    word,
)

from chain.attestation import sign_statement
from chain.types import ZERO_ADDRESS, ZERO_HASH

OPEN, CLAIMED, DONE, REFUNDED = range(1, 5)


@pytest.fixture
def natives():
    return Natives()


@pytest.fixture
def claimed():
    """A job of OWNER for Datanet 1, claimed by WORKER: (natives, snapshot root)."""
    natives = Natives()
    root = natives.publish_datanet()
    natives.register_worker()
    natives.request_training(root)
    natives.send(MODEL_REGISTRY, "claimTraining", 1, by=WORKER)
    return natives, root


def register_base(natives, *, royalty_bp=300, by=MAKER, base=BASE):
    natives.send(MODEL_REGISTRY, "registerBaseModel", base, royalty_bp, "small", by=by)


def refuse_statement(natives, statement, *, signature=None):
    arguments = (statement_values(statement), signature or natives.sign(statement))
    return natives.refuse(MODEL_REGISTRY, "submitTraining", *arguments, by=WORKER)


def test_base_model_is_recorded_and_told(natives):
    register_base(natives)
    (event,) = natives.events
    assert event.name == "BaseModelRegistered"
    assert tuple(event.arguments.values()) == (BASE, MAKER.address, 300, "small")
    found = natives.read(MODEL_REGISTRY, "getBaseModel", BASE)
    assert found == {"owner": MAKER.address, "royaltyBp": 300}


def test_unregistered_base_model_has_no_owner(natives):
    found = natives.read(MODEL_REGISTRY, "getBaseModel", BASE)
    assert found == {"owner": ZERO_ADDRESS, "royaltyBp": 0}


@pytest.mark.parametrize(
    ("base", "royalty_bp", "metadata", "reason"),
    [
        (BASE, 2_501, "", "royalty of 2501 basis points, at most 2500"),
        (ZERO_HASH, 0, "", "the hash of a base model cannot be zero"),
        (BASE, 0, "x" * 1_025, "metadata of 1025 bytes, at most 1024"),
    ],
)
def test_base_model_out_of_bounds_is_refused(natives, base, royalty_bp, metadata, reason):
    arguments = (base, royalty_bp, metadata)
    found = natives.refuse(MODEL_REGISTRY, "registerBaseModel", *arguments, by=MAKER)
    assert found == f"model_registry: {reason}"


def test_base_model_is_registered_once(natives):
    register_base(natives)
    found = natives.refuse(MODEL_REGISTRY, "registerBaseModel", BASE, 0, "", by=CARA)
    assert found.endswith(f"is owned by 0x{MAKER.address.hex()}")


def test_request_is_recorded_told_and_paid(natives):
    root = natives.publish_datanet()
    assert natives.request_training(root, fee=7) == 1
    deadline = natives.host.timestamp + 3_600
    (event,) = natives.events
    expected = (1, 1, OWNER.address, root, BASE, RECIPE, deadline, 7)
    assert (event.name, tuple(event.arguments.values())) == ("TrainingRequested", expected)
    assert natives.read(MODEL_REGISTRY, "getJob", 1) == {
        "requester": OWNER.address,
        "worker": ZERO_ADDRESS,
        "datanetId": 1,
        "snapshotRoot": root,
        "baseModel": BASE,
        "recipeHash": RECIPE,
        "deadline": deadline,
        "feeWei": 7,
        "status": OPEN,
    }
    assert natives.host.balance(MODEL_REGISTRY.address) == 7
    assert natives.read(MODEL_REGISTRY, "jobCount") == 1


def test_request_for_an_unpublished_root_is_refused(natives):
    natives.publish_datanet()
    deadline = natives.host.timestamp + 1
    arguments = (1, word("other"), BASE, RECIPE, deadline, 1, 1, 0)
    reason = natives.refuse(MODEL_REGISTRY, "requestTraining", *arguments, by=OWNER, value=9)
    assert reason == f"model_registry: 0x{word('other').hex()} is no version of datanet 1"
    assert natives.host.balance(MODEL_REGISTRY.address) == 0


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({4: 1_700_000_000}, "deadline 1700000000 is not after now, 1700000000"),
        ({7: 2_501}, "royalty of 2501 basis points, at most 2500"),
    ],
)
def test_request_out_of_bounds_is_refused(natives, changed, reason):
    root = natives.publish_datanet()
    arguments = [1, root, BASE, RECIPE, natives.host.timestamp + 1, 1, 1, 0]
    for position, value in changed.items():
        arguments[position] = value
    found = natives.refuse(MODEL_REGISTRY, "requestTraining", *arguments, by=OWNER)
    assert found == f"model_registry: {reason}"


def test_price_that_does_not_fit_is_refused(natives):
    root = natives.publish_datanet()
    arguments = (1, root, BASE, RECIPE, natives.host.timestamp + 1, 2**128, 1, 0)
    reason = natives.refuse(MODEL_REGISTRY, "requestTraining", *arguments, by=OWNER)
    assert reason == f"Job.input_price_wei: {2**128} does not fit in 128 bits"


def test_claim_needs_an_active_worker(natives):
    natives.request_training(natives.publish_datanet())
    reason = natives.refuse(MODEL_REGISTRY, "claimTraining", 1, by=WORKER)
    assert reason == f"model_registry: 0x{WORKER.address.hex()} is not an active worker"
    natives.register_worker()
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    assert "not an active" in natives.refuse(MODEL_REGISTRY, "claimTraining", 1, by=WORKER)


def test_claim_is_told_and_made_once(claimed):
    natives, _ = claimed
    assert natives.event_names == ["TrainingClaimed"]
    job = natives.read(MODEL_REGISTRY, "getJob", 1)
    assert (job["worker"], job["status"]) == (WORKER.address, CLAIMED)
    natives.register_worker(CARA)
    reason = natives.refuse(MODEL_REGISTRY, "claimTraining", 1, by=CARA)
    assert reason == "model_registry: job 1 is claimed, not open"


def test_claim_after_the_deadline_is_refused(natives):
    natives.request_training(natives.publish_datanet())
    natives.register_worker()
    natives.host.timestamp += 3_601
    reason = natives.refuse(MODEL_REGISTRY, "claimTraining", 1, by=WORKER)
    assert "was due at 1700003600, now is 1700003601" in reason


def test_unknown_job_is_refused(natives):
    for name in ("claimTraining", "expireTraining", "getJob"):
        reason = natives.refuse(MODEL_REGISTRY, name, 3, by=WORKER)
        assert reason == "model_registry: no job 3, there are 0"


def test_submission_pays_and_registers_the_adapter(claimed):
    natives, root = claimed
    before = natives.host.balance(WORKER.address)
    natives.submit_training(natives.training_statement(root))
    assert natives.event_names == ["AdapterRegistered", "TrainingSubmitted"]
    registered, submitted = (tuple(event.arguments.values()) for event in natives.events)
    assert registered == (ADAPTER, 1, OWNER.address, BASE, 1_000, 3_000, 500)
    expected = (1, ADAPTER, WORKER.address, word("checkpoints"), 40, word("metrics"))
    assert submitted == expected
    assert natives.host.balance(WORKER.address) == before + ETHER
    assert natives.host.balance(MODEL_REGISTRY.address) == 0
    assert natives.read(MODEL_REGISTRY, "getJob", 1)["status"] == DONE
    assert natives.read(MODEL_REGISTRY, "getAdapter", ADAPTER) == {
        "owner": OWNER.address,
        "baseModel": BASE,
        "datanetId": 1,
        "snapshotRoot": root,
        "jobId": 1,
        "inputPriceWei": 1_000,
        "outputPriceWei": 3_000,
        "royaltyBp": 500,
    }


def test_anyone_may_carry_the_statement(claimed):
    natives, root = claimed
    statement = natives.training_statement(root)
    arguments = (statement_values(statement), natives.sign(statement))
    before = natives.host.balance(CARA.address)
    natives.send(MODEL_REGISTRY, "submitTraining", *arguments, by=CARA)
    assert natives.host.balance(CARA.address) == before


def test_replayed_statement_is_refused(claimed):
    natives, root = claimed
    statement = natives.training_statement(root)
    natives.submit_training(statement)
    assert refuse_statement(natives, statement) == "model_registry: job 1 is done, not claimed"


def test_statement_signed_by_another_worker_is_refused(claimed):
    natives, root = claimed
    natives.register_worker(CARA)
    statement = natives.training_statement(root)
    reason = refuse_statement(natives, statement, signature=natives.sign(statement, CARA))
    assert reason == (
        f"model_registry: job 1 was claimed by 0x{WORKER.address.hex()},"
        f" signed by 0x{CARA.address.hex()}"
    )


def test_statement_with_one_altered_field_is_refused(claimed):
    natives, root = claimed
    statement = natives.training_statement(root)
    altered = replace(statement, metrics_hash=word("better metrics"))
    reason = refuse_statement(natives, altered, signature=natives.sign(statement))
    assert "signed by" in reason


@pytest.mark.parametrize("domain", ["chain", "contract"])
def test_statement_signed_for_another_domain_is_refused(claimed, domain):
    natives, root = claimed
    statement = natives.training_statement(root)
    chain_id = natives.host.chain_id + (domain == "chain")
    contract = ANNA.address if domain == "contract" else MODEL_REGISTRY.address
    signature = sign_statement(
        statement, WORKER.key, chain_id=chain_id, verifying_contract=contract
    )
    assert "signed by" in refuse_statement(natives, statement, signature=signature)


@pytest.mark.parametrize("signature", [b"", bytes(64), bytes(65), b"\xff" * 65, bytes(66)])
def test_malformed_signature_is_refused(claimed, signature):
    natives, root = claimed
    arguments = (statement_values(natives.training_statement(root)), signature)
    reason = natives.refuse(MODEL_REGISTRY, "submitTraining", *arguments, by=WORKER)
    assert reason.startswith("model_registry: signature of job 1: ")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("datanet_id", 2),
        ("snapshot_root", word("other")),
        ("base_model", word("other")),
        ("recipe_hash", word("other")),
    ],
)
def test_statement_about_other_terms_is_refused(claimed, name, value):
    natives, root = claimed
    altered = replace(natives.training_statement(root), **{name: value})
    reason = refuse_statement(natives, altered)
    assert reason.startswith(f"model_registry: {name} of job 1 is ")


def test_adapter_id_is_used_once(claimed):
    natives, root = claimed
    natives.submit_training(natives.training_statement(root))
    natives.request_training(root)
    natives.send(MODEL_REGISTRY, "claimTraining", 2, by=WORKER)
    reason = refuse_statement(natives, natives.training_statement(root, job_id=2))
    assert reason == f"model_registry: adapter id 0x{ADAPTER.hex()} is taken"


def test_adapter_id_of_zero_is_refused(claimed):
    natives, root = claimed
    statement = natives.training_statement(root, adapter=ZERO_HASH)
    assert refuse_statement(natives, statement).endswith(" is taken")


def test_statement_after_the_deadline_is_refused_and_the_fee_goes_back(claimed):
    natives, root = claimed
    natives.host.timestamp += 3_601
    reason = refuse_statement(natives, natives.training_statement(root))
    assert reason == "model_registry: job 1 was due at 1700003600, now is 1700003601"
    before = natives.host.balance(OWNER.address)
    natives.send(MODEL_REGISTRY, "expireTraining", 1, by=ANNA)
    assert [tuple(event.arguments.values()) for event in natives.events] == [(1, ETHER)]
    assert natives.host.balance(OWNER.address) == before + ETHER
    assert natives.read(MODEL_REGISTRY, "getJob", 1)["status"] == REFUNDED
    reason = natives.refuse(MODEL_REGISTRY, "expireTraining", 1, by=ANNA)
    assert reason == "model_registry: job 1 is refunded, not open or claimed"


def test_fee_stays_until_the_deadline_has_passed(claimed):
    natives, _ = claimed
    natives.host.timestamp += 3_600
    reason = natives.refuse(MODEL_REGISTRY, "expireTraining", 1, by=OWNER)
    assert reason == "model_registry: job 1 runs until 1700003600, now is 1700003600"


def test_fee_of_a_finished_job_does_not_go_back(claimed):
    natives, root = claimed
    natives.submit_training(natives.training_statement(root))
    natives.host.timestamp += 3_601
    assert "is done" in natives.refuse(MODEL_REGISTRY, "expireTraining", 1, by=OWNER)


def test_owner_changes_the_price(claimed):
    natives, root = claimed
    natives.submit_training(natives.training_statement(root))
    natives.send(MODEL_REGISTRY, "setPrice", ADAPTER, 5, 6, by=OWNER)
    assert [tuple(e.arguments.values()) for e in natives.events] == [(ADAPTER, 5, 6)]
    adapter = natives.read(MODEL_REGISTRY, "getAdapter", ADAPTER)
    assert (adapter["inputPriceWei"], adapter["outputPriceWei"]) == (5, 6)
    reason = natives.refuse(MODEL_REGISTRY, "setPrice", ADAPTER, 5, 6, by=WORKER)
    assert "is owned by" in reason
    reason = natives.refuse(MODEL_REGISTRY, "setPrice", ADAPTER, 2**128, 6, by=OWNER)
    assert "does not fit in 128 bits" in reason


def test_unknown_adapter_is_refused(natives):
    for name, arguments in (("getAdapter", ()), ("getRoyalties", ()), ("setPrice", (1, 1))):
        reason = natives.refuse(MODEL_REGISTRY, name, ADAPTER, *arguments, by=OWNER)
        assert reason == f"model_registry: no adapter 0x{ADAPTER.hex()}"


def test_royalties_name_both_owners(natives):
    register_base(natives)
    natives.register_adapter()
    assert natives.read(MODEL_REGISTRY, "getRoyalties", ADAPTER) == {
        "adapterOwner": OWNER.address,
        "adapterRoyaltyBp": 500,
        "baseOwner": MAKER.address,
        "baseRoyaltyBp": 300,
    }


def test_base_model_registered_after_the_request_takes_no_royalty(claimed):
    natives, root = claimed
    register_base(natives, by=CARA)
    natives.submit_training(natives.training_statement(root))
    royalties = natives.read(MODEL_REGISTRY, "getRoyalties", ADAPTER)
    assert royalties["baseRoyaltyBp"] == 0
