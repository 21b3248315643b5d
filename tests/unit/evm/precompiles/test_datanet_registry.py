"""Datanets: creating, contributing, deciding, revoking, publishing, freezing."""

from __future__ import annotations

import pytest
from natives import ANNA, BEN, CARA, DATANET_REGISTRY, OWNER, Natives, word

from chain.abi import encode
from chain.crypto.merkle import leaf_hash, merkle_root
from chain.types import ZERO_HASH

PENDING, APPROVED, REJECTED, REVOKED = range(4)
LICENCE = word("licence")


@pytest.fixture
def natives():
    return Natives()


def create(natives, *, open_to_all=False, metadata="notes"):
    arguments = (metadata, word("schema"), LICENCE, open_to_all)
    return natives.send(DATANET_REGISTRY, "createDatanet", *arguments, by=OWNER)["datanetId"]


def contribute(natives, *, by=ANNA, datanet=1, root=None, rows=10):
    arguments = (datanet, root or word(by.name), rows, LICENCE)
    return natives.send(DATANET_REGISTRY, "contribute", *arguments, by=by)["contributionId"]


def status_of(natives, contribution):
    return natives.read(DATANET_REGISTRY, "getContribution", 1, contribution)["status"]


def leaf(contribution, person, rows=10):
    types = ["uint256", "uint256", "address", "bytes32", "uint64", "bytes32"]
    fields = (1, contribution, person.address, word(person.name), rows, LICENCE)
    return leaf_hash(encode(types, fields))


def test_ids_count_from_one(natives):
    assert natives.read(DATANET_REGISTRY, "datanetCount") == 0
    assert [create(natives), create(natives)] == [1, 2]
    assert natives.read(DATANET_REGISTRY, "datanetCount") == 2
    assert [contribute(natives), contribute(natives), contribute(natives, datanet=2)] == [1, 2, 1]


def test_create_is_recorded_and_told(natives):
    create(natives, open_to_all=True, metadata="Ünï")
    (event,) = natives.events
    assert event.name == "DatanetCreated"
    assert dict(event.arguments) == {
        "datanetId": 1,
        "owner": OWNER.address,
        "schemaHash": word("schema"),
        "licence": LICENCE,
        "openToAll": True,
        "metadata": "Ünï",
    }
    assert natives.read(DATANET_REGISTRY, "getDatanet", 1) == {
        "owner": OWNER.address,
        "openToAll": True,
        "frozen": False,
        "schemaHash": word("schema"),
        "licence": LICENCE,
        "contributionCount": 0,
        "versionCount": 0,
    }


def test_metadata_of_1024_bytes_is_the_longest(natives):
    create(natives, metadata="é" * 512)
    arguments = ("é" * 512 + "x", word("schema"), LICENCE, True)
    reason = natives.refuse(DATANET_REGISTRY, "createDatanet", *arguments, by=OWNER)
    assert reason == "datanet_registry: metadata of 1025 bytes, at most 1024"


def test_contribution_by_approval_waits(natives):
    create(natives)
    contribute(natives)
    assert natives.event_names == ["ContributionSubmitted"]
    assert natives.read(DATANET_REGISTRY, "getContribution", 1, 1) == {
        "contributor": ANNA.address,
        "contentRoot": word("anna"),
        "rowCount": 10,
        "licence": LICENCE,
        "status": PENDING,
    }


def test_contribution_to_an_open_datanet_is_approved_at_once(natives):
    create(natives, open_to_all=True)
    contribute(natives)
    assert natives.event_names == ["ContributionSubmitted", "ContributionApproved"]
    assert natives.events[1].arguments["by"] == ANNA.address
    assert status_of(natives, 1) == APPROVED


@pytest.mark.parametrize(("root", "rows"), [(ZERO_HASH, 10), (word("content"), 0)])
def test_empty_contribution_is_refused(natives, root, rows):
    create(natives)
    arguments = (1, root, rows, LICENCE)
    reason = natives.refuse(DATANET_REGISTRY, "contribute", *arguments, by=ANNA)
    assert reason.startswith("datanet_registry: an empty contribution")


@pytest.mark.parametrize("name", ["approve", "reject", "revoke", "getContribution"])
def test_unknown_datanet_and_contribution_are_refused(natives, name):
    reason = natives.refuse(DATANET_REGISTRY, name, 1, 1, by=OWNER)
    assert reason == "datanet_registry: no datanet 1, there are 0"
    create(natives)
    reason = natives.refuse(DATANET_REGISTRY, name, 1, 1, by=OWNER)
    assert reason == "datanet_registry: no contribution 1 in datanet 1, there are 0"


