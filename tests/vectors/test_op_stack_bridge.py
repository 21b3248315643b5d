"""L1 attributes, deposit hashes and config updates against kona's, magi's and op-node's data."""

from __future__ import annotations

import json

import pytest
from vectors import vectors_root

from chain.crypto.keccak import keccak256
from chain.receipt import Log
from chain.types import Address, Hash32
from genesis.config import SystemConfig
from rollup.bridge.l1_attributes import L1Attributes, l1_attributes_source_hash
from rollup.bridge.system_config import CONFIG_UPDATE, apply_config_update

_OP_STACK = vectors_root() / "op_stack"
_CONTRACT = Address(b"\x33" * 20)


def _load(path: str):
    return json.loads((_OP_STACK / path).read_text())


def _hex(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def _isthmus_cases():
    cases = _load("l1_info/l1_info_calldata.json")
    return [case for case in cases if case["calldata"].startswith("0x098999be")]


@pytest.mark.parametrize("case", _isthmus_cases(), ids=lambda case: case["name"])
def test_isthmus_l1_attributes_of_the_field(case):
    calldata, expected = _hex(case["calldata"]), case["expected"]
    attributes = L1Attributes.decode(calldata)
    assert attributes.encode() == calldata
    assert attributes.number == expected["number"]
    assert attributes.timestamp == expected["time"]
    assert attributes.base_fee == expected["base_fee"]
    assert attributes.hash == _hex(expected["block_hash"])
    assert attributes.sequence_number == expected["sequence_number"]
    assert attributes.batcher_address == _hex(expected["batcher_address"])
    assert attributes.blob_base_fee == expected["blob_base_fee"]
    assert attributes.base_fee_scalar == expected["base_fee_scalar"]
    assert attributes.blob_base_fee_scalar == expected["blob_base_fee_scalar"]
    assert attributes.operator_fee_scalar == expected["operator_fee_scalar"]
    assert attributes.operator_fee_constant == expected["operator_fee_constant"]


def test_source_hash_of_l1_attributes_of_op_node():
    cases = _load("deposits/source_hashes.json")["cases"]
    cases = [case for case in cases if case["type"] == "L1InfoDepositSource"]
    assert cases
    for case in cases:
        found = l1_attributes_source_hash(Hash32(_hex(case["l1BlockHash"])), case["seqNumber"])
        assert found == _hex(case["expected"])


def _updates():
    # Before Ecotone the two words of a fee update meant overhead and scalar; we start later.
    cases = _load("deposits/system_config_updates.json")["cases"]
    return [case for case in cases if "scalar" not in case["expected"] or case["ecotone"]]


@pytest.mark.parametrize("case", _updates(), ids=lambda case: case["name"])
def test_config_updates_of_kona(case):
    before = SystemConfig(Address(b"\x01" * 20), 30_000_000, 1, 2)
    topics = (CONFIG_UPDATE, bytes(32), _hex(case["update_type"]))
    log = Log(_CONTRACT, tuple(Hash32(topic) for topic in topics), _hex(case["log_data"]))
    after = apply_config_update(before, log)
    for name, expected in case["expected"].items():
        if name == "batcher_address":
            assert after.batcher_address == _hex(expected)
        elif name == "scalar":
            assert (after.base_fee_scalar, after.blob_base_fee_scalar) == (expected, 0)
        elif name != "overhead":
            assert getattr(after, name) == expected


def test_config_update_topic_is_the_event_of_the_specification():
    assert keccak256(b"ConfigUpdate(uint256,uint8,bytes)") == CONFIG_UPDATE
