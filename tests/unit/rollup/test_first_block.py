"""The first L2 block over genesis: L1 attributes and deposits, through our own execution layer."""

from __future__ import annotations

import pytest
from contract_bench import call_data

from chain import abi
from chain.heads import BlockId
from chain.state import MemoryStateStore, State
from chain.transaction import DepositTransaction
from chain.types import Address, Hash32
from evm.executor import PayloadAttributes, execute_block
from evm.fees import l1_attributes
from genesis.addresses import (
    GAS_PRICE_ORACLE,
    L2_TO_L1_MESSAGE_PASSER,
    SEQUENCER_FEE_VAULT,
)
from genesis.allocation import (
    MULTICALL3,
    L1Anchor,
    dev_l1_genesis,
    genesis_block,
    l2_genesis,
    rollup_config,
)
from genesis.dev_accounts import dev_account
from genesis.presets import l2_preset
from rollup.bridge.deposits import user_deposit_source_hash
from rollup.bridge.l1_attributes import L1Attributes, l1_attributes_deposit
from rollup.l1.block import L1Block

TIME = 1_700_000_000
SENDER = Address(b"\x44" * 20)


@pytest.fixture
def first_block():
    """A function: deposits → the result of block 1."""
    l1_block = L1Block(genesis_block(dev_l1_genesis(TIME))[0].header, (), (), blob_base_fee=7)
    preset = l2_preset("minimal")
    anchor = L1Anchor(
        900, BlockId(0, l1_block.hash), TIME, Address(b"\x02" * 20), Address(b"\x03" * 20)
    )
    spec = l2_genesis(preset, TIME)
    config = rollup_config(preset, anchor, dev_account("batcher").address, spec)
    genesis, changes = genesis_block(spec)
    store = MemoryStateStore()
    store.add(changes)

    def execute(*deposits: DepositTransaction):
        system_config = config.genesis.system_config
        opening = l1_attributes_deposit(
            config, system_config, l1_block, 0, config.genesis.l2_time + config.block_time
        )
        attributes = PayloadAttributes(
            parent_hash=genesis.hash,
            timestamp=config.timestamp_of(1),
            prev_randao=l1_block.prev_randao,
            fee_recipient=SEQUENCER_FEE_VAULT,
            gas_limit=system_config.gas_limit,
            parent_beacon_block_root=Hash32(b"\x09" * 32),
            transactions=(opening, *deposits),
            eip1559_params=(system_config.eip1559_denominator, system_config.eip1559_elasticity),
        )
        return execute_block(
            spec.config,
            genesis.header,
            attributes,
            State.at(store, genesis.header.state_root),
            block_hash=lambda number: genesis.hash,
        )

    return execute


def _deposit(to: Address | None, data: bytes, value: int = 0, mint: int = 0) -> DepositTransaction:
    return DepositTransaction(
        source_hash=user_deposit_source_hash(Hash32(b"\x05" * 32), 0),
        sender=SENDER,
        to=to,
        mint=mint,
        value=value,
        gas_limit=2_000_000,
        is_system_transaction=False,
        data=data,
    )


def test_l1_attributes_reach_the_storage_that_prices_transactions(first_block):
    result = first_block()
    assert result.receipts[0].succeeded
    attributes = L1Attributes.decode(result.block.transactions[0].data)
    prices = l1_attributes(result.state.get_storage)
    assert prices.base_fee == attributes.base_fee == 1_000_000_000
    assert prices.blob_base_fee == 7
    assert prices.base_fee_scalar == attributes.base_fee_scalar == 1368
    assert prices.blob_base_fee_scalar == 810_949


def test_header_carries_the_fee_parameters_and_the_message_passers_root(first_block):
    passer = call_data("initiateWithdrawal(address,uint256,bytes)", SENDER, 100_000, b"home")
    result = first_block(_deposit(L2_TO_L1_MESSAGE_PASSER, passer, value=3, mint=3))
    header = result.header
    assert header.extra_data == bytes.fromhex("00000000fa00000006")
    assert header.withdrawals_root == result.state.storage_root(L2_TO_L1_MESSAGE_PASSER)
    assert header.withdrawals_root != genesis_block(dev_l1_genesis(TIME))[0].header.withdrawals_root
    (log,) = result.receipts[1].logs
    assert log.topics[2] == bytes(12) + SENDER
    assert result.state.get_balance(L2_TO_L1_MESSAGE_PASSER) == 3


def test_multicall_reads_the_fee_oracle_inside_a_deposit(first_block):
    calls = [(GAS_PRICE_ORACLE, False, abi.selector("l1BaseFee()"))]
    data = call_data("aggregate3((address,bool,bytes)[])", calls)
    result = first_block(_deposit(MULTICALL3, data))
    assert result.receipts[1].succeeded


def test_same_block_twice_has_one_hash(first_block):
    deposit = _deposit(SENDER, b"", value=1, mint=2)
    assert first_block(deposit).block.hash == first_block(deposit).block.hash
