"""The L1 script: L1 reorganises, and the owner changes the system config."""

from __future__ import annotations

import pytest
from l1_script import Rule, shows

from chain.errors import Recovery
from chain.transaction import DepositTransaction
from genesis.dev_accounts import dev_account
from rollup.batcher.batcher import BatcherOutOfSync
from rollup.bridge.l1_attributes import L1Attributes
from rollup.derivation.l2_block import l1_attributes_of, l2_block_ref
from rollup.driver.driver import StepKind

ALICE = dev_account("account0")
BOB = dev_account("account1")
NEWCOMER = b"\xaa" * 20


@pytest.fixture
def world(world_of):
    """Four L2 blocks with a transfer each, nothing on L1 yet."""
    made = world_of(window=40)
    for _ in range(4):
        made.sequencer.send(ALICE, to=NEWCOMER, value=5)
        made.sequencer.build()
    return made


def attributes_of(block) -> L1Attributes:
    return l1_attributes_of(block)


# -- reorgs


@shows("derivation.md, Resetting the Pipeline", Rule.FRAME_NOT_NEXT)
def test_l1_reorganises_in_the_middle_of_a_channel(world):
    """The frames before the reorg are gone with their block; the second half opens nothing."""
    first, *rest = world.frames(*world.batches(), frame_bytes=60)
    world.post(first)
    world.miner.mine()
    assert world.derive().number == 0
    world.miner.rewind(1)
    world.miner.mine(2, empty=True, salt=1)
    for frame in rest:
        world.post(frame)
    world.miner.mine()
    assert world.derive().number == 0
    world.post(first, *rest)
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows(Rule.BATCH_REPLAYED)
def test_derivation_starts_anew_behind_what_is_safe(world):
    """What led to the safe head is read once more and gives nothing; then derivation goes on."""
    first, *rest = world.frames(*world.batches(last=2), name=1, frame_bytes=60)
    world.post(first, *rest)
    world.miner.mine()
    safe = world.derive()
    assert safe.number == 2
    for node in (world.verifier, world.split_verifier):
        node.driver.request_reset()
    assert world.derive().hash == safe.hash
    world.post(*world.frames(*world.batches(3), name=2))
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows("derivation.md, Resetting the Pipeline", Rule.CHANNEL_COMPLETE)
def test_l1_reorganises_below_the_block_that_completed_a_channel(world):
    """The safe head goes back, the unsafe chain stays, and both are one again later."""
    world.miner.mine(3)
    lost = world.frames(*world.batches())
    world.post(*lost)
    world.miner.mine()
    unsafe = world.sequencer.unsafe.hash
    assert world.derives_the_sequencers_chain()
    world.sequencer.derive()
    world.miner.rewind(1)
    world.miner.mine(2, empty=True, salt=1)
    assert world.derive().number == 0
    assert world.sequencer.derive().number == 0
    assert world.sequencer.unsafe.hash == unsafe
    world.post(*lost)
    world.miner.mine()
    assert world.derives_the_sequencers_chain()
    assert StepKind.DERIVED not in world.sequencer.steps


@shows("rollup-node.md, sync start")
def test_the_origin_of_the_unsafe_head_is_reorganised_away(world_of):
    """Unsafe blocks of a lost L1 origin are dropped, and their transactions come back."""
    world = world_of(window=40)
    world.miner.mine(2)
    world.sequencer.build_to_l1_head()
    sent = world.sequencer.send(ALICE, to=NEWCOMER)
    world.miner.mine()
    world.sequencer.build_to_l1_head()
    world.miner.rewind(2)
    world.miner.mine(3, empty=True, salt=2)
    world.sequencer.derive()
    assert [tx.hash for tx in world.sequencer.returned] == [sent.hash]
    origin = l2_block_ref(world.config, world.sequencer.unsafe).l1_origin
    assert world.miner.l1_block(origin.number).hash == origin.hash


@shows("deposits.md, Source hash computation")
def test_a_deposit_moves_to_another_l1_block(world_of):
    """It reaches L2 once, under the source hash of the block that it is in now."""
    world = world_of(window=6)
    world.deposit(BOB, to=NEWCOMER, mint=10**15)
    world.miner.mine(9)
    world.derive()
    before = deposits_of(world)
    lost = world.miner.rewind(9)
    world.miner.mine(empty=True, salt=9)
    for tx in lost:
        world.miner.send(tx)
    world.miner.mine(10, salt=9)
    world.derive()
    assert world.verifier.state.get_balance(NEWCOMER) == 10**15
    (old,), (new,) = before, deposits_of(world)
    assert old.source_hash != new.source_hash
    assert (old.to, old.mint) == (new.to, new.mint)


def deposits_of(world):
    return [
        tx
        for number in range(1, world.verifier.safe.number + 1)
        for tx in world.verifier_block(number).transactions
        if isinstance(tx, DepositTransaction) and tx.mint
    ]


