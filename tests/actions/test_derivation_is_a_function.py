"""Same L1, same L2: however a node came to it, through restarts, in steps, or over L1 reorgs."""

from __future__ import annotations

from actors import BATCHER, World
from hypothesis import given, settings
from hypothesis import strategies as st

from genesis.dev_accounts import dev_account
from rollup.batcher.payload import BatcherConfig
from rollup.driver.driver import StepKind
from rollup.wire.frame import encode_frames

ALICE = dev_account("account0")
BOB = dev_account("account1")
NEWCOMER = b"\xaa" * 20

# What happens before an L1 block is mined.
actions = st.sampled_from(["build", "submit", "shuffled", "part", "deposit", "junk", "idle"])
l1_blocks = st.lists(st.tuples(actions, st.integers(0, 2**16 - 1)), min_size=1, max_size=14)


def prepared_world():
    """A sequencing window that lapses soon, and frames so small that channels span blocks."""
    return World(
        window=6, batcher_config=BatcherConfig(max_frame_data_bytes=90, target_channel_bytes=300)
    )


def build(world, seed):
    world.sequencer.derive()
    world.sequencer.send(ALICE, to=NEWCOMER, value=1 + seed % 7)
    world.sequencer.build(1 + seed % 4)


def post(world, data):
    world.miner.send_as(BATCHER, to=world.config.batch_inbox_address, data=data)


def act(world, action, seed):
    """One thing that a careless or hostile batcher does."""
    if action == "build":
        build(world, seed)
    elif action == "deposit":
        world.deposit(BOB, to=NEWCOMER, mint=10**9 + seed)
    elif action == "junk":
        post(world, seed.to_bytes(2, "big") * (seed % 40))
    elif action != "idle":
        frames = [frame for payload in world.batcher.payloads() for frame in payload.frames]
        if action == "shuffled":
            frames = frames[1::2] + frames[::2]
        elif action == "part":
            frames = frames[: 1 + seed % 4]
        for start in range(0, len(frames), 2):
            post(world, encode_frames(frames[start : start + 2]))


def chain_of(node):
    return [node.engine.block_by_number(n).hash for n in range(node.engine.heads.safe.number + 1)]


@settings(max_examples=40, deadline=None)
@given(l1_blocks, st.lists(st.integers(0, 40), max_size=14))
def test_restarts_and_small_steps_change_nothing(turns, steps_before_restart):
    world = prepared_world()
    restarted = world.new_verifier()
    plan = iter(steps_before_restart)
    for action, seed in turns:
        act(world, action, seed)
        world.miner.mine()
        world.verifier.derive()
        restarted.l1.sync()
        for _ in range(next(plan, 0)):
            if restarted.driver.step().kind is StepKind.WAITING:
                break
        restarted = restarted.restarted()
    late = world.new_verifier()
    late.derive()
    restarted.derive()
    assert chain_of(world.verifier) == chain_of(late) == chain_of(restarted)
    world.sequencer.derive()
    assert chain_of(world.sequencer) == chain_of(late)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(l1_blocks, st.integers(0, 16), st.booleans()), min_size=1, max_size=3),
    l1_blocks,
)
def test_reorgs_of_l1_leave_no_trace(branches, last):
    """After any reorgs a node that lived through them has the chain of one that never saw them."""
    world = prepared_world()
    for salt, (turns, depth, keeps) in enumerate(branches, start=1):
        for action, seed in turns:
            act(world, action, seed)
            world.miner.mine(salt=salt)
            world.verifier.derive()
        lost = world.miner.rewind(min(depth, world.miner.head.number - 1))
        world.miner.queue.clear()
        if keeps:
            world.miner.queue.extend(lost)
        world.miner.mine(salt=100 + salt)
    for action, seed in last:
        act(world, action, seed)
        world.miner.mine()
        world.verifier.derive()
    fresh = world.new_verifier()
    fresh.derive()
    assert chain_of(world.verifier) == chain_of(fresh)
    world.sequencer.derive()
    assert chain_of(world.sequencer) == chain_of(fresh)
