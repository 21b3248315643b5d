"""The pool: geth's error texts, replacement, eviction, limits, and what the builder is given."""

from __future__ import annotations

import dataclasses

import pytest

from chain.errors import Recovery
from chain.transaction import (
    BlobTransaction,
    DepositTransaction,
    DynamicFeeTransaction,
    LegacyTransaction,
    SetCodeTransaction,
    known_sender,
)
from chain.txpool import (
    AlreadyKnown,
    PoolError,
    PoolFull,
    PoolLimits,
    PoolStatus,
    TransactionPool,
    maximum_cost_wei,
)

_TO = b"\x99" * 20
_ALICE, _BOB, _CAROL = (bytes((n,)) * 20 for n in (1, 2, 3))
_RICH = 10**18


def _tx(nonce=0, tip=10, fee=100, **changes) -> DynamicFeeTransaction:
    return DynamicFeeTransaction(
        **{
            "chain_id": 901,
            "nonce": nonce,
            "max_priority_fee_per_gas": tip,
            "max_fee_per_gas": fee,
            "gas_limit": 21_000,
            "to": _TO,
            "value": 0,
            "data": b"",
            **changes,
        }
    )


def _pool(**limits) -> TransactionPool:
    return TransactionPool(
        PoolLimits(**limits),
        chain_id=901,
        block_gas_limit=30_000_000,
        minimum_gas=lambda tx: 21_000 + 16 * len(tx.data),
    )


def _add(pool, tx, sender=_ALICE, nonce=0, balance=_RICH):
    tx = dataclasses.replace(tx, r=sender[0])  # stands for a signature: the hash is the sender's
    pool.add(tx, sender, nonce, balance)
    return tx


_BLOB = BlobTransaction(901, 0, 1, 1, 21_000, _TO, 0, b"", 1, (b"\x01" * 32,))
_DEPOSIT = DepositTransaction(bytes(32), _ALICE, _TO, 0, 0, 21_000, False, b"")
_COST = 21_000 * 100


@pytest.mark.parametrize(
    ("tx", "balance", "text"),
    [
        (_DEPOSIT, _RICH, "transaction type not supported"),
        (_BLOB, _RICH, "transaction type not supported"),
        (
            _tx(data=bytes(131_072), gas_limit=10**7),
            _RICH,
            "oversized data: transaction size 131117, limit 131072",
        ),
        (
            _tx(to=None, data=bytes(49_153), gas_limit=10**6),
            _RICH,
            "max initcode size exceeded: code size 49153, limit 49152",
        ),
        (_tx(gas_limit=30_000_001), _RICH, "exceeds block gas limit"),
        (
            _tx(tip=101),
            _RICH,
            "max priority fee per gas higher than max fee per gas",
        ),
        (
            _tx(gas_limit=20_999),
            _RICH,
            "intrinsic gas too low: gas 20999, minimum needed 21000",
        ),
        (_tx(tip=0), _RICH, "transaction underpriced: gas tip cap 0, minimum needed 1"),
        (_tx(chain_id=1), _RICH, "invalid chain id for signer: have 1 want 901"),
        (_tx(nonce=2**64 - 1), _RICH, "nonce has max value"),
        (
            SetCodeTransaction(901, 0, 1, 1, 21_000, _TO, 0, b"", ()),
            _RICH,
            "set code tx must have at least one authorization tuple",
        ),
        (_tx(nonce=3), _RICH, "nonce too low: next nonce 4, tx nonce 3"),
        (
            _tx(nonce=4),
            _COST - 1,
            "insufficient funds for gas * price + value: "
            f"balance {_COST - 1}, tx cost {_COST}, overshot 1",
        ),
    ],
)
def test_transaction_is_refused_with_geths_text(tx, balance, text):
    pool = _pool(min_tip_wei=1)
    with pytest.raises(PoolError) as caught:
        pool.add(tx, _ALICE, 4, balance)
    assert str(caught.value) == text
    assert len(pool) == 0


def test_the_same_transaction_twice_is_already_known():
    pool = _pool()
    tx = _add(pool, _tx())
    with pytest.raises(AlreadyKnown, match=r"^already known$"):
        _add(pool, tx)


