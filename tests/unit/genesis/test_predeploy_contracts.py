"""The L2 predeploys, executed: OP's storage layout, setters, events, fees and vaults."""

from __future__ import annotations

import pytest
from contract_bench import SENDER, ContractBench, call_data

from chain import abi
from chain.crypto.keccak import keccak256
from chain.types import Address
from genesis.addresses import (
    GAS_PRICE_ORACLE,
    L1_ATTRIBUTES_DEPOSITOR,
    L1_BLOCK,
    L1_FEE_VAULT,
    L2_TO_L1_MESSAGE_PASSER,
)
from genesis.allocation import MULTICALL3
from genesis.predeploys import runtime_code
from rollup.bridge.l1_attributes import L1Attributes

ATTRIBUTES = L1Attributes(
    number=19_655_712,
    timestamp=1_713_121_139,
    base_fee=10_445_852_825,
    hash=keccak256(b"l1"),
    sequence_number=5,
    batcher_address=Address(b"\x68" * 20),
    blob_base_fee=11,
    base_fee_scalar=1368,
    blob_base_fee_scalar=810_949,
    operator_fee_scalar=43_981,
    operator_fee_constant=56_506,
)
TARGET = Address(b"\x77" * 20)


@pytest.fixture
def bench():
    bench = ContractBench()
    bench.place(L1_BLOCK, runtime_code("L1Block"))
    bench.place(GAS_PRICE_ORACLE, runtime_code("GasPriceOracle"))
    bench.place(L2_TO_L1_MESSAGE_PASSER, runtime_code("L2ToL1MessagePasser"))
    bench.place(MULTICALL3, runtime_code("Multicall3"))
    return bench


@pytest.fixture
def informed(bench):
    outcome = bench.send(L1_BLOCK, ATTRIBUTES.encode(), sender=L1_ATTRIBUTES_DEPOSITOR)
    assert outcome.succeeded
    return bench


@pytest.mark.parametrize(
    ("getter", "kind", "expected"),
    [
        ("number", "uint64", ATTRIBUTES.number),
        ("timestamp", "uint64", ATTRIBUTES.timestamp),
        ("basefee", "uint256", ATTRIBUTES.base_fee),
        ("hash", "bytes32", ATTRIBUTES.hash),
        ("sequenceNumber", "uint64", ATTRIBUTES.sequence_number),
        ("batcherHash", "bytes32", bytes(12) + ATTRIBUTES.batcher_address),
        ("blobBaseFee", "uint256", ATTRIBUTES.blob_base_fee),
        ("baseFeeScalar", "uint32", ATTRIBUTES.base_fee_scalar),
        ("blobBaseFeeScalar", "uint32", ATTRIBUTES.blob_base_fee_scalar),
        ("operatorFeeScalar", "uint32", ATTRIBUTES.operator_fee_scalar),
        ("operatorFeeConstant", "uint64", ATTRIBUTES.operator_fee_constant),
    ],
)
def test_l1_block_tells_what_the_deposit_set(informed, getter, kind, expected):
    assert informed.view(L1_BLOCK, f"{getter}()", [kind]) == expected


def test_l1_block_has_the_storage_layout_of_op_stack(informed):
    a = ATTRIBUTES
    scalars = a.sequence_number | a.blob_base_fee_scalar << 64 | a.base_fee_scalar << 96
    expected = {
        0: a.number | a.timestamp << 64,
        1: a.base_fee,
        2: int.from_bytes(a.hash, "big"),
        3: scalars,
        4: int.from_bytes(a.batcher_address, "big"),
        5: 0,
        6: 0,
        7: a.blob_base_fee,
        8: a.operator_fee_constant | a.operator_fee_scalar << 64,
    }
    assert {slot: informed.state.get_storage(L1_BLOCK, slot) for slot in expected} == expected


def test_l1_block_refuses_anyone_but_the_depositor_with_ops_error(bench):
    outcome = bench.send(L1_BLOCK, ATTRIBUTES.encode())
    assert not outcome.succeeded
    assert outcome.output == abi.selector("NotDepositor()")


