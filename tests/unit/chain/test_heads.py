"""Heads: which moves they make and which they refuse."""

from __future__ import annotations

import pytest

from chain.heads import BlockId, BlockRef, Heads, InvalidHeadMove, L2BlockRef


def _id(number: int, fork: int = 0) -> BlockId:
    return BlockId(number, bytes((number, fork)) * 16)


def _heads(unsafe: int, safe: int, finalized: int) -> Heads:
    return Heads(_id(unsafe), _id(safe), _id(finalized))


def test_heads_start_together_at_genesis():
    heads = Heads.at_genesis(_id(0))
    assert heads.unsafe == heads.safe == heads.finalized == _id(0)


@pytest.mark.parametrize("numbers", [(1, 2, 0), (2, 1, 2), (0, 0, 1)])
def test_heads_out_of_order_are_refused(numbers):
    with pytest.raises(InvalidHeadMove, match="is above"):
        _heads(*numbers)


def test_heads_on_two_blocks_of_one_height_are_refused():
    with pytest.raises(InvalidHeadMove, match="different blocks"):
        Heads(_id(5, fork=1), _id(5), _id(0))


def test_unsafe_head_moves_to_its_child_only():
    heads = _heads(5, 3, 1)
    child = BlockRef(6, _id(6).hash, _id(5).hash, timestamp=12)
    assert heads.extended(child) == _heads(6, 3, 1)
    for stranger in (
        BlockRef(6, _id(6).hash, _id(5, fork=1).hash, timestamp=12),
        BlockRef(7, _id(7).hash, _id(5).hash, timestamp=12),
    ):
        with pytest.raises(InvalidHeadMove, match="unsafe head is 5"):
            heads.extended(stranger)


def test_safe_and_finalized_follow_up_to_the_head_above():
    heads = _heads(9, 3, 1)
    assert heads.moved(safe=_id(7), finalized=_id(7)) == _heads(9, 7, 7)
    with pytest.raises(InvalidHeadMove, match="safe head 10"):
        heads.moved(safe=_id(10))
    with pytest.raises(InvalidHeadMove, match="finalized head 4"):
        heads.moved(finalized=_id(4))


def test_unsafe_going_back_takes_safe_with_it():
    assert _heads(9, 7, 1).moved(unsafe=_id(4)) == _heads(4, 4, 1)
    assert _heads(9, 7, 1).moved(unsafe=_id(8)) == _heads(8, 7, 1)


def test_another_block_at_the_safe_height_must_be_named_as_safe_too():
    heads, other = _heads(9, 7, 1), _id(7, fork=1)
    with pytest.raises(InvalidHeadMove, match="different blocks"):
        heads.moved(unsafe=other)
    assert heads.moved(unsafe=other, safe=other) == Heads(other, other, _id(1))


def test_finality_is_never_undone():
    heads = _heads(9, 7, 5)
    for back in (_id(4), _id(5, fork=1)):
        with pytest.raises(InvalidHeadMove, match="cannot go back"):
            heads.moved(finalized=back)
    with pytest.raises(InvalidHeadMove, match="finalized head 5"):
        heads.moved(unsafe=_id(4))


def test_l2_block_ref_names_itself_and_its_parent():
    ref = L2BlockRef(6, _id(6).hash, _id(5).hash, 12, l1_origin=_id(3), sequence_number=2)
    assert (ref.id, ref.parent) == (_id(6), _id(5))
    assert str(ref.id) == f"6 (0x{_id(6).hash.hex()})"