def test_funds_must_cover_all_of_a_senders_transactions():
    pool = _pool()
    _add(pool, _tx(0), balance=2 * _COST)
    _add(pool, _tx(1), balance=2 * _COST)
    with pytest.raises(PoolError, match=f"queued cost {2 * _COST}, tx cost {_COST}, overshot"):
        _add(pool, _tx(2), balance=2 * _COST)


def test_extra_cost_of_an_l2_counts():
    pool = _pool()
    with pytest.raises(PoolError, match="insufficient funds"):
        pool.add(_tx(), _ALICE, 0, _COST, extra_cost_wei=1)
    pool.add(_tx(), _ALICE, 0, _COST + 1, extra_cost_wei=1)


def test_blobs_count_as_cost_and_are_taken_where_they_are_accepted():
    assert maximum_cost_wei(_BLOB) == 21_000 + 131_072
    pool = TransactionPool(accepted_types=frozenset((3,)))
    assert _add(pool, _BLOB).hash in pool


def test_legacy_transaction_without_chain_id_is_taken():
    pool = _pool()
    _add(pool, LegacyTransaction(None, 0, 100, 21_000, _TO, 0, b""))
    assert len(pool) == 1


@pytest.mark.parametrize(("tip", "fee"), [(11, 109), (10, 110), (10, 200), (11, 100), (9, 90)])
def test_replacement_below_the_bump_is_refused(tip, fee):
    pool = _pool()
    old = _add(pool, _tx(tip=10, fee=100))
    with pytest.raises(PoolError, match=r"^replacement transaction underpriced$"):
        _add(pool, _tx(tip=tip, fee=fee))
    assert old.hash in pool


def test_replacement_with_both_caps_ten_percent_up_takes_the_place():
    pool = _pool()
    old = _add(pool, _tx(tip=10, fee=100))
    new = _add(pool, _tx(tip=11, fee=110))
    assert (old.hash in pool, new.hash in pool) == (False, True)
    assert pool.status() == PoolStatus(1, 0)


def test_replacement_frees_the_money_of_what_it_replaces():
    pool = _pool()
    _add(pool, _tx(), balance=_COST)
    _add(pool, _tx(tip=11, fee=110), balance=21_000 * 110)


def test_gap_queues_until_it_is_filled():
    pool = _pool()
    _add(pool, _tx(0))
    late = _add(pool, _tx(2))
    assert pool.status() == PoolStatus(pending=1, queued=1)
    assert pool.pending_nonce(_ALICE) == 1
    assert pool.content().queued == {_ALICE: {2: pool.get(late.hash)}}
    _add(pool, _tx(1))
    assert pool.status() == PoolStatus(pending=3, queued=0)
    assert pool.pending_nonce(_ALICE) == 3
    assert list(pool.content().pending[_ALICE]) == [0, 1, 2]


def test_removal_queues_what_follows():
    pool = _pool()
    first = _add(pool, _tx(0))
    _add(pool, _tx(1))
    pool.remove([first.hash, bytes(32)])
    assert pool.status() == PoolStatus(pending=0, queued=1)


def test_unknown_sender_has_no_pending_nonce():
    assert _pool().pending_nonce(_ALICE) is None


# ------------------------------------------------------------------------------------ candidates


def test_candidates_come_by_tip_and_per_sender_by_nonce():
    pool = _pool()
    _add(pool, _tx(0, tip=5), _ALICE)
    _add(pool, _tx(1, tip=50), _ALICE)
    _add(pool, _tx(0, tip=20), _BOB)
    _add(pool, _tx(0, tip=90, fee=95), _CAROL)  # only 15 left above the base fee
    order = [(c.sender, c.tx.nonce) for c in pool.pending(80)]
    assert order == [(_BOB, 0), (_CAROL, 0), (_ALICE, 0), (_ALICE, 1)]


def test_candidates_with_one_tip_come_by_arrival():
    pool = _pool()
    for sender in (_CAROL, _ALICE, _BOB):
        _add(pool, _tx(), sender)
    assert [c.sender for c in pool.pending(0)] == [_CAROL, _ALICE, _BOB]


