"""When code is made into Python, how much of it is kept, and where it hands back."""

from __future__ import annotations

import pytest
from evm_engines import Case, interpreted, ours, policy

from evm.pyevm.transpiler.hot import EAGER, HotCode, HotCodes, Policy
from evm.pyevm.transpiler.region import Explorer, Writer, compile_region

LOOP = bytes.fromhex("6110005b600190038060035700")
"""4096 rounds of a countdown whose head is at 3."""
NOTHING = (b"\x00",) * 3


def case(code: bytes, gas: int = 1_000_000) -> Case:
    return Case((code, *NOTHING), b"", gas, 0)


def source(code: bytes, entry: int = 0) -> str:
    hot = HotCode(code)
    explorer = Explorer(hot.program, entry, lambda _: True)
    explorer.explore(2_000)
    return Writer(hot.program, explorer).source()


def test_a_loop_becomes_hot_within_one_call_and_stays_so_for_the_next():
    with policy(Policy()) as codes:
        ending = ours(case(LOOP))
        assert list(codes.get(LOOP).regions) == [3]
        assert ours(case(LOOP)) == ending == interpreted(case(LOOP))


def test_a_loop_is_one_python_loop_whose_gas_is_taken_once_a_round():
    text = source(LOOP, 3)
    assert text.count("while True:") == 1
    assert text.count("gas -= 26") == 1
    assert "u1 = t1" in text


def test_constants_are_folded_and_dead_words_never_computed():
    text = source(bytes.fromhex("60026003016004025f553660ff015000"))
    assert "write_storage(frame, 0, 20, gas)" in text
    assert "len(data)" not in text


def test_memory_is_extended_once_a_run_to_the_furthest_constant_end():
    # PUSH1 1, PUSH0, MSTORE; PUSH1 2, PUSH1 0x60, MSTORE; STOP
    text = source(bytes.fromhex("60015f52600260605200"))
    assert text.count("grow(") == 1
    assert "grow(memory, 128, gas)" in text


def test_memory_grows_step_by_step_where_msize_looks():
    # PUSH1 1, PUSH0, MSTORE; MSIZE; PUSH1 0x60, MSTORE; PUSH1 0x80, PUSH0, RETURN
    code = bytes.fromhex("60015f525960605260805ff3")
    assert source(code).count("grow(") == 2
    with policy(EAGER):
        ending = ours(case(code))
    assert ending == interpreted(case(code))
    assert ending.output[0x60:] == (32).to_bytes(32, "big")


@pytest.mark.parametrize("gas", range(40))
def test_gas_for_memory_ends_within_the_run_that_needs_it(gas):
    # PUSH1 1, PUSH0, MSTORE; GAS, PUSH1 0x60, MSTORE; PUSH1 0x80, PUSH0, RETURN
    code = bytes.fromhex("60015f525a60605260805ff3")
    with policy(EAGER):
        assert ours(case(code, gas)) == interpreted(case(code, gas))


@pytest.mark.parametrize("offset", [0, 3, 30, 200, 2**64])
def test_copies_of_a_constant_size_are_slices_that_end_in_zeros(offset):
    # PUSH1 33, PUSH9 offset, PUSH1 5, CODECOPY; PUSH1 33, PUSH9 offset, PUSH1 64, CALLDATACOPY
    place = b"\x68" + offset.to_bytes(9, "big")
    code = b"\x60\x21" + place + b"\x60\x05\x39\x60\x21" + place + b"\x60\x40\x37"
    whole = Case((code + bytes.fromhex("60805ff3"), *NOTHING), bytes(range(1, 41)), 1_000_000, 0)
    assert ".ljust(33, NUL)" in source(whole.codes[0])
    with policy(EAGER):
        assert ours(whole) == interpreted(whole)


def test_an_internal_function_returns_without_leaving_python():
    # PUSH1 back, PUSH1 7, PUSH1 function, JUMP; back: POP STOP; function: SWAP1 JUMP
    text = source(bytes.fromhex("60076007600a565b50005b9056"))
    assert "targets" not in text
    assert text.rstrip().endswith("return None")


