"""stemma_dispute methods: what they say of games on an L1, and of an L1 that does not answer."""

from __future__ import annotations

import asyncio

import pytest
from counter_machine import output_root
from dispute_bench import new_game
from dispute_games import HONEST, LIAR
from dispute_rpc import NodeOnBench
from planted_lies import FAULT, whole_chain

from node.step_words import BlockTooLong, StepTeller
from rollup.dispute import bundle
from rollup.dispute.strategy import Move


class Asked(NodeOnBench):
    """A game of the counter's machine, about which a node is asked."""

    def __init__(self) -> None:
        self.game = new_game(output_root(4), 4, creator=HONEST, split=2, deepest=6)
        super().__init__(self.game, whole_chain())


@pytest.fixture
def ask() -> Asked:
    return Asked()


def test_games_are_listed_with_their_standing_and_bonds(ask: Asked) -> None:
    (row,) = ask("stemma_disputeGames")["result"]
    assert row["game"] == "0x" + ask.game.game.hex()
    assert (row["index"], row["l2_block"], row["claims"]) == (0, 4, 1)
    assert row["standing"] == "in progress, claim 0 can be answered for 1000 s"
    assert row["bonds_wei"] == str(ask.game.rollup.bond)


def test_a_game_is_told_in_words_and_exported(ask: Asked) -> None:
    assert ask.game.act(Move(0, True, output_root(1)), LIAR).succeeded
    for name in (0, "0", "0x" + ask.game.game.hex()):
        said = ask("stemma_disputeGame", name)["result"]
        assert len(said["claims"]) == 2
        assert "disagrees with 0, says: output root of L2 block 2 is" in said["claims"][1]
        assert said["summary"][1].startswith("they split on: claim 0, output root of L2 block 4")
    game = bundle.from_json(ask("stemma_disputeBundle", 0)["result"])
    assert game.claims == ask.game.read().claims
    assert bundle.check(game) == []


def test_no_such_game_a_bad_name_and_a_silent_l1_are_told_apart(ask: Asked) -> None:
    assert ask("stemma_disputeGame", 7)["error"]["code"] == -32001
    assert ask("stemma_disputeGame", "0x" + "77" * 20)["error"]["code"] == -32001
    assert ask("stemma_disputeGame", {})["error"]["code"] == -32602
    assert ask("stemma_disputeGame", "x")["error"]["code"] == -32002
    ask.client.is_silent = True
    assert ask("stemma_disputeGames")["error"] == {
        "code": -32002,
        "message": "L1: nobody answers",
    }


def test_a_step_of_a_block_is_told_by_transaction_and_step(ask: Asked) -> None:
    told = ask("stemma_traceStep", FAULT, 6, 0)["result"]
    assert told["name"] == "transaction begin, take up"
    following = ask("stemma_traceStep", hex(FAULT), 6, 1)["result"]
    assert following["index"] == told["index"] + 1
    assert following["before"] == told["after"]
    first = ask("stemma_traceStep", FAULT, "begin", 0)["result"]
    assert (first["name"], first["index"]) == ("block begin", 0)
    end = ask("stemma_traceStep", FAULT, "end", 0)["result"]
    last = ask("stemma_traceStep", FAULT, "end", end["stepsOfPart"] - 1)["result"]
    assert last["name"] == "block end, output"
    assert last["index"] == last["stepsOfBlock"] - 1
    assert last["after"].startswith("0x00")
    assert last["witnessBytes"] > 0
    assert any(line.startswith("witness ") for line in last["lines"])


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ((0, 0, 0), -32001, "L2 block 0 is where all begins"),
        ((99, 0, 0), -32002, "L2 block 99 is not derived yet"),
        ((FAULT, 7, 0), -32001, "no transaction 7: the block has 7, the first is 0"),
        ((FAULT, 0, 10_000), -32001, "no step 10000: 0 has "),
        ((FAULT, "end", 10_000), -32001, "no step 10000: end has "),
        ((FAULT, "middle", 0), -32602, ""),
        ((FAULT, 0), -32602, ""),
    ],
)
def test_a_step_that_is_none_is_refused_by_name(ask: Asked, asked, code, message) -> None:
    error = ask("stemma_traceStep", *asked)["error"]
    assert error["code"] == code
    assert message in error["message"]


def test_a_block_that_is_too_long_is_not_traced() -> None:
    teller = StepTeller(whole_chain(), 1_000)
    with pytest.raises(BlockTooLong, match=r"used \d+ gas; one of 1000 at most"):
        asyncio.run(teller.of_block(FAULT, 0, 0))


def test_a_game_that_is_not_at_one_step_has_none_to_tell(ask: Asked) -> None:
    assert ask("stemma_disputeStep", 0)["result"] == {"lines": [], "steps": []}
    assert ask("stemma_disputeBundle", 0)["result"]["steps"] == []
