"""RLP item by item on L1, beside the step machine's: the same items, refused in the same places."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from step_contracts import StepModule

from chain import abi, rlp
from evm.step.refusal import NotInOrder
from evm.step.rlp_items import Fields, head, list_of, number, span, string

SPAN, TEXT = "span(bytes,uint256)", "text(bytes,uint256,uint256)"
EXACTLY, NUMBER = "exactly(bytes,uint256,uint256)", "number(bytes,uint256,uint256)"
EDGES = (0x00, 0x01, 0x7F, 0x80, 0x81, 0x94, 0xA0, 0xA1, 0xB7, 0xB8, 0xB9, 0xBF, 0xC0, 0xC1, 0xF7,
         0xF8, 0xF9, 0xFF)  # fmt: skip


@dataclass
class Items:
    """The contract and the step machine asked the same."""

    contract: StepModule

    def _asked(self, signature: str, returns: list[str], *args) -> tuple:
        outcome = self.contract.call(signature, *args)
        assert outcome.succeeded, (signature, args)
        return tuple(abi.decode(returns, outcome.output))

    def span(self, data: bytes, position: int) -> tuple:
        try:
            found = span(data, position)
            expected = (False, found.is_list, found.start, found.end)
        except NotInOrder:
            expected = (True, False, 0, 0)
        assert self._asked(SPAN, ["bool", "bool", "uint256", "uint256"], data, position) == expected
        return expected

    def fields(self, data: bytes, position: int, limit: int) -> None:
        """The three ways to read an item of a few bytes."""
        for signature, read in (
            (TEXT, lambda fields: fields.string(limit)),
            (EXACTLY, lambda fields: fields.fixed(limit)),
            (NUMBER, lambda fields: fields.number(limit)),
        ):
            fields = Fields(data, position)
            try:
                value = read(fields)
                size = len(value) if isinstance(value, bytes) else 0
                value = int.from_bytes(value, "big") if isinstance(value, bytes) else value
                expected = (False, fields.position, value, size)
            except NotInOrder:
                expected = (True, position, 0, 0)
            count = 4 if signature == TEXT else 3
            returns = ["bool", *["uint256"] * (count - 1)]
            found = self._asked(signature, returns, data, position, limit)
            assert found == expected[:count], (signature, data.hex(), position, limit)


@pytest.fixture(scope="module")
def items() -> Items:
    return Items(StepModule("rlp_items_harness.vy"))


def test_every_first_byte(items):
    rnd = random.Random(3)
    for first in range(256):
        for rest in (b"", b"\x00", b"\x37", b"\x38" + bytes(3), rnd.randbytes(70)):
            items.span(bytes((first,)) + rest, 0)


def test_sizes_of_up_to_eight_bytes(items):
    for width in range(1, 9):
        for base in (0xB7, 0xF7):
            for size in (b"\x01" + bytes(width - 1), b"\xff" * width, b"\x00" + b"\xff" * 7):
                items.span(bytes((base + width,)) + size[:width], 0)
                items.span(bytes((base + width,)) + size[: width - 1], 0)
    failed, is_list, start, end = items.span(b"\xff" + b"\xff" * 8, 0)
    assert (failed, is_list, start, end) == (False, True, 9, 2**64 + 8)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(EDGES), st.integers(0, 255)), max_size=80).map(bytes),
    st.integers(0, 82),
    st.sampled_from((0, 1, 8, 20, 32)),
)
def test_any_bytes(items, data, position, limit):
    items.span(data, position)
    items.fields(data, position, limit)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40), st.sampled_from((1, 8, 20, 32)), st.integers(0, 40))
def test_items_in_order(items, value, limit, behind):
    data = b"\xc0" * 7 + rlp.encode(value) + bytes(behind)
    items.fields(data, 7, limit)
    items.fields(data[: 7 + len(value)], 7, limit)


def test_an_item_at_the_end_of_a_window(items):
    for size in (1, 8, 20, 32):
        item = string(b"\xee" * size)
        data = bytes(1024 - len(item)) + item
        items.fields(data, 1024 - len(item), size)
        items.fields(data[:-1], 1024 - len(item), size)
        items.fields(data, 1024, size)


def test_what_is_written(items):
    numbers = [0, 1, 127, 128, 255, 256, 2**64 - 1, 2**64, 2**248, 2**256 - 1]
    for value in numbers:
        found = items.contract.result("encodedNumber(uint256)", "bytes", value)
        assert found == number(value)
    address = bytes(range(20))
    found = items.contract.result("encodedAddress(uint256)", "bytes", int.from_bytes(address))
    assert found == string(address)
    for size in (0, 1, 2, 55, 56, 100, 128):
        payload = bytes(size)
        assert items.contract.result("encodedList(bytes)", "bytes", payload) == list_of(payload)
    for base in (0x80, 0xC0):
        for size in (0, 55, 56, 255, 256, 65_535, 65_536, 2**24, 2**32 - 1, 2**64 - 1):
            found = items.contract.result("head(uint256,uint256)", "bytes", base, size)
            assert found == head(base, size)
