"""admin_: the sequencer's switch and unsafe payloads, without a socket."""

from __future__ import annotations

import asyncio

import pytest
from actors import World
from engine_api import InlineWriter

from chain.types import Hash32
from node.actors.clock import DevClock
from node.actors.sequencing import SequencerSwitchRefused, Sequencing
from node.engine_api.payloads import payload_json
from node.rpc.admin import AdminNamespace
from node.rpc.errors import RpcError
from node.rpc.jsonrpc import methods_of


async def nothing(*_):
    """An actor's way out that leads nowhere."""


def switch_of(world, *, is_active=True):
    return Sequencing(
        world.sequencer.sequencer, InlineWriter(), DevClock(), 2,
        caught_up=asyncio.Event(), sealed=lambda *_: None, reset=lambda: None, fetch=nothing,
        is_active=is_active,
    )  # fmt: skip


@pytest.fixture
def world():
    made = World()
    made.sequencer.build(2)
    return made


def admin_of(sequencer, inserted=None):
    async def insert(payload):
        inserted.append(payload)

    namespace = AdminNamespace(sequencer, nothing, insert)
    return namespace, methods_of(namespace)


async def test_sequencer_stops_and_starts_on_its_own_head_only(world):
    switch = switch_of(world)
    admin, _ = admin_of(switch)
    head = world.sequencer.unsafe.hash
    assert admin.sequencer_active()
    assert await admin.stop_sequencer() == "0x" + head.hex()
    assert not admin.sequencer_active()
    assert switch._build() is None
    with pytest.raises(SequencerSwitchRefused, match="sequencer not running"):
        await admin.stop_sequencer()
    with pytest.raises(SequencerSwitchRefused, match="block hash does not match: head 2"):
        await admin.start_sequencer(Hash32(b"\x01" * 32))
    await admin.start_sequencer(head)
    with pytest.raises(SequencerSwitchRefused, match="sequencer already running"):
        await admin.start_sequencer(head)
    assert admin.sequencer_active()


async def test_sequencer_may_begin_stopped(world):
    admin, _ = admin_of(switch_of(world, is_active=False))
    assert not admin.sequencer_active()


async def test_recover_mode_leaves_blocks_empty_and_catches_up(world):
    world.miner.mine(6)
    world.sequencer.l1.sync()
    admin, _ = admin_of(switch_of(world))
    await admin.set_recover_mode(True)
    world.sequencer.build(1)
    assert len(world.sequencer.unsafe.transactions) == 1
    await admin.set_recover_mode(False)


async def test_node_without_a_sequencer_says_so():
    admin, methods = admin_of(None)
    assert not admin.sequencer_active()
    assert not admin.conductor_enabled()
    with pytest.raises(RpcError, match="sequencer is not enabled"):
        await admin.start_sequencer(Hash32(bytes(32)))
    assert set(methods) == {
        "admin_sequencerActive", "admin_startSequencer", "admin_stopSequencer",
        "admin_setRecoverMode", "admin_resetDerivationPipeline", "admin_postUnsafePayload",
        "admin_conductorEnabled",
    }  # fmt: skip


async def test_unsafe_payload_is_read_and_its_hash_checked(world):
    inserted = []
    admin, methods = admin_of(None, inserted)
    parse = methods["admin_postUnsafePayload"].parameters[0].parse
    block = world.sequencer.unsafe
    item = payload_json(block, is_optimism=True)
    root = "0x" + block.header.parent_beacon_block_root.hex()
    await admin.post_unsafe_payload(
        parse({"executionPayload": item, "parentBeaconBlockRoot": root})
    )
    assert [payload.block for payload in inserted] == [block]
    with pytest.raises(RpcError, match="payload has bad block hash"):
        parse({"executionPayload": {**item, "gasUsed": "0x1"}, "parentBeaconBlockRoot": root})
