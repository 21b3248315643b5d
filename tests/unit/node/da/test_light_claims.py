"""What a light node makes of claims about the L2: unchallenged, disputed, lost, without data."""

from __future__ import annotations

import pytest
from counter_machine import output_root
from dispute_bench import end, new_game
from dispute_games import HONEST, LIAR
from dispute_rpc import BenchClient

from chain.types import Address
from node.da.light_claims import ClaimWatch
from node.disputes import DisputeReader
from rollup.dispute.game import GameStatus
from rollup.dispute.strategy import Move

L1_HEAD = 99


class Watched:
    """A game of the counter's machine, and a light node's look at it."""

    def __init__(self, root) -> None:
        self.game = new_game(root, 4, creator=HONEST, split=2, deepest=6)
        self.client = BenchClient(self.game)
        self.watch = ClaimWatch(DisputeReader(self.client, self.game.rollup.at.portal))

    async def said(self, l1_accepted=L1_HEAD):
        await self.watch.look()
        return self.watch.describe(l1_accepted, lambda number: {"up_to": number})


@pytest.fixture
def watched():
    return Watched(output_root(4))


async def test_a_claim_that_nobody_attacks_is_the_head(watched):
    said = await watched.said()
    assert said["head"]["l2_block"] == 4
    assert said["head"]["output_root"] == "0x" + output_root(4).hex()
    assert (said["claims"], said["refused"]) == (1, [])
    (accepted,) = said["accepted"]
    assert accepted == {**said["head"], "data": {"up_to": L1_HEAD}}
    assert (accepted["status"], accepted["moves"]) == ("IN_PROGRESS", 0)


async def test_a_claim_over_data_that_were_not_found_available_is_refused(watched):
    said = await watched.said(L1_HEAD - 1)
    assert said["head"] is None
    assert said["refused"][0]["why_not"] == (
        "it looks back from L1 block 99, data are known to be available up to 98"
    )


async def test_a_disputed_claim_is_refused_until_its_game_is_over(watched):
    assert watched.game.act(Move(0, True, output_root(1)), LIAR).succeeded
    said = await watched.said()
    assert said["head"] is None
    assert said["refused"][0]["why_not"] == "it is disputed: 1 claims against and for it"


async def test_a_beaten_claim_is_refused_for_good():
    watched = Watched(b"\x66" * 32)
    assert watched.game.act(Move(0, True, output_root(1)), LIAR).succeeded
    watched.game.bench.advance(10_000)
    assert end(watched.game) is GameStatus.CHALLENGER_WINS
    for _ in range(2):
        said = await watched.said()
        assert said["head"] is None
        assert said["refused"][0]["why_not"] == "its dispute was lost"


async def test_a_claim_from_an_l1_block_that_is_gone_is_refused(watched, monkeypatch):
    async def gone(self, block_hash):
        return None

    monkeypatch.setattr(DisputeReader, "l1_number", gone)
    said = await watched.said()
    assert said["refused"][0]["why_not"] == (
        "the L1 block that it looks back from is not canonical"
    )


async def test_without_contracts_there_is_nothing_to_say():
    client = Watched(output_root(4)).client
    watch = ClaimWatch(DisputeReader(client, Address(b"\x01" * 20)))
    await watch.look()
    said = watch.describe(0, lambda _: pytest.fail("no claim, no data"))
    assert said == {"head": None, "claims": 0, "accepted": [], "refused": []}
