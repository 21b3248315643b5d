"""Whatever a block holds: executing it twice gives one root, and wei come only from mints."""

from __future__ import annotations

from execution import (
    BASE_FEE,
    L1_CONFIG,
    L2_CONFIG,
    STRANGER,
    USERS,
    attributes,
    deploying,
    deposit,
    engine,
    send,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.transaction import DepositTransaction, recover_sender
from chain.txpool import PooledTransaction
from chain.types import Address
from genesis import addresses
from genesis.allocation import GenesisAccount

# One pays a wei away, one fails, one destroys itself, one creates a contract with a wei.
PAY_CODE = bytes.fromhex("5f5f5f5f600173" + "77" * 20 + "5af100")
FAIL_CODE = bytes.fromhex("5f5ffd")
DESTROY_CODE = bytes.fromhex("73" + "78" * 20 + "ff")
CREATE_CODE = bytes.fromhex("6173" + "79" + "5f526002601e6001f000")
CONTRACTS = {
    Address(bytes((0x50 + index,)) * 20): GenesisAccount(nonce=1, balance=1000, code=code)
    for index, code in enumerate((PAY_CODE, FAIL_CODE, DESTROY_CODE, CREATE_CODE))
}
TARGETS = (STRANGER, *USERS, *CONTRACTS, addresses.WORKER_REGISTRY)
values = st.sampled_from((0, 1, 999, 10**18))


@st.composite
def steps(draw):
    """What a user or L1 does; nonces are filled in when the block is made."""
    kind = draw(st.sampled_from(("send", "send", "deploy", "deposit")))
    user = draw(st.integers(0, 3))
    if kind == "deposit":
        return kind, user, draw(st.sampled_from((*TARGETS, None))), draw(values), draw(values)
    if kind == "deploy":
        return kind, user, None, draw(values), draw(st.sampled_from(list(CONTRACTS.values()))).code
    return kind, user, draw(st.sampled_from(TARGETS)), draw(values), draw(st.binary(max_size=40))


def transactions(plan, config):
    nonces = dict.fromkeys(range(4), 0)
    made = []
    for number, (kind, user, to, value, extra) in enumerate(plan):
        if kind == "deposit":
            if not config.is_optimism:
                continue
            made.append(deposit(USERS[user], to, mint=extra, value=value, salt=number))
        else:
            data = deploying(extra) if kind == "deploy" else extra
            made.append(
                send(
                    user,
                    nonces[user],
                    to,
                    value=value,
                    data=data,
                    gas=200_000,
                    chain_id=config.chain_id,
                )
            )
        nonces[user] += 1
    return made


def wei(state, accounts):
    return sum(state.get_balance(account) for account in accounts)


@settings(max_examples=40, deadline=None)
@given(st.lists(steps(), max_size=8))
def test_wei_come_from_mints_only_on_l2(plan):
    chain = engine(L2_CONFIG, CONTRACTS)
    before = chain.state_at(chain.header(chain.heads.unsafe.hash))
    made = transactions(plan, L2_CONFIG)
    result = chain.build(attributes(chain, *made))
    accounts = set(result.state._accounts)
    minted = sum(tx.mint for tx in made if isinstance(tx, DepositTransaction))
    assert wei(result.state, accounts) == wei(before, accounts) + minted


@settings(max_examples=30, deadline=None)
@given(st.lists(steps(), max_size=8))
def test_only_the_base_fee_leaves_an_l1(plan):
    chain = engine(L1_CONFIG, CONTRACTS)
    before = chain.state_at(chain.header(chain.heads.unsafe.hash))
    result = chain.build(attributes(chain, *transactions(plan, L1_CONFIG)))
    accounts = set(result.state._accounts)
    burnt = result.header.gas_used * result.header.base_fee_per_gas
    assert result.header.base_fee_per_gas < BASE_FEE
    assert wei(result.state, accounts) == wei(before, accounts) - burnt


@settings(max_examples=30, deadline=None)
@given(st.lists(steps(), max_size=8))
def test_build_then_execute_gives_the_same_block(plan):
    chain, other = engine(L2_CONFIG, CONTRACTS), engine(L2_CONFIG, CONTRACTS)
    made = transactions(plan, L2_CONFIG)
    forced = [tx for tx in made if isinstance(tx, DepositTransaction)]
    candidates = [
        PooledTransaction(tx, recover_sender(tx))
        for tx in made
        if not isinstance(tx, DepositTransaction)
    ]
    built = chain.build(attributes(chain, *forced), candidates)
    assert other.import_block(built.block) == built
