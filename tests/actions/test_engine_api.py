"""Our driver with its execution behind the Engine API derives what it derives in one process."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from actors import BATCHER, transfer
from engine_api import EngineApiNode, ExecutionClient, TwoEngineWorld

from chain.errors import Recovery
from chain.heads import BlockId, InvalidHeadMove
from chain.transaction import DepositTransaction
from chain.types import Hash32
from genesis.dev_accounts import dev_account
from node.engine_api.client import EngineUnreachable
from node.engine_api.remote import EngineAnswerInvalid, RemoteEngine
from rollup.batcher.payload import BatcherConfig, batch_of
from rollup.derivation.l2_block import l2_block_ref
from rollup.driver.driver import Driver, StepKind
from rollup.sequencer.sequencer import Sequencer
from rollup.wire.channel import ChannelOut, split_channel
from rollup.wire.frame import encode_frames

ALICE = dev_account("account0")
NEWCOMER = b"\xaa" * 20


def post_blocks(world, last, *, extra=b""):
    """The sequencer's blocks up to `last` as one channel; the last gets a transaction more."""
    channel = ChannelOut(b"\x01" * 16)
    for number in range(1, last + 1):
        block = world.sequencer.engine.block_by_number(number)
        batch = batch_of(block, l2_block_ref(world.config, block))
        if extra and number == last:
            batch = replace(batch, transactions=(*batch.transactions, extra))
        channel.add(batch)
    data = encode_frames(split_channel(b"\x01" * 16, channel.close()))
    world.miner.send_as(BATCHER, to=world.config.batch_inbox_address, data=data)
    world.miner.mine()


@pytest.mark.parametrize("kind", ["calldata", "blobs"])
def test_both_engines_derive_the_sequencers_blocks(kind):
    world = TwoEngineWorld(batcher_config=BatcherConfig(kind=kind, max_frame_data_bytes=400))
    world.deposit(ALICE, to=NEWCOMER, mint=10**18)
    for turn in range(3):
        world.round(transfers=[(ALICE, NEWCOMER, 100 + turn)])
    block = world.derive(finalized=2)
    assert block.hash == world.sequencer.unsafe.hash
    assert world.split_verifier.engine.heads.finalized.number > 0


def test_block_that_the_engine_refuses_becomes_one_of_deposits_only():
    world = TwoEngineWorld()
    world.sequencer.send(ALICE, to=NEWCOMER, value=5)
    world.sequencer.build(2)
    post_blocks(world, 2, extra=transfer(world.config.l2_chain_id, ALICE, 77).encode())
    block = world.derive()
    assert block.number == 2
    assert all(isinstance(tx, DepositTransaction) for tx in block.transactions)


def test_l1_reorg_rolls_the_other_engine_back():
    world = TwoEngineWorld()
    for _ in range(3):
        world.round(transfers=[(ALICE, NEWCOMER, 1)])
    assert world.derive().number == 18
    world.miner.rewind(2)
    world.miner.mine(3, empty=True, salt=1)
    assert world.derive().number < 18
    assert StepKind.RESET in world.split_verifier.steps


def test_split_node_that_starts_again_goes_on_where_it_was():
    world = TwoEngineWorld()
    world.round()
    world.derive()
    world.round(transfers=[(ALICE, NEWCOMER, 1)])
    again = EngineApiNode(world.config, world.spec, world.miner, kv=world.split_verifier.kv)
    assert again.engine.heads == world.split_verifier.engine.heads
    assert again.derive().hash == world.verifier.derive().hash
    assert StepKind.DERIVED in again.steps


