"""Genesis blocks: what is placed where, the header's fields, genesis.json, drawn chain ids."""

from __future__ import annotations

import dataclasses
import json

import pytest

from chain.account import decode_account
from chain.block import EMPTY_REQUESTS_HASH
from chain.crypto.keccak import keccak256
from chain.heads import BlockId
from chain.state import MemoryStateStore, State
from chain.trie import EMPTY_ROOT
from chain.types import Address, Hash32, to_address
from genesis import addresses
from genesis.allocation import (
    CREATE2_DEPLOYER,
    MULTICALL3,
    GenesisAccount,
    GenesisSpec,
    L1Anchor,
    dev_l1_genesis,
    drawn_chain_id,
    genesis_block,
    l2_genesis,
    rollup_config,
)
from genesis.config import RollupConfig
from genesis.dev_accounts import DEV_BALANCE_WEI, ROLES, dev_account, dev_accounts
from genesis.fields import ConfigError
from genesis.presets import L2_PRESETS, dev_l1_preset, l2_preset

TIME = 1_700_000_000


def _state(spec: GenesisSpec) -> State:
    block, changes = genesis_block(spec)
    store = MemoryStateStore()
    store.add(changes)
    return State.at(store, block.header.state_root)


def test_l2_header_is_an_isthmus_header():
    block, changes = genesis_block(l2_genesis(l2_preset("devnet"), TIME))
    header = block.header
    assert header.number == 0
    assert header.timestamp == TIME
    assert header.extra_data == bytes.fromhex("00000000fa00000006")
    assert header.withdrawals_root == EMPTY_ROOT  # of the message passer's empty storage
    assert header.requests_hash == EMPTY_REQUESTS_HASH
    assert (header.blob_gas_used, header.excess_blob_gas) == (0, 0)
    assert header.parent_beacon_block_root == bytes(32)
    assert header.beneficiary == addresses.SEQUENCER_FEE_VAULT
    assert block.withdrawals == ()
    assert changes.root == header.state_root


def test_l2_withdrawals_root_is_the_message_passers_storage_root():
    sent = GenesisAccount(nonce=1, storage={7: 1})
    spec = l2_genesis(
        l2_preset("minimal"), TIME, extra_alloc={addresses.L2_TO_L1_MESSAGE_PASSER: sent}
    )
    block, _ = genesis_block(spec)
    proof = _state(spec).prove_account(addresses.L2_TO_L1_MESSAGE_PASSER)
    leaf = proof[-1]
    assert block.header.withdrawals_root != EMPTY_ROOT
    assert block.header.withdrawals_root in leaf


@pytest.mark.parametrize("name", sorted(addresses.PREDEPLOYS))
def test_predeploy_has_code_and_nonce_one(name):
    state = _state(l2_genesis(l2_preset("minimal"), TIME))
    address = addresses.PREDEPLOYS[name]
    assert state.get_nonce(address) == 1
    assert len(state.get_code(address)) > 500


@pytest.mark.parametrize("name", sorted(addresses.NATIVE_PRECOMPILES))
def test_native_precompile_has_nonce_one_and_code_so_that_it_survives_eip161(name):
    state = _state(l2_genesis(l2_preset("minimal"), TIME))
    address = addresses.NATIVE_PRECOMPILES[name]
    assert state.get_nonce(address) == 1
    assert state.get_code(address) == b"\xfe"


@pytest.mark.parametrize(
    "spec", [dev_l1_genesis(TIME), l2_genesis(l2_preset("devnet"), TIME)], ids=["l1", "l2"]
)
def test_system_contracts_stand_on_both_layers(spec):
    state = _state(spec)
    for address in (addresses.HISTORY_STORAGE, addresses.BEACON_ROOTS, CREATE2_DEPLOYER):
        assert state.get_nonce(address) == 1
    # Hashes of the deployed code, as block explorers and the EIPs' deployment transactions give.
    assert len(state.get_code(addresses.HISTORY_STORAGE)) == 83
    assert len(state.get_code(addresses.BEACON_ROOTS)) == 97
    assert len(state.get_code(CREATE2_DEPLOYER)) == 69
    assert state.get_code(MULTICALL3)


@pytest.mark.parametrize(
    "spec", [dev_l1_genesis(TIME), l2_genesis(l2_preset("devnet"), TIME)], ids=["l1", "l2"]
)
def test_every_development_account_is_funded_on_both_layers(spec):
    state = _state(spec)
    assert {state.get_balance(account.address) for account in dev_accounts()} == {DEV_BALANCE_WEI}


def test_mainnet_preset_funds_nobody():
    spec = l2_genesis(l2_preset("mainnet"), TIME, chain_id=7, fee_recipient=Address(b"\x42" * 20))
    assert sum(account.balance for account in spec.alloc.values()) == 0


