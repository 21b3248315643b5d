"""OptimismPortal and SystemConfig, executed, and read back by the bridge as derivation does."""

from __future__ import annotations

import dataclasses
from dataclasses import astuple

import pytest
from contract_bench import SENDER, ContractBench, call_data
from settlement import GUARDIAN, INBOX, OWNER, PARAMETERS, SYSTEM_CONFIG, creations, deploy

from chain.crypto.keccak import keccak256
from chain.receipt import Receipt
from chain.types import ZERO_ADDRESS, Address, Hash32
from genesis.allocation import dev_l1_genesis, genesis_block
from genesis.config import SystemConfig
from rollup.bridge.address_alias import apply_l1_to_l2_alias
from rollup.bridge.deposits import (
    TRANSACTION_DEPOSITED,
    decode_deposit,
    encode_opaque_data,
    user_deposit_source_hash,
    user_deposits,
)
from rollup.bridge.system_config import apply_config_update
from rollup.l1.block import L1Block
from rollup.settlement.deploy import (
    CONTRACTS,
    DeploymentFees,
    deployment_transactions,
    settlement_addresses,
)

TARGET = Address(b"\x77" * 20)
DEPOSIT = "depositTransaction(address,uint256,uint64,bool,bytes)"
EIP_7825_LIMIT = 1 << 24
SOURCE = Hash32(b"\x01" * 32)


@pytest.fixture
def chain():
    bench, at = deploy()
    return bench, at.system_config, at.portal


def test_deployment_is_one_creation_for_each_contract_in_nonce_order():
    transactions = deployment_transactions(
        PARAMETERS, deployer=SENDER, nonce=7, l1_chain_id=900, fees=DeploymentFees(10**9, 1)
    )
    assert [tx.nonce for tx in transactions] == list(range(7, 7 + len(CONTRACTS)))
    assert {tx.to for tx in transactions} == {None}
    at = settlement_addresses(SENDER, 7)
    assert at.portal in transactions[0].data
    assert at.system_config in transactions[1].data


def test_deployment_fits_one_block_of_l1_and_each_creation_a_transaction():
    limits = [tx.gas_limit for tx in creations().values()]
    assert sum(limits) < 30_000_000
    assert max(limits) < EIP_7825_LIMIT


def test_every_contract_stands_where_the_others_look_for_it():
    bench, at = deploy()
    for address in astuple(at):
        assert bench.state.get_code(address)


def test_created_addresses_are_those_of_the_known_case():
    # The first two contracts of anvil's first account have the same addresses everywhere.
    deployer = Address(bytes.fromhex("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"))
    contracts = settlement_addresses(deployer, 0)
    assert contracts.system_config.hex() == "5fbdb2315678afecb367f032d93f642f64180aa3"
    assert contracts.portal.hex() == "e7f1725e7734ce288f8367e1bb143e90bb3f0512"


