"""What an L2 block is made of as L1 answers it, beside derivation, over chains of bad batches."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from actors import DEPLOYER
from inbox_world import ProvingWorld

from chain import abi
from genesis.dev_accounts import dev_accounts
from rollup.batcher.payload import batch_of
from rollup.derivation.l2_block import l2_block_ref
from rollup.dispute.inputs import inputs_root_of

ALICE, BOB = dev_accounts()[:2]


def batches(world, first=1, last=None):
    engine = world.sequencer.engine
    last = engine.heads.unsafe.number if last is None else last
    blocks = [engine.block_by_number(number) for number in range(first, last + 1)]
    return [batch_of(block, l2_block_ref(world.config, block)) for block in blocks]


def expected(world, number):
    """What derivation has made the block from."""
    engine = world.verifier.engine
    parent, block = engine.block_by_number(number - 1), engine.block_by_number(number)
    return inputs_root_of(world.spec.config, parent.header, block)


def agree(world, number):
    """Whether L1 says the same of a safe block."""
    parent = world.verifier.engine.block_by_number(number - 1)
    return world.prove_inputs(parent) == expected(world, number)


def test_blocks_of_an_honest_chain_with_deposits_and_changes_of_the_configuration():
    world = ProvingWorld()
    config = world.contracts.system_config
    changes = (
        ("setGasLimit(uint64)", ["uint64"], [31_000_000]),
        ("setGasConfigEcotone(uint32,uint32)", ["uint32", "uint32"], [77, 88]),
        ("setEIP1559Params(uint32,uint32)", ["uint32", "uint32"], [50, 4]),
        ("setOperatorFeeScalars(uint32,uint64)", ["uint32", "uint64"], [5, 6]),
    )
    for turn in range(6):
        world.sequencer.send(ALICE, value=turn, data=bytes(turn * 40))
        world.deposit(BOB, to=ALICE.address, mint=turn, data=bytes(range(turn * 17)))
        if turn < len(changes):
            signature, types, values = changes[turn]
            call = abi.selector(signature) + abi.encode(types, values)
            world.miner.send_as(DEPLOYER, to=config, data=call)
        world.deposit(ALICE, to=BOB.address, mint=0, value=0, data=b"\x05")
        world.sequencer.build_to_l1_head()
        world.batcher.submit()
        world.miner.mine()
        world.batcher.observe()
        world.converge()
    last = world.verifier.safe.number
    assert last > 20
    for number in (1, 2, 3, *range(6, last + 1, 3)):
        assert agree(world, number), number
    print(world.gas)


@pytest.mark.parametrize("seed", range(4))
def test_blocks_behind_early_late_false_and_unreadable_batches(seed):
    rnd = random.Random(seed)
    world = ProvingWorld(window=8)
    for _ in range(10):
        if rnd.random() < 0.5:
            world.sequencer.send(ALICE, value=rnd.randrange(9))
        if rnd.random() < 0.5:
            world.deposit(BOB, to=ALICE.address, mint=rnd.randrange(9))
        world.sequencer.build_to_l1_head()
        made = batches(world, max(1, world.verifier.engine.heads.safe.number - 2))
        rnd.shuffle(made)
        for _ in range(rnd.randrange(3)):
            chosen = [spoilt(rnd, batch) for batch in made[: rnd.randrange(len(made) + 1)]]
            world.append(*chosen)
            if rnd.random() < 0.3:
                world.append_bytes(rnd.choice((b"\x02", b"\x01", b"\x02\xb9", b"\x02\x00\xc0")))
        world.miner.mine()
        world.verifier.derive()
        world.sequencer.derive()
    last = world.verifier.safe.number
    numbers = sorted(rnd.sample(range(1, last + 1), min(last, 8)))
    for number in numbers:
        assert agree(world, number), number


def spoilt(rnd, batch):
    kind = rnd.randrange(10)
    if kind == 0:
        return replace(batch, epoch_number=batch.epoch_number + 1)
    if kind == 1:
        return replace(batch, transactions=(*batch.transactions, b""))
    if kind == 2:
        return replace(batch, timestamp=batch.timestamp + rnd.choice((-2, 1, 2)))
    if kind == 3:
        return replace(batch, transactions=(b"\x7e\xc0",))
    if kind == 4:
        return replace(batch, epoch_hash=batch.parent_hash)
    return batch