@pytest.mark.parametrize("given", [{}, {"chain_id": 7}, {"fee_recipient": Address(b"\x42" * 20)}])
def test_mainnet_preset_takes_no_development_defaults(given):
    with pytest.raises(ConfigError, match="fee_recipient and chain_id have to be given"):
        l2_genesis(l2_preset("mainnet"), TIME, **given)


def test_fee_vaults_pay_the_given_recipient():
    recipient = Address(b"\x42" * 20)
    state = _state(l2_genesis(l2_preset("minimal"), TIME, fee_recipient=recipient))
    for vault in ("SequencerFeeVault", "BaseFeeVault", "L1FeeVault", "OperatorFeeVault"):
        word = state.get_storage(addresses.PREDEPLOYS[vault], 2)
        assert word == int.from_bytes(recipient, "big")


def test_l1_header_is_a_plain_prague_header():
    block, _ = genesis_block(dev_l1_genesis(TIME))
    assert block.header.withdrawals_root == EMPTY_ROOT
    assert block.header.requests_hash == EMPTY_REQUESTS_HASH
    assert block.header.base_fee_per_gas == 1_000_000_000


@pytest.mark.parametrize(
    "spec", [dev_l1_genesis(TIME), l2_genesis(l2_preset("devnet"), TIME)], ids=["l1", "l2"]
)
def test_genesis_survives_its_json_form(spec):
    read = GenesisSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert read == spec
    assert genesis_block(read)[0].hash == genesis_block(spec)[0].hash


def test_chain_id_is_drawn_from_the_genesis_hash():
    spec = l2_genesis(l2_preset("devnet"), TIME)
    later = l2_genesis(l2_preset("devnet"), TIME + 1)
    assert spec.config.chain_id == drawn_chain_id(genesis_block(spec)[0].hash)
    assert spec.config.chain_id != later.config.chain_id
    assert 2**40 <= spec.config.chain_id < 2**41


@pytest.mark.parametrize("name", L2_PRESETS)
def test_rollup_config_of_each_preset_is_complete_and_supported(name):
    preset = l2_preset(name)
    anchor = L1Anchor(
        chain_id=dev_l1_preset().chain_id,
        block=BlockId(3, Hash32(b"\x01" * 32)),
        timestamp=TIME,
        portal=Address(b"\x02" * 20),
        system_config=Address(b"\x03" * 20),
    )
    spec = l2_genesis(preset, TIME, chain_id=7, fee_recipient=Address(b"\x42" * 20))
    config = rollup_config(preset, anchor, dev_account("batcher").address, spec)
    config.require_supported()
    assert config.genesis.l2.hash == genesis_block(spec)[0].hash
    assert config.genesis.system_config.batcher_address == dev_account("batcher").address
    assert RollupConfig.from_json(config.to_json()) == config
    with pytest.raises(ConfigError, match="is not that of its L1 anchor"):
        rollup_config(
            preset, dataclasses.replace(anchor, timestamp=TIME - 1), Address(b"\x02" * 20), spec
        )


def test_unknown_preset_is_refused_by_name():
    with pytest.raises(ConfigError, match="'testnet' is none of minimal, devnet, mainnet"):
        l2_preset("testnet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alloc": {"0x12": {"balance": "0x1"}}}, "genesis.json.alloc: address"),
        ({"alloc": {"11" * 20: {"storage": {"0x0": "0x1" + "00" * 32}}}}, "storage: 0x0"),
        ({"alloc": {"11" * 20: {"storage": {"zz": "0x1"}}}}, "storage: zz"),
        ({"alloc": {"11" * 20: {"balance": "0x1" + "00" * 32}}}, "outside"),
        ({"alloc": {"11" * 20: {"balance": "0x1", "code": "6000"}}}, "0x-prefixed"),
        ({"gasLimit": None}, "gasLimit is missing"),
        ({"config": {"chainId": 0}}, "chain_id: 0"),
    ],
)
def test_malformed_genesis_json_is_refused(change, message):
    document = dev_l1_genesis(TIME).to_json() | change
    with pytest.raises(ValueError, match=message):
        GenesisSpec.from_json(document)


def test_dev_accounts_are_anvils_then_the_roles():
    assert dev_accounts()[0].address == to_address("0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266")
    assert dev_accounts()[9].address == addresses.PLATFORM_ACCOUNT
    assert [account.name for account in dev_accounts()[10:]] == list(ROLES)
    assert len({account.address for account in dev_accounts()}) == len(dev_accounts())


def test_account_of_a_predeploy_opens_under_the_state_root():
    spec = l2_genesis(l2_preset("minimal"), TIME)
    state = _state(spec)
    account = state.get_account(addresses.L1_BLOCK)
    assert account.code_hash == keccak256(state.get_code(addresses.L1_BLOCK))
    assert decode_account(account.encode()) == account
