"""model_registry on L1, call by call as on the step machine.

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
    BASE,
    BEN,
    ETHER,
    MAKER,
    MODEL_REGISTRY,
    OWNER,
    RECIPE,
    WORKER,
    Natives,
    statement_values,
    word,
)
from step_verifier import StepVerifier

from chain.crypto.secp256k1 import CURVE_ORDER, HALF_CURVE_ORDER


@pytest.fixture(scope="module")
def verifier():
    return StepVerifier(RULES)


def market(verifier, mutants=0):
    """A Datanet's version and a worker; its root."""
    host = JudgedHost(verifier, mutants)
    natives = Natives(host)
    host.proves = False
    root = natives.publish_datanet()
    natives.register_worker()
    host.proves = True
    return host, natives, root


def claimed(natives, root):
    """A job that WORKER has claimed; its statement, signed."""
    natives.host.proves = False
    job = natives.request_training(root)
    natives.send(MODEL_REGISTRY, "claimTraining", job, by=WORKER)
    natives.host.proves = True
    return natives.training_statement(root, job)


def test_a_model_from_its_base_to_its_price(verifier):
    host, natives, root = market(verifier, mutants=1)
    natives.send(MODEL_REGISTRY, "registerBaseModel", BASE, 100, "a model", by=MAKER)
    job = natives.request_training(root)
    host.mutants = 0
    natives.send(MODEL_REGISTRY, "claimTraining", job, by=WORKER)
    natives.read(MODEL_REGISTRY, "getJob", job)
    host.mutants = 1
    natives.submit_training(natives.training_statement(root, job))
    host.mutants = 0
    natives.send(MODEL_REGISTRY, "setPrice", ADAPTER, 7, 2**128 - 1, by=OWNER)
    natives.read(MODEL_REGISTRY, "getBaseModel", BASE)
    natives.read(MODEL_REGISTRY, "getBaseModel", word("other"))
    natives.read(MODEL_REGISTRY, "getAdapter", ADAPTER)
    natives.read(MODEL_REGISTRY, "getRoyalties", ADAPTER)
    assert natives.request_training(root, fee=0) == 2
    host.wait(3_601)
    natives.send(MODEL_REGISTRY, "expireTraining", 2, by=BEN)
    assert natives.read(MODEL_REGISTRY, "jobCount") == 2
    assert max(host.judge.found.gas()) < MOST_GAS


@pytest.mark.parametrize("size", [0, 928, 929, 1_024])
def test_metadata_of_each_length(verifier, size):
    natives = Natives(JudgedHost(verifier))
    natives.send(MODEL_REGISTRY, "registerBaseModel", BASE, 2_500, "x" * size, by=MAKER)