def test_a_code_costs_no_more_opcodes_than_its_jumps_have_paid_for():
    # 100 places, each jumped to as often as the rest, and each leading into all behind it
    piece = b"\x5b" + b"\x58\x50" * 40
    hot = HotCode(piece * 100)
    for turn in range(1, 1_001):
        for place in range(0, len(hot.program.code) - 1, len(piece)):
            if place not in hot.regions:
                hot.warm_up(place)
        opcodes_paid = 100 * turn // hot.policy.visits_per_opcode
        assert hot.source_bytes < 30 * opcodes_paid + 100
    assert hot.regions


def test_a_place_that_is_never_worth_it_is_put_off():
    hot = HotCode(b"\xfe", EAGER)
    assert hot.warm_up(0) is None
    assert hot.heat[0] < 0
    assert hot.warm_up(0) is None


def test_the_cache_forgets_the_codes_that_nobody_has_used_for_long():
    codes = HotCodes(limit_bytes=4_000)
    favourite = codes.get(b"\x01" * 30)
    for number in range(200):
        codes.get(b"\x02" * 30 + number.to_bytes(2, "big"))
        assert codes.get(b"\x01" * 30) is favourite
        assert codes.size_bytes <= 4_000
    assert len(codes) < 20


def test_code_larger_than_the_cache_still_runs():
    assert HotCodes(limit_bytes=10).get(b"\x5b" * 40).program.jump_targets == set(range(40))


def test_regions_count_towards_the_limit_of_the_cache_until_they_are_dropped():
    codes = HotCodes(limit_bytes=6_000, policy=EAGER)
    before = codes.size_bytes
    hot = codes.get(LOOP)
    hot.warm_up(0)
    assert codes.size_bytes == before + hot.size_bytes
    assert hot.source_bytes > 0
    for number in range(100):
        codes.get(number.to_bytes(30, "big"))
    size = codes.size_bytes
    hot.warm_up(3)
    assert codes.size_bytes == size


def test_init_code_leaves_nothing_behind():
    with policy(EAGER) as codes:
        # CREATE with init code that loops, from memory
        init = bytes.fromhex("60055b60019003806002575f5ff3")
        code = b"\x7f" + init.ljust(32, b"\x00") + bytes.fromhex("5f52600e5f5ff000")
        ours(case(code))
        assert len(codes) == 1


def test_source_is_the_same_every_time():
    assert source(LOOP) == source(LOOP)


def test_a_region_sees_no_python_built_ins_but_three():
    hot = HotCode(LOOP)
    explorer = Explorer(hot.program, 0, lambda _: True)
    explorer.explore(100)
    region = compile_region(Writer(hot.program, explorer).source(), hot.program)
    assert sorted(region.__globals__["__builtins__"]) == ["bytes", "len", "pow"]


@pytest.mark.parametrize("gas", range(60))
def test_too_little_gas_ends_where_the_interpreter_ends(gas):
    with policy(EAGER):
        assert ours(case(LOOP, gas)) == interpreted(case(LOOP, gas))


@pytest.mark.parametrize("words", [0, 1, 1021, 1022, 1023, 1024])
def test_a_stack_that_is_too_small_or_too_large_is_the_interpreters(words):
    # push that many words in a loop-free way, then one DUP2
    code = b"\x58" * words + b"\x5b\x81\x00"
    with policy(EAGER):
        assert ours(case(code)) == interpreted(case(code))


def test_a_stack_that_grows_with_every_round_is_left_to_many_entries():
    code = bytes.fromhex("5b585f56")
    with policy(EAGER):
        ending = ours(case(code, 100_000))
    assert ending == interpreted(case(code, 100_000))
    assert not ending.succeeded


def test_a_constant_that_looks_like_a_mark_in_the_source_stays_a_constant():
    word = b"@leave@@1@" + b"\\@'\"" * 5
    code = b"\x7f" + word.ljust(32, b"@") + bytes.fromhex("5f5260205ff3")
    with policy(EAGER):
        assert ours(case(code)).output == word.ljust(32, b"@")


def test_a_long_piece_and_a_deep_stack_end_in_pieces_of_bounded_size():
    for code in (b"\x58\x50" * 5_000, b"\x58" * 900 + b"\x50" * 900, b"\x80" * 70 + b"\x56"):
        hot = HotCode(code)
        explorer = Explorer(hot.program, 0, lambda _: True)
        explorer.explore(300)
        assert explorer.opcodes < 300 + 256 + 1
        with policy(EAGER):
            assert ours(case(code)) == interpreted(case(code))