@pytest.mark.parametrize(
    "calldata",
    [
        ATTRIBUTES.encode()[:-1],
        ATTRIBUTES.encode() + b"\x00",
        bytes.fromhex("440a5e20") + ATTRIBUTES.encode()[4:],
        b"",
        b"\x09\x89\x99",
    ],
    ids=["short", "long", "ecotone-selector", "empty", "half-a-selector"],
)
def test_l1_block_refuses_malformed_calldata(bench, calldata):
    outcome = bench.send(L1_BLOCK, calldata, sender=L1_ATTRIBUTES_DEPOSITOR)
    assert not outcome.succeeded
    assert bench.state.get_storage(L1_BLOCK, 0) == 0


def test_l1_attributes_fit_their_gas_limit_with_room(bench):
    outcome = bench.send(L1_BLOCK, ATTRIBUTES.encode(), sender=L1_ATTRIBUTES_DEPOSITOR)
    assert outcome.gas_used + 21_000 + 16 * 176 < 250_000


def _withdrawal_hash(nonce, sender, target, value, gas_limit, data):
    return keccak256(
        abi.encode(
            ["uint256", "address", "address", "uint256", "uint256", "bytes"],
            [nonce, sender, target, value, gas_limit, data],
        )
    )


@pytest.mark.parametrize("size", [0, 1, 32, 33, 1000])
def test_withdrawal_is_recorded_where_l1_looks_for_it(bench, size):
    data = bytes(range(256))[:size].ljust(size, b"\x05")
    outcome = bench.send(
        L2_TO_L1_MESSAGE_PASSER,
        call_data("initiateWithdrawal(address,uint256,bytes)", TARGET, 90_000, data),
        value=12,
    )
    nonce = 1 << 240
    expected = _withdrawal_hash(nonce, SENDER, TARGET, 12, 90_000, data)
    (log,) = outcome.logs
    assert log.topics == (
        abi.event_topic("MessagePassed(uint256,address,address,uint256,uint256,bytes,bytes32)"),
        nonce.to_bytes(32, "big"),
        bytes(12) + SENDER,
        bytes(12) + TARGET,
    )
    assert abi.decode(["uint256", "uint256", "bytes", "bytes32"], log.data) == (
        12,
        90_000,
        data,
        expected,
    )
    slot = int.from_bytes(keccak256(expected + bytes(32)), "big")
    assert bench.state.get_storage(L2_TO_L1_MESSAGE_PASSER, slot) == 1
    view = bench.view
    assert view(L2_TO_L1_MESSAGE_PASSER, "sentMessages(bytes32)", ["bool"], expected) is True
    assert view(L2_TO_L1_MESSAGE_PASSER, "sentMessages(bytes32)", ["bool"], bytes(32)) is False
    assert view(L2_TO_L1_MESSAGE_PASSER, "messageNonce()", ["uint256"]) == nonce + 1


def test_ether_sent_to_the_message_passer_is_withdrawn_to_the_sender(bench):
    outcome = bench.send(L2_TO_L1_MESSAGE_PASSER, value=5)
    expected = _withdrawal_hash(1 << 240, SENDER, SENDER, 5, 100_000, b"")
    (log,) = outcome.logs
    assert abi.decode(["uint256", "uint256", "bytes", "bytes32"], log.data)[3] == expected
    slot = int.from_bytes(keccak256(expected + bytes(32)), "big")
    assert bench.state.get_storage(L2_TO_L1_MESSAGE_PASSER, slot) == 1


def test_two_equal_withdrawals_have_two_hashes(bench):
    call = call_data("initiateWithdrawal(address,uint256,bytes)", TARGET, 90_000, b"x")
    hashes = {
        abi.decode(
            ["uint256", "uint256", "bytes", "bytes32"],
            bench.send(L2_TO_L1_MESSAGE_PASSER, call).logs[0].data,
        )[3]
        for _ in range(3)
    }
    assert len(hashes) == 3
    assert bench.state.get_storage(L2_TO_L1_MESSAGE_PASSER, 1) == 3


