"""Fields and mappings lie where Solidity puts them."""

from __future__ import annotations

import pytest
from conformance_frame import ALICE
from eth_abi import encode
from eth_utils import keccak
from frames import World

from evm.precompiles.frame import PrecompileRevert
from evm.precompiles.mapping import mapping_slot
from evm.precompiles.storage_layout import (
    AddressField,
    BoolField,
    Bytes32Field,
    Record,
    UintField,
)

NATIVE = bytes(19) + b"\xf1"


class Sample(Record):
    owner = AddressField(slot=0)
    count = UintField(slot=0, offset=20, size=8)
    is_open = BoolField(slot=0, offset=28)
    root = Bytes32Field(slot=1)
    total = UintField(slot=2)


def run(body, gas=1_000_000):
    """Run a body as a native and return (world, outcome)."""

    def native(frame):
        body(frame)
        return b""

    world = World({NATIVE: native})
    return world, world.call(NATIVE, caller=ALICE, gas=gas)


def test_fields_share_a_slot_from_the_lowest_byte():
    def body(frame):
        sample = Sample(frame, 7)
        sample.owner = ALICE
        sample.count = 2**64 - 1
        sample.is_open = True
        sample.root = b"\x09" * 32
        sample.total = 2**256 - 1
        assert (sample.owner, sample.count, sample.is_open) == (ALICE, 2**64 - 1, True)
        assert (sample.root, sample.total) == (b"\x09" * 32, 2**256 - 1)

    world, outcome = run(body)
    assert outcome.succeeded
    packed = b"\x00\x00\x00" + b"\x01" + b"\xff" * 8 + ALICE
    assert world.storage(NATIVE, 7) == int.from_bytes(packed, "big")
    assert world.storage(NATIVE, 8) == int.from_bytes(b"\x09" * 32, "big")


def test_writing_one_field_leaves_its_neighbours():
    def body(frame):
        sample = Sample(frame)
        sample.owner, sample.count, sample.is_open = ALICE, 5, True
        sample.count = 6
        assert (sample.owner, sample.count, sample.is_open) == (ALICE, 6, True)
        sample.is_open = False
        assert (sample.owner, sample.count, sample.is_open) == (ALICE, 6, False)

    assert run(body)[1].succeeded


@pytest.mark.parametrize("value", [2**64, -1])
def test_a_value_that_does_not_fit_is_refused_by_name(value):
    def body(frame):
        Sample(frame).count = value

    _, outcome = run(body)
    assert outcome.reason == f"Sample.count: {value} does not fit in 64 bits"


def test_each_access_is_paid():
    def body(frame):
        sample = Sample(frame)
        sample.total = 1  # cold, from zero: 22100
        assert sample.total == 1  # warm: 100
        sample.count = 1  # cold sload 2100, then 20000 from zero

    assert run(body)[1].gas_used == 22_100 + 100 + 2_100 + 20_000


def test_a_field_of_the_class_is_its_description():
    assert Sample.count.name == "count"
    assert Sample.count.size == 8


@pytest.mark.parametrize(
    ("key", "type_"), [(5, "uint256"), (ALICE, "address"), (b"\x07" * 32, "bytes32")]
)
def test_mapping_slot_is_that_of_solidity(key, type_):
    found = []
    _, outcome = run(lambda frame: found.append(mapping_slot(frame, 3, key)))
    assert found == [int.from_bytes(keccak(encode([type_, "uint256"], [key, 3])), "big")]
    assert outcome.gas_used == 30 + 2 * 6


def test_mapping_slot_is_paid_before_the_hash():
    assert not run(lambda frame: mapping_slot(frame, 3, 5), gas=41)[1].succeeded


def test_slots_of_a_record_wrap_as_the_evm_adds():
    def body(frame):
        Sample(frame, 2**256 - 1).root = b"\x01" * 32

    world, outcome = run(body)
    assert outcome.succeeded
    assert world.storage(NATIVE, 0) == int.from_bytes(b"\x01" * 32, "big")


def test_revert_output_is_error_string():
    revert = PrecompileRevert("why")
    assert revert.output == keccak(b"Error(string)")[:4] + encode(["string"], ["why"])
