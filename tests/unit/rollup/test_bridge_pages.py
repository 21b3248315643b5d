"""The worked examples of docs/protocol: l1-attributes.md, deposits.md, system-config.md."""

from __future__ import annotations

import json
from pathlib import Path

from chain import abi
from chain.receipt import Log
from chain.types import Address, Hash32, to_address
from genesis.config import SystemConfig
from rollup.bridge.address_alias import apply_l1_to_l2_alias
from rollup.bridge.deposits import (
    TRANSACTION_DEPOSITED,
    decode_deposit,
    encode_opaque_data,
    user_deposit_source_hash,
)
from rollup.bridge.l1_attributes import L1Attributes, l1_attributes_source_hash

PAGES = Path(__file__).resolve().parents[3] / "docs" / "protocol"


def _page(name: str) -> str:
    return (PAGES / name).read_text()


def test_l1_attributes_page():
    page = _page("l1-attributes.md")
    attributes = L1Attributes(
        number=19_655_712,
        timestamp=1_713_121_139,
        base_fee=10_445_852_825,
        hash=Hash32(
            bytes.fromhex("1c4c84c50740386c7dc081efddd644405f04cde73e30a2e381737acce9f5add3")
        ),
        sequence_number=5,
        batcher_address=to_address("0x6887246668a3b87f54deb3b94ba47a6f63f32985"),
        blob_base_fee=1,
        base_fee_scalar=1368,
        blob_base_fee_scalar=810_949,
        operator_fee_scalar=43_981,
        operator_fee_constant=56_506,
    )
    assert f"\n{attributes.encode().hex()}\n" in page
    assert l1_attributes_source_hash(attributes.hash, 5).hex() in page


def test_deposits_page():
    page = _page("deposits.md")
    opaque = encode_opaque_data(7, 5, 100_000, False, b"hello")
    topics = (TRANSACTION_DEPOSITED, bytes(12) + b"\x44" * 20, bytes(12) + b"\x55" * 20, bytes(32))
    log = Log(
        Address(b"\x22" * 20),
        tuple(Hash32(topic) for topic in topics),
        abi.encode(["bytes"], [opaque]),
    )
    deposit = decode_deposit(log, user_deposit_source_hash(Hash32(b"\x11" * 32), 2))
    assert f"\n{opaque.hex()}\n" in page
    assert f"\n{deposit.encode().hex()}\n" in page
    assert deposit.hash.hex() in page
    assert apply_l1_to_l2_alias(Address(b"\x99" * 20)).hex() in page


def test_system_config_page():
    (line,) = (line for line in _page("system-config.md").splitlines() if line[:2] == '{"')
    expected = SystemConfig(Address(b"\x0b" * 20), 30_000_000, 1368, 810_949, 3, 4, 250, 6)
    assert SystemConfig.from_json(json.loads(line)) == expected
    assert json.loads(line) == expected.to_json()
