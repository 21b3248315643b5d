"""KZG work in other processes: answers, errors, bounds, and workers that die."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from node.da.kzg_pool import KzgBusy, KzgPool
from rollup.da.erasure import extend_payload, recover_blob
from rollup.da.errors import NotEnoughCells, WrongProof


@pytest.fixture
def pool():
    pool = KzgPool(1, precompute=0, most_waiting=2)
    yield pool
    pool.close()


def own_pid():
    return os.getpid()


async def test_the_answer_is_that_of_the_function_and_errors_come_through(pool):
    assert await pool.run(own_pid) != os.getpid()
    assert await pool.run(extend_payload, b"batch") == extend_payload(b"batch")
    with pytest.raises(NotEnoughCells) as caught:
        await pool.run(recover_blob, bytes(48), ())
    assert (caught.value.have, caught.value.need) == (0, 64)


async def test_the_loop_goes_on_while_a_blob_is_extended(pool):
    work = asyncio.ensure_future(pool.run(extend_payload, b"batch"))
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100


async def test_more_than_may_wait_is_told_to_come_again(pool):
    waiting = [asyncio.ensure_future(pool.run(own_pid)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(KzgBusy, match="2 blobs wait"):
        await pool.run(own_pid)
    await asyncio.gather(*waiting)
    assert pool.waiting == 0
    assert await pool.run(own_pid)


async def test_a_process_that_is_killed_is_replaced(pool):
    first = await pool.run(own_pid)
    os.kill(first, signal.SIGKILL)
    assert await pool.run(own_pid) != first


def test_errors_survive_the_way_between_processes():
    import pickle

    for error in (WrongProof(bytes(48), (1, 2)), NotEnoughCells(3, 64)):
        again = pickle.loads(pickle.dumps(error))
        assert str(again) == str(error)
