"""What one transaction does to the world: money, gas, code, and what is refused."""

from __future__ import annotations

import pytest
from execution import (
    BASE_FEE,
    FUNDS,
    KEYS,
    L1_CONFIG,
    L1_PRICES,
    STRANGER,
    USERS,
    attributes,
    deploying,
    engine,
    gas_used,
    run,
    send,
)

from chain.transaction import (
    BlobTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    sign_authorization,
    sign_transaction,
)
from chain.types import Address, Hash32
from evm.errors import Fault, InvalidTransaction
from evm.fees import L1FeeParameters, l1_attributes, l1_fee, next_base_fee
from evm.transition import create_address
from genesis import addresses
from genesis.allocation import GenesisAccount

# Adds one to slot 0 and logs the result with one topic.
COUNTER_CODE = bytes.fromhex("5f546001018060005560005260aa60205fa100")
REVERTS = bytes.fromhex("63deadbeef5f526004601cfd")


def price(chain):
    return next_base_fee(chain.config, chain.header(chain.heads.unsafe.hash))


def balances(chain, *accounts):
    state = chain.state_at(chain.header(chain.heads.unsafe.hash))
    return [state.get_balance(account) for account in accounts]


def state_of(chain):
    return chain.state_at(chain.header(chain.heads.unsafe.hash))


def refused(chain, *transactions) -> InvalidTransaction:
    with pytest.raises(InvalidTransaction) as caught:
        chain.build(attributes(chain, *transactions))
    return caught.value


def test_l2_transfer_pays_receiver_vaults_and_sequencer():
    chain = engine()
    base_fee = price(chain)
    tx = send(0, 0, value=5)
    result = run(chain, tx)
    assert [receipt.succeeded for receipt in result.receipts] == [True]
    assert result.header.gas_used == 21_000
    data_fee = l1_fee(l1_attributes(lambda _account, slot: L1_PRICES.get(slot, 0)), tx.encode())
    operator_fee = 21_000 * 250_000 // 10**6 + 77
    tip = 21_000 * 10**8
    assert data_fee > 0
    sender, receiver, base, l1, operator, sequencer = balances(
        chain,
        USERS[0],
        STRANGER,
        addresses.BASE_FEE_VAULT,
        addresses.L1_FEE_VAULT,
        addresses.OPERATOR_FEE_VAULT,
        addresses.SEQUENCER_FEE_VAULT,
    )
    assert (receiver, l1, operator, sequencer) == (5, data_fee, operator_fee, tip)
    assert base == 21_000 * base_fee
    assert sender == FUNDS - receiver - base - l1 - operator - sequencer


def test_l1_transfer_burns_the_base_fee():
    chain = engine(L1_CONFIG)
    base_fee = price(chain)
    run(chain, send(0, 0, value=5, chain_id=900))
    sender, receiver, tip = balances(chain, USERS[0], STRANGER, addresses.SEQUENCER_FEE_VAULT)
    assert (receiver, tip) == (5, 21_000 * 10**8)
    assert FUNDS - sender - receiver - tip == 21_000 * base_fee


def test_contract_is_deployed_called_and_logs():
    chain = engine()
    contract = create_address(USERS[0], 0)
    result = run(
        chain,
        send(0, 0, None, data=deploying(COUNTER_CODE), gas=200_000),
        send(0, 1, contract),
        send(1, 0, contract),
    )
    assert [receipt.succeeded for receipt in result.receipts] == [True] * 3
    state = state_of(chain)
    assert state.get_code(contract) == COUNTER_CODE
    assert state.get_storage(contract, 0) == 2
    assert [log.address for log in result.receipts[2].logs] == [contract]
    assert result.header.logs_bloom != bytes(256)


def test_revert_keeps_nonce_and_fee_and_nothing_else():
    chain = engine(extra={STRANGER: GenesisAccount(nonce=1, code=REVERTS)})
    result = run(chain, send(0, 0, value=9))
    state = state_of(chain)
    assert not result.receipts[0].succeeded
    assert (state.get_nonce(USERS[0]), state.get_balance(STRANGER)) == (1, 0)
    assert state.get_balance(USERS[0]) < FUNDS


