"""The clock of a development network: it goes with the wall, and forward when it is told to."""

from __future__ import annotations

import asyncio

from node.actors.clock import DevClock


async def test_moving_the_clock_wakes_who_waits_for_that_time() -> None:
    clock = DevClock(lambda: 1_000.25)
    waiting = asyncio.create_task(clock.sleep_until(5_000))
    await asyncio.sleep(0)
    clock.move_to(5_000)
    await asyncio.wait_for(waiting, 10)
    assert clock.now() == 5_000


async def test_clock_never_goes_back_and_does_not_wake_early() -> None:
    clock = DevClock(lambda: 1_000.25)
    clock.move_to(900)
    assert clock.now() == 1_000.25
    waiting = asyncio.create_task(clock.sleep_until(5_000))
    await asyncio.sleep(0)
    clock.move_to(4_999)
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.move_to(5_001)
    await asyncio.wait_for(waiting, 10)


async def test_clock_goes_on_with_the_wall_from_where_it_was_moved() -> None:
    wall = [1_000.0]
    clock = DevClock(lambda: wall[0])
    clock.move_to(2_000)
    wall[0] += 3
    assert clock.now() == 2_003
