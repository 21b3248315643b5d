"""An engine on a store that drops states: same blocks, and a reason where a state is gone."""

from __future__ import annotations

import pytest
from execution import L2_CONFIG, STRANGER, USERS, attributes, engine, genesis, run, send

from chain.heads import BlockId
from chain.storage import ChainStore, MemoryStore, Retention, StateNotKept
from evm.call import CallRequest
from evm.engine import ExecutionEngine
from evm.errors import StateNotAvailable


def pruned_engine(blocks: int = 3) -> ExecutionEngine:
    store = ChainStore(MemoryStore(), retention=Retention(blocks, follows_finality=False))
    return ExecutionEngine.open(store, L2_CONFIG, genesis(L2_CONFIG))


def test_pruned_chain_has_the_blocks_of_an_archive_and_the_last_states():
    pruned, archive = pruned_engine(), engine()
    for nonce in range(9):
        transfer = send(0, nonce, value=7)
        assert run(pruned, transfer).header == run(archive, transfer).header
    assert pruned.store.first_state == 6
    for number in range(6, 10):
        header = pruned.header_by_number(number)
        assert pruned.state_at(header).get_balance(STRANGER) == 7 * number
    for number in range(6):
        with pytest.raises(StateNotAvailable) as caught:
            pruned.state_at(pruned.header_by_number(number))
        assert (caught.value.number, caught.value.first, caught.value.last) == (number, 6, 9)


def test_state_that_is_gone_is_named_with_the_blocks_that_are_kept():
    chain = pruned_engine()
    for nonce in range(6):
        run(chain, send(0, nonce, value=1))
    header = chain.header_by_number(1)
    with pytest.raises(StateNotAvailable) as caught:
        chain.call(CallRequest(sender=USERS[1], to=STRANGER), header)
    assert str(caught.value) == (
        f"historical state 0x{header.state_root.hex()} is not available: the state of block 1 "
        f"(0x{header.hash.hex()}) has been pruned, those of blocks 3 to 6 are kept"
    )
    with pytest.raises(StateNotAvailable, match="state of block 1 .* blocks 3 to 6 are kept"):
        chain.replay(chain.block_by_number(2))


def test_state_dropped_while_it_is_read_gives_the_same_reason():
    chain = pruned_engine(1)
    run(chain, send(0, 0, value=1))
    state = chain.state_at(chain.header_by_number(1))
    for nonce in range(1, 5):
        run(chain, send(0, nonce, value=1))
    chain.store._state_cache.discard(list(chain.store._state_cache._entries))
    with pytest.raises(StateNotAvailable, match="state of block 1 "):
        state.get_balance(USERS[0])


def test_chain_goes_on_from_the_lowest_kept_state_and_not_from_below():
    chain = pruned_engine()
    for nonce in range(8):
        run(chain, send(0, nonce, value=1))
    lowest = chain.header_by_number(5)
    with pytest.raises(StateNotKept, match="below block 5"):
        chain.set_heads(unsafe=BlockId(4, chain.header_by_number(4).hash))
    dropped = chain.set_heads(unsafe=BlockId(5, lowest.hash))
    assert [block.number for block in dropped] == [8, 7, 6]
    result = run(chain, send(0, 5, value=9), timestamp=lowest.timestamp + 3)
    assert chain.state_at(result.header).get_balance(STRANGER) == 5 + 9
    for nonce in range(6, 12):
        run(chain, send(0, nonce, value=1))
    assert chain.state_at(chain.header_by_number(12)).get_balance(STRANGER) == 5 + 9 + 6


def test_block_built_twice_and_stored_once_is_counted_once():
    chain = pruned_engine(1)
    for nonce in range(6):
        wanted = attributes(chain, send(0, nonce, value=1))
        chain.build(wanted)
        chain.commit(chain.build(wanted))
    assert chain.state_at(chain.header_by_number(6)).get_balance(STRANGER) == 6
    with pytest.raises(StateNotAvailable):
        chain.state_at(chain.header_by_number(4))
