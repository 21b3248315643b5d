"""When the proposer speaks, and what it does next with each of its games."""

from __future__ import annotations

from dataclasses import replace

import pytest
from contract_bench import SENDER
from hypothesis import given, settings
from hypothesis import strategies as st
from settlement import PROPOSER, SETTLEMENT, Rollup

from chain import abi
from chain.types import Address, Hash32
from rollup.l1.calls import encode_call, view
from rollup.proposer.calls import (
    create_game,
    latest_games,
    read_games,
    read_state,
    state_views,
)
from rollup.proposer.rules import (
    BondMode,
    Due,
    Game,
    GameAction,
    GameDelays,
    GameState,
    GameStatus,
    next_action,
    proposal_due,
)
from rollup.settlement.deploy import GAME_TYPE

INPUTS = Hash32(b"\x05" * 32)
GAME = Game(
    3,
    Address(b"\x09" * 20),
    Hash32(b"\x01" * 32),
    l2_number=50,
    created_at=1000,
)
DELAYS = GameDelays(max_clock_s=100, finality_s=40, bond_s=60)
OPEN = GameState(
    status=GameStatus.IN_PROGRESS,
    resolved_at=0,
    claim_count=1,
    is_root_resolved=False,
    bond_mode=BondMode.UNDECIDED,
    credit_wei=0,
    has_unlocked=False,
    unlocked_at=0,
)
WON = replace(OPEN, status=GameStatus.DEFENDER_WINS, resolved_at=1100, credit_wei=8)


def test_the_first_proposal_waits_for_a_block_after_the_anchor():
    assert proposal_due(0, 0, [], 10**9, 10) is None
    assert proposal_due(1, 0, [], 10**9, 10) == 1


def test_the_next_proposal_waits_for_the_interval_and_for_a_new_head():
    assert proposal_due(60, 0, [GAME], 1009, 10) is None
    assert proposal_due(60, 0, [GAME], 1010, 10) == 60
    assert proposal_due(50, 0, [GAME], 2000, 10) is None
    assert proposal_due(60, 60, [GAME], 2000, 10) is None


def test_the_newest_game_dates_the_interval_whatever_the_order():
    newer = replace(GAME, index=4, created_at=1500, l2_number=70)
    for games in ([GAME, newer], [newer, GAME]):
        assert proposal_due(80, 0, games, 1505, 10) is None
        assert proposal_due(80, 0, games, 1510, 10) == 80


def test_a_block_that_is_not_to_be_passed_is_proposed_itself_and_once():
    assert proposal_due(19, 0, [], 2000, 10, not_past=20) == 19
    assert proposal_due(20, 0, [], 2000, 10, not_past=20) == 20
    assert proposal_due(25, 0, [], 2000, 10, not_past=20) == 20
    assert proposal_due(60, 0, [GAME], 2000, 10, not_past=50) == 60
    assert proposal_due(60, 0, [GAME], 2000, 10, not_past=55) == 55
    assert proposal_due(60, 55, [GAME], 2000, 10, not_past=55) == 60


@pytest.mark.parametrize(
    ("state", "due"),
    [
        (OPEN, Due(GameAction.RESOLVE_CLAIM, 1100)),
        (replace(OPEN, is_root_resolved=True), Due(GameAction.RESOLVE, 1100)),
        (replace(OPEN, claim_count=2), Due(GameAction.LOOK_AGAIN, 1200)),
        (replace(OPEN, claim_count=2, is_root_resolved=True), Due(GameAction.RESOLVE, 1100)),
        (WON, Due(GameAction.CLAIM, 1141)),
        (replace(WON, bond_mode=BondMode.NORMAL), Due(GameAction.CLAIM, 1100)),
        (
            replace(WON, bond_mode=BondMode.NORMAL, has_unlocked=True, unlocked_at=1200),
            Due(GameAction.CLAIM, 1260),
        ),
        (replace(WON, bond_mode=BondMode.NORMAL, credit_wei=0), None),
        (replace(WON, status=GameStatus.CHALLENGER_WINS, credit_wei=0), None),
    ],
    ids=[
        "unanswered", "claim resolved", "answered", "answered and resolved", "won", "closed",
        "unlocked", "paid", "lost",
    ],
)  # fmt: skip
def test_what_comes_next_for_a_game(state, due):
    assert next_action(GAME, state, DELAYS) == due


