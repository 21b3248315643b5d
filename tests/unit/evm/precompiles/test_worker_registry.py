"""Workers: bonds, exits and the rewards that bonds earn."""

from __future__ import annotations

import pytest
from natives import ANNA, BEN, ETHER, WORKER, WORKER_REGISTRY, Natives, word

from chain.types import ZERO_HASH
from evm.precompiles.worker_registry import EXIT_DELAY_S, MIN_BOND_WEI

NONE, ACTIVE, EXITING = range(3)
KEYS = (word("capability"), word("endpoint"))


@pytest.fixture
def natives():
    return Natives()


def deposit(natives, wei):
    natives.send(WORKER_REGISTRY, "depositRewards", by=ANNA, value=wei)


def pending(natives, person):
    return natives.read(WORKER_REGISTRY, "pendingRewards", person.address)


def claim(natives, person):
    return natives.send(WORKER_REGISTRY, "claimStakerRewards", by=person)["amount"]


def test_register_is_recorded_and_told(natives):
    natives.register_worker(bond=3 * ETHER)
    (event,) = natives.events
    assert event.name == "WorkerRegistered"
    assert tuple(event.arguments.values()) == (WORKER.address, 3 * ETHER, *KEYS)
    assert natives.read(WORKER_REGISTRY, "getWorker", WORKER.address) == {
        "bond": 3 * ETHER,
        "capability": KEYS[0],
        "endpointKey": KEYS[1],
        "status": ACTIVE,
        "exitAt": 0,
    }
    assert natives.read(WORKER_REGISTRY, "isActive", WORKER.address) is True
    assert natives.read(WORKER_REGISTRY, "totalBond") == 3 * ETHER


def test_stranger_is_no_worker(natives):
    worker = natives.read(WORKER_REGISTRY, "getWorker", ANNA.address)
    assert worker["status"] == NONE
    assert natives.read(WORKER_REGISTRY, "isActive", ANNA.address) is False


def test_bond_below_the_minimum_is_refused(natives):
    bond = MIN_BOND_WEI - 1
    reason = natives.refuse(WORKER_REGISTRY, "register", *KEYS, by=WORKER, value=bond)
    assert reason == f"worker_registry: bond of {bond} wei, at least {MIN_BOND_WEI}"


def test_registering_twice_is_refused(natives):
    natives.register_worker()
    reason = natives.refuse(WORKER_REGISTRY, "register", *KEYS, by=WORKER, value=ETHER)
    assert reason.endswith("is active, not not registered")


def test_bond_grows(natives):
    natives.register_worker()
    natives.send(WORKER_REGISTRY, "addBond", by=WORKER, value=5)
    assert tuple(natives.events[0].arguments.values()) == (WORKER.address, 5, 2 * ETHER + 5)
    assert natives.read(WORKER_REGISTRY, "totalBond") == 2 * ETHER + 5
    assert "without value" in natives.refuse(WORKER_REGISTRY, "addBond", by=WORKER)
    assert "not active" in natives.refuse(WORKER_REGISTRY, "addBond", by=ANNA, value=1)


def test_exit_waits_for_its_delay(natives):
    natives.register_worker()
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    exit_at = natives.host.timestamp + EXIT_DELAY_S
    assert tuple(natives.events[0].arguments.values()) == (WORKER.address, exit_at)
    assert natives.read(WORKER_REGISTRY, "isActive", WORKER.address) is False
    assert natives.read(WORKER_REGISTRY, "totalBond") == 0
    natives.host.timestamp = exit_at - 1
    reason = natives.refuse(WORKER_REGISTRY, "withdrawBond", by=WORKER)
    assert reason == f"worker_registry: bond is locked until {exit_at}, now is {exit_at - 1}"
    natives.host.timestamp = exit_at
    before = natives.host.balance(WORKER.address)
    assert natives.send(WORKER_REGISTRY, "withdrawBond", by=WORKER) == {"amount": 2 * ETHER}
    assert natives.event_names == ["BondWithdrawn"]
    assert natives.host.balance(WORKER.address) == before + 2 * ETHER
    worker = natives.read(WORKER_REGISTRY, "getWorker", WORKER.address)
    assert set(worker.values()) == {0, ZERO_HASH}


