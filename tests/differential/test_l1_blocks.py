"""What L1Blocks reads out of headers and receipts, beside the rules of derivation."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from contract_bench import call_data
from hypothesis import given, settings
from hypothesis import strategies as st
from l1_blocks import PORTAL, SYSTEM_CONFIG_ADDRESS
from l1_blocks_contract import (
    HISTORY,
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

from chain import abi
from chain.receipt import Log, Receipt
from rollup.bridge.deposits import MalformedDeposit, user_deposits
from rollup.dispute import input_proof
from rollup.dispute.input_proof import ListTrie, prove_header, read_receipts

NUMBER = 90


def recorded(block, **options):
    """A contract that has recorded the block's header."""
    contract = L1BlocksContract(block, **options)
    outcome = contract.prove(block)
    assert outcome.succeeded, outcome.output
    return contract


def read(block):
    """A contract that has read the whole block."""
    contract = recorded(block)
    for outcome in contract.read(block):
        assert outcome.succeeded, outcome.output
    assert contract.progress(block.number)[2]
    return contract


# -- random blocks

amounts = st.one_of(
    st.sampled_from([0, 1, 127, 128, 255, 256, 2**64 - 1, 2**128, 2**256 - 1]),
    st.integers(0, 2**256 - 1),
)
gases = st.one_of(st.sampled_from([0, 127, 128, 2**64 - 1]), st.integers(0, 2**64 - 1))
sizes = st.one_of(st.sampled_from([0, 1, 2, 23, 24, 55, 56, 57, 255, 256, 700]), st.integers(0, 90))
deposits = st.builds(
    lambda size, byte, to, mint, value, gas, creates: deposit_log(
        bytes((byte,)) * size, to=to, mint=mint, value=value, gas=gas, creates=creates
    ),
    sizes,
    st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]),
    st.binary(min_size=20, max_size=20),
    amounts,
    amounts,
    gases,
    st.booleans(),
)
words = st.one_of(
    st.sampled_from([bytes(32), b"\xff" * 32, b"\x01" + bytes(31)]),
    st.builds(
        lambda bits, seed: (random.Random(seed).getrandbits(bits)).to_bytes(32, "big"),
        st.sampled_from([1, 16, 17, 32, 33, 64, 65, 96, 97, 160, 161, 248, 256]),
        st.integers(0, 2**32),
    ),
    st.builds(
        lambda version, low: bytes((version,)) + bytes(23) + low,
        st.integers(0, 2),
        st.binary(min_size=8, max_size=8),
    ),
)
updates = st.builds(
    lambda kind, given, version: update_log(kind, *given, version=version),
    st.one_of(st.integers(0, 8), st.just(2**255)),
    st.one_of(
        st.lists(words, min_size=1, max_size=1),
        st.lists(words, min_size=2, max_size=2),
        st.lists(words, max_size=3),
    ),
    st.sampled_from([0, 0, 0, 0, 1, 2**255]),
)
others = st.one_of(
    st.just(NOISE),
    st.just(Log(STRANGER, (), b"")),
    # The portal's and the SystemConfig's other events.
    st.builds(
        lambda address, topics, data: Log(address, tuple(topics), data),
        st.sampled_from([PORTAL, SYSTEM_CONFIG_ADDRESS, STRANGER]),
        st.lists(st.just(b"\x33" * 32), max_size=4),
        st.binary(max_size=80),
    ),
    # Others' logs of their form, and each one's of the other.
    deposits.map(lambda log: replace(log, address=STRANGER)),
    deposits.map(lambda log: replace(log, address=SYSTEM_CONFIG_ADDRESS)),
    updates.map(lambda log: replace(log, address=PORTAL)),
    updates.map(lambda log: replace(log, address=STRANGER)),
    # Changes of the configuration that are cut, or have another number of topics.
    updates.map(lambda log: replace(log, data=log.data[:-1])),
    updates.map(lambda log: replace(log, data=log.data + bytes(32))),
    updates.map(lambda log: replace(log, topics=log.topics[:2])),
    updates.map(lambda log: replace(log, topics=(*log.topics, bytes(32)))),
    updates.map(lambda log: replace(log, data=bytes(32) + log.data[32:])),
)
log_lists = st.lists(st.one_of(deposits, updates, others), max_size=5).map(tuple)


