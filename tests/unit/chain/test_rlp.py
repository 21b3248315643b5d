"""RLP: one form for each item, and an error with its place for everything else."""

from __future__ import annotations

import pytest

from chain import rlp
from chain.errors import DecodeError, EncodeError


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("", "no bytes"),
        ("8100", "single byte"),
        ("817f", "single byte"),
        ("c28105", "single byte"),
        ("b800", "leading zero"),
        ("b80161", "long form"),
        ("b837" + "00" * 55, "long form"),
        ("b90038" + "00" * 56, "leading zero"),
        ("b9", "cut off"),
        ("bf", "cut off"),
        ("c1", "has 1"),
        ("83aabb", "has 3"),
        ("8080", "has 2"),
        ("c0c0", "has 2"),
        ("c205b7", "past"),  # rusty-rlp reads this as [5]
        ("f83800", "needs"),
        ("c3c281", "needs"),
        ("ffffffffffffffffff", "needs"),
    ],
)
def test_rlp_in_a_wrong_form_is_refused_with_the_reason(data, reason):
    with pytest.raises(DecodeError, match=reason):
        rlp.decode(bytes.fromhex(data))


def test_rlp_nested_beyond_the_limit_is_refused():
    item: rlp.RLPItem = b""
    for _ in range(rlp.MAX_DEPTH):
        item = [item]
    assert rlp.decode(rlp.encode(item)) == item
    with pytest.raises(DecodeError, match="nested"):
        rlp.decode(rlp.encode([item]))


def test_rlp_nested_very_deep_costs_no_stack():
    bomb = b""
    for _ in range(20_000):
        bomb = rlp.encode_list([bomb])
    with pytest.raises(DecodeError, match="nested"):
        rlp.decode(bomb)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (b"\x00", "leading zero"),
        (b"\x00\x01", "leading zero"),
        (b"1" * 33, "at most"),
        ([], "list"),
    ],
)
def test_rlp_integer_in_a_wrong_form_is_refused(item, reason):
    with pytest.raises(DecodeError, match=f"nonce.*{reason}"):
        rlp.decode_int(item, "nonce")


def test_rlp_fields_name_what_is_wrong():
    with pytest.raises(DecodeError, match="to: expected 20 bytes, got 3"):
        rlp.decode_bytes(b"abc", "to", size=20)
    with pytest.raises(DecodeError, match="data: expected bytes, got a list"):
        rlp.decode_bytes([], "data")
    with pytest.raises(DecodeError, match="log: expected 3 items, got 1"):
        rlp.decode_list([b""], "log", length=3)
    with pytest.raises(DecodeError, match="log: expected a list, got 2 bytes"):
        rlp.decode_list(b"ab", "log")
    with pytest.raises(DecodeError, match="block: expected a list"):
        rlp.split_list(b"\x80", "block")
    with pytest.raises(DecodeError, match="block: the item at byte 1 ends at 3, past 2"):
        rlp.split_list(b"\xc1\x81", "block")


def test_rlp_has_no_form_for_a_negative_integer():
    with pytest.raises(EncodeError, match="negative integer -1"):
        rlp.encode_int(-1)