def test_each_refusal_says_the_same(verifier):
    host, natives, root = market(verifier)
    now = host.timestamp

    def refuse(name, *arguments, by=OWNER, **options):
        return natives.refuse(MODEL_REGISTRY, name, *arguments, by=by, **options)

    def terms(**changes):
        default = {
            "datanet": 1, "root": root, "base": BASE, "recipe": RECIPE, "deadline": now + 60,
            "input": 1, "output": 2, "royalty": 5,
        }  # fmt: skip
        return (default | changes).values()

    refused = [
        refuse("registerBaseModel", BASE, 1, "x" * 1_025),
        refuse("registerBaseModel", bytes(32), 1, "x"),
        refuse("registerBaseModel", BASE, 2_501, "x"),
        refuse("registerBaseModel", BASE, 1, "x", value=1),
        refuse("requestTraining", *terms(deadline=now)),
        refuse("requestTraining", *terms(royalty=2_501)),
        refuse("requestTraining", *terms(datanet=2**256 - 1)),
        refuse("requestTraining", *terms(root=word("none"))),
        refuse("requestTraining", *terms(input=2**128)),
        refuse("requestTraining", *terms(output=2**256 - 1)),
        refuse("requestTraining", *terms(), is_static=True),
        refuse("claimTraining", 1, by=WORKER),
        refuse("expireTraining", 1),
        refuse("getJob", 2**200),
        refuse("setPrice", ADAPTER, 1, 1),
        refuse("getAdapter", ADAPTER),
        refuse("getRoyalties", ADAPTER),
    ]
    host.proves = False
    natives.send(MODEL_REGISTRY, "registerBaseModel", BASE, 1, "x", by=MAKER)
    natives.request_training(root)
    host.proves = True
    refused += [
        refuse("registerBaseModel", BASE, 1, "x"),
        refuse("claimTraining", 1, by=ANNA),
        refuse("claimTraining", 1, by=WORKER, value=10**18),
        refuse("expireTraining", 1),
    ]
    statement = claimed(natives, root)
    host.proves = False
    natives.submit_training(statement)
    natives.request_training(root)
    host.proves = True
    refused += [
        refuse("claimTraining", 2, by=WORKER),
        refuse("expireTraining", 2),
        refuse("setPrice", ADAPTER, 1, 1, by=ANNA),
        refuse("setPrice", ADAPTER, 2**128, 1),
        refuse("setPrice", ADAPTER, 1, 2**128),
    ]
    host.wait(3_601)
    refused.append(refuse("claimTraining", 1, by=WORKER))
    host.proves = False
    natives.send(MODEL_REGISTRY, "expireTraining", 1, by=BEN)
    host.proves = True
    refused.append(refuse("expireTraining", 1))
    # No adapter and no job are said of several functions, the royalty of two.
    assert len(set(refused)) == len(refused) - 4


def signatures(natives, statement):
    """Signatures that are none of the worker's."""
    good = natives.sign(statement)
    yield natives.sign(statement, ANNA)
    yield from (b"", good[:64], good + b"\x00", bytes(65), good[:64] + b"\x1d")
    yield from (good[:64] + b"\x02", good[:64] + bytes([good[64] ^ 7]))
    for r in (0, CURVE_ORDER, 5):
        yield r.to_bytes(32, "big") + good[32:]
    for s in (0, HALF_CURVE_ORDER + 1, CURVE_ORDER, 2**256 - 1):
        yield good[:32] + s.to_bytes(32, "big") + good[64:]


def test_statements_that_are_refused(verifier):
    host, natives, root = market(verifier)

    def refuse(statement, signature=None):
        arguments = (statement_values(statement), signature or natives.sign(statement))
        return natives.refuse(MODEL_REGISTRY, "submitTraining", *arguments, by=BEN)

    refused = [refuse(natives.training_statement(root, 3))]
    statement = claimed(natives, root)
    for changes in (
        {"datanet_id": 2}, {"datanet_id": 2**256 - 1}, {"snapshot_root": word("x")},
        {"base_model": word("y")}, {"recipe_hash": bytes(32)}, {"adapter_id": bytes(32)},
    ):  # fmt: skip
        refused.append(refuse(replace(statement, **changes)))
    for signature in signatures(natives, statement):
        arguments = (statement_values(statement), signature)
        refused.append(natives.refuse(MODEL_REGISTRY, "submitTraining", *arguments, by=BEN))
    refused.append(refuse(replace(statement, steps=41), natives.sign(statement)))
    host.proves = False
    natives.submit_training(statement)
    other = natives.request_training(root)
    host.proves = True
    refused += [refuse(statement), refuse(natives.training_statement(root, other))]
    host.proves = False
    natives.send(MODEL_REGISTRY, "claimTraining", other, by=WORKER)
    host.proves = True
    refused.append(refuse(natives.training_statement(root, other)))
    host.wait(3_601)
    refused.append(refuse(natives.training_statement(root, other)))
    assert len(set(refused)) == len(refused)


def changed(data, index, value):
    """Word `index` of the arguments is another."""
    return data[: 4 + 32 * index] + value.to_bytes(32, "big") + data[36 + 32 * index :]