@settings(max_examples=60, deadline=None)
@given(st.lists(log_lists, max_size=8))
def test_random_blocks_are_read_as_derivation_reads_them(lists):
    block = block_of(receipts_of(*lists))
    agree(block, read(block))


@settings(max_examples=60, deadline=None)
@given(st.lists(updates, max_size=12))
def test_the_last_readable_change_of_each_type_counts(logs):
    block = block_of(receipts_of(tuple(logs[::2]), (), tuple(logs[1::2])))
    agree(block, read(block))


def word(number):
    return number.to_bytes(32, "big")


VERSION_1 = 1 << 248
# By type: words before the value, values that count, and values that mean nothing.
EDGES = {
    0: (0, (0, 1, 2**160 - 1), (2**160, 2**255)),
    1: (
        1,
        (0, 2**32 - 1, VERSION_1, VERSION_1 + 2**64 - 1, VERSION_1 + 2**32),
        (2**32, 2**64 - 1, 2**64, VERSION_1 + 2**64, VERSION_1 + 2**247, 2 * VERSION_1, 2**255),
    ),
    2: (0, (0, 1, 2**64 - 1), (2**64, 2**255)),
    3: (0, (), (0, 1, 2**160)),
    4: (
        0,
        (0, 1, 2**32 - 1, 2**32 + 1, 2**64 - 1),
        (2**32, 2**63, 2**64 - 2**32, 2**64, 2**64 + 1, 2**255),
    ),
    5: (0, (0, 1, 2**64 - 1, 2**64, 2**96 - 1), (2**96, 2**255)),
    6: (0, (0, 1, 2**64 - 1), (2**64, 2**255)),
    7: (0, (0, 1, 2**16 - 1), (2**16, 2**255)),
    8: (0, (), (0, 1)),
    2**8: (0, (), (0, 1)),
    2**255: (0, (), (0, 1)),
}


@pytest.mark.parametrize("kind", EDGES)
def test_values_of_each_type_at_their_edges(kind):
    before, counting, void = EDGES[kind]
    for value in (*counting, *void):
        block = block_of(receipts_of((update_log(kind, *[word(9)] * before, word(value)),)))
        contract = read(block)
        agree(block, contract)
        assert contract.progress(NUMBER)[4] == (1 << kind if value in counting else 0), value


@pytest.mark.parametrize("kind", range(8))
def test_an_unreadable_change_leaves_the_one_before_it(kind):
    before, counting, void = EDGES[kind]
    logs = [update_log(kind, *[word(9)] * before, word(value)) for value in (*counting, *void)]
    block = block_of(receipts_of(tuple(logs)))
    agree(block, read(block))
    # Too few and too many words.
    for size in (before, before + 2):
        block = block_of(receipts_of((*logs, update_log(kind, *[word(1)] * size))))
        agree(block, read(block))


@pytest.mark.parametrize("count", [0, 1, 2, 16, 17, 127, 128, 129, 256, 300])
def test_blocks_of_many_receipts_are_read_to_their_end(count):
    rnd = random.Random(count)
    lists = [
        ((), (NOISE,), (deposit_log(b"x" * index),), (NOISE, update_log(2, bytes(32))))[
            rnd.randrange(4)
        ]
        for index in range(count)
    ]
    receipts = tuple(
        replace(receipt, succeeded=bool(receipt.logs)) for receipt in receipts_of(*lists)
    )
    block = block_of(receipts)
    contract = read(block)
    agree(block, contract)
    assert max(contract.gas) <= input_proof.MAX_CALL_GAS


@pytest.mark.parametrize(
    "size", [0, 1, 31, 32, 33, 55, 56, 255, 256, 1_024, 65_500, 65_535, 65_536, 120_000]
)
@pytest.mark.parametrize("creates", [False, True])
def test_data_of_a_deposit_of_any_size_fits_one_transaction(size, creates):
    data = random.Random(size).randbytes(size)
    block = block_of(receipts_of((NOISE, deposit_log(data, creates=creates), NOISE)))
    contract = read(block)
    agree(block, contract)
    assert max(contract.gas) <= MAX_TRANSACTION_GAS


