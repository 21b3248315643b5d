"""The native precompiles that have a twin on L1, call by call as on the step machine.

What a native says when it refuses a call is return data: reasons are compared letter by letter.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from judged_host import MOST_GAS, RULES, JudgedHost
from natives import (
    ADAPTER,
    ANNA,
    BEN,
    CALLER,
    CARA,
    ETHER,
    INFERENCE_ESCROW,
    PROMPT,
    WORKER,
    WORKER_REGISTRY,
    Natives,
    word,
)
from step_host import StepHost
from step_verifier import UNSUPPORTED_PRECOMPILE, StepVerifier

from evm.step import state as step_state
from evm.step.names import NOTHING
from evm.step.opener import encode_witness, witness_items
from evm.step.state import Phase
from evm.step.stepping import record
from evm.step.structures.words import data_tree

TERM = word("capability"), word("endpoint")


@pytest.fixture(scope="module")
def verifier():
    return StepVerifier(RULES)


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
    marks = [499, 590, spent - 1, spent, *(rnd.randrange(spent) for _ in range(4))]
    for gas in marks:
        host._effects = effects
        done = natives.call(WORKER_REGISTRY, name, *arguments, by=WORKER, gas=gas, **options)
        assert done.succeeded == (gas >= spent)


# -- inference_escrow -----------------------------------------------------------------------------


def escrowed(verifier, mutants=0):
    """A market with an adapter; only what the escrow does is judged."""
    host = JudgedHost(verifier, mutants)
    natives = Natives(host)
    host.judges = False
    natives.register_adapter()
    host.judges = True
    return host, natives


def opening(host, **changes):
    """Arguments of a request of up to 100 tokens each way, for 400,000 wei."""
    arguments = {
        "adapter": ADAPTER, "worker": WORKER.address, "prompt": PROMPT, "input": 100,
        "output": 100, "deadline": host.timestamp + 600,
    }  # fmt: skip
    return list((arguments | changes).values())


def test_a_request_from_opening_to_refund(verifier):
    host, natives = escrowed(verifier)
    identity = natives.open_request(value=400_100)
    natives.open_request(value=400_000)
    natives.read(INFERENCE_ESCROW, "getRequest", identity)
    natives.read(INFERENCE_ESCROW, "pricesOf", identity)
    assert natives.read(INFERENCE_ESCROW, "nonceOf", CALLER.address) == 2
    assert natives.read(INFERENCE_ESCROW, "requestIdOf", CALLER.address, 0) == identity
    natives.refuse(INFERENCE_ESCROW, "refund", identity, by=ANNA)
    host.wait(601)
    natives.send(INFERENCE_ESCROW, "refund", identity, by=ANNA)
    natives.refuse(INFERENCE_ESCROW, "refund", identity, by=ANNA)
    assert max(host.judge.found.gas()) < MOST_GAS


def test_each_refusal_of_the_escrow_says_the_same(verifier):
    host, natives = escrowed(verifier)
    refused = [
        natives.refuse(INFERENCE_ESCROW, "open", *opening(host, **changes), by=CALLER, **options)
        for changes, options in (
            ({"deadline": host.timestamp}, {"value": 400_000}),
            ({"adapter": word("none")}, {"value": 400_000}),
            ({"worker": ANNA.address}, {"value": 400_000}),
            ({}, {"value": 399_999}),
            ({"input": 2**64 - 1, "output": 2**64 - 1}, {"value": 1}),
            ({}, {"is_static": True}),
        )
    ]
    for name in ("getRequest", "pricesOf", "refund"):
        refused.append(natives.refuse(INFERENCE_ESCROW, name, word(name), by=ANNA))
    refused += [
        natives.refuse(INFERENCE_ESCROW, "settle", word("x"), 7, by=ANNA),
        natives.refuse(INFERENCE_ESCROW, "refund", word("x"), by=ANNA, value=3),
        natives.refuse(INFERENCE_ESCROW, "refund", word("x"), by=ANNA, is_static=True),
    ]
    assert len(set(refused)) == len(refused)


def malformed_requests():
    """Each argument of `open` as its type does not allow, and calldata that is cut off."""
    deadline = StepHost.timestamp + 600
    arguments = (ADAPTER, WORKER.address, PROMPT, 100, 100, deadline)
    data = INFERENCE_ESCROW.encode_call("open", *arguments)
    yield from (b"", data[:3], data[:4], data[:40], data[:195])
    for index, byte in ((1, 0), (1, 11), (3, 0), (3, 23), (4, 20), (5, 23)):
        place = 4 + 32 * index + byte
        yield data[:place] + b"\x10" + data[place + 1 :]
    identity = INFERENCE_ESCROW.encode_call("requestIdOf", ANNA.address, 1)
    yield from (identity[:36], identity[:67], identity[:4] + b"\x01" + identity[5:])


def test_malformed_requests(verifier):
    host = JudgedHost(verifier)
    natives = Natives(host)
    for data in malformed_requests():
        natives.host.call(INFERENCE_ESCROW.address, caller=ANNA.address, calldata=data)
    assert len(host.judge.found.gas()) == len(list(malformed_requests()))


@pytest.mark.parametrize("share", range(4))
def test_gas_of_a_request_runs_out_anywhere(verifier, share):
    host, natives = escrowed(verifier)
    host.judges = False
    natives.open_request(value=400_000)
    effects, arguments = host._effects, opening(host)
    spent = natives.call(INFERENCE_ESCROW, "open", *arguments, by=CALLER, value=10**6).gas_used
    host._effects, host.judges = effects, True
    gas = random.Random(share).randrange(spent) if share else spent
    done = natives.call(INFERENCE_ESCROW, "open", *arguments, by=CALLER, value=10**6, gas=gas)
    assert done.succeeded == (share == 0)


# -- both -----------------------------------------------------------------------------------------


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


class DeepHost(JudgedHost):
    """Each call comes from as far below as a call can."""

    def _run(self, state):
        message = self._opener.open(state.pending, step_state.Message)
        return super()._run(replace(state, pending=replace(message, depth=1_024)))


def test_no_native_is_called_below_the_deepest_frame(verifier):
    host = DeepHost(verifier)
    arguments = opening(host)
    reason = Natives(host).refuse(INFERENCE_ESCROW, "open", *arguments, by=CALLER, value=400_000)
    assert reason.startswith("nested call at depth 1")


def test_more_calldata_than_is_taken_is_refused_by_name(verifier):
    """More than 65,536 bytes: a step would be too dear."""
    host = JudgedHost(verifier)
    host.judges = False
    seen = []
    host.step = lambda state: seen.append(state) or JudgedHost.step(host, state)
    host.call(WORKER_REGISTRY.address, caller=ANNA.address, calldata=bytes(65_537))
    state = next(state for state in seen if state.phase == Phase.PRECOMPILE)
    _, witness = record(state, host._opener, host._rules)
    first, *items = witness_items(witness)
    outcome = verifier.step(first, encode_witness(items))
    assert outcome.refused_with(UNSUPPORTED_PRECOMPILE)
