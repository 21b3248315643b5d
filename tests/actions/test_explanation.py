"""The pipeline explains itself: every byte of an L1 block is accounted for, by a named rule."""

from __future__ import annotations

from dataclasses import replace

import pytest
from actors import BATCHER, World
from batcher_data import channel_data, sequencer_batches
from derivation_stages import rules_of

from chain.heads import BlockId
from genesis.dev_accounts import dev_account
from rollup.derivation.explain import ChainDisagrees, Explainer, L2BlockMissing
from rollup.derivation.journal import Explanation
from rollup.wire.frame import decode_frames

ALICE = dev_account("account0")
NEWCOMER = b"\xaa" * 20


def post(world, data, *, account=BATCHER):
    world.miner.send_as(account, to=world.config.batch_inbox_address, data=data)


@pytest.fixture
def world():
    world = World()
    for _ in range(3):
        world.sequencer.send(ALICE, to=NEWCOMER, value=5)
        world.sequencer.build()
    return world


def explain(world, number):
    """The notes on an L1 block, as a node that has derived it explains it."""
    node = world.verifier
    node.derive()
    entry = node.driver.safe_head_log.at_l1(number - 1)
    safe = node.engine.block(entry.l2.hash)
    return Explainer(world.config, node.l1.provider, node.engine, safe, entry.l1).explain(number)


def names(notes):
    journal = Explanation()
    journal.notes = list(notes)
    return rules_of(journal)


def test_frames_cover_the_batchers_data_but_for_the_version_byte(world):
    data = channel_data(*sequencer_batches(world))
    post(world, data)
    number = world.miner.mine().number
    notes = explain(world, number)
    ranges = [note.subject.data for note in notes if note.subject.data is not None]
    assert [(place.start, place.end) for place in ranges] == [(1, len(data))]
    assert len(decode_frames(data)) == 1
    assert names(notes) == [
        "FRAME_OPENS", "CHANNEL_COMPLETE", *["BATCH_ACCEPTED", "PAYLOAD"] * 3,
    ]  # fmt: skip
    streams = [note.subject.stream for note in notes if note.subject.stream is not None]
    assert [start for start, _ in streams][1:] == [end for _, end in streams][:-1]


def test_what_was_dropped_names_its_rule(world):
    first, second, third = sequencer_batches(world)
    orphan = replace(second, parent_hash=bytes(32))
    post(world, b"\x00not a frame")
    post(world, channel_data(first, orphan, third))
    post(world, b"\x02")
    number = world.miner.mine().number
    assert names(explain(world, number)) == [
        "FRAME_MALFORMED", "FRAME_OPENS", "CHANNEL_COMPLETE", "BATCH_ACCEPTED", "PAYLOAD",
        "PARENT", "CHANNEL_FLUSHED", "DATA_VERSION",
    ]  # fmt: skip


def test_block_that_the_engine_refused_is_told_by_the_chain(world):
    first, second, _ = sequencer_batches(world)
    stale = first.transactions[0]
    post(world, channel_data(first, replace(second, transactions=(stale,))))
    number = world.miner.mine().number
    notes = explain(world, number)
    assert names(notes)[-2:] == ["DEPOSITS_ONLY", "CHANNEL_FLUSHED"]
    assert "transaction count" in notes[-2].detail


def test_each_of_several_l1_blocks_has_its_own_notes(world):
    for batch in sequencer_batches(world):
        post(world, channel_data(batch, channel_id=bytes((batch.timestamp % 256,)) * 16))
        number = world.miner.mine().number
    for at in range(number - 2, number + 1):
        notes = explain(world, at)
        assert {note.l1.number for note in notes} == {at}
        assert names(notes).count("PAYLOAD") == 1


def test_l1_block_without_batcher_data_has_nothing_to_say(world):
    number = world.miner.mine().number
    world.miner.mine()
    assert explain(world, number) == ()


def test_missing_and_other_l2_blocks_are_named(world):
    post(world, channel_data(*sequencer_batches(world)))
    number = world.miner.mine().number
    other = World()
    other.sequencer.send(ALICE, to=NEWCOMER, value=6)
    other.sequencer.build()
    world.verifier.l1.sync()
    genesis = world.verifier.engine.block_by_number(0)
    start = world.config.genesis.l1
    empty = Explainer(
        world.config, world.verifier.l1.provider, world.verifier.engine, genesis, start
    )
    with pytest.raises(L2BlockMissing, match="L2 block 1"):
        empty.explain(number)
    world.sequencer.l1.sync()
    stranger = Explainer(
        world.config, world.verifier.l1.provider, other.sequencer.engine, genesis, start
    )
    with pytest.raises(ChainDisagrees, match="L2 block 1 is not what L1 gives"):
        stranger.explain(number)
    assert isinstance(start, BlockId)