def test_log_indices_count_over_all_receipts_of_any_type():
    plain = Receipt(type=0, succeeded=True, cumulative_gas_used=1, logs=(NOISE, NOISE))
    failed = Receipt(type=2, succeeded=False, cumulative_gas_used=2, logs=())
    root = Receipt(
        type=0, succeeded=True, cumulative_gas_used=3, logs=(NOISE,), state_root=b"\x05" * 32
    )
    blob = Receipt(type=3, succeeded=True, cumulative_gas_used=4, logs=(deposit_log(), NOISE))
    late = Receipt(type=4, succeeded=True, cumulative_gas_used=5, logs=(deposit_log(),))
    block = block_of((plain, failed, root, blob, late))
    contract = read(block)
    agree(block, contract)
    assert contract.progress(NUMBER)[:2] == (5, 6)


def test_reading_may_stop_anywhere_and_go_on():
    lists = [(deposit_log(bytes(index)), NOISE) for index in range(9)]
    block = block_of(receipts_of(*lists))
    contract = recorded(block)
    trie = ListTrie([receipt.hashed_form for receipt in block.receipts])
    for index in range(10):
        assert not contract.progress(NUMBER)[2]
        call = call_data("readReceipts(uint256,bytes)", NUMBER, trie.proof(index))
        assert contract.send(call + bytes(32)).succeeded
    agree(block, contract)


# -- headers

FORKS = {
    "London": ("base_fee_per_gas",),
    "Shanghai": ("base_fee_per_gas", "withdrawals_root"),
    "Cancun": (
        "base_fee_per_gas",
        "withdrawals_root",
        "blob_gas_used",
        "excess_blob_gas",
        "parent_beacon_block_root",
    ),
    "Prague and Osaka": (
        "base_fee_per_gas",
        "withdrawals_root",
        "blob_gas_used",
        "excess_blob_gas",
        "parent_beacon_block_root",
        "requests_hash",
    ),
}
APPENDED = FORKS["Prague and Osaka"]


def header_fields(block):
    """What the contract should say of a block."""
    return (
        block.hash,
        block.parent_hash,
        block.timestamp,
        block.base_fee,
        block.blob_base_fee,
        block.prev_randao,
        block.parent_beacon_block_root,
        block.header.receipts_root,
    )


@pytest.mark.parametrize("fork", FORKS)
@pytest.mark.parametrize("excess", [0, 1, 393_216, 60_000_000, 100_000_000])
def test_headers_of_each_fork(fork, excess):
    values = {
        "base_fee_per_gas": 10**9 + 7,
        "withdrawals_root": b"\x31" * 32,
        "blob_gas_used": 131_072,
        "excess_blob_gas": excess,
        "parent_beacon_block_root": b"\x32" * 32,
        "requests_hash": b"\x33" * 32,
    }
    fields = {name: values[name] if name in FORKS[fork] else None for name in APPENDED}
    block = block_of((), extra_data=b"\xee" * 32, **fields)
    assert recorded(block).block(NUMBER) == header_fields(block)


@settings(max_examples=40, deadline=None)
@given(
    base_fee=st.integers(0, 2**64),
    excess=st.integers(0, 150_000_000),
    timestamp=st.integers(1, 2**40),
    extra=st.binary(max_size=32),
    difficulty=st.sampled_from([0, 1, 2**70]),
)
def test_headers_of_any_fields(base_fee, excess, timestamp, extra, difficulty):
    block = block_of(
        receipts_of((NOISE,)),
        base_fee_per_gas=base_fee,
        excess_blob_gas=excess,
        timestamp=timestamp,
        extra_data=extra,
        difficulty=difficulty,
    )
    assert recorded(block).block(NUMBER) == header_fields(block)


def linked(first, last):
    """Blocks of these numbers, each the parent of the next."""
    blocks = [block_of((), number=first)]
    for number in range(first + 1, last + 1):
        blocks.append(block_of((), number=number, parent_hash=blocks[-1].hash))
    return blocks


def not_canonical(outcome, number):
    return (
        outcome.refused_with("NotCanonical(uint256)")
        and abi.decode(["uint256"], outcome.output[4:])[0] == number
    )


