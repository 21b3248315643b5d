"""Deposits, L1 attributes, config updates and aliases: the forms and what is refused."""

from __future__ import annotations

import dataclasses

import pytest

from chain import abi
from chain.errors import DecodeError, Recovery
from chain.heads import BlockId
from chain.receipt import Log, Receipt
from chain.types import Address, Hash32, to_address
from genesis.addresses import L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK
from genesis.allocation import L1Anchor, dev_l1_genesis, genesis_block, l2_genesis, rollup_config
from genesis.config import SystemConfig
from genesis.fields import ConfigError
from genesis.presets import l2_preset
from rollup.bridge.address_alias import apply_l1_to_l2_alias, undo_l1_to_l2_alias
from rollup.bridge.deposits import (
    TRANSACTION_DEPOSITED,
    MalformedDeposit,
    decode_deposit,
    encode_opaque_data,
    user_deposits,
)
from rollup.bridge.l1_attributes import L1Attributes, l1_attributes_deposit
from rollup.bridge.system_config import CONFIG_UPDATE, apply_config_update, apply_config_updates
from rollup.l1.block import L1Block

PORTAL = Address(b"\x22" * 20)
SYSTEM_CONFIG_CONTRACT = Address(b"\x33" * 20)
SENDER = Address(b"\x44" * 20)
TARGET = Address(b"\x55" * 20)
SOURCE = Hash32(b"\x01" * 32)
SYSTEM_CONFIG = SystemConfig(SENDER, 30_000_000, 1, 2, 3, 4, 250, 6)


def _deposit_log(**changes: object) -> Log:
    opaque = encode_opaque_data(7, 5, 100_000, False, b"hello")
    topics = (TRANSACTION_DEPOSITED, bytes(12) + SENDER, bytes(12) + TARGET, bytes(32))
    log = Log(PORTAL, tuple(Hash32(topic) for topic in topics), abi.encode(["bytes"], [opaque]))
    return dataclasses.replace(log, **changes)


def _l1_block(*logs: Log) -> L1Block:
    header = genesis_block(dev_l1_genesis(1_700_000_000))[0].header
    return L1Block(header, (), (Receipt(2, True, 1, logs),), blob_base_fee=9)


def _rollup_config():
    preset = l2_preset("minimal")
    anchor = L1Anchor(900, BlockId(0, SOURCE), 1_700_000_000, PORTAL, SYSTEM_CONFIG_CONTRACT)
    return rollup_config(preset, anchor, SENDER, l2_genesis(preset, anchor.timestamp))


def test_deposit_takes_every_field_from_the_log():
    deposit = decode_deposit(_deposit_log(), SOURCE)
    assert deposit.source_hash == SOURCE
    assert (deposit.sender, deposit.to) == (SENDER, TARGET)
    assert (deposit.mint, deposit.value, deposit.gas_limit) == (7, 5, 100_000)
    assert deposit.is_system_transaction is False
    assert deposit.data == b"hello"


def _topics(position: int, topic: bytes) -> tuple[bytes, ...]:
    topics = list(_deposit_log().topics)
    topics[position] = Hash32(topic)
    return tuple(topics)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"topics": _deposit_log().topics[:3]}, "3 topics"),
        ({"topics": _topics(3, b"\x01" * 32)}, "version 0x01"),
        ({"data": b""}, "not one bytes value"),
        ({"data": _deposit_log().data[:-1]}, "opaque data of 78 bytes"),
        ({"data": _deposit_log().data + bytes(32)}, "opaque data of 78 bytes"),
        ({"data": b"\x01" + _deposit_log().data[1:]}, "not one bytes value"),
        ({"data": abi.encode(["bytes"], [bytes(72)])}, "opaque data has 72 bytes"),
    ],
)
def test_what_no_portal_emits_stops_derivation(changes, message):
    with pytest.raises(MalformedDeposit, match=message) as caught:
        decode_deposit(_deposit_log(**changes), SOURCE)
    assert caught.value.recovery is Recovery.STOP


def test_logs_of_other_contracts_are_no_deposits():
    block = _l1_block(_deposit_log(address=TARGET), _deposit_log(topics=()), _deposit_log())
    assert len(user_deposits(block, PORTAL)) == 1