def test_datanet_zero_is_unknown(natives):
    create(natives)
    reason = natives.refuse(DATANET_REGISTRY, "getDatanet", 0, by=OWNER)
    assert reason == "datanet_registry: no datanet 0, there are 1"


def test_owner_approves_and_rejects(natives):
    create(natives)
    contribute(natives)
    contribute(natives, by=BEN)
    natives.send(DATANET_REGISTRY, "approve", 1, 1, by=OWNER)
    assert natives.event_names == ["ContributionApproved"]
    natives.send(DATANET_REGISTRY, "reject", 1, 2, by=OWNER)
    assert natives.event_names == ["ContributionRejected"]
    assert (status_of(natives, 1), status_of(natives, 2)) == (APPROVED, REJECTED)


@pytest.mark.parametrize("name", ["approve", "reject"])
def test_only_the_owner_decides(natives, name):
    create(natives)
    contribute(natives)
    reason = natives.refuse(DATANET_REGISTRY, name, 1, 1, by=ANNA)
    assert OWNER.address.hex() in reason
    assert ANNA.address.hex() in reason


def test_a_decision_is_made_once(natives):
    create(natives)
    contribute(natives)
    natives.send(DATANET_REGISTRY, "reject", 1, 1, by=OWNER)
    reason = natives.refuse(DATANET_REGISTRY, "approve", 1, 1, by=OWNER)
    assert reason == "datanet_registry: contribution 1 of datanet 1 is rejected, not pending"


@pytest.mark.parametrize("by", [ANNA, OWNER])
def test_contributor_and_owner_revoke(natives, by):
    create(natives, open_to_all=True)
    contribute(natives)
    natives.send(DATANET_REGISTRY, "revoke", 1, 1, by=by)
    assert natives.event_names == ["ContributionRevoked"]
    assert status_of(natives, 1) == REVOKED
    reason = natives.refuse(DATANET_REGISTRY, "revoke", 1, 1, by=by)
    assert reason == "datanet_registry: contribution 1 of datanet 1 is revoked"


def test_a_stranger_cannot_revoke(natives):
    create(natives, open_to_all=True)
    contribute(natives)
    assert CARA.address.hex() in natives.refuse(DATANET_REGISTRY, "revoke", 1, 1, by=CARA)


def test_a_rejected_contribution_cannot_be_revoked(natives):
    create(natives)
    contribute(natives)
    natives.send(DATANET_REGISTRY, "reject", 1, 1, by=OWNER)
    reason = natives.refuse(DATANET_REGISTRY, "revoke", 1, 1, by=ANNA)
    assert reason == "datanet_registry: contribution 1 of datanet 1 is rejected"


def test_version_has_the_root_of_its_contributions(natives):
    create(natives, open_to_all=True)
    for person, rows in ((ANNA, 10), (BEN, 20), (CARA, 30)):
        contribute(natives, by=person, rows=rows)
    natives.send(DATANET_REGISTRY, "publishVersion", 1, [1, 3], by=OWNER)
    root = merkle_root([leaf(1, ANNA), leaf(3, CARA, 30)])
    (event,) = natives.events
    assert event.name == "VersionPublished"
    assert tuple(event.arguments.values()) == (1, 1, root, 40, (1, 3))
    assert natives.read(DATANET_REGISTRY, "getVersion", 1, 1) == {
        "snapshotRoot": root,
        "rowCount": 40,
        "contributionCount": 2,
        "blockNumber": natives.host.block_number,
    }
    assert natives.read(DATANET_REGISTRY, "isVersion", 1, root) is True
    assert natives.read(DATANET_REGISTRY, "isVersion", 1, word("other")) is False
    assert natives.read(DATANET_REGISTRY, "isVersion", 2, root) is False


def test_the_same_set_may_be_published_again(natives):
    create(natives, open_to_all=True)
    contribute(natives)
    numbers = [
        natives.send(DATANET_REGISTRY, "publishVersion", 1, [1], by=OWNER)["version"]
        for _ in range(2)
    ]
    assert numbers == [1, 2]