def test_the_last_256_headers_are_known_and_older_ones_through_their_child():
    blocks = linked(140, 150)
    contract = L1BlocksContract(*blocks, head=402)
    by_number = {block.number: block for block in blocks}
    # 402 - 256 = 146 is the oldest that BLOCKHASH answers.
    for number in (140, 144, 145):
        assert not_canonical(contract.prove(by_number[number]), number)
    assert contract.prove(by_number[146]).succeeded
    assert not_canonical(contract.prove(by_number[144]), 144)
    for number in range(145, 139, -1):
        assert contract.prove(by_number[number]).succeeded
        assert contract.block(number) == header_fields(by_number[number])


def test_a_header_of_any_age_is_recorded_by_the_calls_that_are_planned_for_it():
    # L1's newest block is 400; the call comes into block 464 at the latest.
    blocks = {block.number: block for block in linked(150, 400)}
    for number, calls in ((399, 1), (209, 1), (208, 1), (207, 2), (150, 59)):
        wanted = input_proof.headers_to_prove(number, newest=400, known=256)
        assert len(wanted) == calls
        contract = L1BlocksContract(*blocks.values(), head=464)
        for each in wanted:
            assert contract.prove(blocks[each]).succeeded, (number, each)
        assert contract.block(number) == header_fields(blocks[number])


def test_headers_that_only_eip_2935_knows():
    old, forged = block_of((), number=20), block_of((), number=20, gas_used=1)
    contract = L1BlocksContract(head=8_000)
    assert not_canonical(contract.prove(old), 20)
    contract.place_history({20: old.hash})
    assert not_canonical(contract.prove(forged), 20)
    assert contract.prove(old).succeeded
    assert contract.block(20) == header_fields(old)
    # The place of block 20 is that of block 20 + 8,191 too.
    late = L1BlocksContract(head=20 + 8_192)
    late.place_history({20: old.hash})
    assert not_canonical(late.prove(old), 20)


@pytest.mark.parametrize(
    "code", ["", "00", "5f5ffd", "60016000f3", "5f5f5260205ff3", "60ff5f5260405ff3", "fe"]
)
def test_what_is_no_history_contract_makes_nothing_canonical(code):
    old = block_of((), number=20)
    contract = L1BlocksContract(head=8_000)
    if code:
        contract.bench.place(HISTORY, bytes.fromhex(code))
    assert not contract.prove(old).succeeded
    assert contract.block(20)[0] == bytes(32)


def test_headers_of_now_of_later_and_of_other_chains_are_refused():
    block = block_of(())
    contract = L1BlocksContract(block)
    for number in (100, 101, 2**60):
        assert not_canonical(contract.prove(block_of((), number=number)), number)
    for changed in ({"gas_used": 1}, {"number": 91}, {"number": 89}, {"timestamp": 5}):
        wrong = block_of((), **{"number": NUMBER, **changed})
        assert not_canonical(contract.prove(wrong), wrong.number)
    assert contract.block(NUMBER)[0] == bytes(32)
    assert contract.prove(block).succeeded
    assert contract.prove(block).succeeded  # again: the same


def test_a_header_with_any_byte_changed_is_refused():
    block = block_of(receipts_of((deposit_log(),)))
    contract = L1BlocksContract(block)
    raw = block.header.encode()
    assert len(raw) > 500
    for at in range(0, len(raw), 3):
        wrong = raw[:at] + bytes((raw[at] ^ (1 << at % 8),)) + raw[at + 1 :]
        assert not contract.send(prove_header(wrong)).succeeded, at
    for wrong in (b"", raw[:-1], raw + b"\x00", raw * 2, b"\xc0", raw[:3], bytes(1_025)):
        assert not contract.send(prove_header(wrong)).succeeded
    assert contract.block(NUMBER)[0] == bytes(32)


def test_without_a_blob_schedule_nothing_is_founded():
    with pytest.raises(AssertionError):
        L1BlocksContract(fraction=0)


# -- receipts that are refused


@pytest.fixture
def begun():
    """A block of five receipts of which two are read."""
    lists = [(deposit_log(bytes(5 * index)), NOISE) for index in range(5)]
    block = block_of(receipts_of(*lists))
    contract = recorded(block)
    trie = ListTrie([receipt.hashed_form for receipt in block.receipts])
    assert sent(contract, trie.proof(0) + trie.proof(1)).succeeded
    return block, contract, trie