class Contracts:
    """The rules against the contracts themselves, without a node between."""

    def __init__(self) -> None:
        self.rollup = Rollup()
        self.bench, self.at = self.rollup.bench, self.rollup.at
        self.delays = GameDelays(
            SETTLEMENT.max_clock_s, SETTLEMENT.game_finality_delay_s, SETTLEMENT.bond_delay_s
        )

    def ask(self, question):
        outcome = self.bench.send(question.to, question.data)
        assert outcome.succeeded, outcome.output
        return question.read(outcome.output)

    def games(self):
        count = self.ask(view(self.at.dispute_game_factory, "gameCount()", "uint256"))
        found = self.ask(latest_games(self.at.dispute_game_factory, GAME_TYPE, count, 100))
        return read_games(found)

    def propose(self, root, number):
        data = create_game(GAME_TYPE, root, number, INPUTS)
        outcome = self.bench.send(
            self.at.dispute_game_factory, data, value=self.rollup.bond, sender=PROPOSER
        )
        assert outcome.succeeded, outcome.output

    def act(self, game):
        """Do what the rules say, if it is time; whether the game is done with."""
        views = state_views(game.address, self.at.delayed_weth, PROPOSER)
        state = read_state([self.ask(question) for question in views])
        due = next_action(game, state, self.delays)
        if due is None:
            return True
        calls = {
            GameAction.RESOLVE_CLAIM: encode_call("resolveClaim(uint256,uint256)", 0, 0),
            GameAction.RESOLVE: encode_call("resolve()"),
            GameAction.CLAIM: encode_call("claimCredit(address)", PROPOSER),
        }
        if self.bench.now >= due.at and due.action in calls:
            outcome = self.bench.send(game.address, calls[due.action], sender=PROPOSER)
            assert outcome.succeeded, (due, outcome.output)
        return False


def test_the_factorys_list_is_read_as_it_was_made():
    contracts = Contracts()
    assert contracts.games() == []
    for number in (5, 9):
        contracts.propose(Hash32(bytes([number]) * 32), number)
        contracts.bench.advance(3)
    newest, oldest = contracts.games()
    assert (newest.index, newest.l2_number, newest.root[0]) == (1, 9, 9)
    assert (oldest.index, oldest.l2_number, oldest.root[0]) == (0, 5, 5)
    assert newest.created_at - oldest.created_at == 3
    creator = contracts.ask(view(newest.address, "gameCreator()", "address"))
    assert creator == PROPOSER != SENDER


@settings(max_examples=8)
@given(st.lists(st.integers(1, 700), min_size=12, max_size=30))
def test_no_call_of_the_proposer_ever_fails_and_every_bond_returns(waits):
    """Whatever times it looks at its games, each thing that the rules say can be done."""
    contracts = Contracts()
    start = contracts.bench.state.get_balance(PROPOSER)
    for number in (1, 2):
        contracts.propose(Hash32(bytes([number]) * 32), number)
    for wait_s in [*waits, *[2000] * 6]:
        contracts.bench.advance(wait_s)
        done = [contracts.act(game) for game in contracts.games()]
    assert all(done)
    assert contracts.bench.state.get_balance(PROPOSER) == start


def test_create_game_is_the_call_that_the_factory_takes():
    data = create_game(GAME_TYPE, Hash32(b"\x07" * 32), 9, INPUTS)
    assert data[:4] == abi.selector("create(uint32,bytes32,bytes)")
    assert abi.decode(["uint32", "bytes32", "bytes"], data[4:]) == (
        GAME_TYPE, b"\x07" * 32, (9).to_bytes(32, "big") + INPUTS,
    )  # fmt: skip
