"""The natives give the same outputs, gas, logs, slots and balances on py-evm as in memory.

And on the step machine, where each step is proven by its witness.
"""

from __future__ import annotations

import pytest
from frames import World
from machine_host import MachineHost
from natives import (
    ADAPTER,
    ANNA,
    BASE,
    BEN,
    CALLER,
    DATANET_REGISTRY,
    INFERENCE_ESCROW,
    MAKER,
    MODEL_REGISTRY,
    OWNER,
    PEOPLE,
    PROOF_OF_ATTRIBUTION,
    WORKER,
    WORKER_REGISTRY,
    Natives,
    ascending_shares,
    statement_values,
)
from step_host import StepHost

from chain.attestation import shares_proof
from evm.precompiles import NATIVE_PRECOMPILES
from genesis.addresses import PLATFORM_ACCOUNT
from genesis.interfaces import INTERFACES


class TwinHost:
    """Two hosts that must agree on each call."""

    chain_id = MachineHost.chain_id
    block_number = MachineHost.block_number
    timestamp = MachineHost.timestamp

    def __init__(self, make_host=MachineHost):
        self.machine = make_host(NATIVE_PRECOMPILES)
        self.memory = World(block_number=self.block_number, timestamp=self.timestamp)
        self.calls = 0

    def fund(self, account, wei):
        self.machine.fund(account, wei)
        self.memory.fund(account, wei)

    def call(self, to, **options):
        options = {"gas": 30_000_000} | options
        expected = self.memory.call(to, **options)
        assert self.machine.call(to, **options) == expected
        self.calls += 1
        return expected

    def assert_equal_worlds(self):
        for (address, slot), value in self.memory.slots.items():
            assert self.machine.storage(address, slot) == value
        for address, wei in self.memory.balances.items():
            assert self.machine.balance(address) == wei


def walk_the_market(natives, shares):
    """Each function that changes state, but for those that wait for a deadline."""
    natives.send(MODEL_REGISTRY, "registerBaseModel", BASE, 300, "small", by=MAKER)
    natives.register_adapter()
    natives.send(MODEL_REGISTRY, "setPrice", ADAPTER, 1_001, 2_999, by=OWNER)
    natives.send(WORKER_REGISTRY, "addBond", by=WORKER, value=5)
    for is_held in (False, True):
        identity = natives.open_request(value=400_100)
        statement = natives.inference_statement(identity, shares)
        arguments = list(natives.settle_arguments(statement, [] if is_held else shares))
        natives.send(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)
        natives.refuse(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=WORKER)
    for index, (account, ppm) in enumerate(shares):
        proof = shares_proof(shares, index)
        arguments = (identity, index, len(shares), account, ppm, proof)
        natives.send(PROOF_OF_ATTRIBUTION, "claimShare", *arguments, by=ANNA)
        natives.send(PROOF_OF_ATTRIBUTION, "claimFor", account, by=BEN)
    natives.send(PROOF_OF_ATTRIBUTION, "claim", by=OWNER)
    natives.send(PROOF_OF_ATTRIBUTION, "claimFor", PLATFORM_ACCOUNT, by=CALLER)
    natives.send(WORKER_REGISTRY, "claimStakerRewards", by=WORKER)
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    natives.send(DATANET_REGISTRY, "revoke", 1, 2, by=BEN)
    natives.send(DATANET_REGISTRY, "freeze", 1, by=OWNER)
    return identity


HOSTS = pytest.mark.parametrize("make_host", [MachineHost, StepHost])


@HOSTS
def test_a_walk_through_the_market(make_host):
    host = TwinHost(make_host)
    natives = Natives(host)
    identity = walk_the_market(natives, ascending_shares(333_333, 333_333, 333_334))
    for interface, name, arguments in (
        (DATANET_REGISTRY, "getDatanet", (1,)),
        (WORKER_REGISTRY, "getWorker", (WORKER.address,)),
        (MODEL_REGISTRY, "getAdapter", (ADAPTER,)),
        (INFERENCE_ESCROW, "getRequest", (identity,)),
        (PROOF_OF_ATTRIBUTION, "getSettlement", (identity,)),
    ):
        natives.read(interface, name, *arguments)
    assert host.calls > 30
    host.assert_equal_worlds()
    assert len(PEOPLE) < len(host.memory.balances)


@pytest.mark.parametrize("interface", INTERFACES.values(), ids=INTERFACES.keys())
@pytest.mark.parametrize("filling", [b"\x00", b"\x01", b"\xff"])
@HOSTS
def test_malformed_calls(interface, filling, make_host):
    host = TwinHost(make_host)
    host.fund(ANNA.address, 10**18)
    for function in interface.functions.values():
        for is_static in (False, True):
            host.call(
                interface.address,
                caller=ANNA.address,
                calldata=function.selector + filling * 640,
                value=int(not is_static and function.mutability == "payable"),
                is_static=is_static,
            )
    host.assert_equal_worlds()


@HOSTS
def test_settlement_on_too_little_gas(make_host):
    host = TwinHost(make_host)
    natives = Natives(host)
    natives.register_adapter()
    shares = ascending_shares(600_000, 400_000)
    statement = natives.inference_statement(natives.open_request(), shares)
    arguments = natives.settle_arguments(statement, shares)
    calldata = PROOF_OF_ATTRIBUTION.encode_call("settle", *arguments)
    for gas in range(0, 400_000, 9_973):
        outcome = host.call(
            PROOF_OF_ATTRIBUTION.address, caller=ANNA.address, calldata=calldata, gas=gas
        )
        assert (outcome.succeeded, outcome.gas_used) == (False, gas)
    host.assert_equal_worlds()
    natives.send(PROOF_OF_ATTRIBUTION, "settle", *arguments, by=ANNA)
    assert statement_values(statement)[0] == natives.events[0].arguments["requestId"]
