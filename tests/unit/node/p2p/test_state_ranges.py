"""A state in ranges: whole in the end, whoever cuts it where, and no lie in it is taken."""

from __future__ import annotations

from random import Random

import msgpack
import pytest

from chain.errors import DecodeError
from chain.state import MemoryStateStore, State
from chain.trie import EMPTY_ROOT
from chain.trie.ranges import FIRST_KEY
from chain.types import Address
from node.p2p import state_ranges as room
from node.p2p.message import GetOutput, GetRanges, decode_message, encode_message
from node.p2p.state_ranges import CodesWanted, Progress, RangesWanted, StateRanges, serve_ranges
from node.p2p.sync import WrongAnswer, serve_state


def state(accounts: int = 120, slots: int = 9):
    """A store and its root; storages alike and not, codes shared."""
    rng = Random(3)
    store = MemoryStateStore()
    made = State(store)
    for index in range(accounts):
        address = Address(rng.randbytes(20))
        made.set_balance(address, rng.getrandbits(70))
        if index % 3 == 0:
            made.set_code(address, b"\x60" * (1 + index % 5))
            for slot in range(slots if index % 2 else 2):
                made.set_storage(address, slot, 1 + index % 4)
    changes = made.take_changes()
    store.add(changes)
    return store, changes.root


class Target:
    """What was handed out to be written."""

    def __init__(self) -> None:
        self.nodes: list[tuple[bytes, bytes]] = []
        self.codes: dict[bytes, bytes] = {}
        self.code_uses: list[bytes] = []

    def write(self, part) -> None:
        self.nodes += part.nodes
        self.codes |= part.codes
        self.code_uses += part.code_uses

    def has(self, code_hash: bytes) -> bool:
        return code_hash in self.codes


def answer(store, asked) -> list[bytes]:
    if isinstance(asked, CodesWanted):
        return serve_state(asked.hashes, store.node, store.code)
    return serve_ranges(asked.roots, asked.start, store.node)


def fetch(store, wanted: StateRanges, target: Target, steps: int = 10**6) -> None:
    while not wanted.is_complete and steps:
        asked = wanted.next_request()
        part = wanted.take(asked, answer(store, asked))
        if part is not None:
            target.write(part)
        steps -= 1


@pytest.fixture(params=[(4096, 384 * 1024), (7, 384 * 1024), (4096, 300)])
def cut(request, monkeypatch):
    """How large an answer may be."""
    monkeypatch.setattr(room, "RANGE_LEAVES", request.param[0])
    monkeypatch.setattr(room, "RANGE_BYTES", request.param[1])


def test_a_state_is_fetched_whole(cut) -> None:
    store, root = state()
    wanted, target = StateRanges(Progress(root), lambda _: False), Target()
    fetch(store, wanted, target)
    assert dict(target.nodes) == store._nodes
    assert target.codes == store._codes
    assert wanted.progress.accounts == 120
    assert wanted.progress.share == 1.0
    assert len(target.code_uses) == 40


@pytest.mark.parametrize("seed", range(4))
def test_it_goes_on_after_any_kill_with_answers_cut_elsewhere(seed, monkeypatch) -> None:
    """The same writes in the end, neither more nor fewer: a pruned store counts them."""
    store, root = state()
    whole = Target()
    fetch(store, StateRanges(Progress(root), lambda _: False), whole)
    rng, target, progress = Random(seed), Target(), Progress(root)
    while not progress.is_complete:
        monkeypatch.setattr(room, "RANGE_LEAVES", rng.randint(1, 40))
        wanted = StateRanges(progress, target.has)
        kept = progress
        for _ in range(rng.randint(1, 9)):
            if wanted.is_complete:
                break
            asked = wanted.next_request()
            part = wanted.take(asked, answer(store, asked))
            if part is not None:  # written together with the progress
                target.write(part)
                kept = Progress.decode(wanted.progress.encode())
        progress = kept
    assert sorted(target.nodes) == sorted(whole.nodes)
    assert sorted(target.code_uses) == sorted(whole.code_uses)
    assert target.codes == whole.codes


def unpacked(items, index=0):
    return list(msgpack.unpackb(items[index], use_list=True))


def repacked(items, fields, index=0):
    return [*items[:index], msgpack.packb(fields), *items[index + 1 :]]


def drop_a_leaf(items):
    end, keys, values, nodes = unpacked(items)
    return repacked(items, [end, keys[32:], values[1:], nodes])


def alter_a_value(items):
    end, keys, values, nodes = unpacked(items)
    values[0] = values[0][:-1] + bytes((values[0][-1] ^ 1,))
    return repacked(items, [end, keys, values, nodes])


