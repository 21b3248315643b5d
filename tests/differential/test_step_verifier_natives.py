"""The native precompiles that have a twin on L1, call by call as on the step machine.

What a native says when it refuses a call is return data: reasons are compared letter by letter.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from natives import ANNA, BEN, CARA, ETHER, WORKER, WORKER_REGISTRY, Natives, word
from step_host import StepHost
from step_runs import Step
from step_verifier import Judge, StepVerifier

from evm.precompiles import NATIVE_PRECOMPILES
from evm.step import state as step_state
from evm.step.names import NOTHING
from evm.step.opener import encode_witness, witness_items
from evm.step.state import Phase
from evm.step.stepping import record
from evm.step.structures.words import data_tree
from rollup.settlement.step_verifier import ForkRules

RULES = ForkRules.BLS | ForkRules.DELEGATIONS | ForkRules.NATIVES
MOST_GAS = 1 << 24
TERM = word("capability"), word("endpoint")


@pytest.fixture(scope="module")
def verifier():
    return StepVerifier(RULES)


class JudgedHost(StepHost):
    """A host whose native steps the verifier takes too."""

    def __init__(self, verifier, mutants=0):
        super().__init__(NATIVE_PRECOMPILES)
        self.judge, self.rnd, self.mutants = Judge(verifier), random.Random(4), mutants

    def _run(self, state):
        while state.phase != Phase.TRANSACTION_END:
            state = self.step(state)
        return state

    def wait(self, seconds):
        """Let time pass."""
        self._block = replace(self._block, timestamp=self._block.timestamp + seconds)

    def step(self, state):
        after, witness = record(state, self._opener, self._rules)
        if state.phase == Phase.PRECOMPILE:
            first, *items = witness_items(witness)
            step = Step(state.phase, 0, first, encode_witness(items), after.commitment, "native")
            self.judge.step(step)
            self.judge.mutants(step, self.rnd, self.mutants)
            assert self.judge.found.wrong == []
            assert not self.judge.found.unsupported
        return after


@pytest.fixture
def natives(verifier):
    return Natives(JudgedHost(verifier))


def registered(natives):
    natives.send(WORKER_REGISTRY, "register", *TERM, by=WORKER, value=2 * ETHER)
    natives.send(WORKER_REGISTRY, "register", *TERM, by=ANNA, value=ETHER)


def test_a_worker_from_registration_to_exit(verifier):
    host = JudgedHost(verifier, mutants=1)
    natives = Natives(host)
    registered(natives)
    natives.send(WORKER_REGISTRY, "addBond", by=WORKER, value=5)
    natives.send(WORKER_REGISTRY, "depositRewards", by=BEN, value=10**9 + 7)
    for account in (WORKER.address, CARA.address):
        natives.read(WORKER_REGISTRY, "getWorker", account)
        natives.read(WORKER_REGISTRY, "isActive", account)
        natives.read(WORKER_REGISTRY, "pendingRewards", account)
    natives.send(WORKER_REGISTRY, "claimStakerRewards", by=WORKER)
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    natives.send(WORKER_REGISTRY, "depositRewards", by=BEN, value=3)
    natives.refuse(WORKER_REGISTRY, "withdrawBond", by=WORKER)
    host.wait(604_800)
    natives.send(WORKER_REGISTRY, "withdrawBond", by=WORKER)
    assert natives.read(WORKER_REGISTRY, "totalBond") == ETHER
    natives.send(WORKER_REGISTRY, "register", *TERM, by=WORKER, value=ETHER)
    assert max(host.judge.found.gas()) < MOST_GAS


def test_each_refusal_says_the_same(natives):
    refused = [
        natives.refuse(WORKER_REGISTRY, "register", *TERM, by=WORKER, value=ETHER - 1),
        natives.refuse(WORKER_REGISTRY, "addBond", by=WORKER, value=1),
        natives.refuse(WORKER_REGISTRY, "depositRewards", by=BEN, value=0),
        natives.refuse(WORKER_REGISTRY, "depositRewards", by=BEN, value=12),
        natives.refuse(WORKER_REGISTRY, "claimStakerRewards", by=BEN),
    ]
    registered(natives)
    refused += [
        natives.refuse(WORKER_REGISTRY, "register", *TERM, by=WORKER, value=ETHER),
        natives.refuse(WORKER_REGISTRY, "addBond", by=WORKER, value=0),
        natives.refuse(WORKER_REGISTRY, "withdrawBond", by=WORKER),
        natives.refuse(WORKER_REGISTRY, "requestExit", by=WORKER, value=3),
        natives.refuse(WORKER_REGISTRY, "addBond", by=WORKER, is_static=True),
        natives.refuse(WORKER_REGISTRY, "totalBond", by=WORKER, value=10**20),
    ]
    natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
    refused += [natives.refuse(WORKER_REGISTRY, "addBond", by=WORKER, value=1)]
    assert all(reason.startswith("worker_registry") for reason in refused)
    assert len(set(refused)) == len(refused)


def malformed():
    """Calldata that is too short, too long or not what its types say."""
    register = WORKER_REGISTRY.encode_call("register", *TERM)
    active = WORKER_REGISTRY.encode_call("isActive", ANNA.address)
    yield from (b"", b"\x00", register[:3], b"\xff\xfe\xfd\xfc", b"\xff" * 40, bytes(4))
    yield from (register[:4], register[:5], register[:36], register[:67], register + b"\x01" * 77)
    yield from (active[:35], active[:4] + b"\x01" + active[5:], active[:4] + b"\xff" * 32)
    yield from (active[:15] + b"\x80" + active[16:], active + bytes(3))


@pytest.mark.parametrize(
    "data", list(malformed()), ids=lambda data: f"{len(data)}-{data[:5].hex()}"
)
def test_malformed_calldata(natives, data):
    natives.host.call(WORKER_REGISTRY.address, caller=ANNA.address, calldata=data)
    if data:
        natives.host.call(
            WORKER_REGISTRY.address, caller=ANNA.address, calldata=data, is_static=True
        )


@pytest.mark.parametrize("name", ["register", "claimStakerRewards", "withdrawBond"])
def test_gas_runs_out_anywhere(verifier, name):
    host = JudgedHost(verifier)
    natives = Natives(host)
    options = {"value": ETHER} if name == "register" else {}
    if name != "register":
        natives.send(WORKER_REGISTRY, "register", *TERM, by=WORKER, value=ETHER)
        natives.send(WORKER_REGISTRY, "depositRewards", by=BEN, value=ETHER)
    if name == "withdrawBond":
        natives.send(WORKER_REGISTRY, "requestExit", by=WORKER)
        host.wait(604_800)
    arguments = TERM if name == "register" else ()
    effects = host._effects
    spent = natives.call(WORKER_REGISTRY, name, *arguments, by=WORKER, **options).gas_used
    rnd = random.Random(spent)
    marks = [0, 499, 500, 590, 2_300, spent - 1, spent, *(rnd.randrange(spent) for _ in range(14))]
    for gas in marks:
        host._effects = effects
        done = natives.call(WORKER_REGISTRY, name, *arguments, by=WORKER, gas=gas, **options)
        assert done.succeeded == (gas >= spent)


def test_a_native_runs_in_its_own_account_only(verifier):
    """DELEGATECALL and CALLCODE leave a frame whose address is another one."""
    host = JudgedHost(verifier)
    at, other = WORKER_REGISTRY.address, ANNA.address
    data = WORKER_REGISTRY.encode_call("totalBond")
    call = step_state.Call(
        1, 0, other, other, 0, at, 0, data_tree(data), len(data), 0, 0, NOTHING, NOTHING
    )
    frame = step_state.Frame(0, 10**6, 0, NOTHING, 0, NOTHING, NOTHING, 0, NOTHING, 0, call)
    context = step_state.Context(NOTHING, NOTHING)
    state = step_state.State(Phase.PRECOMPILE, NOTHING, context, host._effects, frame)
    after = host.step(state)
    assert after.phase == Phase.LEAVE
    assert len(host.judge.found.gas()) == 1


def test_no_other_native_is_decided(verifier):
    host = JudgedHost(verifier)
    natives = Natives(host)
    with pytest.raises(AssertionError):
        natives.publish_datanet()
