"""What the contracts write and what the bridge reads are the same, for any values."""

from __future__ import annotations

from dataclasses import replace

from contract_bench import SENDER, ContractBench, call_data
from hypothesis import given, settings
from hypothesis import strategies as st
from settlement import PARAMETERS, deploy

from chain import abi
from chain.crypto.keccak import keccak256
from chain.types import ZERO_ADDRESS, Address, Hash32
from evm.fees import l1_attributes
from genesis.addresses import L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK, L2_TO_L1_MESSAGE_PASSER
from genesis.config import SystemConfig
from genesis.predeploys import runtime_code
from rollup.bridge.deposits import decode_deposit
from rollup.bridge.l1_attributes import L1Attributes
from rollup.bridge.system_config import apply_config_update

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
U256 = st.integers(0, 2**256 - 1)
HASHES = st.binary(min_size=32, max_size=32).map(Hash32)
ADDRESSES = st.binary(min_size=20, max_size=20).map(Address)
SOURCE = Hash32(b"\x01" * 32)
START = SystemConfig(SENDER, 30_000_000, 1, 2, 3, 4, 250, 6)


def _settlement() -> tuple[ContractBench, Address, Address]:
    bench, at = deploy(replace(PARAMETERS, owner=SENDER, system_config=START))
    return bench, at.system_config, at.portal


@settings(max_examples=40)
@given(
    target=ADDRESSES,
    value=U256,
    spare_gas=st.integers(0, 1_000_000),
    is_creation=st.booleans(),
    data=st.binary(max_size=400),
    mint=st.integers(0, 10**20),
)
def test_any_deposit_the_portal_accepts_arrives_whole(
    target, value, spare_gas, is_creation, data, mint
):
    bench, _, portal = _settlement()
    target = ZERO_ADDRESS if is_creation else target
    gas_limit = 21_000 + 40 * len(data) + spare_gas
    call = call_data(
        "depositTransaction(address,uint256,uint64,bool,bytes)",
        target,
        value,
        gas_limit,
        is_creation,
        data,
    )
    outcome = bench.send(portal, call, value=mint)
    (log,) = outcome.logs
    deposit = decode_deposit(log, SOURCE)
    assert deposit.to == (None if is_creation else target)
    assert (deposit.mint, deposit.value, deposit.gas_limit) == (mint, value, gas_limit)
    assert (deposit.sender, deposit.data) == (SENDER, data)
    assert bench.state.get_balance(portal) == mint


@settings(max_examples=30)
@given(
    st.builds(
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
)
def test_any_l1_attributes_reach_the_storage_and_the_getters(attributes):
    bench = ContractBench()
    bench.place(L1_BLOCK, runtime_code("L1Block"))
    assert bench.send(L1_BLOCK, attributes.encode(), sender=L1_ATTRIBUTES_DEPOSITOR).succeeded
    prices = l1_attributes(bench.state.get_storage)
    for name in (
        "base_fee",
        "blob_base_fee",
        "base_fee_scalar",
        "blob_base_fee_scalar",
        "operator_fee_scalar",
        "operator_fee_constant",
    ):
        assert getattr(prices, name) == getattr(attributes, name)
    assert bench.view(L1_BLOCK, "number()", ["uint64"]) == attributes.number
    assert bench.view(L1_BLOCK, "timestamp()", ["uint64"]) == attributes.timestamp
    assert bench.view(L1_BLOCK, "sequenceNumber()", ["uint64"]) == attributes.sequence_number
    assert bench.view(L1_BLOCK, "hash()", ["bytes32"]) == attributes.hash


@settings(max_examples=30)
@given(
    U32, U32, st.integers(21_000_000, 500_000_000), st.integers(1, 2**32 - 1), U32, U64, ADDRESSES
)
def test_any_change_of_the_configuration_is_read_back_from_its_events(
    base, blob, gas_limit, params, operator_scalar, operator_constant, batcher
):
    bench, system_config, _ = _settlement()
    calls = [
        call_data("setBatcherHash(bytes32)", bytes(12) + batcher),
        call_data("setGasConfigEcotone(uint32,uint32)", base, blob),
        call_data("setGasLimit(uint64)", gas_limit),
        call_data("setEIP1559Params(uint32,uint32)", params, params),
        call_data("setOperatorFeeScalars(uint32,uint64)", operator_scalar, operator_constant),
    ]
    config = START
    for call in calls:
        (log,) = bench.send(system_config, call).logs
        config = apply_config_update(config, log)
    assert config == SystemConfig(
        batcher, gas_limit, base, blob, operator_scalar, operator_constant, params, params
    )


@settings(max_examples=30)
@given(ADDRESSES, U256, st.binary(max_size=400), st.integers(0, 10**20))
def test_any_withdrawal_is_found_under_its_hash(target, gas_limit, data, value):
    bench = ContractBench()
    bench.place(L2_TO_L1_MESSAGE_PASSER, runtime_code("L2ToL1MessagePasser"))
    call = call_data("initiateWithdrawal(address,uint256,bytes)", target, gas_limit, data)
    (log,) = bench.send(L2_TO_L1_MESSAGE_PASSER, call, value=value).logs
    types = ["uint256", "address", "address", "uint256", "uint256", "bytes"]
    withdrawal = abi.encode(types, [1 << 240, SENDER, target, value, gas_limit, data])
    withdrawal_hash = keccak256(withdrawal)
    assert abi.decode(["uint256", "uint256", "bytes", "bytes32"], log.data) == (
        value,
        gas_limit,
        data,
        withdrawal_hash,
    )
    slot = int.from_bytes(keccak256(withdrawal_hash + bytes(32)), "big")
    assert bench.state.get_storage(L2_TO_L1_MESSAGE_PASSER, slot) == 1
