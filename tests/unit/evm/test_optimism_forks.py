"""The OP Stack's forks one by one: what each changes about fees, deposits, headers and precompiles.

Figures are those of the page of the specs named at each part, below protocol/.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from execution import (
    BEDROCK_PRICES,
    JOVIAN_PRICES,
    L1_PRICES,
    STRANGER,
    USERS,
    attributes,
    deploying,
    deposit,
    engine,
    gas_used,
    optimism_config,
    run,
    send,
)

from chain.block import receipts_root
from chain.crypto.keccak import keccak256
from chain.receipt import Receipt
from chain.trie import EMPTY_ROOT
from chain.txpool import PooledTransaction
from chain.types import Address
from evm import forks
from evm.call import CallRequest
from evm.environment import Message
from evm.errors import Fault, InvalidBlock, InvalidTransaction
from evm.executor import block_environment
from evm.fees import (
    FeeParameters,
    InvalidExtraData,
    L1FeeParameters,
    calldata_gas,
    l1_attributes,
    next_base_fee,
)
from evm.pyevm.machine import Machine
from evm.pyevm.precompiles import BLS_G1_MSM, BLS_G2_MSM, BLS_PAIRING, BN254_PAIRING
from genesis.addresses import L1_BLOCK, L1_FEE_VAULT, OPERATOR_FEE_VAULT
from genesis.allocation import GenesisAccount
from genesis.config import ChainConfig
from genesis.upgrades import CREATE2_DEPLOYER

GENESIS_TIME = 1_700_000_000
FIRST_TIME = GENESIS_TIME + 2
FOUNTAIN = Address(b"\xf0" * 20)


def chain_of(fork: str, since: int = 0, prices: dict | None = None, **accounts):
    storage = prices or (BEDROCK_PRICES if fork in ("bedrock", "regolith") else L1_PRICES)
    extra = {L1_BLOCK: GenesisAccount(nonce=1, code=b"\x00", storage=storage)}
    return engine(optimism_config(fork, since), extra | accounts.get("extra", {}))


def state_of(chain):
    return chain.state_at(chain.header(chain.heads.unsafe.hash))


# -- which rules


@pytest.mark.parametrize(
    ("fork", "ethereum"),
    [
        ("bedrock", forks.PARIS),
        ("regolith", forks.PARIS),
        ("canyon", forks.SHANGHAI),
        ("delta", forks.SHANGHAI),
        ("ecotone", forks.CANCUN),
        ("fjord", forks.CANCUN),
        ("granite", forks.CANCUN),
        ("holocene", forks.CANCUN),
        ("isthmus", forks.PRAGUE),
        ("jovian", forks.PRAGUE),
        ("karst", forks.OSAKA),
    ],
)
def test_each_fork_stands_on_one_of_ethereum(fork, ethereum):
    rules = forks.rules_at(optimism_config(fork), GENESIS_TIME)
    assert rules.name == fork
    assert rules.machine.opcodes == ethereum.machine.opcodes
    assert rules.transaction_types == (ethereum.transaction_types - {forks.BLOB}) | {forks.DEPOSIT}


# -- deposits: deposits.md, Execution and Deposit Receipt; regolith/overview.md


def test_a_bedrock_deposit_takes_all_its_gas_and_a_system_transaction_none():
    chain = chain_of("bedrock")
    system = deposit(USERS[5], gas=150_000_000, is_system=True, salt=1)
    done = run(chain, system, deposit(USERS[4], gas=90_000))
    assert [gas_used(done.receipts, index) for index in (0, 1)] == [0, 90_000]
    assert done.header.gas_used == 90_000
    assert [receipt.deposit_nonce for receipt in done.receipts] == [None, None]


def test_a_failed_bedrock_deposit_takes_all_its_gas_and_a_system_transaction_none():
    chain = chain_of("bedrock")
    system = deposit(USERS[5], gas=20_000, is_system=True, salt=1)
    done = run(chain, system, deposit(USERS[4], gas=20_000))
    assert [receipt.succeeded for receipt in done.receipts] == [False, False]
    assert [gas_used(done.receipts, index) for index in (0, 1)] == [0, 20_000]
    assert done.state.get_nonce(USERS[5]) == 1


def test_regolith_counts_the_gas_of_deposits_and_knows_no_system_transactions():
    chain = chain_of("regolith")
    done = run(chain, deposit(USERS[4], gas=90_000), deposit(USERS[5], is_system=True, salt=1))
    assert gas_used(done.receipts, 0) == 21_000
    assert [receipt.succeeded for receipt in done.receipts] == [True, False]


def test_the_root_knows_the_deposit_nonce_from_canyon_on():
    wanted = {"bedrock": (None, None), "regolith": (0, None), "canyon": (0, 1), "karst": (0, 1)}
    roots = {}
    for fork, fields in wanted.items():
        done = run(chain_of(fork), deposit(USERS[4], gas=21_000))
        receipt = done.receipts[0]
        assert (receipt.deposit_nonce, receipt.deposit_receipt_version) == fields
        roots[fork] = done.header.receipts_root
    assert roots["bedrock"] == roots["regolith"] != roots["canyon"] == roots["karst"]


def test_a_nonce_without_version_is_kept_and_not_hashed():
    with_nonce = Receipt(0x7E, True, 21_000, (), deposit_nonce=7)
    without = Receipt(0x7E, True, 21_000, ())
    assert with_nonce.encode() != without.encode()
    assert receipts_root([with_nonce]) == receipts_root([without])


# -- headers: exec-engine.md, Extra Data; isthmus and jovian/exec-engine.md


@pytest.mark.parametrize(
    ("fork", "withdrawals", "blob_gas", "requests", "extra_bytes"),
    [
        ("regolith", None, None, False, 0),
        ("canyon", EMPTY_ROOT, None, False, 0),
        ("ecotone", EMPTY_ROOT, 0, False, 0),
        ("holocene", EMPTY_ROOT, 0, False, 9),
        ("isthmus", EMPTY_ROOT, 0, True, 9),
        ("jovian", EMPTY_ROOT, 0, True, 17),
        ("karst", EMPTY_ROOT, 0, True, 17),
    ],
)
def test_header_has_what_its_fork_knows(fork, withdrawals, blob_gas, requests, extra_bytes):
    header = run(chain_of(fork)).header
    assert header.withdrawals_root == withdrawals
    assert (header.blob_gas_used, header.excess_blob_gas) == (blob_gas, blob_gas)
    assert (header.requests_hash is not None) is requests
    assert len(header.extra_data) == extra_bytes


def test_create2_deployer_comes_with_the_first_block_of_canyon():
    chain = chain_of("canyon", since=FIRST_TIME + 2)
    run(chain)
    assert state_of(chain).get_code(CREATE2_DEPLOYER) == b""
    run(chain)
    code = state_of(chain).get_code(CREATE2_DEPLOYER)
    # predeploys.md names the hash.
    assert keccak256(code).hex().startswith("b0550b5b431e30d38000efb7107aaa0ade03d48a7198a140")
    from_genesis = chain_of("canyon")
    run(from_genesis)
    assert state_of(from_genesis).get_code(CREATE2_DEPLOYER) == b""


# -- base fee: exec-engine.md, 1559 Parameters; jovian/exec-engine.md, Minimum Base Fee


def test_the_denominator_changes_with_the_first_block_of_canyon():
    config = replace(
        optimism_config("canyon", since=FIRST_TIME + 2), bedrock_eip1559_denominator=50
    )
    chain = engine(config)
    first, second = run(chain).header, run(chain).header
    assert first.base_fee_per_gas == 10**9 - 10**9 // 50
    before = first.base_fee_per_gas
    assert second.base_fee_per_gas == before - before // 250
    assert next_base_fee(config, first) == before - before // 50  # a second Bedrock block
    assert ChainConfig.from_json(config.to_json()) == config


def test_jovian_keeps_the_base_fee_above_its_least():
    chain = chain_of("jovian")
    first = run(chain, min_base_fee=999_999_999, eip1559_params=(8, 2)).header
    assert first.extra_data.hex() == "01" + "00000008" + "00000002" + "000000003b9ac9ff"
    assert first.base_fee_per_gas == 10**9 - 10**9 // 250  # its parent names none
    second = run(chain, min_base_fee=5).header
    assert second.base_fee_per_gas == 999_999_999
    third = run(chain).header
    assert third.base_fee_per_gas == 999_999_999 - 999_999_999 // 250


@pytest.mark.parametrize(
    ("extra_data", "has_min_base_fee"),
    [
        (FeeParameters(250, 6, 7).encode(), False),
        (FeeParameters(250, 6).encode(), True),
        (FeeParameters(250, 6, 7).encode() + b"\x00", True),
        (FeeParameters(0, 6, 7).encode(), True),
        (b"", True),
    ],
)
def test_extra_data_of_another_fork_is_refused(extra_data, has_min_base_fee):
    with pytest.raises(InvalidExtraData):
        FeeParameters.decode(extra_data, has_min_base_fee=has_min_base_fee)


@pytest.mark.parametrize(
    ("fork", "extra_data", "reason"),
    [
        ("granite", b"\x00", "none before Holocene"),
        ("holocene", b"", "expected 9 bytes, version 0"),
        ("holocene", FeeParameters(250, 6, 7).encode(), "expected 9 bytes, version 0"),
        ("holocene", FeeParameters(250, 0).encode(), "neither may be 0"),
        ("jovian", FeeParameters(250, 6).encode(), "expected 17 bytes, version 1"),
    ],
)
def test_a_block_with_the_extra_data_of_another_fork_is_refused(fork, extra_data, reason):
    chain = chain_of(fork)
    block = chain.build(attributes(chain, extra_data=extra_data)).block
    with pytest.raises(InvalidBlock, match=reason):
        chain.import_block(block)


def test_the_first_block_of_jovian_reads_its_parent_as_holocene_does():
    chain = chain_of("jovian", since=FIRST_TIME + 2)
    run(chain, eip1559_params=(8, 2))
    header = run(chain, min_base_fee=3).header
    assert header.base_fee_per_gas == (10**9 - 10**9 // 250) * 7 // 8
    assert len(header.extra_data) == 17


# -- data fee: exec-engine.md, L1-Cost fees; fjord/exec-engine.md


def data_fee_paid(fork: str, **kwargs) -> tuple[int, bytes]:
    chain = chain_of(fork, **kwargs)
    tx = send(0, 0, data=b"\x00" * 3 + b"\x01" * 5)
    done = run(chain, tx)
    return done.state.get_balance(L1_FEE_VAULT), tx.encode()


def test_bedrock_charges_68_bytes_that_regolith_does_not():
    paid, raw = data_fee_paid("bedrock")
    assert paid == (calldata_gas(raw) + 68 * 16 + 188) * 5 * 10**9 * 684_000 // 10**6
    paid, raw = data_fee_paid("regolith")
    assert paid == (calldata_gas(raw) + 188) * 5 * 10**9 * 684_000 // 10**6


def test_ecotone_charges_at_two_scalars():
    paid, raw = data_fee_paid("ecotone")
    assert paid == calldata_gas(raw) * (16 * 5 * 10**9 * 5_000 + 3 * 800_000) // (16 * 10**6)


def test_the_first_block_of_ecotone_still_charges_by_bedrock_attributes():
    prices = {**BEDROCK_PRICES, 3: 4}  # a sequence number beside empty scalars
    paid, raw = data_fee_paid("ecotone", prices=prices)
    assert paid == (calldata_gas(raw) + 188) * 5 * 10**9 * 684_000 // 10**6
    # Fjord may begin with the same block.
    assert data_fee_paid("fjord", prices=prices)[0] == paid


def test_scalars_of_nothing_cost_nothing():
    assert data_fee_paid("fjord", prices={1: 5 * 10**9, 7: 3})[0] == 0


# -- operator fee: isthmus and jovian/exec-engine.md


@pytest.mark.parametrize(("fork", "per_gas"), [("isthmus", 0.25), ("jovian", 25_000_000)])
def test_jovian_takes_a_hundred_times_the_scalar_for_each_gas(fork, per_gas):
    chain = chain_of(fork)
    done = run(chain, send(0, 0, gas=21_000, cap=10**13))
    assert done.receipts[0].succeeded
    assert done.state.get_balance(OPERATOR_FEE_VAULT) == int(21_000 * per_gas) + 77


def test_there_is_no_operator_fee_before_isthmus():
    done = run(chain_of("holocene"), send(0, 0))
    assert done.state.get_balance(OPERATOR_FEE_VAULT) == 0


# -- DA footprint: jovian/exec-engine.md, DA Footprint Block Limit

CHEAP_JOVIAN = {**JOVIAN_PRICES, 8: 400 << 96}


def test_the_footprint_of_a_block_is_its_blob_gas():
    chain = chain_of("jovian", prices=CHEAP_JOVIAN)
    done = run(chain, deposit(USERS[3]), send(0, 0), send(1, 0))
    assert done.header.blob_gas_used == 2 * 100 * 400  # 100 bytes are the least
    assert done.header.excess_blob_gas == 0


def test_the_footprint_of_a_long_transaction_follows_its_compressed_size():
    prices = L1FeeParameters(0, 0, 0, 0, 0, 0, da_footprint_gas_scalar=400)
    data = bytes(range(256)) * 2
    size = 256 + 256 // 32 + 3 + 3  # literals, then one match of 256 bytes
    found = prices.da_footprint(data)
    assert found % 400 == 0
    assert abs(found // 400 - (836_500 * size - 42_585_600) // 10**6) <= 10
    assert replace(prices, da_footprint_gas_scalar=0).da_footprint(data) == 0


def test_a_block_takes_no_more_than_its_gas_limit_of_footprint():
    chain = chain_of("jovian", prices=CHEAP_JOVIAN)
    limit = 3 * 100 * 400 - 1
    sent = [send(user, 0, gas=21_000) for user in range(3)]
    with pytest.raises(InvalidTransaction) as refused:
        run(chain, *sent, gas_limit=limit)
    assert (refused.value.fault, refused.value.index) == (Fault.DA_FOOTPRINT_REACHED, 2)
    assert refused.value.may_become_valid
    candidates = [PooledTransaction(tx, USERS[index]) for index, tx in enumerate(sent)]
    built = chain.build(attributes(chain, gas_limit=limit), candidates)
    assert len(built.block.transactions) == 2


def test_the_base_fee_follows_the_footprint_where_it_is_more():
    chain = chain_of("jovian", prices=CHEAP_JOVIAN)
    parent = run(chain).header
    target = parent.gas_limit // 6
    for gas, footprint in ((0, 2 * target), (2 * target, 0), (2 * target, target)):
        moved = replace(parent, gas_used=gas, blob_gas_used=footprint)
        rise = moved.base_fee_per_gas // 250
        assert next_base_fee(chain.config, moved) == moved.base_fee_per_gas + rise


def test_a_block_of_deposits_has_no_footprint():
    chain = chain_of("jovian", prices=L1_PRICES)
    assert run(chain, deposit(USERS[3])).header.blob_gas_used == 0


def test_prices_that_a_fork_does_not_have_are_not_read():
    asked = []

    def get_storage(_address, slot):
        asked.append(slot)
        return 0

    l1_attributes(get_storage, forks.REGOLITH.optimism)
    assert sorted(asked) == [1, 5, 6]


# -- precompiles: {granite,isthmus,jovian,karst}/exec-engine.md, input size restrictions


@pytest.mark.parametrize(
    ("address", "limits"),
    [
        (
            BN254_PAIRING,
            {"granite": 112_687, "isthmus": 112_687, "jovian": 81_984, "karst": 57_600},
        ),
        (BLS_G1_MSM, {"isthmus": 513_760, "jovian": 288_960, "karst": 288_960}),
        (BLS_G2_MSM, {"isthmus": 488_448, "jovian": 278_784, "karst": 278_784}),
        (BLS_PAIRING, {"isthmus": 235_008, "jovian": 156_672, "karst": 156_672}),
    ],
)
def test_a_precompile_takes_so_much_input_and_no_more(address, limits):
    for fork, limit in limits.items():
        chain = chain_of(fork)
        block = block_environment(chain.config, *next_block(chain))
        machine = Machine(state_of(chain), block)
        for size, reason in ((limit, "out of gas"), (limit + 1, f"bad input of {limit + 1} bytes")):
            outcome = machine.run(Message(USERS[0], address, 0, bytes(size), 1, 0))
            assert outcome.error.startswith(reason), fork


def next_block(chain):
    return chain.header(chain.heads.unsafe.hash), attributes(chain), lambda _number: None


# -- Karst: karst/overview.md


def price_of_call(fork: str, address: int, data: bytes) -> int:
    """Gas that a precompile takes of a call made by a contract."""
    # CALLDATASIZE, 0, 0, CALLDATACOPY; GAS; STATICCALL; GAS; SUB; return it
    code = bytes.fromhex(
        "3660006000375a60006000366000"  # copy, GAS before, output and input of the call
        + f"61{address:04x}"
        + "5afa50"
        + "5a900360005260206000f3"
    )
    chain = chain_of(fork, extra={FOUNTAIN: GenesisAccount(nonce=1, code=code)})
    header = chain.header(chain.heads.unsafe.hash)
    return int.from_bytes(chain.call(CallRequest(to=FOUNTAIN, data=data), header).output, "big")


def test_karst_prices_p256_and_modexp_as_osaka_does():
    signature = bytes(160)
    around = price_of_call("jovian", 0x100, signature) - 3_450
    assert price_of_call("karst", 0x100, signature) - around == 6_900
    modexp = (1).to_bytes(32, "big") * 3 + b"\x02\x02\x05"
    assert price_of_call("karst", 5, modexp) - price_of_call("jovian", 5, modexp) == 500 - 200


def test_karst_has_clz():
    code = deploying(bytes.fromhex("60011e60005260206000f3"))
    done = run(chain_of("karst", prices=CHEAP_JOVIAN), send(0, 0, None, data=code, gas=200_000))
    assert done.receipts[0].succeeded
    for fork, succeeds in (("jovian", False), ("karst", True)):
        chain = chain_of(
            fork, extra={FOUNTAIN: GenesisAccount(nonce=1, code=bytes.fromhex("60011e00"))}
        )
        done = run(chain, deposit(USERS[0], FOUNTAIN))
        assert done.receipts[0].succeeded is succeeds


def test_karst_caps_the_gas_of_transactions_and_not_of_deposits():
    chain = chain_of("karst", prices=CHEAP_JOVIAN)
    done = run(chain, deposit(USERS[3], gas=2**24 + 1))
    assert done.receipts[0].succeeded
    with pytest.raises(InvalidTransaction) as refused:
        run(chain, send(0, 0, gas=2**24 + 1))
    assert refused.value.fault is Fault.GAS_LIMIT_TOO_HIGH
    run(chain, send(0, 0, STRANGER, gas=2**24))