def test_account_that_receives_nothing_does_not_come_to_be():
    chain = engine()
    run(chain, send(0, 0, value=0))
    assert not state_of(chain).account_exists(STRANGER)


@pytest.mark.parametrize(
    ("tx", "fault"),
    [
        (send(0, 1), Fault.NONCE_TOO_HIGH),
        (send(0, 0, value=FUNDS), Fault.INSUFFICIENT_FUNDS),
        (send(0, 0, gas=20_999), Fault.INTRINSIC_GAS),
        (send(0, 0, data=b"\x01" * 100, gas=24_000), Fault.FLOOR_DATA_GAS),
        (send(0, 0, gas=30_000_001, cap=2 * 10**9), Fault.GAS_LIMIT_REACHED),
        (send(0, 0, cap=10**8, tip=10**8), Fault.FEE_CAP_TOO_LOW),
        (send(0, 0, cap=10**9, tip=10**9 + 1), Fault.TIP_ABOVE_FEE_CAP),
        (send(0, 0, chain_id=1), Fault.CHAIN_ID),
        (send(0, 0, None, data=bytes(49_153), gas=10**7), Fault.INIT_CODE_SIZE),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_transaction_is_refused(tx, fault):
    assert refused(engine(), tx).fault is fault


def test_refusal_names_the_place_and_speaks_as_geth():
    chain = engine()
    error = refused(chain, send(1, 0), send(0, 3))
    assert error.index == 1
    address = USERS[0].hex()
    assert str(error) == f"transaction 1: nonce too high: address 0x{address}, tx: 3 state: 0"


def test_nonce_too_low_after_use():
    chain = engine()
    run(chain, send(0, 0))
    assert refused(chain, send(0, 0)).fault is Fault.NONCE_TOO_LOW


def test_sender_with_code_is_refused():
    chain = engine(extra={USERS[0]: GenesisAccount(balance=FUNDS, code=b"\x00")})
    assert refused(chain, send(0, 0)).fault is Fault.SENDER_NOT_EOA


def test_calldata_floor_is_the_least_a_data_heavy_transaction_uses():
    chain = engine()
    result = run(chain, send(0, 0, data=b"\x01" * 1000, gas=100_000))
    assert result.header.gas_used == 21_000 + 10 * 4 * 1000


def test_legacy_transaction_without_chain_id_goes_in():
    chain = engine()
    tx = LegacyTransaction(None, 0, 2 * 10**9, 21_000, STRANGER, 3, b"")
    run(chain, sign_transaction(tx, KEYS[0]))
    assert balances(chain, STRANGER) == [3]


BLOB_HASH = Hash32(b"\x01" + b"\x07" * 31)


def blob_transaction(chain_id, hashes=(BLOB_HASH,), cap=10):
    tx = BlobTransaction(
        chain_id, 0, 10**8, 3 * 10**9, 21_000, STRANGER, 0, b"", cap, tuple(hashes)
    )
    return sign_transaction(tx, KEYS[0])


def test_blob_transaction_pays_for_blob_gas_on_l1():
    chain = engine(L1_CONFIG)
    base_fee = price(chain)
    result = run(chain, blob_transaction(900))
    assert result.header.blob_gas_used == 131_072
    (sender,) = balances(chain, USERS[0])
    assert FUNDS - sender == 21_000 * (base_fee + 10**8) + 131_072


def test_blob_transaction_is_refused_on_l2():
    assert refused(engine(), blob_transaction(901)).fault is Fault.TYPE_NOT_SUPPORTED


@pytest.mark.parametrize(
    ("hashes", "cap", "fault"),
    [
        ((), 10, Fault.BAD_BLOB_HASHES),
        ((Hash32(b"\x02" + bytes(31)),), 10, Fault.BAD_BLOB_HASHES),
        ((Hash32(b"\x01" + bytes(31)),) * 10, 10, Fault.BLOB_GAS_LIMIT_REACHED),
        ((Hash32(b"\x01" + bytes(31)),), 0, Fault.BLOB_FEE_CAP_TOO_LOW),
    ],
)
def test_bad_blob_transaction_is_refused(hashes, cap, fault):
    assert refused(engine(L1_CONFIG), blob_transaction(900, hashes, cap)).fault is fault


def set_code(user, nonce, authorizations, to, gas=300_000, data=b""):
    tx = SetCodeTransaction(901, nonce, 10**8, 3 * 10**9, gas, to, 0, data, tuple(authorizations))
    return sign_transaction(tx, KEYS[user])


def test_delegated_account_runs_the_code_it_names():
    chain = engine(extra={STRANGER: GenesisAccount(nonce=1, code=COUNTER_CODE)})
    consent = sign_authorization(KEYS[1], chain_id=901, address=STRANGER, nonce=0)
    result = run(chain, set_code(0, 0, [consent], USERS[1]))
    state = state_of(chain)
    assert result.receipts[0].succeeded
    assert state.get_code(USERS[1]) == b"\xef\x01\x00" + STRANGER
    assert (state.get_nonce(USERS[1]), state.get_storage(USERS[1], 0)) == (1, 1)
    assert state.get_storage(STRANGER, 0) == 0


@pytest.mark.parametrize(("chain_id", "nonce"), [(7, 0), (901, 4)])
def test_authorization_that_does_not_fit_is_passed_over(chain_id, nonce):
    chain = engine()
    consent = sign_authorization(KEYS[1], chain_id=chain_id, address=STRANGER, nonce=nonce)
    result = run(chain, set_code(0, 0, [consent], STRANGER))
    assert result.receipts[0].succeeded
    assert state_of(chain).get_code(USERS[1]) == b""


def test_delegation_to_zero_clears_the_code():
    chain = engine()
    there = sign_authorization(KEYS[1], chain_id=0, address=STRANGER, nonce=0)
    back = sign_authorization(KEYS[1], chain_id=0, address=Address(bytes(20)), nonce=1)
    run(chain, set_code(0, 0, [there, back], STRANGER))
    assert state_of(chain).get_code(USERS[1]) == b""


def test_set_code_without_authorizations_is_refused():
    assert refused(engine(), set_code(0, 0, [], STRANGER)).fault is Fault.EMPTY_AUTHORIZATIONS


def test_create_in_a_delegated_sender_pays_for_init_code_once():
    # py-evm takes the second frame for the transaction's own, since its sender is the origin.
    creates = bytes.fromhex("61010060005ff000")  # CREATE with 256 zero bytes of init code
    chain = engine(extra={STRANGER: GenesisAccount(nonce=1, code=creates)})
    consent = sign_authorization(KEYS[0], chain_id=901, address=STRANGER, nonce=1)
    run(chain, set_code(0, 0, [consent], USERS[2]))
    own = run(chain, send(0, 2, USERS[0])).header.gas_used
    other = run(chain, send(1, 0, USERS[0])).header.gas_used
    assert own == other


def test_recursion_to_the_depth_limit_ends_in_order():
    calls_itself = bytes.fromhex("5f5f5f5f5f305af100")
    chain = engine(extra={STRANGER: GenesisAccount(nonce=1, code=calls_itself)})
    result = run(chain, send(0, 0, gas=29_000_000))
    assert result.receipts[0].succeeded


def test_refund_is_capped_at_a_fifth():
    clears = bytes.fromhex("5f5f555f600155") + b"\x00"
    storage = {0: 1, 1: 1}
    chain = engine(extra={STRANGER: GenesisAccount(nonce=1, code=clears, storage=storage)})
    result = run(chain, send(0, 0))
    spent = 21_000 + 3 * 2 + 3 + 2 * 5_000
    assert gas_used(result.receipts, 0) == spent - spent // 5


def test_fee_parameters_are_read_from_where_op_geth_reads_them():
    parameters = l1_attributes(lambda account, slot: L1_PRICES[slot])
    assert parameters == L1FeeParameters(
        base_fee=5 * 10**9,
        blob_base_fee=3,
        base_fee_scalar=5_000,
        blob_base_fee_scalar=800_000,
        operator_fee_scalar=250_000,
        operator_fee_constant=77,
    )
    assert BASE_FEE == 10**9
