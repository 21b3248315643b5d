"""Whole dispute games on anvil, by the node's own actor: lies are beaten, truth stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from anvil import anvil
from counter_machine import CounterOutputs, output_root
from dispute_games import LyingOutputs
from dispute_l1 import CHALLENGER, PROPOSER, SETTLEMENT, DisputeL1, Player, dispute_l1, play

from node.disputes import DisputeReader
from node.l1.json_rpc import JsonRpcClient
from rollup.dispute.game import Game, GameStatus

pytestmark = [pytest.mark.e2e, pytest.mark.node_js]
Course = Callable[[DisputeL1], Awaitable[None]]


@pytest.fixture
def url() -> Iterator[str]:
    """An anvil that mines each transaction at once, unmodified."""
    with anvil(block_time_s=None) as at:
        yield at


def run(url: str, course: Course, **depths: int) -> None:
    async def whole() -> None:
        async with JsonRpcClient(url) as client:
            await course(await dispute_l1(client, **depths))

    asyncio.run(whole())


async def games(l1: DisputeL1) -> list[Game]:
    reader = DisputeReader(l1.client, l1.at.portal)
    contracts, at = await reader.contracts(), await reader.now()
    assert contracts is not None
    listed = await reader.games(contracts, at, 100)
    return [await reader.game(item.address, at) for item in reversed(listed)]


async def finish(l1: DisputeL1, *players: Player) -> None:
    """Clocks run out, verdicts fall, bonds are paid."""
    for seconds in (
        2 * SETTLEMENT.max_clock_s, SETTLEMENT.game_finality_delay_s + 1, SETTLEMENT.bond_delay_s
    ):  # fmt: skip
        await l1.travel(seconds)
        await play(*players)


def test_a_lie_at_the_full_depth_is_beaten_in_at_most_58_moves_and_pays_the_challenger(url):
    async def course(l1: DisputeL1) -> None:
        lie = LyingOutputs(700, 3, b"lie")
        liar = l1.player(PROPOSER.private_key, lie)
        honest = l1.player(CHALLENGER.private_key)
        before = await l1.balance(CHALLENGER.address)
        await l1.propose(liar.sender, lie.output_root(1000), 1000)
        await play(honest, liar)
        (game,) = await games(l1)
        assert len(game.claims) - 1 <= 58
        assert honest.calls.count("step") == 1
        await finish(l1, honest)
        (game,) = await games(l1)
        assert game.status is GameStatus.CHALLENGER_WINS
        lost = sum(c.bond_wei for c in game.claims if c.claimant == PROPOSER.address)
        gained = await l1.balance(CHALLENGER.address) - before
        assert lost - 10**17 < gained <= lost

    run(url, course)


def test_many_games_at_once_and_a_restart_and_a_reorg_in_the_middle_of_them(url):
    async def course(l1: DisputeL1) -> None:
        lie = LyingOutputs(2, 1, b"lie")
        liar = l1.player(PROPOSER.private_key, lie)
        for number in (3, 5, 8):
            await l1.propose(liar.sender, lie.output_root(number), number)
        await l1.propose(liar.sender, output_root(6), 6)
        honest = l1.player(CHALLENGER.private_key)
        await honest.turn()
        await liar.turn()
        snapshot = await l1.client.call("evm_snapshot")
        await honest.turn()
        await liar.turn()
        assert await l1.client.call("evm_revert", snapshot)
        honest = l1.player(CHALLENGER.private_key)
        await play(honest, liar)
        await finish(l1, honest)
        statuses = [game.status for game in await games(l1)]
        assert statuses == [GameStatus.CHALLENGER_WINS] * 3 + [GameStatus.DEFENDER_WINS]

    run(url, course, deepest=8, split=4)


def test_a_true_claim_stands_against_a_stubborn_liar(url):
    async def course(l1: DisputeL1) -> None:
        liar = l1.player(CHALLENGER.private_key, LyingOutputs(3, 2, b"lie"))
        honest = l1.player(PROPOSER.private_key, CounterOutputs())
        await l1.propose(honest.sender, output_root(7), 7)
        await play(liar, honest)
        await finish(l1, honest)
        (game,) = await games(l1)
        assert game.status is GameStatus.DEFENDER_WINS
        assert all(
            claim.is_countered == (claim.claimant == CHALLENGER.address) for claim in game.claims
        )

    run(url, course, deepest=8, split=4)
