"""Blocks: what the header commits to, system contracts, and choosing from a pool."""

from __future__ import annotations

from dataclasses import replace

import pytest
from execution import (
    L1_CONFIG,
    STRANGER,
    USERS,
    attributes,
    deposit,
    engine,
    run,
    send,
)

from chain.block import EMPTY_REQUESTS_HASH, Withdrawal
from chain.crypto.keccak import keccak256
from chain.transaction import recover_sender
from chain.trie import EMPTY_ROOT
from chain.txpool import PooledTransaction
from chain.types import Hash32
from evm.errors import Fault, InvalidAttributes, InvalidBlock, InvalidTransaction
from evm.fees import InvalidExtraData, decode_eip1559_params, encode_eip1559_params
from genesis import addresses
from genesis.allocation import GenesisAccount

SEQUENCER = addresses.SEQUENCER_FEE_VAULT


def pooled(*transactions):
    return [PooledTransaction(tx, recover_sender(tx)) for tx in transactions]


def test_built_block_executes_to_the_same_block():
    chain, other = engine(), engine()
    candidates = pooled(send(0, 0, value=1), send(1, 0, value=2), send(0, 1, value=3))
    built = chain.build(attributes(chain, deposit(USERS[2], mint=9)), candidates)
    assert other.execute(built.block) == built


def test_executing_twice_gives_one_block():
    chain = engine()
    wanted = attributes(chain, send(0, 0, value=1), deposit(STRANGER, mint=5))
    assert chain.build(wanted).block == chain.build(wanted).block


def test_bad_candidate_is_reported_and_its_senders_later_ones_passed_over():
    chain = engine()
    rejected = []
    result = chain.build(
        attributes(chain),
        pooled(send(0, 5), send(0, 6), send(1, 0)),
        rejected=lambda candidate, error: rejected.append((candidate.tx.nonce, error.fault)),
    )
    assert rejected == [(5, Fault.NONCE_TOO_HIGH)]
    assert [tx.nonce for tx in result.block.transactions] == [0]


def test_building_stops_when_told():
    chain = engine()
    answers = iter([False, True])
    result = chain.build(
        attributes(chain), pooled(send(0, 0), send(1, 0)), stop=lambda: next(answers)
    )
    assert len(result.block.transactions) == 1


def test_full_block_takes_no_more():
    chain = engine()
    result = chain.build(attributes(chain, gas_limit=43_000), pooled(*[
        send(user, 0, gas=21_000) for user in range(4)
    ]))  # fmt: skip
    assert (len(result.block.transactions), result.header.gas_used) == (2, 42_000)


def test_bad_signature_is_refused():
    chain = engine()
    broken = replace(send(0, 0), s=2**256 - 1)
    with pytest.raises(InvalidTransaction) as caught:
        chain.build(attributes(chain, broken))
    assert (caught.value.fault, caught.value.index) == (Fault.SIGNATURE, 0)


def test_l2_header_commits_to_withdrawals_and_fee_parameters():
    passer = addresses.L2_TO_L1_MESSAGE_PASSER
    stores = bytes.fromhex("6001600755")
    chain = engine(extra={passer: GenesisAccount(nonce=1, code=stores)})
    result = run(chain, send(0, 0, passer), eip1559_params=(99, 3))
    header = result.header
    state = chain.state_at(header)
    assert header.withdrawals_root == state.storage_root(passer) != EMPTY_ROOT
    assert result.block.withdrawals == ()
    assert decode_eip1559_params(header.extra_data) == (99, 3)
    assert header.requests_hash == EMPTY_REQUESTS_HASH
    assert (header.blob_gas_used, header.excess_blob_gas) == (0, 0)


def test_zero_fee_parameters_mean_the_chains_own():
    chain = engine()
    header = run(chain, eip1559_params=(0, 0)).header
    assert decode_eip1559_params(header.extra_data) == (250, 6)


@pytest.mark.parametrize(
    "extra_data",
    [b"", b"\x01" + bytes(8), b"\x00" + bytes(8), encode_eip1559_params(1, 0)],
)
def test_malformed_fee_parameters_of_a_parent_are_named(extra_data):
    chain = engine()
    if extra_data:
        run(chain, extra_data=extra_data)
        with pytest.raises(InvalidExtraData, match="extraData 0x"):
            chain.build(attributes(chain))
    else:
        assert decode_eip1559_params(run(chain).header.extra_data) == (250, 6)


def test_base_fee_falls_in_empty_blocks_and_rises_in_full_ones():
    chain = engine(L1_CONFIG)
    start = run(chain).header.base_fee_per_gas
    assert run(chain).header.base_fee_per_gas == start - start // 8
    full = run(chain, *[
        send(user, 0, gas=5_000_000, chain_id=900, data=b"\x01" * 100_000) for user in range(6)
    ])  # fmt: skip
    assert full.header.gas_used > full.header.gas_limit // 2
    assert run(chain).header.base_fee_per_gas > full.header.base_fee_per_gas


def test_system_contracts_keep_parent_hashes_and_beacon_roots():
    chain = engine()
    parent = chain.header(chain.heads.unsafe.hash)
    header = run(chain, parent_beacon_block_root=Hash32(b"\x42" * 32)).header
    state = chain.state_at(header)
    history = state.get_storage(addresses.HISTORY_STORAGE, parent.number % 8191)
    assert history.to_bytes(32, "big") == parent.hash
    slot = header.timestamp % 8191
    assert state.get_storage(addresses.BEACON_ROOTS, slot) == header.timestamp
    root = state.get_storage(addresses.BEACON_ROOTS, slot + 8191)
    assert root.to_bytes(32, "big") == b"\x42" * 32


def test_withdrawals_are_paid_on_an_l1_and_refused_on_an_l2():
    payouts = (Withdrawal(1, 2, STRANGER, 3), Withdrawal(2, 2, SEQUENCER, 0))
    chain = engine(L1_CONFIG)
    result = run(chain, withdrawals=payouts)
    state = chain.state_at(result.header)
    assert state.get_balance(STRANGER) == 3 * 10**9
    assert not state.account_exists(SEQUENCER)
    assert result.block.withdrawals == payouts
    assert engine(L1_CONFIG).import_block(result.block) == result
    with pytest.raises(InvalidAttributes, match="2 withdrawals"):
        run(engine(), withdrawals=payouts)


def test_blockhash_sees_ancestors_only():
    # Stores BLOCKHASH(0), BLOCKHASH(1) and BLOCKHASH(2).
    code = bytes.fromhex("5f405f55600140600155600240600255")
    chain = engine(extra={STRANGER: GenesisAccount(nonce=1, code=code)})
    genesis_hash = chain.heads.unsafe.hash
    first = run(chain).header
    second = run(chain, send(0, 0))
    assert second.receipts[0].succeeded
    state = chain.state_at(second.header)
    stored = [state.get_storage(STRANGER, slot).to_bytes(32, "big") for slot in range(3)]
    assert stored == [genesis_hash, first.hash, bytes(32)]


def test_roots_and_gas_of_a_foreign_block_are_compared_field_by_field():
    chain, other = engine(), engine()
    built = chain.build(attributes(chain, send(0, 0, value=1)))
    for field, lie in (
        ("state_root", keccak256(b"")),
        ("gas_used", 21_001),
        ("logs_bloom", b"\x01" * 256),
    ):
        header = replace(built.header, **{field: lie})
        with pytest.raises(InvalidBlock, match=f"{field} is .*execution gives"):
            other.execute(replace(built.block, header=header))
    assert other.execute(built.block).block == built.block
