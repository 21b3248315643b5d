"""Senders from worker processes: the same as here, whatever becomes of the workers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from node_process import wait_for
from strategies import signed_transactions

from chain.transaction import (
    DepositTransaction,
    DynamicFeeTransaction,
    Transaction,
    decode_transaction,
    known_sender,
    recover_sender,
    sign_transaction,
)
from chain.types import ZERO_ADDRESS, Address, Hash32
from genesis.dev_accounts import dev_accounts
from node.sender_recovery import SenderRecovery, spare_cores
from node.sender_worker import (
    READY,
    decode_answer,
    decode_request,
    encode_request,
    receive,
    receive_message,
    serve,
)

ROOT = Path(__file__).parents[3]
DEPOSIT = DepositTransaction(
    Hash32(bytes(32)),
    Address(b"\7" * 20),
    None,
    0,
    0,
    21_000,
    is_system_transaction=False,
    data=b"",
)


def signed(count: int) -> list[bytes]:
    account = dev_accounts()[0]
    unsigned = DynamicFeeTransaction(
        chain_id=1, nonce=0, max_priority_fee_per_gas=1, max_fee_per_gas=2, gas_limit=21_000,
        to=Address(b"\1" * 20), value=1, data=b"",
    )  # fmt: skip
    made = (replace(unsigned, nonce=nonce) for nonce in range(count))
    return [sign_transaction(tx, account.private_key).encode() for tx in made]


RAWS = signed(64)
SENDER = dev_accounts()[0].address


@pytest.fixture
def pool() -> Iterator[SenderRecovery]:
    made = SenderRecovery(1)
    made.start()
    yield made
    made.close()


@pytest.fixture
def connection() -> Iterator[socket.socket]:
    """To a worker that runs in a thread."""
    ours, theirs = socket.socketpair()
    worker = threading.Thread(target=serve, args=(theirs,))
    worker.start()
    with ours:
        assert receive(ours, 1) == READY
        yield ours
    worker.join(10)
    theirs.close()


def test_worker_says_who_signed_and_zero_where_nobody_did(connection: socket.socket) -> None:
    high = replace(decode_transaction(RAWS[0]), s=2**255).encode()
    raws = [RAWS[0], b"", b"\x02\xc0", high, b"\x03" * 500, RAWS[1]]
    connection.sendall(encode_request(raws))
    answered = decode_answer(receive_message(connection))
    assert answered == [SENDER, *[ZERO_ADDRESS] * 4, SENDER]


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=300), max_size=10))
def test_request_is_read_as_it_was_written(raws: list[bytes]) -> None:
    assert decode_request(encode_request(raws)[4:]) == raws


@settings(max_examples=25, deadline=None)
@given(st.lists(signed_transactions(), min_size=1, max_size=3))
def test_worker_agrees_for_every_kind_of_transaction(pairs) -> None:
    from node.sender_worker import answer

    body = encode_request([tx.encode() for tx, _ in pairs])[4:]
    assert decode_answer(answer(body)[4:]) == [sender for _, sender in pairs]


def test_last_part_of_a_batch_is_known_and_the_first_is_left_to_the_node(
    pool: SenderRecovery,
) -> None:
    for _ in range(3):
        done = pool.look_ahead(RAWS)
        found = [pool.sender_of(raw) for raw in RAWS]
        done()
        known = [sender for sender in found if sender is not None]
        assert set(known) == {SENDER}
        assert found == [None] * (len(RAWS) - len(known)) + known
        assert pool.sender_of(RAWS[-1]) is None


def test_batch_that_is_given_up_does_not_answer_for_the_next(pool: SenderRecovery) -> None:
    pool.look_ahead(RAWS[:32])()
    done = pool.look_ahead(RAWS[32:])
    assert pool.sender_of(RAWS[-1]) == SENDER
    assert pool.sender_of(RAWS[31]) is None
    done()


def test_second_batch_at_the_same_time_does_without_workers(pool: SenderRecovery) -> None:
    first = pool.look_ahead(RAWS[:32])
    second = pool.look_ahead(RAWS[32:])
    assert [pool.sender_of(raw) for raw in RAWS[32:]] == [None] * 32
    second()
    assert pool.sender_of(RAWS[31]) == SENDER
    first()


def test_senders_of_a_block_are_remembered(pool: SenderRecovery) -> None:
    block: list[Transaction] = [DEPOSIT, *map(decode_transaction, RAWS)]
    pool.recover(block)
    assert [known_sender(tx) for tx in block[1:]] == [SENDER] * len(RAWS)


def test_block_with_a_bad_signature_is_left_to_the_executor(pool: SenderRecovery) -> None:
    bad = replace(decode_transaction(RAWS[0]), s=0)
    for block in ([bad, *map(decode_transaction, RAWS)], [*map(decode_transaction, RAWS), bad]):
        pool.recover(block)
        assert known_sender(bad) is None
        good = [tx for tx in block if tx is not bad]
        assert {recover_sender(tx) for tx in good} == {SENDER}


def test_killed_worker_costs_time_and_nothing_else(pool: SenderRecovery) -> None:
    (pid,) = pool.pids
    os.kill(pid, signal.SIGKILL)
    for _ in range(2):
        done = pool.look_ahead(RAWS)
        found = {pool.sender_of(raw) for raw in RAWS}
        done()
        assert found <= {None, SENDER}
    assert pool.pids == []
    wait_for("the end of the process", lambda: not Path(f"/proc/{pid}").exists())


def test_few_transactions_and_single_cores_start_no_process() -> None:
    few, single = SenderRecovery(1), SenderRecovery(0)
    few.look_ahead(RAWS[:4])()
    single.look_ahead(RAWS)()
    single.recover([decode_transaction(raw) for raw in RAWS])
    assert few.pids == single.pids == []
    assert 0 <= spare_cores() <= 3
    few.close()
    single.close()


def test_closing_ends_the_process(pool: SenderRecovery) -> None:
    (pid,) = pool.pids
    pool.close()
    assert not Path(f"/proc/{pid}").exists()
    assert pool.look_ahead(RAWS)() is None


def test_worker_ends_with_a_node_that_is_killed() -> None:
    program = (
        "import time; from node.sender_recovery import SenderRecovery as S; s = S(1); s.start();"
        "print(*s.pids, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT
    ) as node:
        assert node.stdout is not None
        pid = int(node.stdout.readline())
        os.kill(node.pid, signal.SIGKILL)

    def has_ended() -> bool:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        return state == "Z"  # left to whoever is the first process here

    wait_for("the end of the worker", has_ended)
