"""A light node cranked by hand: what L1 certifies, what sampling finds, what a restart keeps."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from da_committee import L1_CHAIN_ID, certify
from da_network import Network
from l1_blocks import STRANGER_KEY, bare_rollup_config, batcher_tx, blob_tx, l1_block

from chain.heads import BlockId
from chain.storage.memory import MemoryStore
from node.da import light
from node.da.light import LightNode
from rollup.da.cell_message import CellMessage
from rollup.da.confidence import miss_probability
from rollup.da.erasure import extend_payload
from rollup.da.sampler import SamplingPlan
from rollup.l1.provider import MemoryL1Provider

PLAN = SamplingPlan(samples=8, attempts=2)


@cache
def extended(number):
    return extend_payload(b"batch %d" % number)


class Follower:
    """L1 as it is put into the provider: the network between is left out."""

    def __init__(self, provider):
        self.provider = provider

    @property
    def head_number(self):
        return self.provider.head().number

    async def poll(self):
        return False

    async def prune(self, below):
        pass

    async def fetch_missing(self, missing):
        raise AssertionError(f"nothing is to be fetched: {missing}")


class World:
    """A committee, an L1 that certifies blobs, and a light node."""

    def __init__(self):
        self.network = Network((1, 1, 1))
        self.blocks = [l1_block(0)]
        config = bare_rollup_config()
        self.config = replace(
            config,
            l1_chain_id=L1_CHAIN_ID,
            l2_chain_id=902,
            da_committee=self.network.committee,
            genesis=replace(config.genesis, l1=BlockId(0, self.blocks[0].hash)),
        )
        self.provider = MemoryL1Provider()
        self.provider.set_head(self.blocks[0])
        self.store = MemoryStore()
        self.light = self.make()

    def make(self):
        follower = Follower(self.provider)
        peers = self.network.peers
        return LightNode(self.config, self.store, follower, self.provider, peers, PLAN)

    async def publish(self, number):
        """Give a blob to the committee."""
        for carrier in self.network.carriers:
            await carrier.store(CellMessage(extended(number).commitment, extended(number).cells))

    def mine(self, *numbers, salt=0, at=None, key=None, before=()):
        """An L1 block whose batcher transactions certify these blobs."""
        parent = self.blocks[-1] if at is None else self.blocks[at - 1]
        height = parent.number + 1
        extra = {} if key is None else {"key": key}
        transactions = [
            batcher_tx(
                certify(self.network.committee, extended(number).commitment, height - 1, [0, 1])
                .to_commitment()
                .encode(),
                nonce=nonce,
                **extra,
            )
            for nonce, number in enumerate(numbers)
        ]
        block = l1_block(height, parent.hash, transactions=(*before, *transactions), salt=salt)
        self.blocks = [*self.blocks[:height], block]
        self.provider.add(block)
        self.provider.set_head(block)


@pytest.fixture
def world():
    return World()


async def test_blocks_without_certificates_are_accepted(world):
    world.mine()
    world.mine()
    await world.light.turn()
    shown = world.light.describe()
    assert (shown["l1_read"], shown["l1_accepted"], shown["refuses"]) == (2, 2, False)


async def test_an_available_batch_is_accepted_with_its_confidence(world):
    await world.publish(1)
    world.mine(1)
    await world.light.turn()
    (batch,) = world.light.batches()
    assert batch.sampling.confidence == 1 - miss_probability(8)
    shown = world.light.describe()
    assert (shown["l1_accepted"], shown["refuses"]) == (1, False)
    assert shown["newest"][0]["miss_probability"] == "0.00271"


async def test_a_withheld_batch_holds_the_head_back_until_it_is_published(world):
    await world.publish(1)
    world.mine(1)
    world.mine(2)
    world.mine()
    await world.light.turn()
    shown = world.light.describe()
    assert (shown["l1_read"], shown["l1_accepted"], shown["refuses"]) == (3, 1, True)
    assert shown["refused"]["verdict"] == "withheld"
    await world.light.turn()
    assert world.light.describe()["refused"]["round"] == 2
    await world.publish(2)
    await world.light.turn()
    shown = world.light.describe()
    assert (shown["l1_accepted"], shown["refuses"]) == (3, False)
    assert world.light.batches()[1].sampling.confidence == 1 - 3 * miss_probability(8)


async def test_certificates_of_others_than_the_batcher_mean_nothing(world):
    world.mine(1, key=STRANGER_KEY)
    await world.light.turn()
    assert world.light.batches() == []


async def test_blobs_of_l1_itself_are_not_waited_for(world):
    await world.publish(1)
    world.mine(1, before=[blob_tx([b"\x01" + bytes(31)])])
    await world.light.turn()
    assert world.light.describe()["l1_accepted"] == 1
    assert len(world.light.batches()) == 1


async def test_a_restart_goes_on_with_the_same_cells_and_catches_up(world):
    await world.publish(1)
    world.mine(1)
    world.mine(2)
    await world.light.turn()
    before = world.light.batches()
    await world.publish(3)
    world.mine(3)
    again = world.make()
    assert again.batches() == before
    assert again.l1_read.number == 2
    await again.turn()
    assert [batch.l1_number for batch in again.batches()] == [1, 2, 3]
    assert again.describe()["l1_accepted"] == 1


async def test_after_a_reorg_what_was_certified_on_the_old_branch_is_forgotten(world):
    await world.publish(1)
    world.mine(1)
    world.mine(2)
    world.mine()
    await world.light.turn()
    assert world.light.describe()["refuses"]
    world.mine(salt=1, at=2)
    world.mine(salt=1)
    world.mine(salt=1)
    await world.light.turn()
    shown = world.light.describe()
    assert (shown["batches"], shown["l1_accepted"], shown["refuses"]) == (1, 4, False)


async def test_old_batches_that_are_available_are_forgotten_and_withheld_ones_are_not(
    world, monkeypatch
):
    monkeypatch.setattr(light, "_KEPT_BATCHES", 2)
    for number in (1, 3, 4, 5):
        await world.publish(number)
    for number in (1, 2, 3, 4, 5):
        world.mine(number)
        await world.light.turn()
    kept = [batch.sampling.commitment for batch in world.light.batches()]
    assert kept == [extended(number).commitment for number in (2, 4, 5)]
    assert [batch.sampling.commitment for batch in world.make().batches()] == kept
    assert world.light.describe()["l1_accepted"] == 1
