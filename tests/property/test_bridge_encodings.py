"""encode∘decode of what crosses the bridge, and of the configuration files."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from chain import abi
from chain.errors import DecodeError
from chain.heads import BlockId
from chain.receipt import Log, Receipt
from chain.types import Address, Hash32
from genesis.allocation import GenesisSpec, dev_l1_genesis, genesis_block
from genesis.config import (
    ForkTimes,
    RollupConfig,
    RollupGenesis,
    SystemConfig,
    unpack_fee_scalar,
)
from genesis.fields import ConfigError
from rollup.bridge.address_alias import apply_l1_to_l2_alias, undo_l1_to_l2_alias
from rollup.bridge.deposits import TRANSACTION_DEPOSITED, decode_deposit, encode_opaque_data
from rollup.bridge.l1_attributes import L1Attributes
from rollup.bridge.system_config import CONFIG_UPDATE, apply_config_updates
from rollup.l1.block import L1Block

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
U256 = st.integers(0, 2**256 - 1)
POSITIVE = st.integers(1, 2**62)
HASHES = st.binary(min_size=32, max_size=32).map(Hash32)
ADDRESSES = st.binary(min_size=20, max_size=20).map(Address)
REAL_ADDRESSES = ADDRESSES.filter(any)
L1_HEADER = genesis_block(dev_l1_genesis(1))[0].header

L1_ATTRIBUTES = st.builds(
    L1Attributes,
    number=U64,
    timestamp=U64,
    base_fee=U256,
    hash=HASHES,
    sequence_number=U64,
    batcher_address=ADDRESSES,
    blob_base_fee=U256,
    base_fee_scalar=U32,
    blob_base_fee_scalar=U32,
    operator_fee_scalar=U32,
    operator_fee_constant=U64,
)
SYSTEM_CONFIGS = st.builds(
    SystemConfig,
    batcher_address=ADDRESSES,
    gas_limit=U64,
    base_fee_scalar=U32,
    blob_base_fee_scalar=U32,
    operator_fee_scalar=U32,
    operator_fee_constant=U64,
    eip1559_denominator=U32,
    eip1559_elasticity=st.integers(1, 2**32 - 1),
)


@st.composite
def rollup_configs(draw: st.DrawFn) -> RollupConfig:
    l1_hash, l2_hash = draw(st.lists(HASHES, min_size=2, max_size=2, unique=True))
    l1_id, l2_id = draw(st.lists(POSITIVE, min_size=2, max_size=2, unique=True))
    return RollupConfig(
        genesis=RollupGenesis(
            BlockId(draw(U64), l1_hash),
            BlockId(draw(U64), l2_hash),
            draw(U64),
            draw(SYSTEM_CONFIGS),
        ),
        block_time=draw(POSITIVE),
        max_sequencer_drift=draw(POSITIVE),
        seq_window_size=draw(POSITIVE),
        channel_timeout=draw(POSITIVE),
        l1_chain_id=l1_id,
        l2_chain_id=l2_id,
        batch_inbox_address=draw(REAL_ADDRESSES),
        deposit_contract_address=draw(REAL_ADDRESSES),
        l1_system_config_address=draw(REAL_ADDRESSES),
        protocol_versions_address=draw(ADDRESSES),
        forks=ForkTimes.optimism_from_genesis(),
        eip1559_elasticity=draw(st.integers(1, 2**32 - 1)),
        eip1559_denominator=draw(st.integers(1, 2**32 - 1)),
    )


@given(L1_ATTRIBUTES)
def test_l1_attributes_survive_their_calldata(attributes):
    calldata = attributes.encode()
    assert len(calldata) == 176
    assert L1Attributes.decode(calldata) == attributes


@given(st.binary(max_size=200))
def test_no_calldata_breaks_the_decoder_of_l1_attributes(calldata):
    try:
        attributes = L1Attributes.decode(calldata)
    except DecodeError:
        return
    assert attributes.encode() == calldata


@given(U256, U256, U64, st.booleans(), st.binary(max_size=300), ADDRESSES, ADDRESSES, HASHES)
def test_deposit_survives_its_opaque_data(
    mint, value, gas_limit, creation, data, sender, target, source
):
    opaque = encode_opaque_data(mint, value, gas_limit, creation, data)
    topics = (TRANSACTION_DEPOSITED, bytes(12) + sender, bytes(12) + target, bytes(32))
    log = Log(sender, tuple(Hash32(t) for t in topics), abi.encode(["bytes"], [opaque]))
    deposit = decode_deposit(log, source)
    assert (deposit.mint, deposit.value, deposit.gas_limit) == (mint, value, gas_limit)
    assert deposit.to == (None if creation else target)
    assert (deposit.sender, deposit.data, deposit.source_hash) == (sender, data, source)


@given(st.lists(HASHES, max_size=4), st.binary(max_size=200), SYSTEM_CONFIGS)
def test_no_config_update_halts_derivation(topics, data, system_config):
    contract = Address(b"\x33" * 20)
    logs = tuple(Log(contract, (CONFIG_UPDATE, *rest), data) for rest in (topics, topics[:2]))
    block = L1Block(L1_HEADER, (), (Receipt(2, True, 1, logs),), blob_base_fee=1)
    assert isinstance(apply_config_updates(system_config, block, contract), SystemConfig)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2**70),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(["0x", "0x1", "0x" + "00" * 20, "0x" + "11" * 32]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def _paths(value: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [path]
    return [path, *(deep for key in value for deep in _paths(value[key], (*path, key)))]


def _with_junk(document: object, path: tuple[str, ...], junk: object) -> object:
    if not path:
        return junk
    return {**document, path[0]: _with_junk(document[path[0]], path[1:], junk)}


@given(rollup_configs(), JUNK, st.data())
def test_junk_anywhere_in_rollup_json_is_refused_or_has_a_meaning(config, junk, data):
    document = config.to_json()
    path = data.draw(st.sampled_from(_paths(document)))
    try:
        read = RollupConfig.from_json(_with_junk(document, path, junk))
    except ConfigError:
        return
    assert RollupConfig.from_json(read.to_json()) == read


@given(JUNK, st.data())
def test_junk_anywhere_in_genesis_json_is_refused_or_has_a_meaning(junk, data):
    document = dev_l1_genesis(1).to_json()
    path = data.draw(st.sampled_from(_paths(document)))
    try:
        read = GenesisSpec.from_json(_with_junk(document, path, junk))
    except ConfigError:
        return
    assert GenesisSpec.from_json(read.to_json()) == read


@given(ADDRESSES)
def test_alias_is_a_bijection(address):
    assert undo_l1_to_l2_alias(apply_l1_to_l2_alias(address)) == address
    assert apply_l1_to_l2_alias(undo_l1_to_l2_alias(address)) == address


@given(SYSTEM_CONFIGS)
def test_system_config_survives_its_json_form(system_config):
    read = SystemConfig.from_json(json.loads(json.dumps(system_config.to_json())))
    assert read == system_config
    assert unpack_fee_scalar(system_config.scalar) == (
        system_config.base_fee_scalar,
        system_config.blob_base_fee_scalar,
    )


@given(rollup_configs())
def test_rollup_config_survives_its_json_form(config):
    assert RollupConfig.from_json(json.loads(json.dumps(config.to_json()))) == config