def test_oracle_shows_the_prices_of_l1(informed):
    view = informed.view
    assert view(GAS_PRICE_ORACLE, "l1BaseFee()", ["uint256"]) == ATTRIBUTES.base_fee
    assert view(GAS_PRICE_ORACLE, "blobBaseFee()", ["uint256"]) == ATTRIBUTES.blob_base_fee
    assert view(GAS_PRICE_ORACLE, "baseFeeScalar()", ["uint32"]) == ATTRIBUTES.base_fee_scalar
    assert view(GAS_PRICE_ORACLE, "blobBaseFeeScalar()", ["uint32"]) == 810_949
    assert view(GAS_PRICE_ORACLE, "baseFee()", ["uint256"]) == 7
    assert view(GAS_PRICE_ORACLE, "gasPrice()", ["uint256"]) == 7
    assert view(GAS_PRICE_ORACLE, "decimals()", ["uint256"]) == 6
    assert view(GAS_PRICE_ORACLE, "isIsthmus()", ["bool"]) is True


def test_oracle_operator_fee_is_scalar_times_gas_plus_constant(informed):
    fee = informed.view(GAS_PRICE_ORACLE, "getOperatorFee(uint256)", ["uint256"], 21_000)
    assert fee == 21_000 * 43_981 // 10**6 + 56_506


def test_oracle_l1_fee_of_an_empty_transaction_is_the_minimum(informed):
    fee = informed.view(GAS_PRICE_ORACLE, "getL1Fee(bytes)", ["uint256"], b"")
    price = 16 * ATTRIBUTES.base_fee * 1368 + ATTRIBUTES.blob_base_fee * 810_949
    assert fee == 100_000_000 * price // 10**12


def test_oracle_l1_fee_matches_the_parity_case_of_the_field(bench):
    # 2 Mwei base fee, 3 Mwei blob base fee, scalars 20 and 15; 235 FastLZ bytes cost 105484 wei.
    prices = L1Attributes(
        number=1, timestamp=1, base_fee=2_000_000, hash=keccak256(b""), sequence_number=0,
        batcher_address=SENDER, blob_base_fee=3_000_000, base_fee_scalar=20,
        blob_base_fee_scalar=15, operator_fee_scalar=0, operator_fee_constant=0,
    )  # fmt: skip
    bench.send(L1_BLOCK, prices.encode(), sender=L1_ATTRIBUTES_DEPOSITOR)
    # The bound adds size // 255 + 16 to the size and its signature: 235 = 151 + 68 + 0 + 16.
    fee = bench.view(GAS_PRICE_ORACLE, "getL1FeeUpperBound(uint256)", ["uint256"], 151)
    assert fee == 105_484


@pytest.fixture
def vault(bench):
    bench.place(L1_FEE_VAULT, runtime_code("FeeVault"))
    bench.state.set_storage(L1_FEE_VAULT, 2, int.from_bytes(TARGET, "big"))
    return bench


def test_vault_pays_everything_to_its_recipient_whoever_asks(vault):
    assert vault.send(L1_FEE_VAULT, value=100).succeeded
    outcome = vault.send(L1_FEE_VAULT, call_data("withdraw()"), sender=Address(b"\x01" * 20))
    assert abi.decode(["uint256"], outcome.output) == (100,)
    assert vault.state.get_balance(TARGET) == 100
    assert vault.state.get_balance(L1_FEE_VAULT) == 0
    assert vault.view(L1_FEE_VAULT, "totalProcessed()", ["uint256"]) == 100
    assert vault.view(L1_FEE_VAULT, "RECIPIENT()", ["address"]) == TARGET
    assert vault.view(L1_FEE_VAULT, "recipient()", ["address"]) == TARGET
    assert vault.view(L1_FEE_VAULT, "WITHDRAWAL_NETWORK()", ["uint8"]) == 1


def test_vault_keeps_what_is_below_its_minimum(vault):
    vault.state.set_storage(L1_FEE_VAULT, 1, 101)
    vault.send(L1_FEE_VAULT, value=100)
    outcome = vault.send(L1_FEE_VAULT, call_data("withdraw()"))
    assert not outcome.succeeded
    assert "greater than minimum withdrawal amount" in outcome.reason
    assert vault.state.get_balance(L1_FEE_VAULT) == 100


