"""Deposits, L1 attributes, config updates and aliases: the forms and what is refused."""

from __future__ import annotations

import dataclasses

import pytest
from derivation_stages import forks_up_to

from chain import abi
from chain.errors import DecodeError, Recovery
from chain.heads import BlockId
from chain.receipt import Log, Receipt
from chain.types import Address, Hash32, to_address
from genesis.addresses import L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK
from genesis.allocation import L1Anchor, dev_l1_genesis, genesis_block, l2_genesis, rollup_config
from genesis.config import SystemConfig
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
    deposit = l1_attributes_deposit(_rollup_config(), SYSTEM_CONFIG, block, 3, 2_000)
    assert (deposit.sender, deposit.to) == (L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK)
    assert (deposit.mint, deposit.value, deposit.gas_limit) == (0, 0, 1_000_000)
    assert deposit.is_system_transaction is False
    attributes = L1Attributes.decode(deposit.data)
    assert attributes.hash == block.hash
    assert attributes.sequence_number == 3
    assert attributes.blob_base_fee == 9
    assert attributes.batcher_address == SYSTEM_CONFIG.batcher_address


def _config_at(fork, **later):
    """The rollup config under the rules of a fork, its first block at time 0."""
    genesis = dataclasses.replace(_rollup_config().genesis, l2_time=0)
    return dataclasses.replace(_rollup_config(), genesis=genesis, forks=forks_up_to(fork, **later))


FORMS = {
    "bedrock": ("015d8eb9", 260),
    "delta": ("015d8eb9", 260),
    "ecotone": ("440a5e20", 164),
    "holocene": ("440a5e20", 164),
    "isthmus": ("098999be", 176),
    "jovian": ("3db6be2b", 178),
    "karst": ("3db6be2b", 178),
}


@pytest.mark.parametrize("fork", FORMS)
def test_l1_attributes_have_the_form_of_the_fork_and_are_read_back(fork):
    selector, size = FORMS[fork]
    deposit = l1_attributes_deposit(_config_at(fork), SYSTEM_CONFIG, _l1_block(), 3, 1_000)
    assert deposit.data[:4].hex() == selector
    assert len(deposit.data) == size
    attributes = L1Attributes.decode(deposit.data)
    assert attributes.encode() == deposit.data
    assert attributes.sequence_number == 3
    assert attributes.batcher_address == SYSTEM_CONFIG.batcher_address
    assert attributes.da_footprint_gas_scalar == (400 if size == 178 else 0)


@pytest.mark.parametrize(
    ("before", "fork"), [("delta", "ecotone"), ("holocene", "isthmus"), ("isthmus", "jovian")]
)
def test_block_that_activates_a_fork_still_has_the_form_before(before, fork):
    config = _config_at(before, **{fork: 1_000})
    forms = [
        l1_attributes_deposit(config, SYSTEM_CONFIG, _l1_block(), 0, time).data[:4].hex()
        for time in (998, 1_000, 1_000 + config.block_time)
    ]
    assert forms == [FORMS[before][0], FORMS[before][0], FORMS[fork][0]]


@pytest.mark.parametrize(
    ("fork", "gas", "is_system"),
    [("bedrock", 150_000_000, True), ("regolith", 1_000_000, False)],
)
def test_system_transactions_end_with_regolith(fork, gas, is_system):
    deposit = l1_attributes_deposit(_config_at(fork), SYSTEM_CONFIG, _l1_block(), 0, 1_000)
    assert (deposit.gas_limit, deposit.is_system_transaction) == (gas, is_system)


@pytest.mark.parametrize(
    ("alter", "message"),
    [
        (lambda data: data[:-1], "175 bytes"),
        (lambda data: data + b"\x00", "177 bytes"),
        (lambda data: b"\x44\x0a\x5e\x20" + data[4:], "176 bytes, expected 164"),
        (lambda data: b"\x44\x0a\x5e\x21" + data[4:], "selector 0x440a5e21"),
        (lambda data: b"", "selector 0x,"),
        (lambda data: data[:132] + b"\x01" + data[133:], "is not an address"),
    ],
)
def test_malformed_l1_attributes_are_refused(alter, message):
    data = l1_attributes_deposit(_rollup_config(), SYSTEM_CONFIG, _l1_block(), 0, 2_000).data
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
        (_update(8, bytes(32)), "unknown type 8"),
        (_update(6, bytes(23) + b"\x01" * 9), "more than 8 bytes"),
        (_update(7, bytes(29) + b"\x01" * 3), "more than 2 bytes"),
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


@pytest.mark.parametrize(
    ("update_type", "value", "field"),
    [(6, 10**9, "min_base_fee"), (7, 500, "da_footprint_gas_scalar")],
)
def test_jovian_updates_set_their_field(update_type, value, field):
    after = apply_config_update(SYSTEM_CONFIG, _update(update_type, value.to_bytes(32, "big")))
    assert after == dataclasses.replace(SYSTEM_CONFIG, **{field: value})


def test_before_ecotone_any_scalar_counts_and_overhead_with_it():
    log = _update(1, (188).to_bytes(32, "big") + (2**40).to_bytes(32, "big"))
    with pytest.raises(DecodeError):
        apply_config_update(SYSTEM_CONFIG, log)
    after = apply_config_update(SYSTEM_CONFIG, log, is_ecotone=False)
    assert (after.overhead, after.bedrock_scalar) == (188, 2**40)
    assert (after.base_fee_scalar, after.blob_base_fee_scalar) == (2**32 - 1, 0)
    assert after.scalar == (2**40).to_bytes(32, "big")


def test_alias_wraps_around_and_is_undone():
    last = to_address("0x" + "ff" * 20)
    assert apply_l1_to_l2_alias(last).hex() == "1111000000000000000000000000000000001110"
    assert undo_l1_to_l2_alias(apply_l1_to_l2_alias(last)) == last