def test_l1_attributes_deposit_is_the_transaction_of_the_specification():
    block = _l1_block()
    deposit = l1_attributes_deposit(_rollup_config(), SYSTEM_CONFIG, block, 3)
    assert (deposit.sender, deposit.to) == (L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK)
    assert (deposit.mint, deposit.value, deposit.gas_limit) == (0, 0, 1_000_000)
    assert deposit.is_system_transaction is False
    attributes = L1Attributes.decode(deposit.data)
    assert attributes.hash == block.hash
    assert attributes.sequence_number == 3
    assert attributes.blob_base_fee == 9
    assert attributes.batcher_address == SYSTEM_CONFIG.batcher_address


def test_l1_attributes_of_a_later_fork_are_not_made():
    config = _rollup_config()
    later = dataclasses.replace(config, forks=dataclasses.replace(config.forks, jovian=2**40))
    with pytest.raises(ConfigError, match="jovian"):
        l1_attributes_deposit(later, SYSTEM_CONFIG, _l1_block(), 0)


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda data: data[:-1], "175 bytes"),
        (lambda data: data + b"\x00", "177 bytes"),
        (lambda data: b"\x44\x0a\x5e\x20" + data[4:], "selector 0x440a5e20"),
        (lambda data: b"", "selector 0x,"),
        (lambda data: data[:132] + b"\x01" + data[133:], "is not an address"),
    ],
)
def test_malformed_l1_attributes_are_refused(alter, message):
    data = l1_attributes_deposit(_rollup_config(), SYSTEM_CONFIG, _l1_block(), 0).data
    with pytest.raises(DecodeError, match=message):
        L1Attributes.decode(alter(data))


def _update(update_type: int, payload: bytes, version: int = 0) -> Log:
    topics = (CONFIG_UPDATE, version.to_bytes(32, "big"), update_type.to_bytes(32, "big"))
    return Log(
        SYSTEM_CONFIG_CONTRACT,
        tuple(Hash32(topic) for topic in topics),
        abi.encode(["bytes"], [payload]),
    )


@pytest.mark.parametrize(
    ("log", "message"),
    [
        (_update(0, bytes(31) + b"\x01", version=1), "version"),
        (_update(6, bytes(32)), "unknown type 6"),
        (_update(0, b"\x01" * 32), "more than 20 bytes"),
        (_update(0, bytes(64)), "expected 96"),
        (_update(1, bytes(32) + b"\x05" + bytes(31)), "unknown form"),
        (_update(2, bytes(23) + b"\x01" * 9), "more than 8 bytes"),
        (_update(4, bytes(24) + (250).to_bytes(4, "big") + bytes(4)), "eip1559_elasticity is 0"),
        (_update(5, b"\x01" * 32), "more than 12 bytes"),
        (dataclasses.replace(_update(0, bytes(32)), topics=(CONFIG_UPDATE,)), "1 topics"),
        (dataclasses.replace(_update(0, bytes(32)), data=b"\x01" * 96), "standard layout"),
    ],
)
def test_malformed_config_update_is_refused_and_skipped(log, message):
    with pytest.raises(DecodeError, match=message):
        apply_config_update(SYSTEM_CONFIG, log)
    good = _update(2, (40_000_000).to_bytes(32, "big"))
    block = _l1_block(log, good)
    updated = apply_config_updates(SYSTEM_CONFIG, block, SYSTEM_CONFIG_CONTRACT)
    assert updated == dataclasses.replace(SYSTEM_CONFIG, gas_limit=40_000_000)


def test_updates_of_another_contract_change_nothing():
    block = _l1_block(_update(2, (40_000_000).to_bytes(32, "big")))
    assert apply_config_updates(SYSTEM_CONFIG, block, PORTAL) == SYSTEM_CONFIG


def test_last_update_of_a_block_wins():
    block = _l1_block(*(_update(2, n.to_bytes(32, "big")) for n in (22_000_000, 23_000_000)))
    assert (
        apply_config_updates(SYSTEM_CONFIG, block, SYSTEM_CONFIG_CONTRACT).gas_limit == 23_000_000
    )


def test_alias_wraps_around_and_is_undone():
    last = to_address("0x" + "ff" * 20)
    assert apply_l1_to_l2_alias(last).hex() == "1111000000000000000000000000000000001110"
    assert undo_l1_to_l2_alias(apply_l1_to_l2_alias(last)) == last
