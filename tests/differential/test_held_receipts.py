"""Receipts that do not fit a call: put on L1 as code and read in windows, beside derivation."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest
from contract_bench import SENDER, call_data
from l1_blocks import PORTAL, SYSTEM_CONFIG_ADDRESS, bare_rollup_config
from l1_blocks_contract import (
    MAX_TRANSACTION_GAS,
    NOISE,
    STRANGER,
    L1BlocksContract,
    agree,
    block_of,
    deposit_log,
    receipts_of,
    update_log,
)
from settlement_gas import transaction_gas

from chain.heads import BlockId
from chain.receipt import Log
from node.input_proving import InputProver
from node.l1.json_rpc import L1CallFailed
from node.l1.transactions import L1Confirmation
from rollup.bridge.deposits import TRANSACTION_DEPOSITED
from rollup.dispute.input_proof import PART_BYTES, HeldReceipt, read_receipts


def recorded(block):
    """A contract that has recorded the block's header."""
    contract = L1BlocksContract(block)
    assert contract.prove(block).succeeded
    return contract


def noise(size, *, emitter=STRANGER, topics=()):
    return Log(emitter, topics, b"\x05" * size)


SMALL = [(), (NOISE,), (deposit_log(b"ab"),)]
LONG = {
    "one log of 300,000 bytes": [noise(300_000)],
    "two long logs with a deposit between": [
        noise(150_000), deposit_log(b"x" * 1_000), noise(160_000), update_log(2, bytes(32)),
    ],
    "6,000 logs, some of them deposits": [
        deposit_log(bytes([n % 256]) * (n % 90), mint=n) if n % 500 == 7 else Log(STRANGER, (), b"")
        for n in range(6_000)
    ],
    "400 deposits": [deposit_log(b"d" * 23, value=2**256 - 1, mint=n) for n in range(400)],
    "the longest deposit, behind others": [noise(24_000), deposit_log(b"y" * 120_000), NOISE],
    "what the portal and the configuration emit besides": [
        noise(140_000, emitter=PORTAL, topics=(b"\x01" * 32,)),
        noise(150_000, emitter=PORTAL),
        noise(150_000, emitter=SYSTEM_CONFIG_ADDRESS, topics=(b"\x02" * 32,)),
        deposit_log(),
    ],
}  # fmt: skip


@pytest.mark.parametrize("logs", LONG.values(), ids=list(LONG))
@pytest.mark.parametrize("place", [0, 2, 3], ids=["first", "between", "last"])
def test_deposits_and_changes_are_those_of_derivation(logs, place):
    all_logs = [*SMALL[:place], tuple(logs), *SMALL[place:]]
    block = block_of(receipts_of(*all_logs))
    assert len(read_receipts(block.number, block.receipts, place)) == 0
    contract = recorded(block)
    contract.read_whole(block, most=2_000 if len(logs) > 1_000 else 150)
    agree(block, contract)
    assert max(contract.gas) < MAX_TRANSACTION_GAS


@pytest.mark.parametrize("seed", range(4))
def test_logs_begin_and_end_anywhere_in_a_part(seed):
    rnd = random.Random(seed)
    logs = []
    while sum(len(log.data) for log in logs) < 9 * PART_BYTES:
        near = PART_BYTES * rnd.choice((0, 1, 1, 2, 5)) + rnd.randrange(-300, 300)
        logs += [noise(max(0, near)), deposit_log(rnd.randbytes(rnd.choice((0, 1, 60, 24_400))))]
    block = block_of(receipts_of(*SMALL, tuple(logs), (deposit_log(b"z"),)))
    contract = recorded(block)
    contract.read_whole(block, most=rnd.choice((1, 3, 4_096)))
    agree(block, contract)


def test_the_most_bytes_that_one_transaction_logs():
    """Logs cost 8 gas a byte: no receipt of one transaction has more."""
    block = block_of(receipts_of((noise(1_000_000), deposit_log(b"q"), noise(1_090_000))))
    contract = recorded(block)
    contract.read_whole(block)
    agree(block, contract)
    assert max(contract.gas) < MAX_TRANSACTION_GAS


# -- what is refused


@pytest.fixture
def waiting():
    """A block whose second receipt is long, read up to that one; the receipt, its parts on L1."""
    logs = (deposit_log(b"1"), noise(130_000), deposit_log(b"2"))
    block = block_of(receipts_of((NOISE,), logs, (NOISE,)))
    contract = recorded(block)
    (call,) = read_receipts(block.number, block.receipts, 0)
    assert contract.send(call).succeeded
    held = HeldReceipt.of(block.number, block.receipts, 1)
    parts = [contract.bench.deploy(creation) for creation in held.creations()]
    return block, contract, held, parts


def test_other_parts_another_order_or_another_receipt_are_refused(waiting):
    block, contract, held, parts = waiting
    before = contract.progress(block.number)
    other = HeldReceipt.of(block.number, block.receipts, 0)
    for call in (
        held.hold(parts[::-1]), held.hold(parts[:-1]), held.hold([*parts[:-1], parts[0]]),
        held.hold([]), held.hold([*parts[:-1], STRANGER]),
        replace(held, size_bytes=held.size_bytes + 1).hold(parts),
        replace(held, size_bytes=2**64).hold(parts),
        replace(held, above=other.above).hold(parts),
        replace(held, above=held.above + b"\0").hold(parts),
        replace(held, number=held.number + 1).hold(parts),
        held.read(parts),
    ):  # fmt: skip
        assert not contract.send(call).succeeded
    assert contract.progress(block.number) == before
    assert contract.bench.view(contract.at, "held(uint256)", ["uint256"] * 2, block.number) == (
        0,
        0,
    )


