"""Requests and answers: right ones are used, wrong ones are somebody's fault."""

from __future__ import annotations

import random

import pytest
from p2p_chain import chain

from chain.state import MemoryStateStore, State
from chain.types import Address
from node.p2p import sync
from node.p2p.message import Response
from node.p2p.sync import (
    BlockRange,
    HeaderChain,
    Requests,
    Serving,
    StateSync,
    WrongAnswer,
    serve_state,
)


def test_headers_are_fetched_downwards_from_the_trusted_hash() -> None:
    blocks = chain(1200)
    headers = HeaderChain(1199, blocks[1199].hash, 1)
    while not headers.is_complete:
        start, count = headers.next_range()
        headers.take([block.header.encode() for block in blocks[start : start + count]])
    assert [h.number for h in headers.headers] == list(range(1, 1200))
    assert headers.lowest_parent == blocks[0].hash


@pytest.mark.parametrize(
    "spoil",
    [
        lambda items: items[:-1],
        lambda items: items[::-1],
        lambda items: [*items[:-1], b"\xc0"],
        lambda items: [chain(12)[11].header.encode(), *items[1:]],
        lambda items: [],
    ],
)
def test_wrong_headers_are_refused_whole(spoil) -> None:
    blocks = chain(10)
    headers = HeaderChain(9, blocks[9].hash, 1)
    start, count = headers.next_range()
    with pytest.raises(WrongAnswer):
        headers.take(spoil([b.header.encode() for b in blocks[start : start + count]]))
    assert not headers.headers


def test_blocks_come_out_in_order_whatever_order_they_came_in() -> None:
    blocks = chain(200)
    wanted = BlockRange(block.header for block in blocks[1:])
    ranges = []
    while (asked := wanted.next_range(1000)) is not None:
        ranges.append(asked)
    assert [count for _, count in ranges] == [64, 64, 64, 7]
    out = []
    for start, count in reversed(ranges):
        wanted.take(start, count, [block.encode() for block in blocks[start : start + count]])
        out += wanted.ready()
    assert out == blocks[1:]
    assert wanted.is_complete


def test_a_short_answer_leaves_the_rest_to_be_asked_for_again() -> None:
    blocks = chain(50)
    wanted = BlockRange(block.header for block in blocks)
    start, count = wanted.next_range(1000)
    wanted.take(start, count, [block.encode() for block in blocks[:10]])
    assert wanted.next_range(1000) == (10, 40)


@pytest.mark.parametrize(
    "spoil", [lambda i: [], lambda i: [i[1]], lambda i: [b"\x01"], lambda i: i * 9]
)
def test_a_wrong_block_is_refused(spoil) -> None:
    blocks = chain(8)
    wanted = BlockRange(block.header for block in blocks)
    wanted.next_range(1000)
    with pytest.raises(WrongAnswer):
        wanted.take(0, 8, spoil([block.encode() for block in blocks]))
    assert wanted.next_range(1000) == (0, 8)


def test_nothing_is_asked_beyond_a_peers_head() -> None:
    wanted = BlockRange(block.header for block in chain(50))
    assert wanted.next_range(19) == (0, 20)
    assert wanted.next_range(19) is None


def state(accounts: int, slots: int) -> tuple[MemoryStateStore, bytes]:
    rng = random.Random(1)
    store = MemoryStateStore()
    made = State(store)
    for index in range(accounts):
        address = Address(rng.randbytes(20))
        made.set_balance(address, rng.getrandbits(80))
        if index % 3 == 0:
            made.set_code(address, b"\x60" * (1 + index % 7))
            for slot in range(slots):
                made.set_storage(address, slot, 1 + index % 5)
    changes = made.take_changes()
    store.add(changes)
    return store, changes.root


def fetch(root: bytes, source: MemoryStateStore) -> tuple[MemoryStateStore, StateSync]:
    target, wanted = MemoryStateStore(), StateSync(root)
    while not wanted.is_complete:
        hashes = wanted.next_hashes()
        batch = wanted.take(hashes, serve_state(hashes, source.node, source.code))
        target._nodes.update(batch.nodes)
        target._codes.update(batch.codes)
    return target, wanted


def test_a_state_is_fetched_whole() -> None:
    source, root = state(400, 12)
    target, wanted = fetch(root, source)
    assert target._nodes == source._nodes
    assert target._codes == source._codes
    assert wanted.accounts == 400


def test_a_state_is_fetched_in_small_pieces_and_the_stack_stays_small(monkeypatch) -> None:
    monkeypatch.setattr(sync, "STATE_ANSWER_ITEMS", 5)
    monkeypatch.setattr(sync, "HASHES_A_REQUEST", 3)
    source, root = state(300, 4)
    target, _ = fetch(root, source)
    assert target._nodes == source._nodes


@pytest.mark.parametrize(
    "spoil",
    [
        lambda items: [],
        lambda items: [b"other", *items],
        lambda items: [items[0][:-1] + b"\0", *items[1:]],
        lambda items: [items[0], items[0]],
        lambda items: items[1:],
    ],
)
def test_a_piece_that_nobody_wants_is_refused(spoil) -> None:
    source, root = state(100, 2)
    wanted = StateSync(root)
    hashes = wanted.next_hashes()
    with pytest.raises(WrongAnswer):
        wanted.take(hashes, spoil(serve_state(hashes, source.node, source.code)))


def test_after_a_wrong_answer_the_same_is_asked_of_another() -> None:
    _, root = state(50, 2)
    wanted = StateSync(root)
    hashes = wanted.next_hashes()
    assert wanted.next_hashes() == ()
    with pytest.raises(WrongAnswer):
        wanted.take(hashes, [b"wrong"])
    assert wanted.next_hashes() == hashes


def test_a_peer_owes_a_few_answers_at_most() -> None:
    requests = Requests()
    ids = [requests.begin("p", 0.0) for _ in range(sync.MAX_IN_FLIGHT + 1)]
    assert ids[-1] is None
    assert not requests.answered("other", Response(ids[0], 0, ()))
    assert requests.answered("p", Response(ids[0], 0, ()))
    assert not requests.answered("p", Response(ids[0], 0, ()))
    assert requests.overdue(sync.REQUEST_TIMEOUT_S) == [(key, "p") for key in ids[1:-1]]
    assert requests.in_flight("p") == 0


def test_a_peer_that_has_asked_for_too_much_waits() -> None:
    serving = Serving()
    asked = 0
    while serving.may_ask(0.0):
        asked += 1
        serving.served(1024 * 1024, 0.0)
    assert 1 < asked <= 64
    assert serving.may_ask(10.0)