def sent(contract, proofs, number=NUMBER):
    return contract.send(call_data("readReceipts(uint256,bytes)", number, proofs) + bytes(32))


def test_receipts_out_of_order_and_false_ends_are_refused(begun):
    block, contract, trie = begun
    before = contract.progress(NUMBER)
    for index in (0, 1, 3, 4, 5, 6, 127, 128, 300):
        assert not sent(contract, trie.proof(index)).succeeded, index
    for index in (0, 1, 2, 4, 5, 6, 127, 128, 300):
        assert not sent(contract, trie.proof(2) + trie.proof(index)).succeeded, index
    assert contract.progress(NUMBER) == before
    assert before[0] == 2
    assert sent(contract, b"".join(trie.proof(index) for index in range(2, 6))).succeeded
    agree(block, contract)


def test_nothing_is_read_behind_the_end(begun):
    block, contract, trie = begun
    assert sent(contract, b"".join(trie.proof(index) for index in range(2, 6))).succeeded
    before = contract.progress(NUMBER)
    for index in (0, 4, 5, 6):
        assert not sent(contract, trie.proof(index)).succeeded
    assert contract.progress(NUMBER) == before
    agree(block, contract)


def test_an_end_in_the_middle_of_a_call_is_refused(begun):
    _, contract, trie = begun
    rest = b"".join(trie.proof(index) for index in range(2, 6))
    assert not sent(contract, rest + trie.proof(6)).succeeded
    assert not sent(contract, rest + trie.proof(5)).succeeded
    assert contract.progress(NUMBER)[0] == 2


def test_proofs_of_other_blocks_and_unknown_numbers_are_refused(begun):
    _, contract, trie = begun
    other = ListTrie([receipt.hashed_form for receipt in receipts_of(*[(NOISE,)] * 5)])
    assert not sent(contract, other.proof(2)).succeeded
    for number in (NUMBER - 1, NUMBER + 1, 0, 2**256 - 1, 2**256 - 1 - NUMBER):
        assert not sent(contract, trie.proof(0), number).succeeded, number
        assert contract.progress(number) == (0, 0, False, 0, 0)


def test_an_end_without_nodes_holds_for_blocks_without_receipts_alone(begun):
    _, contract, _ = begun
    assert not sent(contract, b"\x00").succeeded
    empty = block_of(())
    other = recorded(empty)
    assert not sent(other, b"\x01\x00\x00\x01\x80").succeeded
    assert not sent(other, b"\x00\x00").succeeded
    assert sent(other, b"\x00").succeeded
    agree(empty, other)


def test_a_call_of_nothing_changes_nothing(begun):
    _, contract, _ = begun
    before = contract.progress(NUMBER)
    sent(contract, b"")
    assert contract.progress(NUMBER) == before