def test_revoked_contribution_leaves_later_versions_only(natives):
    create(natives, open_to_all=True)
    contribute(natives)
    contribute(natives, by=BEN)
    natives.send(DATANET_REGISTRY, "publishVersion", 1, [1, 2], by=OWNER)
    root = natives.read(DATANET_REGISTRY, "getVersion", 1, 1)["snapshotRoot"]
    natives.send(DATANET_REGISTRY, "revoke", 1, 2, by=BEN)
    reason = natives.refuse(DATANET_REGISTRY, "publishVersion", 1, [1, 2], by=OWNER)
    assert reason == "datanet_registry: contribution 2 of datanet 1 is revoked"
    natives.send(DATANET_REGISTRY, "publishVersion", 1, [1], by=OWNER)
    assert natives.read(DATANET_REGISTRY, "isVersion", 1, root) is True


@pytest.mark.parametrize("name", ["pending", "rejected"])
def test_version_takes_approved_contributions_only(natives, name):
    create(natives)
    contribute(natives)
    if name == "rejected":
        natives.send(DATANET_REGISTRY, "reject", 1, 1, by=OWNER)
    reason = natives.refuse(DATANET_REGISTRY, "publishVersion", 1, [1], by=OWNER)
    assert reason == f"datanet_registry: contribution 1 of datanet 1 is {name}"


@pytest.mark.parametrize("ids", [[2, 1], [1, 1], [0]])
def test_ids_of_a_version_ascend_strictly(natives, ids):
    create(natives, open_to_all=True)
    contribute(natives)
    contribute(natives, by=BEN)
    reason = natives.refuse(DATANET_REGISTRY, "publishVersion", 1, ids, by=OWNER)
    assert reason.startswith("datanet_registry: contribution ids must ascend")


def test_version_has_1_to_1024_contributions(natives):
    create(natives, open_to_all=True)
    for count in (0, 1_025):
        ids = list(range(1, count + 1))
        reason = natives.refuse(DATANET_REGISTRY, "publishVersion", 1, ids, by=OWNER)
        assert reason == f"datanet_registry: {count} contributions in a version, 1 to 1024"


def test_largest_version_fits_in_a_block(natives):
    create(natives, open_to_all=True)
    for _ in range(1_024):
        contribute(natives, rows=1)
    ids = list(range(1, 1_025))
    natives.send(DATANET_REGISTRY, "publishVersion", 1, ids, by=OWNER)
    assert natives.last.gas_used < 12_000_000


def test_rows_of_a_version_that_overflow_are_refused(natives):
    create(natives, open_to_all=True)
    contribute(natives, rows=2**64 - 1)
    contribute(natives, by=BEN, rows=1)
    reason = natives.refuse(DATANET_REGISTRY, "publishVersion", 1, [1, 2], by=OWNER)
    assert reason == f"Version.row_count: {2**64} does not fit in 64 bits"


def test_only_the_owner_publishes(natives):
    create(natives, open_to_all=True)
    contribute(natives)
    reason = natives.refuse(DATANET_REGISTRY, "publishVersion", 1, [1], by=ANNA)
    assert "is owned by" in reason


def test_unknown_version_is_refused(natives):
    create(natives)
    for number in (0, 1):
        reason = natives.refuse(DATANET_REGISTRY, "getVersion", 1, number, by=OWNER)
        assert reason == f"datanet_registry: no version {number} of datanet 1, there are 0"


def test_frozen_datanet_takes_nothing_but_revocations(natives):
    create(natives, open_to_all=True)
    contribute(natives)
    natives.send(DATANET_REGISTRY, "freeze", 1, by=OWNER)
    assert natives.event_names == ["DatanetFrozen"]
    assert natives.read(DATANET_REGISTRY, "getDatanet", 1)["frozen"] is True
    for name, arguments in (
        ("contribute", (1, word("x"), 1, LICENCE)),
        ("approve", (1, 1)),
        ("reject", (1, 1)),
        ("publishVersion", (1, [1])),
        ("freeze", (1,)),
    ):
        reason = natives.refuse(DATANET_REGISTRY, name, *arguments, by=OWNER)
        assert reason == "datanet_registry: datanet 1 is frozen"
    natives.send(DATANET_REGISTRY, "revoke", 1, 1, by=ANNA)


def test_only_the_owner_freezes(natives):
    create(natives)
    assert "is owned by" in natives.refuse(DATANET_REGISTRY, "freeze", 1, by=ANNA)