def one_key_short(items):
    end, keys, values, nodes = unpacked(items)
    return repacked(items, [end, keys[:-1], values, nodes])


SPOILS = {
    "nothing": lambda items: [],
    "junk": lambda items: [b"\x01"],
    "no list": lambda items: [msgpack.packb([b"", b"", b""])],
    "a leaf less": drop_a_leaf,
    "a value altered": alter_a_value,
    "a key cut": one_key_short,
    "more items than asked": lambda items: [*items, *items] * 70,
    "too large": lambda items: [*items, bytes(room.ANSWER_LIMIT_BYTES)],
}


@pytest.mark.parametrize("how", SPOILS)
@pytest.mark.parametrize("stage", ["accounts", "storages"])
def test_a_spoilt_answer_is_refused_and_changes_nothing(how, stage) -> None:
    store, root = state()
    wanted, target = StateRanges(Progress(root), lambda _: False), Target()
    while stage == "storages" and not (
        isinstance(wanted.next_request(), RangesWanted) and wanted.next_request().roots[0] != root
    ):
        fetch(store, wanted, target, 1)
    asked, before = wanted.next_request(), wanted.progress
    with pytest.raises(WrongAnswer):
        wanted.take(asked, SPOILS[how](answer(store, asked)))
    assert wanted.progress == before
    assert wanted.next_request() == asked
    fetch(store, wanted, target)
    assert dict(target.nodes) == store._nodes


def test_a_spoilt_code_is_refused() -> None:
    store, root = state()
    wanted = StateRanges(Progress(root), lambda _: False)
    while not isinstance(wanted.next_request(), CodesWanted):
        fetch(store, wanted, Target(), 1)
    asked = wanted.next_request()
    right = answer(store, asked)
    for items in ([], [b"other"], [*right, b"more"], [right[0], right[0]]):
        with pytest.raises(WrongAnswer):
            wanted.take(asked, items)
    wanted.take(asked, right[:1])
    assert set(wanted.next_request().hashes) == set(asked.hashes[1:])


def test_a_storage_that_ends_early_can_be_the_last_item_alone(monkeypatch) -> None:
    store, root = state()
    wanted = StateRanges(Progress(root), lambda _: False)
    while not (
        isinstance(wanted.next_request(), RangesWanted) and wanted.next_request().roots[0] != root
    ):
        fetch(store, wanted, Target(), 1)
    asked = wanted.next_request()
    monkeypatch.setattr(room, "RANGE_LEAVES", 1)
    short = serve_ranges(asked.roots, FIRST_KEY, store.node)
    monkeypatch.setattr(room, "RANGE_LEAVES", 4096)
    rest = serve_ranges(asked.roots[1:], FIRST_KEY, store.node)
    with pytest.raises(WrongAnswer, match="before its trie"):
        wanted.take(asked, [*short, *rest])


def test_who_does_not_have_the_state_answers_nothing() -> None:
    store, root = state()
    del store._nodes[root]
    assert serve_ranges((root,), FIRST_KEY, store.node) == []


def test_an_empty_state_is_complete_at_once() -> None:
    assert StateRanges(Progress(EMPTY_ROOT), lambda _: False).is_complete


def test_progress_of_another_version_is_refused() -> None:
    for data in (b"", b"\x90", msgpack.packb([9, *[b""] * 4, True, 0, 0, 0, 0])):
        with pytest.raises(DecodeError):
            Progress.decode(data)


def test_the_requests_survive_the_wire() -> None:
    for message in (GetRanges(3, (b"\x01" * 32, b"\x02" * 32), b"\x03" * 32), GetOutput(4, 10**9)):
        assert decode_message(*encode_message(message)) == message


@pytest.mark.parametrize("stage", ["accounts", "storages"])
def test_a_leaf_at_a_time_is_no_answer(stage, monkeypatch) -> None:
    """Each would be right, and the state would never be there."""
    store, root = state()
    wanted = StateRanges(Progress(root), lambda _: False)
    while stage == "storages" and not (
        isinstance(wanted.next_request(), RangesWanted) and wanted.next_request().roots[0] != root
    ):
        fetch(store, wanted, Target(), 1)
    asked = wanted.next_request()
    monkeypatch.setattr(room, "RANGE_LEAVES", 1)
    items = answer(store, asked)
    monkeypatch.setattr(room, "RANGE_LEAVES", 4096)
    with pytest.raises(WrongAnswer, match="left for later"):
        wanted.take(asked, items)
