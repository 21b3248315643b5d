"""Single cases on the step machine beside the fast path, each step proven by its witness."""

from __future__ import annotations

import pytest
from evm_engines import Case, Prior
from evm_programs import CONTRACTS, STRANGER
from step_machine import begun, on_fast_path, on_steps

from evm.forks import CANCUN, OSAKA, PRAGUE
from evm.step.machine import Machine
from evm.step.state import Ending, Outcome, Phase
from evm.step.stepping import advance, record, step
from evm.step_rules import NotProvable, step_rules_of

A, B = CONTRACTS[0].hex(), CONTRACTS[1].hex()
IDENTITY = "60" + "04"


def case(code, other="", gas=1_000_000, data=b"", value=0, priors=()):
    codes = (bytes.fromhex(code.replace(" ", "")), bytes.fromhex(other.replace(" ", "")), b"", b"")
    return Case(codes, data, gas, value, priors=priors)


def call(op, address, value="5f", size="5f", out="5f"):
    """Output at 0, input from 0; gas as much as there is."""
    with_value = value if op in ("f1", "f2") else ""
    return f"{out}5f{size}5f{with_value}73{address}5a{op}"


STOPS = {
    "nothing at all": case("00"),
    "arithmetic": case("600360020a 6005 06 6007 02 6001 03 6002 04 5f19 01"),
    "a push that reaches into the next chunk": case("5b" * 20 + "7f" + "ab" * 32 + "5f52"),
    "a push past the end of the code": case("61ff"),
    "a jump over data": case("6005 56 605b 5b 60015f5260205ff3"),
    "memory across two words": case("7f" + "cd" * 32 + "600152 600151 6040 53 59"),
    "much memory": case("60ff61100052 5f61080051 61100051"),
    "copies of all kinds": case(
        "60205f5f37 60ff600161030039 3d5f5f3e 61050060056108005e 60205f600073" + B + "3c",
        "60" * 70, data=b"x" * 50,
    ),
    "overlapping memory": case("7f" + "0102" * 16 + "61040052 611000 610400 610410 5e"),
    "keccak of nothing, of a little and of much": case("5f5f20 60405f20 6108005f20 61082061000120"),
    "storage there and back": case("60015f55 5f5f55 60075f55 5f54 6001545a"),
    "transient storage": case("60055f5d 5f5c 60015c"),
    "logs": case("5f5fa0 60205fa0 600160205fa1 60046003600260016105005fa4"),
    "accounts": case(f"73{B}31 73{B}3b 73{B}3f 73{STRANGER.hex()}3f 47", "6001"),
    "the block": case("606340 606440 41 42 43 44 45 46 48 5f49 4a"),
    "a call with value": case(call("f1", B, value="6005"), "34 5f52 60205ff3", value=9),
    "a call of an account without code": case(call("f1", STRANGER.hex(), value="6001")),
    "a delegatecall": case(call("f4", B, out="6020"), "30 5f52 33 60205ff3"),
    "a callcode": case(call("f2", B, value="6001"), "60015f55"),
    "a static call that may only read": case(call("fa", B), "5f54"),
    "a static call that writes": case(call("fa", B), "60015f55"),
    "a call that reverts": case(
        "60ff5f52" + call("f1", B, size="6020", out="6040") + "3d", "60205ffd"
    ),
    "a call that runs out": case(call("f1", B), "5b5f56", gas=30_000),
    "a precompile": case("60ff5f52" + call("f1", f"{4:040x}", size="6020", out="6020")),
    "a precompile that fails": case(call("f1", f"{9:040x}", size="6001")),
    "a delegation": case(
        call("f1", STRANGER.hex()), "60015f55",
        priors=(Prior(STRANGER, 1, 0, b"\xef\x01\x00" + CONTRACTS[1]),),
    ),
    "a delegation to a precompile": case(
        call("f1", STRANGER.hex()),
        priors=(Prior(STRANGER, 1, 0, b"\xef\x01\x00" + bytes(19) + b"\x04"),),
    ),
    "a creation": case("6960015f55600a5ff30000 5f52 600a60165ff0"),
    "a creation of nothing": case("5f5f5ff0 5f5f5f5ff5"),
    "a creation of reserved code": case("6760ef5f5360015ff3 5f52 600860185ff0"),
    "a salted creation, twice": case("5f60205f5ff5 5f60205f5ff5"),
    "a creation that destroys itself": case("6133ff5f52 6002601e6001f0"),
    "an old account that destroys itself": case(f"73{STRANGER.hex()}ff"),
    "a return of some memory": case("60ff600a5260405ff3"),
}  # fmt: skip
FAILURES = {
    "an opcode that is not there": case("0c"),
    "0xfe": case("fe"),
    "too few words": case("600101"),
    "too many words": case("5f" * 1025),
    "a jump to data": case("600456605b00"),
    "a jump past the end": case("61ffff56"),
    "no gas for the constant part": case("6001600101", gas=8),
    "no gas for memory": case("7f" + "ff" * 32 + "51"),
    "no gas for a cold slot": case("5f54", gas=2_101),
    "only the stipend for a write": case("60015f55", gas=2_305),
    "return data out of bounds": case("60015f5f3e"),
    "init code too long": case("62ffffff5f5ff0"),
    "a revert": case("60205ffd"),
}


def proven(chosen, rules):
    """Run with every step recorded and proven; how the outermost frame has ended."""
    begin = begun(chosen, rules)
    state = begin.first
    while state.phase != Phase.TRANSACTION_END:
        following, witness = record(state, begin.opener, begin.rules)
        assert step(state.commitment, witness, begin.rules) == following.commitment
        state = following
    return begin.opener.open(state.pending, Outcome).ending


@pytest.mark.parametrize("rules", [CANCUN, PRAGUE, OSAKA], ids=lambda rules: rules.name)
@pytest.mark.parametrize("name", STOPS)
def test_case(name, rules):
    chosen = STOPS[name]
    assert on_steps(chosen, rules) == on_fast_path(chosen, rules)
    assert proven(chosen, rules) == Ending.SUCCEEDED


@pytest.mark.parametrize("name", FAILURES)
def test_failure(name):
    chosen = FAILURES[name]
    told = on_steps(chosen)
    assert told == on_fast_path(chosen)
    assert not told.succeeded
    assert proven(chosen, PRAGUE) == (Ending.REVERTED if name == "a revert" else Ending.FAILED)


def test_clz_is_osakas():
    chosen = case("60011e5f5260205ff3")
    assert int.from_bytes(on_steps(chosen, OSAKA).output, "big") == 255
    assert not on_steps(chosen, PRAGUE).succeeded


def test_a_failing_opcode_leaves_the_effects_of_before():
    begin = begun(case("60015f55fe"))
    machine = Machine(begin.first, begin.opener, begin.rules)
    while machine.phase != Phase.LEAVE:
        before = machine.effects
        advance(machine)
    assert machine.effects is before
    assert begin.opener.open(machine.pending, Outcome).gas == 0


def test_forks_before_cancun_have_no_steps():
    from evm.forks import SHANGHAI

    with pytest.raises(NotProvable, match="shanghai"):
        step_rules_of(SHANGHAI)
