"""datanet_registry on L1, call by call as on the step machine.

What a native says when it refuses a call is return data: reasons are compared letter by letter.
"""

from __future__ import annotations

import random

import pytest
from judged_host import MOST_GAS, RULES, JudgedHost
from natives import ANNA, BEN, CARA, DATANET_REGISTRY, OWNER, Natives, word
from step_contracts import StepModule
from step_verifier import UNSUPPORTED_PRECOMPILE, StepVerifier

from evm.step.opener import encode_witness, witness_items
from evm.step.state import Phase
from evm.step.stepping import record

LICENCE = word("licence")


@pytest.fixture(scope="module")
def verifier():
    return StepVerifier(RULES)


@pytest.fixture
def natives(verifier):
    return Natives(JudgedHost(verifier))


def created(natives, metadata="notes", *, is_open=False):
    arguments = (metadata, word("schema"), LICENCE, is_open)
    return natives.send(DATANET_REGISTRY, "createDatanet", *arguments, by=OWNER)["datanetId"]


def contributed(natives, datanet, person, rows=10):
    arguments = (datanet, word(person.name), rows, LICENCE)
    return natives.send(DATANET_REGISTRY, "contribute", *arguments, by=person)["contributionId"]


def test_a_datanet_from_creation_to_freezing(verifier):
    host = JudgedHost(verifier, mutants=1)
    natives = Natives(host)
    datanet = created(natives)
    assert [contributed(natives, datanet, each) for each in (ANNA, BEN, CARA)] == [1, 2, 3]
    natives.send(DATANET_REGISTRY, "approve", datanet, 1, by=OWNER)
    host.mutants = 0
    natives.send(DATANET_REGISTRY, "reject", datanet, 2, by=OWNER)
    natives.send(DATANET_REGISTRY, "publishVersion", datanet, [1], by=OWNER)
    natives.send(DATANET_REGISTRY, "approve", datanet, 3, by=OWNER)
    host.mutants = 1
    natives.send(DATANET_REGISTRY, "publishVersion", datanet, [1, 3], by=OWNER)
    host.mutants = 0
    natives.send(DATANET_REGISTRY, "publishVersion", datanet, [1], by=OWNER)
    natives.send(DATANET_REGISTRY, "revoke", datanet, 1, by=ANNA)
    natives.send(DATANET_REGISTRY, "freeze", datanet, by=OWNER)
    natives.send(DATANET_REGISTRY, "revoke", datanet, 3, by=OWNER)
    natives.read(DATANET_REGISTRY, "getDatanet", datanet)
    natives.read(DATANET_REGISTRY, "getContribution", datanet, 3)
    root = natives.read(DATANET_REGISTRY, "getVersion", datanet, 2)["snapshotRoot"]
    assert natives.read(DATANET_REGISTRY, "isVersion", datanet, root) is True
    assert natives.read(DATANET_REGISTRY, "isVersion", datanet + 1, root) is False
    assert natives.read(DATANET_REGISTRY, "datanetCount") == 1
    assert max(host.judge.found.gas()) < MOST_GAS


