"""The engine: opening, committing, importing, rolling back, and running old blocks again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from execution import L1_CONFIG, L2_CONFIG, STRANGER, USERS, attributes, engine, genesis, run, send

from chain.crypto.keccak import keccak256
from chain.heads import BlockId, InvalidHeadMove
from chain.storage import ChainStore, MemoryStore
from chain.types import Address, Hash32
from evm.engine import ExecutionEngine
from evm.errors import InvalidBlock, InvalidTransaction, UnknownBlock
from evm.tracing import CallTracer


def head_of(chain):
    return chain.header(chain.heads.unsafe.hash)


def test_reopened_chain_goes_on_where_it_was():
    store = ChainStore(MemoryStore())
    chain = ExecutionEngine.open(store, L2_CONFIG, genesis(L2_CONFIG))
    result = run(chain, send(0, 0, value=5))
    again = ExecutionEngine.open(store, L2_CONFIG, genesis(L2_CONFIG))
    assert again.heads.unsafe.hash == result.header.hash
    run(again, send(0, 1, value=5))
    assert again.state_at(head_of(again)).get_balance(STRANGER) == 10


def test_long_block_is_imported_as_it_was_built():
    builder, importer = engine(), engine()
    payees = [Address(keccak256(bytes((index,)))[12:]) for index in range(40)]
    for first in (0, 80):
        payments = [
            send(0, first + index, to=payees[index % 40], value=index + 1) for index in range(80)
        ]
        built = run(builder, *payments)
        assert importer.import_block(built.block).header == built.header
    assert importer.state_at(head_of(importer)).get_balance(payees[3]) == 2 * (4 + 44)


def test_long_block_with_a_signature_of_nobody_is_refused_by_index():
    chain = engine()
    built = chain.build(attributes(chain, *[send(0, index, value=1) for index in range(70)]))
    transactions = list(built.block.transactions)
    transactions[66] = replace(transactions[66], r=0)
    block = replace(built.block, transactions=tuple(transactions))
    with pytest.raises(InvalidTransaction, match="66"):
        chain.import_block(block)
    assert chain.import_block(built.block).header == built.header


def test_store_of_another_genesis_is_refused():
    store = ChainStore(MemoryStore())
    ExecutionEngine.open(store, L2_CONFIG, genesis(L2_CONFIG))
    with pytest.raises(UnknownBlock, match="genesis block 0"):
        ExecutionEngine.open(store, L1_CONFIG, genesis(L1_CONFIG))


def test_commit_extends_the_unsafe_head_and_nothing_else():
    chain = engine()
    stale = chain.build(attributes(chain))
    run(chain, send(0, 0))
    with pytest.raises(InvalidHeadMove):
        chain.commit(stale)
    assert chain.heads.safe.number == 0


def test_everything_of_a_block_can_be_read_back():
    chain = engine()
    tx = send(0, 0, value=1)
    result = run(chain, tx)
    block_hash = result.header.hash
    assert chain.block_by_number(1) == result.block
    assert chain.header_by_number(1) == result.header
    assert chain.receipts(block_hash) == result.receipts
    assert chain.senders(block_hash) == (USERS[0],)
    assert chain.transaction_location(tx.hash) == (block_hash, 0)
    assert chain.block_by_number(2) is None


def test_rolled_back_blocks_are_returned_and_can_be_replaced():
    chain = engine()
    first = run(chain, send(0, 0, value=1))
    second = run(chain, send(0, 1, value=2))
    third = run(chain, send(0, 2, value=3))
    dropped = chain.set_heads(unsafe=BlockId(1, first.header.hash))
    assert [block.hash for block in dropped] == [third.header.hash, second.header.hash]
    other = run(chain, send(0, 1, value=40))
    assert chain.state_at(other.header).get_balance(STRANGER) == 41
    assert chain.block(third.header.hash) == third.block
    assert chain.header_by_number(3) is None


def test_safe_and_finalized_move_along_the_chain():
    chain = engine()
    first, second = run(chain), run(chain)
    first_id = BlockId(1, first.header.hash)
    chain.set_heads(safe=BlockId(2, second.header.hash), finalized=first_id)
    assert (chain.heads.safe.number, chain.heads.finalized.number) == (2, 1)
    with pytest.raises(InvalidHeadMove):
        chain.set_heads(unsafe=BlockId(0, chain.header_by_number(0).hash))


def test_imported_chain_has_the_same_head():
    chain, other = engine(), engine()
    for nonce in range(3):
        other.import_block(run(chain, send(0, nonce, value=1)).block)
    assert other.heads.unsafe == chain.heads.unsafe


def test_block_on_an_unknown_parent_is_named():
    chain = engine()
    with pytest.raises(UnknownBlock, match="is not known"):
        chain.build(attributes(chain, parent_hash=Hash32(b"\x99" * 32)))


def test_l1_block_that_is_not_later_than_its_parent_is_refused():
    chain, other = engine(L1_CONFIG), engine(L1_CONFIG)
    parent = head_of(chain)
    built = chain.build(attributes(chain, timestamp=parent.timestamp))
    with pytest.raises(InvalidBlock, match="timestamp"):
        other.execute(built.block)


def test_building_on_an_older_block_uses_its_state_and_its_hashes():
    chain = engine()
    base = run(chain).header
    run(chain, send(0, 0, value=7))
    fork = chain.build(
        attributes(chain, send(0, 0, value=9), parent_hash=base.hash, timestamp=base.timestamp + 2)
    )
    assert fork.header.number == 2
    assert fork.state.get_balance(STRANGER) == 9


def test_trace_runs_the_transactions_before_it():
    chain = engine()
    result = run(chain, send(0, 0, value=1), send(0, 1, value=2))
    tracer = CallTracer()
    outcome, used = chain.trace(result.header.hash, 1, tracer)
    assert (outcome.succeeded, used) == (True, 21_000)
    assert tracer.root["value"] == "0x2"
    with pytest.raises(UnknownBlock, match="has no transaction 2"):
        chain.trace(result.header.hash, 2, tracer)


def test_state_serves_many_blocks_in_a_row():
    chain, other = engine(), engine()
    for nonce in range(70):
        other.import_block(run(chain, send(0, nonce, value=1)).block)
    assert other.state_at(head_of(other)).get_balance(STRANGER) == 70
