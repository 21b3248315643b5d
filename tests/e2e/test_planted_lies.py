"""Every kind of lie about a real block, on anvil: the node's own actors, the verifier that a rollup
deploys, a withdrawal that hangs on the lie. Time travels, so nothing waits for a clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import pytest
from anvil import anvil
from dispute_l1 import CHALLENGER, PROPOSER, SETTLEMENT, Player, play
from planted_l1 import PlantedL1, planted_l1
from planted_lies import (
    FAULT,
    false_steps,
    lying,
    proof_by,
    true_steps,
    whole_chain,
    withdrawal_of,
)

from chain.abi import selector
from chain.errors import StemmaError
from node.disputes import DisputeReader
from node.l1.json_rpc import JsonRpcClient
from rollup.dispute.faults import FaultKind
from rollup.dispute.game import Game, GameStatus
from rollup.dispute.outputs import ChainOutputs

pytestmark = [pytest.mark.e2e, pytest.mark.node_js]
Course = Callable[[PlantedL1], Awaitable[None]]


@pytest.fixture
def url() -> Iterator[str]:
    """An anvil that mines each transaction at once, unmodified."""
    with anvil(block_time_s=None) as at:
        yield at


def run(url: str, course: Course) -> None:
    async def whole() -> None:
        async with JsonRpcClient(url) as client:
            await course(await planted_l1(client))

    asyncio.run(whole())


async def the_game(l1: PlantedL1) -> Game:
    reader = DisputeReader(l1.client, l1.at.portal)
    contracts, at = await reader.contracts_or_fail(), await reader.now()
    (listed,) = await reader.games(contracts, at, 100)
    return await reader.game(listed.address, at)


async def finish(l1: PlantedL1, *players: Player) -> None:
    """Clocks run out, the verdict falls, bonds are paid, withdrawals would be ripe."""
    for seconds in (
        2 * SETTLEMENT.max_clock_s, SETTLEMENT.game_finality_delay_s + 1, SETTLEMENT.bond_delay_s,
        SETTLEMENT.proof_maturity_delay_s + 1,
    ):  # fmt: skip
        await l1.travel(seconds)
        await play(*players)


@pytest.mark.parametrize("kind", list(FaultKind), ids=lambda kind: kind.value)
def test_a_lie_is_beaten_by_one_step_and_nothing_is_withdrawn_by_it(url, kind):
    async def course(l1: PlantedL1) -> None:
        lie, message = lying(kind), withdrawal_of(kind)
        liar = l1.side(PROPOSER.private_key, lie)
        honest = l1.side(CHALLENGER.private_key, ChainOutputs(whole_chain()))
        before = await l1.balance(CHALLENGER.address)
        await l1.donate(10**18)
        await l1.claim(liar.sender, lie.output_root(FAULT))
        is_proven = await proven_by_the_lie(l1, kind)
        await play(honest, liar)
        game = await the_game(l1)
        assert len(game.claims) - 1 <= 58
        assert honest.calls.count("step") == 1
        await finish(l1, honest)
        game = await the_game(l1)
        assert game.status is GameStatus.CHALLENGER_WINS
        lost = sum(claim.bond_wei for claim in game.claims if claim.claimant == PROPOSER.address)
        gained = await l1.balance(CHALLENGER.address) - before
        assert lost - 10**17 < gained <= lost
        refusal = await l1.finalize_refusal(message)
        assert refusal is not None
        expected = "InvalidRootClaim()" if is_proven else "Unproven()"
        assert selector(f"OptimismPortal_{expected}").hex() in refusal, refusal

    run(url, course)


async def proven_by_the_lie(l1: PlantedL1, kind: FaultKind) -> bool:
    """Prove the withdrawal against the lying game; a root that is of nothing proves nothing."""
    message = withdrawal_of(kind)
    output, nodes = proof_by(false_steps(lying(kind)), message)
    if kind is FaultKind.OUTPUT_ROOT:
        with pytest.raises(StemmaError):
            await l1.prove(message, output, nodes)
        return False
    await l1.prove(message, output, nodes)
    return True


@pytest.mark.parametrize(
    "kind", [FaultKind.STORAGE_WRITE, FaultKind.BASE_FEE], ids=lambda kind: kind.value
)
def test_a_true_claim_stands_against_a_stubborn_liar_and_its_withdrawal_is_paid(url, kind):
    async def course(l1: PlantedL1) -> None:
        truth, message = ChainOutputs(whole_chain()), withdrawal_of(kind)
        liar = l1.side(CHALLENGER.private_key, lying(kind))
        honest = l1.side(PROPOSER.private_key, truth)
        await l1.donate(10**18)
        await l1.claim(honest.sender, truth.output_root(FAULT))
        await l1.prove(message, *proof_by(true_steps(), message))
        await play(liar, honest)
        assert len((await the_game(l1)).claims) - 1 <= 58
        await finish(l1, honest)
        game = await the_game(l1)
        assert game.status is GameStatus.DEFENDER_WINS
        assert all(
            claim.is_countered == (claim.claimant == CHALLENGER.address) for claim in game.claims
        )
        assert await l1.finalize_refusal(message) is None

    run(url, course)