@pytest.mark.parametrize("size", [0, 1, 32, 33, 864, 865, 1_024])
def test_metadata_of_each_length(natives, size):
    assert created(natives, "é" * (size // 2) + "x" * (size % 2)) == 1


def test_each_refusal_says_the_same(natives):
    def refuse(name, *arguments, by=OWNER, **options):
        return natives.refuse(DATANET_REGISTRY, name, *arguments, by=by, **options)

    terms = (word("schema"), LICENCE, True)
    refused = [
        refuse("createDatanet", "x" * 1_025, *terms),
        refuse("createDatanet", "x", *terms, value=7),
        refuse("createDatanet", "x", *terms, is_static=True),
        refuse("contribute", 1, word("a"), 1, LICENCE),
        refuse("getDatanet", 2**256 - 1),
    ]
    natives.host.proves = False
    created(natives)
    created(natives, is_open=True)
    contributed(natives, 1, ANNA)
    contributed(natives, 2, ANNA, 2**64 - 1)
    contributed(natives, 2, BEN)
    natives.host.proves = True
    refused += [
        refuse("contribute", 1, bytes(32), 1, LICENCE),
        refuse("contribute", 1, word("a"), 0, LICENCE),
        refuse("contribute", 1, word("a"), 1, LICENCE, is_static=True),
        refuse("approve", 1, 1, by=ANNA),
        refuse("approve", 1, 2),
        refuse("approve", 2, 1),
        refuse("reject", 3, 1),
        refuse("revoke", 1, 1, by=BEN),
        refuse("revoke", 1, 0),
        refuse("freeze", 1, by=BEN),
        refuse("freeze", 1, value=1),
        refuse("getContribution", 2, 3),
        refuse("getVersion", 2, 0),
        refuse("getVersion", 2, 1),
        refuse("getVersion", 3, 1),
        refuse("publishVersion", 1, [1]),
        refuse("publishVersion", 1, [1], by=BEN),
        refuse("publishVersion", 1, []),
        refuse("publishVersion", 2, [0]),
        refuse("publishVersion", 2, [2, 2]),
        refuse("publishVersion", 2, [2, 1]),
        refuse("publishVersion", 2, [1, 2]),
        refuse("publishVersion", 2, [1, 2**256 - 1]),
        refuse("publishVersion", 2, [1], value=10**18),
        refuse("publishVersion", 2, [3, *range(1_024)]),
        refuse("publishVersion", 2, [3, *range(1_023)]),
    ]
    natives.send(DATANET_REGISTRY, "reject", 1, 1, by=OWNER)
    natives.send(DATANET_REGISTRY, "revoke", 2, 1, by=OWNER)
    refused += [
        refuse("approve", 1, 1),
        refuse("revoke", 1, 1),
        refuse("revoke", 2, 1),
        refuse("publishVersion", 2, [1, 2]),
    ]
    natives.send(DATANET_REGISTRY, "freeze", 1, by=OWNER)
    refused += [
        refuse("contribute", 1, word("a"), 1, LICENCE),
        refuse("approve", 1, 1),
        refuse("publishVersion", 2, [1, 2]),
    ]
    assert all("Version.row_count" in each or "datanet" in each for each in refused)
    assert len(set(refused)) > 30


def changed(data, index, value):
    """Word `index` of the arguments is another."""
    return data[: 4 + 32 * index] + value.to_bytes(32, "big") + data[36 + 32 * index :]


def malformed():
    """Calldata that is cut off, and offsets, lengths and values that their types do not allow."""
    create = DATANET_REGISTRY.encode_call("createDatanet", "x" * 33, word("s"), LICENCE, True)
    for size in (0, 3, 4, 35, 100, 163, 195, 227):
        yield create[:size]
    far = (0, 32, 96, 129, 193, 225, 2**256 - 32, 2**256 - 1)
    for offset in far:
        yield changed(create, 0, offset)
    for length in (0, 32, 34, 65, 2**200, 2**256 - 31, 2**256 - 1):
        yield changed(create, 4, length)
    for value in (2, 2**160, 2**256 - 1):
        yield changed(create, 3, value)
    yield changed(changed(create, 0, 160), 5, 32)
    publish = DATANET_REGISTRY.encode_call("publishVersion", 1, [1, 2, 3])
    for size in (4, 67, 99, 195):
        yield publish[:size]
    for offset in far:
        yield changed(publish, 1, offset)
    for length in (2, 4, 6, 7, 2**251, 2**256 - 1):
        yield changed(publish, 2, length)
    yield changed(changed(publish, 1, 0), 0, 5)
    yield changed(changed(publish, 1, 0), 0, 6)
    contribute = DATANET_REGISTRY.encode_call("contribute", 1, word("a"), 1, LICENCE)
    yield from (contribute[:35], contribute[:99], changed(contribute, 2, 2**64))
    yield from (b"\xff" * 40, contribute[:4])
    for name in ("approve", "getVersion", "isVersion"):
        selector = DATANET_REGISTRY.functions[name].selector
        yield from (selector + bytes(31), selector + bytes(63))


def test_malformed_calldata(verifier):
    host = JudgedHost(verifier)
    for data in malformed():
        host.call(DATANET_REGISTRY.address, caller=ANNA.address, calldata=data)
    assert len(host.judge.found.gas()) >= len(list(malformed()))


EDGES = bytes.fromhex("417f80818f90979fa0b0bfc0c1c2dfe0e1ecedeeeff0f1f3f4f5f7f8ff")


def texts():
    """Bytes that are UTF-8, or nearly."""
    yield from (b"\x80", b"\xc1\x80", b"\xc2", b"\xc2\x41", b"\xe0\x9f\x80", b"\xe0\xa0\x80")
    yield from (b"\xed\xa0\x80", b"\xed\x9f\xbf", b"\xef\xbf", b"\xf0\x8f\x80\x80", b"\xf5")
    yield from (b"\xf0\x90\x80\x80", b"\xf4\x90\x80\x80", b"\xf4\x8f\xbf\xbf", b"\xf1\x80\x80")
    yield from (b"\xf1\x80\x80x", b"a" * 31 + "é".encode(), b"a" * 30 + "€".encode() + b"\xff")
    yield from (b"a" * 31 + b"\xc3", b"a" * 62 + "𝄞".encode() + b"\xe2\x82", b"\xff")
    rnd = random.Random(8)
    letters = ["a", "é", "€", "𝄞", "\x00"]
    for _ in range(120):
        data = bytearray("".join(rnd.choices(letters, k=rnd.randrange(1, 60))).encode())
        if rnd.random() < 0.8:
            data[rnd.randrange(len(data))] ^= 1 << rnd.randrange(8)
        yield bytes(data[: rnd.choice((len(data), 32, 64, 96))])
    for _ in range(60):
        yield b"a" * rnd.randrange(28, 34) + bytes(rnd.choices(EDGES, k=4))


def reason_of(text):
    """What Python finds wrong with a text."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error.reason.encode()
    return b""


def test_utf_8_is_what_python_says():
    module = StepModule("native_data_harness.vy")
    for text in texts():
        found = module.result("utf8(bytes)", "bytes", text)
        assert found == reason_of(text), text.hex()


def test_sums_of_more_than_a_word_are_spelled_out():
    module = StepModule("native_data_harness.vy")
    rnd = random.Random(3)
    numbers = [0, 10**39 - 1, 10**39, 2**255, 2**256 - 1, *(rnd.randrange(2**256) for _ in "1234")]
    for number in numbers:
        for more in (0, 1, 32, 2**17):
            found = module.result("decimalOfSum(uint256,uint256)", "bytes", number, more)
            assert found.decode() == str(number + more)


@pytest.mark.parametrize("text", [b"\xff", b"\xe2\x82", b"\xc3\x41", "𝄞".encode()])
def test_texts_that_are_not_utf_8(verifier, text):
    host = JudgedHost(verifier)
    arguments = ("x" * len(text), LICENCE, LICENCE, True)
    data = DATANET_REGISTRY.encode_call("createDatanet", *arguments)
    data = data[:164] + text + data[164 + len(text) :]
    done = host.call(DATANET_REGISTRY.address, caller=ANNA.address, calldata=data)
    assert done.succeeded == (reason_of(text) == b"")


def test_the_longest_text_can_be_decided(verifier):
    """65,536 bytes of calldata: refused behind the look at each byte."""
    host = JudgedHost(verifier)
    text = "𝄞" * ((65_536 - 164) // 32 * 8)
    arguments = (text, LICENCE, LICENCE, True)
    reason = Natives(host).refuse(DATANET_REGISTRY, "createDatanet", *arguments, by=OWNER)
    assert "at most 1024" in reason
    assert max(host.judge.found.gas()) < MOST_GAS


@pytest.mark.parametrize("name", ["createDatanet", "contribute", "publishVersion", "revoke"])
def test_gas_runs_out_anywhere(verifier, name):
    host = JudgedHost(verifier)
    natives = Natives(host)
    host.proves = False
    created(natives, is_open=True)
    contributed(natives, 1, ANNA)
    contributed(natives, 1, BEN)
    arguments = {
        "createDatanet": ("x" * 40, LICENCE, LICENCE, True),
        "contribute": (1, word("c"), 5, LICENCE),
        "publishVersion": (1, [1, 2]),
        "revoke": (1, 2),
    }[name]
    effects = host._effects
    spent = natives.call(DATANET_REGISTRY, name, *arguments, by=OWNER).gas_used
    host.proves = True
    rnd = random.Random(spent)
    for gas in [499, spent - 1, rnd.randrange(spent)]:
        host._effects = effects
        done = natives.call(DATANET_REGISTRY, name, *arguments, by=OWNER, gas=gas)
        assert not done.succeeded


def test_a_version_whose_log_is_long_and_one_that_is_too_long(verifier):
    """More than 60 contributions are refused by name: a step would be too dear."""
    host = JudgedHost(verifier)
    natives = Natives(host)
    host.proves = False
    created(natives, is_open=True)
    for _ in range(61):
        contributed(natives, 1, ANNA)
    host.proves = True
    natives.send(DATANET_REGISTRY, "publishVersion", 1, list(range(1, 30)), by=OWNER)
    assert max(host.judge.found.gas()) < MOST_GAS
    host.judges = False
    seen = []
    host.step = lambda state: seen.append(state) or JudgedHost.step(host, state)
    natives.send(DATANET_REGISTRY, "publishVersion", 1, list(range(1, 62)), by=OWNER)
    state = [state for state in seen if state.phase == Phase.PRECOMPILE][-1]
    _, witness = record(state, host._opener, host._rules)
    first, *items = witness_items(witness)
    assert verifier.step(first, encode_witness(items)).refused_with(UNSUPPORTED_PRECOMPILE)