def test_each_creation_has_gas_to_spare():
    bench = ContractBench()
    for tx in creations().values():
        _, outcome = bench.create(tx.data)
        intrinsic = 53_000 + 16 * len(tx.data) + 2 * (len(tx.data) // 32 + 1)
        assert outcome.gas_used + intrinsic < tx.gas_limit - 50_000


def test_system_config_announces_what_it_was_made_with():
    config = SystemConfig(Address(b"\x00" * 20), 1, 0, 0)
    _, outcome = ContractBench().create(creations()["SystemConfig"].data)
    for log in outcome.logs[1:]:
        config = apply_config_update(config, log)
    assert config == SYSTEM_CONFIG


@pytest.mark.parametrize(
    ("call", "changed"),
    [
        (
            call_data("setBatcherHash(bytes32)", bytes(12) + TARGET),
            {"batcher_address": TARGET},
        ),
        (
            call_data("setGasConfigEcotone(uint32,uint32)", 5, 6),
            {"base_fee_scalar": 5, "blob_base_fee_scalar": 6},
        ),
        (call_data("setGasLimit(uint64)", 40_000_000), {"gas_limit": 40_000_000}),
        (
            call_data("setEIP1559Params(uint32,uint32)", 32, 4),
            {"eip1559_denominator": 32, "eip1559_elasticity": 4},
        ),
        (
            call_data("setOperatorFeeScalars(uint32,uint64)", 9, 2**64 - 1),
            {"operator_fee_scalar": 9, "operator_fee_constant": 2**64 - 1},
        ),
        (call_data("setUnsafeBlockSigner(address)", TARGET), {}),
        (call_data("setMinBaseFee(uint64)", 2**64 - 1), {"min_base_fee": 2**64 - 1}),
        (call_data("setDAFootprintGasScalar(uint16)", 401), {"da_footprint_gas_scalar": 401}),
    ],
    ids=[
        "batcher",
        "scalars",
        "gas-limit",
        "eip1559",
        "operator-fee",
        "signer",
        "min-base-fee",
        "da-footprint",
    ],
)
def test_each_update_reaches_the_l2_through_its_event(chain, call, changed):
    bench, system_config, _ = chain
    (log,) = bench.send(system_config, call, sender=OWNER).logs
    assert apply_config_update(SYSTEM_CONFIG, log) == dataclasses.replace(SYSTEM_CONFIG, **changed)


def test_op_node_finds_the_signer_in_the_slot_it_reads(chain):
    bench, system_config, _ = chain
    slot = bench.view(system_config, "UNSAFE_BLOCK_SIGNER_SLOT()", ["bytes32"])
    assert slot == keccak256(b"systemconfig.unsafeblocksigner")
    bench.send(system_config, call_data("setUnsafeBlockSigner(address)", TARGET), sender=OWNER)
    stored = bench.state.get_storage(system_config, int.from_bytes(slot, "big"))
    assert stored == int.from_bytes(TARGET, "big")


def test_system_config_says_where_the_other_contracts_are(chain):
    bench, system_config, _ = chain
    at = settlement_addresses(SENDER, 0)
    for name, expected in (
        ("optimismPortal", at.portal),
        ("disputeGameFactory", at.dispute_game_factory),
        ("l1CrossDomainMessenger", at.l1_cross_domain_messenger),
        ("l1StandardBridge", at.l1_standard_bridge),
        ("optimismMintableERC20Factory", at.mintable_erc20_factory),
        ("superchainConfig", at.superchain_config),
        ("guardian", GUARDIAN),
    ):
        assert bench.view(system_config, f"{name}()", ["address"]) == expected
    assert bench.view(system_config, "l2ChainId()", ["uint256"]) == 901
    assert bench.view(system_config, "startBlock()", ["uint256"]) == 100


def test_only_the_owner_may_change_the_configuration(chain):
    bench, system_config, _ = chain
    outcome = bench.send(system_config, call_data("setGasLimit(uint64)", 40_000_000))
    assert not outcome.succeeded
    assert outcome.reason == "Ownable: caller is not the owner"


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (call_data("setGasLimit(uint64)", 20_999_999), "gas limit too low"),
        (call_data("setGasLimit(uint64)", 500_000_001), "gas limit too high"),
        (call_data("setEIP1559Params(uint32,uint32)", 0, 6), "denominator must be >= 1"),
        (call_data("setEIP1559Params(uint32,uint32)", 250, 0), "elasticity must be >= 1"),
        (call_data("setBatcherHash(bytes32)", b"\x01" * 32), "batcher is not an address"),
    ],
)
def test_system_config_refuses_values_that_would_break_the_l2(chain, call, reason):
    bench, system_config, _ = chain
    assert reason in bench.send(system_config, call, sender=OWNER).reason


def test_ownership_moves_only_when_the_new_owner_accepts(chain):
    bench, system_config, _ = chain
    bench.send(system_config, call_data("transferOwnership(address)", TARGET), sender=OWNER)
    assert bench.view(system_config, "owner()", ["address"]) == OWNER
    refused = bench.send(system_config, call_data("acceptOwnership()"))
    assert refused.reason == "Ownable: caller is not the new owner"
    assert bench.send(system_config, call_data("acceptOwnership()"), sender=TARGET).succeeded
    assert bench.view(system_config, "owner()", ["address"]) == TARGET
    assert bench.view(system_config, "pendingOwner()", ["address"]) == ZERO_ADDRESS


def test_system_config_and_portal_know_each_other(chain):
    bench, system_config, portal = chain
    assert bench.view(system_config, "optimismPortal()", ["address"]) == portal
    assert bench.view(portal, "systemConfig()", ["address"]) == system_config
    assert bench.view(system_config, "batchInbox()", ["address"]) == INBOX
    assert bench.view(system_config, "scalar()", ["uint256"]) == int.from_bytes(
        SYSTEM_CONFIG.scalar, "big"
    )