@pytest.mark.parametrize("seed", range(4))
def test_a_call_with_any_byte_changed_is_refused_and_changes_nothing(seed):
    rnd = random.Random(seed)
    lists = [(deposit_log(rnd.randbytes(9)), NOISE) for _ in range(rnd.choice((1, 3, 20)))]
    block = block_of(receipts_of(*lists))
    contract = recorded(block)
    (call,) = read_receipts(NUMBER, block.receipts, 0)
    size = int.from_bytes(call[68:100], "big")
    # Selector, number, offset and length: each byte. Then bytes of the proofs.
    heads = [*range(100), 100, 101, 102, 103, 104, 99 + size]
    for at in [*heads, *(rnd.randrange(100, 100 + size) for _ in range(120))]:
        wrong = bytearray(call)
        wrong[at] ^= 1 << rnd.randrange(8)
        assert not contract.send(bytes(wrong)).succeeded, at
    for wrong in (call[: 99 + size], call[: 100 + size // 2], call[:99], call[:4], b""):
        assert not contract.send(wrong).succeeded
    assert contract.progress(NUMBER) == (0, 0, False, 0, 0)
    assert contract.send(call).succeeded
    agree(block, contract)


GOOD = deposit_log(b"abc")
MALFORMED = {
    "three topics": replace(GOOD, topics=GOOD.topics[:3]),
    "one topic": replace(GOOD, topics=GOOD.topics[:1]),
    "another version": replace(GOOD, topics=(*GOOD.topics[:3], (1).to_bytes(32, "big"))),
    "a version beyond": replace(GOOD, topics=(*GOOD.topics[:3], b"\x80" + bytes(31))),
    "no data": replace(GOOD, data=b""),
    "one word": replace(GOOD, data=GOOD.data[:32]),
    "another offset": replace(GOOD, data=(64).to_bytes(32, "big") + GOOD.data[32:]),
    "a word too few": replace(GOOD, data=GOOD.data[:-32]),
    "a word too many": replace(GOOD, data=GOOD.data + bytes(32)),
    "a byte too few": replace(GOOD, data=GOOD.data[:-1]),
    "a huge length": replace(GOOD, data=GOOD.data[:32] + b"\xff" * 32 + GOOD.data[64:]),
    "a length of 72": Log(PORTAL, GOOD.topics, abi.encode(["bytes"], [bytes(72)])),
    "a length of 0": Log(PORTAL, GOOD.topics, abi.encode(["bytes"], [b""])),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_what_no_portal_emits_stops_reading_as_it_stops_derivation(fault):
    block = block_of(receipts_of((NOISE,), (GOOD, MALFORMED[fault])))
    with pytest.raises(MalformedDeposit):
        user_deposits(block, PORTAL)
    contract = recorded(block)
    assert not any(outcome.succeeded for outcome in contract.read(block))
    assert contract.progress(NUMBER) == (0, 0, False, 0, 0)
    assert contract.deposits(NUMBER) == []


# -- gas

FAT = deposit_log(b"\xff" * 23, mint=10**27, value=2**256 - 1, gas=2**24)
UPDATE = update_log(5, (2**96 - 1).to_bytes(32, "big"))
LOADS = {
    "receipts of one log": [(NOISE,)] * 300,
    "receipts of five deposits": [(FAT,) * 5] * 75,
    "receipts of seventy deposits": [(FAT,) * 70] * 5,
    "deposits of 900 bytes": [(deposit_log(b"\xff" * 900),) * 10] * 12,
    "deposits of 30,000 bytes": [(deposit_log(b"\xff" * 30_000),)] * 7,
    "changes of the configuration": [(UPDATE,) * 100] * 5,
    "deposits and changes": [(UPDATE, FAT) * 20] * 12,
    "bare logs": [(Log(STRANGER, (), b""),) * 800] * 5,
    "nothing": [],
}


@pytest.mark.parametrize("load", LOADS)
def test_calls_take_no_more_gas_than_they_are_planned_with(load):
    block = block_of(receipts_of(*LOADS[load]))
    contract = read(block)
    agree(block, contract)
    for gas in contract.gas[1:]:
        assert gas <= input_proof.MAX_CALL_GAS


def test_the_most_deposits_that_one_receipt_may_have():
    for count, fits in ((300, True), (320, False)):
        block = block_of(receipts_of((FAT,) * count))
        contract = recorded(block)
        # The bench allows more than a transaction does.
        assert contract.read_alone(block, 0).succeeded
        assert (contract.gas[1] <= MAX_TRANSACTION_GAS) is fits, contract.gas


def test_receipts_beyond_the_bounds_are_refused_and_change_nothing():
    bare = Log(STRANGER, (), b"")
    for logs, reason in (
        ((bare,) * 4_097, "L1Blocks: too many logs in one receipt"),
        ((deposit_log(b"\xff" * 126_000),), None),  # the call's own bound of 126,000 bytes
    ):
        block = block_of(receipts_of((NOISE,), logs))
        contract = recorded(block)
        assert contract.read_alone(block, 0).succeeded
        second = contract.read_alone(block, 1)
        assert not second.succeeded
        assert reason is None or second.reason == reason
        assert contract.progress(NUMBER) == (1, 1, False, 0, 0)


def test_a_receipt_of_4096_logs_is_read_in_one_transaction():
    block = block_of(receipts_of((Log(STRANGER, (), b""),) * 4_095 + (deposit_log(),)))
    contract = recorded(block)
    for index in (0, 1):
        assert contract.read_alone(block, index).succeeded
    agree(block, contract)
    assert max(contract.gas) <= MAX_TRANSACTION_GAS