def malformed(natives, statement):
    """Calldata that is cut off, and offsets, lengths and values that their types do not allow."""
    values, signature = statement_values(statement), natives.sign(statement)
    submit = MODEL_REGISTRY.encode_call("submitTraining", values, signature)
    for size in (4, 35, 291, 323, 324, 355, 356, 451):
        yield submit[:size]
    for offset in (0, 288, 319, 321, 2**256 - 32, 2**256 - 1):
        yield changed(submit, 9, offset)
    yield changed(submit, 7, 2**64)
    for length in (0, 64, 66, 97, 2**256 - 1):
        yield changed(submit, 10, length)
    yield submit[:-1] + b"\x01"
    moved = changed(submit, 9, 352)
    yield moved[:324] + bytes(32) + moved[324:]
    register = MODEL_REGISTRY.encode_call("registerBaseModel", BASE, 1, "x" * 40)
    for size in (4, 67, 99, 131, 195):
        yield register[:size]
    for offset in (0, 64, 97, 2**255):
        yield changed(register, 2, offset)
    yield from (changed(register, 1, 65_536), register[:-30] + b"\xff" * 30)
    yield register[:140] + b"\xff" + register[141:]
    terms = (1, BASE, BASE, RECIPE, 2**64 - 1, 1, 1, 1)
    request = MODEL_REGISTRY.encode_call("requestTraining", *terms)
    yield from (request[:35], request[:67], request[:259], changed(request, 4, 2**64))
    yield from (changed(request, 7, 65_536), b"\x00" * 3, b"\xff" * 40)
    for name in ("claimTraining", "setPrice", "getJob", "getAdapter"):
        yield MODEL_REGISTRY.functions[name].selector + bytes(31)


def test_malformed_calldata(verifier):
    host, natives, root = market(verifier)
    statement = claimed(natives, root)
    effects = host._effects
    for data in malformed(natives, statement):
        host._effects = effects
        host.call(MODEL_REGISTRY.address, caller=ANNA.address, calldata=data)
    assert len(host.judge.found.gas()) > 40


@pytest.mark.parametrize(
    "name", ["registerBaseModel", "requestTraining", "claimTraining", "submitTraining"]
)
def test_gas_runs_out_anywhere(verifier, name):
    host, natives, root = market(verifier)
    statement = claimed(natives, root)
    host.proves = False
    natives.request_training(root)
    options = {"value": ETHER} if name == "requestTraining" else {}
    arguments = {
        "registerBaseModel": (BASE, 1, "x" * 40),
        "requestTraining": (1, root, BASE, RECIPE, host.timestamp + 9, 1, 2, 3),
        "claimTraining": (2,),
        "submitTraining": (statement_values(statement), natives.sign(statement)),
    }[name]
    effects = host._effects
    spent = natives.call(MODEL_REGISTRY, name, *arguments, by=WORKER, **options).gas_used
    host.proves = True
    rnd = random.Random(spent)
    for gas in [499, spent - 1, rnd.randrange(spent), rnd.randrange(spent)]:
        host._effects = effects
        done = natives.call(MODEL_REGISTRY, name, *arguments, by=WORKER, gas=gas, **options)
        assert not done.succeeded


def test_no_early_end_of_a_malformed_statement(verifier):
    """Words that decoding refuses, with gas that would run out where a well-formed call goes on."""
    host, natives, root = market(verifier)
    statement = claimed(natives, root)
    good = MODEL_REGISTRY.encode_call(
        "submitTraining", statement_values(statement), natives.sign(statement)
    )
    witnesses = []
    judge = host.judge.step
    host.judge.step = lambda step: (witnesses.append(step), judge(step))
    host.call(MODEL_REGISTRY.address, caller=ANNA.address, calldata=good, gas=9_000)
    long = max((step.proof for step in witnesses), key=len)
    witnesses.clear()
    bad = good[:-1] + b"\x01"
    host.call(MODEL_REGISTRY.address, caller=ANNA.address, calldata=bad, gas=9_000)
    step = witnesses[-1]
    forged = step.proof + long[len(step.proof) :]
    assert len(forged) > len(step.proof)
    assert not verifier.step(step.state, forged).succeeded
