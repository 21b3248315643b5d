"""Deposits: minted whatever comes, always included, free of fees (specs: protocol/deposits.md)."""

from __future__ import annotations

import pytest
from execution import (
    L1_CONFIG,
    STRANGER,
    USERS,
    attributes,
    deploying,
    deposit,
    engine,
    gas_used,
    run,
    send,
)

from chain.types import Address
from evm.errors import Fault, InvalidTransaction
from evm.transition import create_address
from genesis import addresses
from genesis.allocation import GenesisAccount

SOMEONE = Address(b"\x77" * 20)
REVERTS = bytes.fromhex("5f5ffd")


def state_of(chain):
    return chain.state_at(chain.header(chain.heads.unsafe.hash))


def test_mint_and_value_without_fees():
    chain = engine()
    result = run(chain, deposit(SOMEONE, mint=100, value=30))
    state = state_of(chain)
    assert (state.get_balance(SOMEONE), state.get_balance(STRANGER)) == (70, 30)
    assert state.get_balance(addresses.BASE_FEE_VAULT) == 0
    (receipt,) = result.receipts
    assert (receipt.succeeded, receipt.deposit_nonce, receipt.deposit_receipt_version) == (
        True,
        0,
        1,
    )
    assert result.header.gas_used == 21_000


def test_revert_keeps_the_mint_and_counts_the_gas_used():
    chain = engine(extra={STRANGER: GenesisAccount(nonce=1, code=REVERTS)})
    result = run(chain, deposit(SOMEONE, mint=100, value=30))
    state = state_of(chain)
    assert not result.receipts[0].succeeded
    assert (state.get_balance(SOMEONE), state.get_nonce(SOMEONE)) == (100, 1)
    assert 21_000 < result.header.gas_used < 22_000


@pytest.mark.parametrize(
    "hopeless",
    [
        deposit(SOMEONE, mint=100, value=101),
        deposit(SOMEONE, mint=100, gas=20_000),
        deposit(SOMEONE, mint=100, data=b"\x01" * 2_000, gas=60_000),
        deposit(SOMEONE, mint=100, is_system=True),
        deposit(SOMEONE, None, mint=100, data=bytes(49_153), gas=2_000_000),
    ],
    ids=["value above balance", "intrinsic gas", "floor gas", "system", "init code"],
)
def test_deposit_that_cannot_run_keeps_the_mint_and_takes_all_gas(hopeless):
    chain = engine()
    result = run(chain, hopeless)
    state = state_of(chain)
    assert not result.receipts[0].succeeded
    assert (state.get_balance(SOMEONE), state.get_nonce(SOMEONE)) == (100, 1)
    assert result.header.gas_used == hopeless.gas_limit


def test_contract_creation_by_deposit():
    chain = engine()
    result = run(chain, deposit(SOMEONE, None, data=deploying(REVERTS), gas=200_000))
    assert result.receipts[0].succeeded
    assert state_of(chain).get_code(create_address(SOMEONE, 0)) == REVERTS


def test_deposit_nonce_counts_up_and_is_shared_with_transactions():
    chain = engine()
    result = run(chain, deposit(USERS[0]), deposit(USERS[0], salt=1), send(0, 2))
    assert [receipt.deposit_nonce for receipt in result.receipts] == [0, 1, None]
    assert gas_used(result.receipts, 2) == 21_000


def test_mint_of_a_deposit_pays_for_a_transaction_after_it():
    chain = engine(extra={USERS[0]: GenesisAccount()})
    result = run(chain, deposit(USERS[0], mint=10**18), send(0, 1))
    assert result.receipts[1].succeeded


def test_mints_beyond_all_wei_wrap_and_never_stop_the_chain():
    chain = engine()
    most = 2**256 - 1
    result = run(
        chain,
        deposit(SOMEONE, mint=most),
        deposit(SOMEONE, mint=11, salt=1),
        deposit(USERS[0], SOMEONE, mint=most - 10**20, value=most, salt=2),
    )
    assert [receipt.succeeded for receipt in result.receipts] == [True] * 3
    assert state_of(chain).get_balance(SOMEONE) == 9


def test_deposit_above_the_block_gas_is_no_block():
    chain = engine()
    with pytest.raises(InvalidTransaction) as caught:
        chain.build(attributes(chain, deposit(SOMEONE, gas=30_000_001)))
    assert (caught.value.fault, caught.value.index) == (Fault.GAS_LIMIT_REACHED, 0)


def test_deposit_on_plain_ethereum_is_refused():
    chain = engine(L1_CONFIG)
    with pytest.raises(InvalidTransaction) as caught:
        chain.build(attributes(chain, deposit(SOMEONE, mint=1)))
    assert caught.value.fault is Fault.TYPE_NOT_SUPPORTED