def test_candidates_stop_at_a_fee_cap_below_the_base_fee():
    pool = _pool()
    _add(pool, _tx(0, fee=100))
    _add(pool, _tx(1, fee=50))
    _add(pool, _tx(2, fee=100))
    assert [c.tx.nonce for c in pool.pending(60)] == [0]
    assert pool.status().pending == 3, "they wait, they are not refused"


def test_candidates_of_a_skipped_sender_come_no_more():
    pool = _pool()
    _add(pool, _tx(0, tip=50), _ALICE)
    _add(pool, _tx(1, tip=50), _ALICE)
    _add(pool, _tx(0, tip=5), _BOB)
    candidates = pool.pending(0)
    assert next(candidates).sender == _ALICE
    candidates.skip_sender()
    assert [c.sender for c in candidates] == [_BOB]


def test_candidates_do_not_include_what_left_meanwhile():
    pool = _pool()
    _add(pool, _tx(0))
    second = _add(pool, _tx(1))
    candidates = pool.pending(0)
    next(candidates)
    pool.remove([second.hash])
    assert list(candidates) == []


# --------------------------------------------------------------------------------- state changes


def test_reset_drops_what_was_included_and_what_cannot_be_paid():
    pool = _pool()
    for nonce in range(4):
        _add(pool, _tx(nonce))
    dear = _add(pool, _tx(0, value=_RICH // 2), _BOB)
    _add(pool, _tx(1), _BOB)
    accounts = {_ALICE: (2, _RICH), _BOB: (0, _RICH // 4)}
    pool.reset(accounts.__getitem__)
    assert [c.tx.nonce for c in pool.pending(0)] == [2, 3]
    assert dear.hash not in pool
    assert pool.status() == PoolStatus(pending=2, queued=1)


def test_reset_to_a_lower_nonce_after_a_reorg_queues_what_was_pending():
    pool = _pool()
    _add(pool, _tx(5), nonce=5)
    pool.reset(lambda _: (4, _RICH), [_ALICE, _BOB])
    assert pool.status() == PoolStatus(pending=0, queued=1)
    _add(pool, _tx(4), nonce=4)
    assert pool.status() == PoolStatus(pending=2, queued=0)


def test_reset_forgets_an_account_without_transactions():
    pool = _pool()
    _add(pool, _tx(0))
    pool.reset(lambda _: (1, _RICH))
    assert (len(pool), pool.pending_nonce(_ALICE)) == (0, None)


def test_added_transaction_brings_a_newer_nonce_with_it():
    pool = _pool()
    _add(pool, _tx(0))
    _add(pool, _tx(2), nonce=2)
    assert pool.status() == PoolStatus(pending=1, queued=0)


def test_nonce_read_before_the_last_block_is_taken_for_stale():
    pool = _pool()
    _add(pool, _tx(0))
    pool.reset(lambda _: (1, _RICH), [_ALICE])  # included; the pool knows the account no more
    _add(pool, _tx(1), nonce=0)
    assert pool.status() == PoolStatus(pending=1, queued=0)
    _add(pool, _tx(2), nonce=0)
    assert pool.status() == PoolStatus(pending=2, queued=0)
    with pytest.raises(PoolError, match=r"^nonce too low: next nonce 1, tx nonce 0$"):
        _add(pool, _tx(0), nonce=0)


def test_nonce_after_a_full_reset_is_believed_again():
    pool = _pool()
    pool.reset(lambda _: (5, _RICH), [_ALICE])
    pool.reset(lambda _: (0, _RICH))
    _add(pool, _tx(0), nonce=0)
    assert pool.status() == PoolStatus(pending=1, queued=0)


# ---------------------------------------------------------------------------------------- limits


def test_full_pool_gives_up_the_lowest_tip():
    pool = _pool(transactions=2)
    low = _add(pool, _tx(0, tip=5), _ALICE)
    _add(pool, _tx(0, tip=20), _BOB)
    _add(pool, _tx(0, tip=10), _CAROL)
    assert low.hash not in pool
    assert len(pool) == 2


def test_full_pool_refuses_what_pays_no_more():
    pool = _pool(transactions=2)
    _add(pool, _tx(0, tip=5), _ALICE)
    _add(pool, _tx(0, tip=20), _BOB)
    with pytest.raises(PoolError, match=r"^transaction underpriced$"):
        _add(pool, _tx(0, tip=5), _CAROL)


def test_full_pool_gives_up_queued_before_pending():
    pool = _pool(transactions=2)
    _add(pool, _tx(0, tip=5), _ALICE)
    gapped = _add(pool, _tx(7, tip=90), _BOB)
    _add(pool, _tx(0, tip=1), _CAROL)
    assert gapped.hash not in pool


def test_full_pool_never_cuts_a_run_in_two():
    pool = _pool(transactions=3)
    _add(pool, _tx(0, tip=1), _ALICE)
    last = _add(pool, _tx(1, tip=50), _ALICE)
    _add(pool, _tx(0, tip=60), _BOB)
    _add(pool, _tx(0, tip=70), _CAROL)
    assert last.hash not in pool, "the last of a run goes, though its first pays less"
    assert pool.status() == PoolStatus(pending=3, queued=0)


def test_full_pool_does_not_evict_a_sender_for_itself():
    pool = _pool(transactions=2)
    _add(pool, _tx(0, tip=5))
    _add(pool, _tx(1, tip=5))
    with pytest.raises(PoolFull, match=r"^txpool is full$") as caught:
        _add(pool, _tx(2, tip=90))
    assert caught.value.recovery is Recovery.RETRY
    assert len(pool) == 2


def test_room_for_a_large_one_is_made_or_nothing_is_given_up():
    size = len(_tx(0, tip=10).encode())
    pool = _pool(total_bytes=3 * size)
    for sender, tip in ((_ALICE, 10), (_BOB, 60)):
        _add(pool, _tx(0, tip=tip), sender)
    before = pool.content()
    with pytest.raises(PoolError, match="underpriced"):  # one would go, but not the other
        _add(pool, _tx(0, tip=50, data=bytes(2 * size), gas_limit=30_000), _CAROL)
    assert pool.content() == before
    _add(pool, _tx(0, tip=70, data=bytes(size - 8), gas_limit=30_000), _CAROL)
    assert pool.status().pending == 2


def test_account_limits_count_its_transactions_and_its_queued_ones():
    pool = _pool(account_transactions=3, account_queued_transactions=1)
    _add(pool, _tx(5))
    with pytest.raises(PoolError, match=r"^account limit exceeded$"):
        _add(pool, _tx(6))
    _add(pool, _tx(0))
    _add(pool, _tx(1))
    with pytest.raises(PoolError, match=r"^account limit exceeded$"):
        _add(pool, _tx(2))
    _add(pool, _tx(5, tip=20, fee=200))  # a replacement needs no further place


def test_queued_limit_of_the_pool_gives_up_the_worst_queued():
    pool = _pool(queued_transactions=1)
    low = _add(pool, _tx(5, tip=5), _ALICE)
    _add(pool, _tx(0, tip=1), _BOB)
    _add(pool, _tx(5, tip=6), _CAROL)
    assert low.hash not in pool
    assert pool.status() == PoolStatus(pending=1, queued=1)


def test_values_of_the_pool_are_frozen():
    pool = _pool()
    pooled = pool.get(_add(pool, _tx()).hash)
    assert (pooled.sender, pooled.cost_wei) == (_ALICE, _COST)
    with pytest.raises(dataclasses.FrozenInstanceError):
        pooled.cost_wei = 0


def test_a_block_learns_who_sent_what_waits_here():
    pool = _pool()
    waiting = _add(pool, _tx(), sender=_BOB)
    same, strange = dataclasses.replace(waiting), _tx(nonce=7)
    pool.recall_senders([same, strange])
    assert known_sender(same) == _BOB
    assert pool.decoded(waiting.encode()) is waiting
    assert pool.decoded(strange.encode()) is None
    assert known_sender(strange) is None