@pytest.mark.parametrize("size", [0, 1, 22, 23, 24, 54, 55, 56, 1000, 20_000])
def test_portal_event_is_the_deposit_that_was_asked_for(chain, size):
    bench, _, portal = chain
    data = (b"\x01\x02\x03\x04\x05\x06\x07" * (size // 7 + 1))[:size]
    gas_limit = 21_000 + 40 * size
    call = call_data(DEPOSIT, TARGET, 3, gas_limit, False, data)
    (log,) = bench.send(portal, call, value=5).logs
    assert log.topics[0] == TRANSACTION_DEPOSITED
    deposit = decode_deposit(log, SOURCE)
    assert (deposit.sender, deposit.to) == (SENDER, TARGET)
    assert (deposit.mint, deposit.value, deposit.gas_limit) == (5, 3, gas_limit)
    assert deposit.data == data
    assert encode_opaque_data(5, 3, gas_limit, False, data) in log.data


def test_portal_creation_has_no_target(chain):
    bench, _, portal = chain
    call = call_data(DEPOSIT, ZERO_ADDRESS, 0, 100_000, True, b"\x60\x00")
    (log,) = bench.send(portal, call).logs
    assert decode_deposit(log, SOURCE).to is None


def test_portal_aliases_contracts_and_only_contracts(chain):
    bench, _, portal = chain
    contract = Address(b"\x99" * 20)
    bench.place(contract, b"\x00")
    call = call_data(DEPOSIT, TARGET, 0, 21_000, False, b"")
    bench.state.set_balance(contract, 10)
    (log,) = bench.send(portal, call, sender=contract, origin=SENDER).logs
    assert decode_deposit(log, SOURCE).sender == apply_l1_to_l2_alias(contract)


def test_portal_does_not_alias_an_account_that_delegates_its_code(chain):
    bench, _, portal = chain
    account = Address(b"\x98" * 20)
    bench.place(account, bytes.fromhex("ef0100") + TARGET)
    call = call_data(DEPOSIT, TARGET, 0, 21_000, False, b"")
    (log,) = bench.send(portal, call, sender=account, origin=SENDER).logs
    assert decode_deposit(log, SOURCE).sender == account


def test_ether_sent_to_the_portal_arrives_at_the_same_address(chain):
    bench, _, portal = chain
    (log,) = bench.send(portal, value=9).logs
    deposit = decode_deposit(log, SOURCE)
    assert (deposit.sender, deposit.to) == (SENDER, SENDER)
    assert (deposit.mint, deposit.value, deposit.gas_limit) == (9, 9, 100_000)
    assert deposit.data == b""


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (call_data(DEPOSIT, TARGET, 0, 20_999, False, b""), "gas limit too small"),
        (call_data(DEPOSIT, TARGET, 0, 21_039, False, b"x"), "gas limit too small"),
        (call_data(DEPOSIT, TARGET, 0, 100_000, True, b""), "must send to address(0)"),
        (call_data(DEPOSIT, TARGET, 0, 20_000_001, False, b""), "is used up"),
    ],
)
def test_portal_refuses(chain, call, reason):
    bench, _, portal = chain
    assert reason in bench.send(portal, call).reason


def test_portal_bounds_the_deposit_gas_of_one_l1_block(chain):
    bench, _, portal = chain
    call = call_data(DEPOSIT, TARGET, 0, 7_000_000, False, b"")
    outcomes = [bench.send(portal, call).succeeded for _ in range(3)]
    assert outcomes == [True, True, False]
    assert bench.view(portal, "remainingDepositGas()", ["uint256"]) == 6_000_000


def test_portal_refuses_more_data_than_a_deposit_may_carry(chain):
    bench, _, portal = chain
    call = call_data(DEPOSIT, TARGET, 0, 10_000_000, False, bytes(120_001))
    assert not bench.send(portal, call).succeeded


def test_portal_deposit_costs_less_than_a_hundred_thousand_gas(chain):
    bench, _, portal = chain
    call = call_data(DEPOSIT, TARGET, 1, 100_000, False, b"")
    bench.send(portal, call)  # the first of a block also writes fresh slots
    assert bench.send(portal, call, value=1).gas_used < 100_000


def test_donated_ether_makes_no_deposit(chain):
    bench, _, portal = chain
    outcome = bench.send(portal, call_data("donateETH()"), value=3)
    assert outcome.succeeded
    assert outcome.logs == ()


def test_deposits_of_a_block_are_read_in_log_order_with_their_index_in_the_block(chain):
    bench, system_config, portal = chain
    other = bench.send(system_config, call_data("setGasLimit(uint64)", 40_000_000), sender=OWNER)
    first = bench.send(portal, value=1)
    second = bench.send(portal, value=2)

    receipts = (
        Receipt(2, True, 1, (*other.logs, *first.logs)),
        Receipt(2, True, 2, second.logs),
    )
    header = genesis_block(dev_l1_genesis(1_700_000_000))[0].header
    block = L1Block(header, (), receipts, blob_base_fee=1)
    deposits = user_deposits(block, portal)
    assert [deposit.mint for deposit in deposits] == [1, 2]
    assert [deposit.source_hash for deposit in deposits] == [
        user_deposit_source_hash(block.hash, 1),
        user_deposit_source_hash(block.hash, 2),
    ]