def test_withdrawing_without_exit_is_refused(natives):
    natives.register_worker()
    reason = natives.refuse(WORKER_REGISTRY, "withdrawBond", by=WORKER)
    assert reason.endswith("is active, not exiting")


def test_exit_is_requested_once(natives):
    natives.register_worker()
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    reason = natives.refuse(WORKER_REGISTRY, "requestExit", by=WORKER)
    assert reason.endswith("is exiting, not active")


def test_bond_is_withdrawn_once_and_a_worker_may_return(natives):
    natives.register_worker()
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    natives.host.timestamp += EXIT_DELAY_S
    natives.send(WORKER_REGISTRY, "withdrawBond", by=WORKER)
    assert "not exiting" in natives.refuse(WORKER_REGISTRY, "withdrawBond", by=WORKER)
    natives.register_worker()
    assert natives.read(WORKER_REGISTRY, "isActive", WORKER.address) is True


def test_rewards_follow_the_bonds(natives):
    natives.register_worker(WORKER, 3 * ETHER)
    natives.register_worker(BEN, 1 * ETHER)
    deposit(natives, 1_000)
    assert natives.event_names == ["RewardsDeposited"]
    assert (pending(natives, WORKER), pending(natives, BEN)) == (750, 250)
    assert claim(natives, WORKER) == 750
    assert natives.event_names == ["RewardsClaimed"]
    assert pending(natives, WORKER) == 0


def test_rewards_are_of_those_bonded_at_the_time(natives):
    natives.register_worker(WORKER)
    deposit(natives, 100)
    natives.register_worker(BEN)
    deposit(natives, 100)
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    deposit(natives, 100)
    assert (pending(natives, WORKER), pending(natives, BEN)) == (150, 150)


def test_fractions_of_a_wei_are_carried_until_they_are_one(natives):
    natives.register_worker(WORKER, 2 * ETHER)
    natives.register_worker(BEN, 1 * ETHER)
    paid = {WORKER: 0, BEN: 0}
    for _ in range(300):
        deposit(natives, 1)
        for person in paid:
            if pending(natives, person):
                paid[person] += claim(natives, person)
    assert paid[WORKER] in (199, 200)
    assert paid[BEN] in (99, 100)
    held = natives.host.balance(WORKER_REGISTRY.address) - 3 * ETHER
    assert held == 300 - sum(paid.values())


def test_rewards_survive_the_withdrawal_of_the_bond(natives):
    natives.register_worker()
    deposit(natives, 77)
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    natives.host.timestamp += EXIT_DELAY_S
    natives.send(WORKER_REGISTRY, "withdrawBond", by=WORKER)
    assert claim(natives, WORKER) == 77
    assert natives.host.balance(WORKER_REGISTRY.address) == 0


def test_more_bond_earns_from_now_on_only(natives):
    natives.register_worker(WORKER, 1 * ETHER)
    natives.register_worker(BEN, 1 * ETHER)
    deposit(natives, 100)
    natives.send(WORKER_REGISTRY, "addBond", by=WORKER, value=2 * ETHER)
    deposit(natives, 100)
    assert (pending(natives, WORKER), pending(natives, BEN)) == (125, 75)


def test_rewards_without_a_bond_to_share_them_are_refused(natives):
    reason = natives.refuse(WORKER_REGISTRY, "depositRewards", by=ANNA, value=5)
    assert reason == "worker_registry: no bond to share 5 wei of rewards"
    natives.register_worker()
    reason = natives.refuse(WORKER_REGISTRY, "depositRewards", by=ANNA)
    assert reason == "worker_registry: depositRewards without value"


def test_claiming_nothing_is_refused(natives):
    reason = natives.refuse(WORKER_REGISTRY, "claimStakerRewards", by=ANNA)
    assert reason == f"worker_registry: no rewards to claim for 0x{ANNA.address.hex()}"


def test_deposit_costs_the_same_for_many_workers():
    costs = set()
    for bonds in ({WORKER: 3}, {WORKER: 1, ANNA: 1, BEN: 1}):
        natives = Natives()
        for person, ethers in bonds.items():
            natives.register_worker(person, ethers * ETHER)
        deposit(natives, 10)
        costs.add(natives.last.gas_used)
    assert len(costs) == 1
