"""What an L2 block is made of as L1 answers it, beside derivation, over chains of bad batches."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from actors import DEPLOYER
from inbox_world import ProvingWorld

from chain import abi
from evm.step.block_records import Data
from evm.step.names import name_of
from evm.step.structures.words import data_tree
from genesis.dev_accounts import dev_accounts
from rollup.bridge.deposits import user_deposits
from rollup.derivation.l2_block import l2_block_ref
from rollup.dispute.input_proof import (
    begin,
    conclude,
    prove_header,
    read_receipts,
    scan,
)
from rollup.dispute.inputs import inputs_root_of
from rollup.wire.output_root import output_of_header

ALICE, BOB = dev_accounts()[:2]


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
        made = world.batches(max(1, world.verifier.engine.heads.safe.number - 2))
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


# -- the rules at their edges


def test_behind_the_window_comes_the_empty_block():
    world = ProvingWorld(window=4)
    world.miner.mine(9)
    world.verifier.derive()
    last = world.verifier.safe.number
    assert last > 8
    # A sequencer that comes back changes nothing of what was left empty.
    world.append_bytes(b"\x02")
    world.miner.mine()
    for number in (1, 2, last // 2, last):
        assert agree(world, number), number


def test_a_block_of_deposits_alone_is_made_of_the_transactions_that_failed_too():
    world = ProvingWorld()
    bad = world.fall_back(ALICE)
    engine = world.verifier.engine
    parent, block = engine.block_by_number(2), engine.block_by_number(3)
    config = world.spec.config
    found = world.prove_inputs(parent)
    assert found != inputs_root_of(config, parent.header, block)
    assert found == inputs_root_of(config, parent.header, block, bad.transactions)


# -- what is refused


@pytest.fixture(scope="module")
def begun():
    """A world with two items behind genesis, of which neither has a batch that fits."""
    world = ProvingWorld()
    world.sequencer.build(6)
    made = world.batches()
    world.append(*made[3:])
    world.append(replace(made[0], epoch_number=9))
    world.miner.mine()
    world.append(made[0])
    world.miner.mine()
    return world


def opened(world):
    return world.sequencer.engine.block_by_number(0)


def test_calls_out_of_place_are_refused_and_change_nothing(begun):
    world, parent = begun, opened(begun)
    output = output_of_header(parent.header)
    to, raw = world.proofs.block_inputs, parent.header.encode()
    items = [data for _, data in world.items()]
    assert not world.sent(to, scan(output.root, 0, items[0]))
    assert not world.sent(to, begin(output.encode()[:-1] + b"\x01", raw, []))
    assert not world.sent(to, begin(output.encode(), raw[:-1] + b"\x01", []))
    assert world.sent(to, begin(output.encode(), raw, []))
    assert not world.sent(to, begin(output.encode(), raw, []))
    assert not world.sent(to, scan(output.root, 0, items[0]))  # L1 is not recorded
    origin = l2_block_ref(world.config, parent).l1_origin.number
    for number in (origin, origin + 1):
        world.prove_l1_block(number, reads=False)
    assert not world.sent(to, scan(output.root, 1, items[1]))  # the first is left out
    assert not world.sent(to, scan(output.root, 0, items[1]))  # another's data
    assert not world.sent(to, scan(output.root, 0, items[0] + b"\x00"))
    assert not world.sent(to, conclude(output.root, 0))
    assert world.sent(to, scan(output.root, 0, items[0]))
    assert not world.sent(to, scan(output.root, 0, items[0]))
    assert not world.sent(to, conclude(output.root, 1))  # a batch may come yet
    assert world.sent(to, scan(output.root, 1, items[1]))
    assert world.sent(to, scan(output.root, 2, items[2]))
    assert world.sent(to, conclude(output.root, 3))
    assert not world.sent(to, conclude(output.root, 3))
    world.verifier.derive()
    root = world.asked(to, "inputsRoot(bytes32)", ["bytes32"], output.root)
    assert root == expected(world, 1)


def test_headers_and_receipts_that_are_not_l1s_are_refused(begun):
    world, to = begun, begun.proofs.l1_blocks
    for value in range(4):
        world.miner.send_as(ALICE, to=BOB.address, value=value, gas_limit=21_000)
    block = world.miner.mine()
    number = block.number
    raw = block.header.encode()
    for at in (5, 100, 300, len(raw) - 1):
        assert not world.sent(to, prove_header(raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]))
    assert not world.sent(to, read_receipts(number, block.receipts, 0)[0])
    assert world.sent(to, prove_header(raw))
    other = world.miner.l1_block(number - 1)
    (call,) = read_receipts(number, block.receipts, 0)
    assert not world.sent(to, read_receipts(number, other.receipts, 0)[0])
    assert not world.sent(to, read_receipts(number, block.receipts[:-1], 0)[0])
    assert not world.sent(to, read_receipts(number, block.receipts, 1)[0])
    for at in range(110, len(call) - 40, 97):
        assert not world.sent(to, call[:at] + bytes((call[at] ^ 4,)) + call[at + 1 :]), at
    assert world.sent(to, call)
    assert not world.sent(to, call)


@pytest.mark.parametrize("count", [0, 1, 2, 127, 128, 129, 140])
def test_receipts_of_any_number_are_read_to_their_end(count):
    world = ProvingWorld()
    for index in range(count):
        if index % 9 == 0:
            world.deposit(BOB, to=ALICE.address, mint=index)
        else:
            world.miner.send_as(ALICE, to=BOB.address, gas_limit=21_000)
    block = world.miner.mine()
    world.prove_l1_block(block.number)
    to = world.proofs.l1_blocks
    deposits = user_deposits(block, world.config.deposit_contract_address)
    assert world.asked(to, "isRead(uint256)", ["bool"], block.number)
    assert world.asked(to, "depositCount(uint256)", ["uint256"], block.number) == len(deposits)
    for index, deposit in enumerate(deposits):
        raw = deposit.encode()
        name = world.asked(to, "depositName(uint256,uint256)", ["bytes32"], block.number, index)
        assert name == name_of(Data(data_tree(raw), len(raw)))
