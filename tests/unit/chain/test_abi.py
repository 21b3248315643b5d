"""The ABI codec: widths, padding, offsets and types that do not fit."""

from __future__ import annotations

import pytest

from chain import abi
from chain.errors import DecodeError, EncodeError


def _words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(32, "big") for number in numbers)


def test_abi_example_of_the_specification():
    encoded = abi.encode(
        ["uint256", "uint32[]", "bytes10", "bytes"],
        [0x123, [0x456, 0x789], b"1234567890", b"Hello, world!"],
    )
    assert encoded[:128] == _words(
        0x123, 0x80, int.from_bytes(b"1234567890".ljust(32, b"\0")), 0xE0
    )


def test_abi_selector_and_topic():
    assert abi.selector("transfer(address,uint256)").hex() == "a9059cbb"
    assert abi.event_topic("Transfer(address,address,uint256)").hex().startswith("ddf252ad1be2c89b")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("uint8", 256),
        ("uint8", -1),
        ("int8", 128),
        ("int8", -129),
        ("uint256", True),
        ("uint256", "1"),
        ("uint256", 1.0),
        ("bool", 1),
        ("address", bytes(19)),
        ("bytes4", b"abc"),
        ("bytes4", "abcd"),
        ("bytes", "text"),
        ("string", b"bytes"),
        ("string", "\ud800"),
        ("uint8[2]", [1]),
        ("uint8[]", 5),
        ("(uint8,bool)", [1]),
        ("(uint8)", 1),
    ],
)
def test_abi_value_that_does_not_fit_is_refused(kind, value):
    with pytest.raises(EncodeError, match="abi"):
        abi.encode([kind], [value])


def test_abi_with_another_number_of_values_is_refused():
    with pytest.raises(EncodeError, match="expected 2 values, got 1"):
        abi.encode(["bool", "bool"], [True])


@pytest.mark.parametrize(
    "kind",
    [
        *(
            "",
            "uint",
            "uint7",
            "uint264",
            "uint08",
            "int0",
            "bytes0",
            "bytes33",
            "bytes01",
            "fixed",
        ),
        *("uint8[0]", "uint8[-1]", "uint8[", "[]", "()", "(uint8", "(uint8,)", "uint8[99999]"),
        *("(" * 40 + "bool" + ")" * 40, "bool" + "[1]" * 40, "x" * 2000, "uint8[99999999999]"),
    ],
)
def test_abi_type_that_does_not_exist_is_refused(kind):
    with pytest.raises(DecodeError, match="abi"):
        abi.decode([kind], bytes(64))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("uint8", _words(256)),
        ("int8", _words(128)),
        ("bool", _words(2)),
        ("address", _words(1 << 160)),
        ("bytes4", _words(1)),
        ("uint256", bytes(31)),
        ("bytes", _words(32)),
        ("bytes", _words(32, 33) + bytes(32)),
        ("bytes", _words(32, 1, 1)),  # padding that is not zero
        ("bytes", _words(2**256 - 1)),
        ("bytes", _words(32, 2**256 - 1)),
        ("string", _words(32, 1) + b"\xff" + bytes(31)),
        ("uint256[]", _words(32, 2, 5)),
        ("uint256[]", _words(32, 2**255)),
        ("(uint8,string)[]", _words(32, 2**64)),
    ],
)
def test_abi_data_in_a_wrong_form_is_refused(kind, data):
    with pytest.raises(DecodeError, match="abi"):
        abi.decode([kind], data)


def test_abi_bomb_of_overlapping_offsets_costs_no_more_than_its_size():
    # Ten levels of arrays whose ten elements all point at the next level: 10**10 leaves.
    level = _words(32)
    for _ in range(10):
        level += _words(10, *[10 * 32] * 10)
    with pytest.raises(DecodeError, match="read twice"):
        abi.decode(["uint256" + "[]" * 11], level + _words(1, 7))


def test_abi_ignores_what_follows_the_last_value():
    assert abi.decode(["uint256"], _words(5, 6)) == (5,)


def test_abi_address_is_taken_as_text_too():
    text = "0x" + "ab" * 20
    assert abi.encode(["address"], [text]) == abi.encode(["address"], [bytes.fromhex("ab" * 20)])
