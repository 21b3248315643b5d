"""Addresses, hashes and amounts: taken in every usual form, refused in any other."""

from __future__ import annotations

import pytest

from chain.errors import DecodeError, Recovery, StemmaError
from chain.types import checksum_address, to_address, to_hash32, to_wei

_ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize("text", [_ADDRESS, _ADDRESS[2:], _ADDRESS.lower(), "0X" + _ADDRESS[2:]])
def test_address_from_text(text):
    assert to_address(text) == bytes.fromhex(_ADDRESS[2:])


@pytest.mark.parametrize(
    "bad", ["", "0x", _ADDRESS + "0", _ADDRESS[:-1], "0x" + "zz" * 20, "0x" + " 1" * 20, bytes(19)]
)
def test_address_in_a_wrong_form_is_refused(bad):
    with pytest.raises(DecodeError, match="address"):
        to_address(bad)


def test_hash_needs_32_bytes():
    assert to_hash32("0x" + "ab" * 32) == bytes([0xAB]) * 32
    with pytest.raises(DecodeError, match="expected 32 bytes, got 31"):
        to_hash32(bytes(31))


@pytest.mark.parametrize("bad", [-1, 2**256])
def test_wei_out_of_range_is_refused(bad):
    with pytest.raises(DecodeError, match="wei"):
        to_wei(bad)


@pytest.mark.parametrize(
    "text",  # the examples of EIP-55
    [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0xde709f2102306220921060314715629080e2fb77",
        _ADDRESS,
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_checksum_of_eip55(text):
    assert checksum_address(to_address(text)) == text


def test_errors_stop_unless_they_say_otherwise():
    assert StemmaError("x").recovery is Recovery.STOP
    assert issubclass(DecodeError, ValueError)