def test_multicall_gives_each_answer_and_survives_allowed_failures(informed):
    calls = [
        (L1_BLOCK, False, abi.selector("number()")),
        (L1_BLOCK, True, abi.selector("nothingOfThatName()")),
        (GAS_PRICE_ORACLE, False, abi.selector("decimals()")),
    ]
    results = informed.view(
        MULTICALL3, "aggregate3((address,bool,bytes)[])", ["(bool,bytes)[]"], calls
    )
    assert results[0] == (True, ATTRIBUTES.number.to_bytes(32, "big"))
    assert results[1][0] is False
    assert results[2] == (True, (6).to_bytes(32, "big"))


def test_multicall_reverts_where_a_required_call_fails(bench):
    calls = [(L1_BLOCK, False, abi.selector("nothingOfThatName()"))]
    outcome = bench.send(MULTICALL3, call_data("aggregate3((address,bool,bytes)[])", calls))
    assert not outcome.succeeded
    assert outcome.reason == "Multicall3: call failed"


def test_multicall_sends_exactly_the_value_it_was_given(bench):
    signature = "aggregate3Value((address,bool,uint256,bytes)[])"
    calls = [(TARGET, False, 3, b""), (Address(b"\x78" * 20), False, 4, b"")]
    assert bench.send(MULTICALL3, call_data(signature, calls), value=7).succeeded
    assert bench.state.get_balance(TARGET) == 3
    outcome = bench.send(MULTICALL3, call_data(signature, calls), value=8)
    assert outcome.reason == "Multicall3: value mismatch"


def test_multicall_older_forms_agree_with_the_newest(informed):
    call = [(L1_BLOCK, abi.selector("number()"))]
    answer = ATTRIBUTES.number.to_bytes(32, "big")
    view = informed.view
    signature = "aggregate((address,bytes)[])"
    assert view(MULTICALL3, signature, ["uint256", "bytes[]"], call) == (100, (answer,))
    signature = "tryAggregate(bool,(address,bytes)[])"
    assert view(MULTICALL3, signature, ["(bool,bytes)[]"], True, call) == ((True, answer),)
    signature = "blockAndAggregate((address,bytes)[])"
    returns = ["uint256", "bytes32", "(bool,bytes)[]"]
    assert view(MULTICALL3, signature, returns, call) == (100, bytes(32), ((True, answer),))


def test_multicall_refuses_an_answer_that_it_would_have_to_cut(bench):
    # Runtime code that returns 2049 bytes: PUSH2 0x0801 PUSH0 RETURN.
    long = Address(b"\x99" * 20)
    bench.place(long, bytes.fromhex("6108015ff3"))
    calls = [(long, True, b"")]
    outcome = bench.send(MULTICALL3, call_data("aggregate3((address,bool,bytes)[])", calls))
    assert outcome.reason == "Multicall3: answer too long"


@pytest.mark.parametrize(
    ("getter", "kind", "expected"),
    [
        ("getBlockNumber()", "uint256", 100),
        ("getChainId()", "uint256", 901),
        ("getBasefee()", "uint256", 7),
        ("getCurrentBlockTimestamp()", "uint256", 1_700_000_000),
        ("getCurrentBlockCoinbase()", "address", b"\x0c" * 20),
        ("getCurrentBlockGasLimit()", "uint256", 30_000_000),
        ("getCurrentBlockDifficulty()", "uint256", int.from_bytes(b"\x0d" * 32, "big")),
        ("getLastBlockHash()", "bytes32", b"\x01" * 32),
    ],
)
def test_multicall_tells_about_the_block(bench, getter, kind, expected):
    assert bench.view(MULTICALL3, getter, [kind]) == expected


def test_multicall_tells_balances_and_hashes_of_the_past_only(bench):
    view = bench.view
    balance = bench.state.get_balance(SENDER)
    assert view(MULTICALL3, "getEthBalance(address)", ["uint256"], SENDER) == balance
    assert view(MULTICALL3, "getBlockHash(uint256)", ["bytes32"], 98) == b"\x02" * 32
    assert view(MULTICALL3, "getBlockHash(uint256)", ["bytes32"], 100) == bytes(32)