class Unsteady:
    """A way to an execution client that fails now and then, before the call or after it."""

    def __init__(self, client, seed):
        self.client = client
        self.chance = random.Random(seed)

    def call(self, method, *params):
        if self.chance.random() < 0.15:
            raise EngineUnreachable("the line is down")
        answer = self.client.call(method, *params)
        if self.chance.random() < 0.15:
            raise EngineUnreachable("carried out, and the answer lost")
        return answer


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_while_the_line_to_the_engine_fails(seed):
    world = TwoEngineWorld()
    world.sequencer.build(2)
    post_blocks(world, 2, extra=transfer(world.config.l2_chain_id, ALICE, 77).encode())
    for _ in range(3):
        world.round(transfers=[(ALICE, NEWCOMER, 1)])
    expected = world.verifier.derive(finalized=3)
    node = EngineApiNode(world.config, world.spec, world.miner)
    unsteady = Unsteady(node.client, seed)
    node.engine = RemoteEngine(unsteady.call, world.spec.config, world.config.genesis.l2)
    node.driver = Driver(world.config, node.l1.provider, node.engine, node.client.engine.store)
    node.l1.sync(finalized=3)
    failures = 0
    for _ in range(2_000):
        try:
            if node.driver.step().kind is StepKind.WAITING:
                break
        except EngineUnreachable as error:
            assert error.recovery is Recovery.RETRY
            failures += 1
    assert failures > 5
    assert node.client.engine.heads == world.verifier.engine.heads
    assert node.client.engine.heads.safe.hash == expected.hash


def test_execution_client_of_another_chain_is_not_driven():
    world = TwoEngineWorld()
    other = replace(world.spec, config=replace(world.spec.config, chain_id=77))
    client = ExecutionClient(other)
    engine = RemoteEngine(client.call, world.spec.config, world.config.genesis.l2)
    with pytest.raises(EngineAnswerInvalid, match="runs chain 77, not 901"):
        engine.require_chain()
    stranger = BlockId(0, Hash32(b"\x01" * 32))
    engine = RemoteEngine(client.call, other.config, stranger)
    with pytest.raises(EngineAnswerInvalid, match="begins with 0"):
        engine.require_chain()


@pytest.mark.parametrize(
    ("method", "change", "words"),
    [
        ("engine_getPayloadV4", lambda a: a["executionPayload"].update(gasUsed="0x1"), "hashes to"),
        ("engine_getPayloadV4", lambda a: a["executionPayload"].pop("stateRoot"), "stateRoot"),
        ("engine_forkchoiceUpdatedV3", lambda a: a.update(payloadId=None), "no payloadId"),
        ("engine_getPayloadBodiesByHashV1", lambda a: a[0]["transactions"].append("0x02"),
         "body is not of this header"),
        ("eth_getBlockByHash", lambda a: a.update(gasUsed="0x1"), "hashes to"),
    ],
)  # fmt: skip
def test_answers_that_contradict_themselves_are_not_believed(method, change, words):
    world = TwoEngineWorld()
    world.round()
    node = world.split_verifier
    honest = node.client.call

    def call(name, *params):
        answer = honest(name, *params)
        if name == method:
            change(answer)
        return answer

    node.engine._call = call
    with pytest.raises(Exception, match=words):
        node.derive()


def test_head_moves_that_break_the_order_are_refused_before_they_are_sent():
    world = TwoEngineWorld()
    world.round()
    block = world.derive()
    engine = world.split_verifier.engine
    with pytest.raises(InvalidHeadMove):
        engine.set_heads(finalized=BlockId(99, block.hash))
    assert engine.heads.safe == BlockId(block.number, block.hash)


def test_sequencer_seals_the_same_blocks_on_another_execution_client():
    world = TwoEngineWorld()
    world.deposit(ALICE, to=NEWCOMER, mint=10**18)
    world.miner.mine()
    client = ExecutionClient(world.spec)
    remote = RemoteEngine(client.call, world.spec.config, world.config.genesis.l2)
    world.sequencer.l1.sync()
    sequencer = Sequencer(world.config, world.sequencer.l1.provider, remote)
    for number in range(1, 9):
        tx = world.sequencer.send(ALICE, to=NEWCOMER, value=number)
        client.call("eth_sendRawTransaction", "0x" + tx.encode().hex())
        ours = world.sequencer.build()
        theirs = sequencer.build(sequencer.next_timestamp).block
        assert theirs.hash == ours.hash
        assert theirs.transactions[-1].hash == tx.hash
    assert client.engine.heads.unsafe.number == 8
    sequencer.set_recover_mode(True)
    client.call("eth_sendRawTransaction", "0x" + world.sequencer.send(ALICE).encode().hex())
    world.miner.mine(2)
    world.sequencer.l1.sync()
    assert len(sequencer.build(sequencer.next_timestamp).block.transactions) == 1
    client.close()