def test_while_a_receipt_is_held_no_other_way_reads_it(waiting):
    block, contract, held, parts = waiting
    assert contract.send(held.hold(parts)).succeeded
    proof = HeldReceipt.of(block.number, block.receipts, 2)
    assert not contract.send(proof.hold(parts)).succeeded
    assert contract.send(held.read(parts, 1)).succeeded
    third = read_receipts(block.number, block.receipts, 2)
    assert not contract.send(third[0]).succeeded
    assert not contract.send(held.read(parts[::-1])).succeeded
    while contract.progress(block.number)[0] == 1:
        assert contract.send(held.read(parts)).succeeded
    assert not contract.send(held.read(parts)).succeeded
    assert contract.send(third[0]).succeeded
    agree(block, contract)


def test_anybody_goes_on_with_parts_of_his_own(waiting):
    block, contract, held, parts = waiting
    assert contract.send(held.hold(parts)).succeeded
    assert contract.send(held.read(parts, 1)).succeeded
    own = contract.hold(held)
    assert own != parts
    while contract.progress(block.number)[0] == 1:
        assert contract.send(held.read(own, 1)).succeeded
    contract.read_whole(block)
    agree(block, contract)


def test_other_code_at_the_same_address_is_not_what_was_held(waiting):
    _, contract, held, parts = waiting
    assert contract.send(held.hold(parts)).succeeded
    false = deposit_log(b"false", mint=10**30)
    forged = block_of(receipts_of((NOISE,), (false, noise(130_000), false), (NOISE,)))
    other = HeldReceipt.of(forged.number, forged.receipts, 1)
    contract.bench.place(parts[0], b"\0" + other.parts[0])
    assert not contract.send(held.read(parts)).succeeded


def test_only_the_contract_itself_opens_and_reads_windows(waiting):
    block, contract, held, parts = waiting
    assert contract.send(held.hold(parts)).succeeded
    for name in ("openReceipt", "readWindow"):
        call = call_data(f"{name}(uint256,uint256,uint256,bytes)", block.number, 0, 10, bytes(900))
        assert not contract.send(call).succeeded


def test_a_deposit_longer_than_a_portal_takes_stops_as_it_stops_derivation():
    topics = (TRANSACTION_DEPOSITED, bytes(32), bytes(32), bytes(32))
    block = block_of(receipts_of((noise(150_000, emitter=PORTAL, topics=topics),)))
    contract = recorded(block)
    held = HeldReceipt.of(block.number, block.receipts, 0)
    parts = contract.hold(held)
    assert not contract.send(held.read(parts)).succeeded


# -- the prover


class BenchL1:
    """The L1 of one contract, as a prover asks and calls it."""

    def __init__(self, contract, block):
        self.contract, self.bench, self._block = contract, contract.bench, block
        self.address, self.head_number = SENDER, 100
        self.said = []

    async def call(self, method, request, _tag):
        assert method == "eth_call"
        to, data = (bytes.fromhex(request[name][2:]) for name in ("to", "data"))
        gas = int(request.get("gas", hex(MAX_TRANSACTION_GAS)), 16) - 21_000 - 16 * len(data)
        outcome = self.bench.send(to, data, gas=gas, keeps=False)
        if not outcome.succeeded:
            raise L1CallFailed("eth_call", -32000, "execution reverted")
        return "0x" + outcome.output.hex()

    async def send_and_wait(self, request):
        at = None
        if request.to is None:
            at, outcome = self.bench.create(request.data)
            assert 32_000 + transaction_gas(request.data, outcome) < MAX_TRANSACTION_GAS
            at = "0x" + at.hex()
        else:
            assert self.contract.send(request.data).succeeded
        return L1Confirmation("0x", BlockId(100, bytes(32)), at)

    async def poll(self):
        """Nothing is new."""

    def block_by_number(self, _number):
        return self._block


def prover_on(l1, contract):
    prover = InputProver(bare_rollup_config(), l1, bytes(20), l1, l1.said.append)
    prover._l1_blocks, prover._follower, prover._provider = contract.at, l1, l1
    return prover


@pytest.mark.parametrize(
    ("name", "restarts_after"),
    [
        ("400 deposits", 11),
        ("the longest deposit, behind others", 0),
        ("the longest deposit, behind others", 2),
        ("the longest deposit, behind others", 8),
    ],
)
def test_a_prover_reads_a_block_with_a_long_receipt_and_goes_on_after_a_restart(
    name, restarts_after
):
    block = block_of(receipts_of(*SMALL, tuple(LONG[name]), *SMALL))
    contract = recorded(block)
    l1 = BenchL1(contract, block)
    prover, turns = prover_on(l1, contract), 0
    while asyncio.run(prover._read(block.number)):
        turns += 1
        if turns == restarts_after:
            prover = prover_on(l1, contract)
    agree(block, contract)
    assert max(contract.gas) < MAX_TRANSACTION_GAS
    said = [line.split(" receipt ")[0] for line in l1.said]
    assert {"put a part of", "hold", "read"} <= set(said)