@shows("derivation.md, Finalization Guarantees")
def test_l1_goes_back_behind_what_was_final(world):
    """A verifier does not undo finality: it stops and says why."""
    world.post(*world.frames(*world.batches()))
    world.miner.mine(3)
    world.derive(finalized=world.miner.head.number - 1)
    finalized = world.verifier.engine.heads.finalized
    assert finalized.number == 4
    world.miner.rewind(4)
    world.miner.mine(6, empty=True, salt=3)
    for node in (world.verifier, world.split_verifier):
        with pytest.raises(Exception, match="was final, is not canonical") as caught:
            node.derive()
        assert caught.value.recovery is Recovery.STOP
        assert node.engine.heads.finalized == finalized


@shows("batcher.md", Rule.BATCH_ACCEPTED)
def test_the_batcher_sends_again_what_a_reorg_took(world):
    """Its transactions were in a block that is gone; no block is missing and none comes twice."""
    world.batcher.submit()
    world.miner.mine()
    world.batcher.observe()
    world.miner.rewind(1)
    world.miner.mine(2, empty=True, salt=4)
    world.sequencer.derive()
    world.batcher.observe()
    assert world.batcher.submit() > 0
    world.miner.mine()
    assert world.derives_the_sequencers_chain()
    world.sequencer.derive()
    world.batcher.observe()
    assert world.batcher.submit() == 0


@shows("batcher.md")
def test_the_batcher_hears_that_its_chain_is_another_now(world_of):
    """After the sequencer's own reorg it begins again at the safe head."""
    world = world_of(window=40)
    world.miner.mine(2)
    world.sequencer.build_to_l1_head()
    world.batcher.feed()
    world.miner.rewind(2)
    world.miner.mine(3, empty=True, salt=2)
    world.sequencer.derive()
    world.sequencer.build_to_l1_head()
    head = world.sequencer.unsafe
    with pytest.raises(BatcherOutOfSync) as caught:
        world.batcher.batcher.add_block(head)
    assert caught.value.recovery is Recovery.RESET
    world.batcher.submit()
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


# -- the system config


@shows("system-config.md, gasLimit")
def test_the_gas_limit_changes_in_the_middle_of_an_epoch(world_of):
    """It holds from the first L2 block of the L1 block that changed it, not before."""
    world = world_of(window=40)
    world.sequencer.build(3)
    world.configure("setGasLimit(uint64)", 21_000_000)
    changing = world.miner.mine()
    world.sequencer.build_to_l1_head()
    for number in range(1, world.sequencer.unsafe.number + 1):
        block = world.sequencer_block(number)
        is_new = l2_block_ref(world.config, block).l1_origin.number >= changing.number
        assert block.header.gas_limit == (21_000_000 if is_new else 30_000_000)
    assert world.sequencer.unsafe.header.gas_limit == 21_000_000
    world.post(*world.frames(*world.batches()))
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows("system-config.md, scalars; isthmus/system-config.md, operatorFeeParams")
def test_three_changes_in_one_l1_block(world_of):
    """Updates of one L1 block are applied in the order of its logs; the last word counts."""
    world = world_of(window=40)
    world.configure("setGasConfigEcotone(uint32,uint32)", 11, 22)
    world.configure("setOperatorFeeScalars(uint32,uint64)", 33, 44)
    world.configure("setGasConfigEcotone(uint32,uint32)", 55, 66)
    world.miner.mine()
    world.sequencer.build_to_l1_head()
    attributes = attributes_of(world.sequencer.unsafe)
    assert (attributes.base_fee_scalar, attributes.blob_base_fee_scalar) == (55, 66)
    assert (attributes.operator_fee_scalar, attributes.operator_fee_constant) == (33, 44)
    world.post(*world.frames(*world.batches()))
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows("holocene/exec-engine.md, Dynamic EIP-1559 Parameters")
def test_the_fee_market_changes_one_block_after_its_parameters(world_of):
    """A header carries the parameters that its child's base fee is computed with."""
    world = world_of(window=40)
    world.configure("setEIP1559Params(uint32,uint32)", 100, 4)
    changing = world.miner.mine()
    world.sequencer.build_to_l1_head()
    blocks = [world.sequencer_block(n) for n in range(1, world.sequencer.unsafe.number + 1)]
    first = next(
        block
        for block in blocks
        if l2_block_ref(world.config, block).l1_origin.number == changing.number
    )
    assert first.header.extra_data == bytes.fromhex("00" + "00000064" + "00000004")
    world.post(*world.frames(*world.batches()))
    world.miner.mine()
    assert world.derives_the_sequencers_chain()


@shows("system-config.md, batcherHash", Rule.WRONG_SENDER)
def test_a_config_change_is_reorganised_away(world):
    """The batcher that a lost L1 block had named is a stranger again."""
    world.configure("setBatcherHash(bytes32)", bytes(12) + BOB.address)
    world.miner.mine()
    frames = world.frames(*world.batches(last=2))
    world.post(*frames, account=BOB)
    world.miner.mine()
    assert world.derive().number == 2
    world.miner.rewind(2)
    world.miner.mine(3, empty=True, salt=6)
    world.post(*frames, account=BOB)
    world.miner.mine()
    assert world.derive().number == 0
    world.post(*world.frames(*world.batches(), name=2))
    world.miner.mine()
    assert world.derives_the_sequencers_chain()
