"""Scores decay, bans grow and are forgotten, budgets refill."""

from __future__ import annotations

import pytest

from node.p2p import scoring
from node.p2p.scoring import Budget, Offence, PeerScores, Service


def test_a_score_halves_in_its_half_life() -> None:
    scores = PeerScores()
    scores.reward("p", Service.FIRST_BLOCK, 0.0)
    assert scores.score("p", scoring.HALF_LIFE_S) == pytest.approx(1.0)


def test_good_service_is_capped_so_that_it_cannot_be_saved_up() -> None:
    scores = PeerScores()
    for _ in range(10_000):
        scores.reward("p", Service.FIRST_BLOCK, 0.0)
    assert scores.score("p", 0.0) == scoring.MAX_SCORE
    assert not scores.penalise("p", Offence.INVALID_BLOCK, 0.0)
    assert scores.penalise("p", Offence.INVALID_BLOCK, 0.0)


def test_a_ban_ends_and_the_next_one_is_longer() -> None:
    scores = PeerScores()
    assert scores.penalise("p", Offence.INVALID_BLOCK, 0.0)
    assert scores.banned_until("p", 0.0) == scoring.FIRST_BAN_S
    assert scores.banned_until("p", scoring.FIRST_BAN_S) is None
    scores.ban("p", scoring.FIRST_BAN_S)
    assert scores.banned_until("p", 61.0) == pytest.approx(180.0)


def test_a_ban_is_never_longer_than_the_longest() -> None:
    scores = PeerScores()
    now = 0.0
    for _ in range(20):
        scores.ban("p", now)
        until = scores.banned_until("p", now)
        assert until is not None
        assert until - now <= scoring.LONGEST_BAN_S
        now = until


def test_an_old_ban_is_forgotten() -> None:
    scores = PeerScores()
    scores.ban("p", 0.0)
    scores.ban("p", 10_000.0)
    assert scores.banned_until("p", 10_000.0) == 10_000.0 + scoring.FIRST_BAN_S


def test_what_is_remembered_is_bounded() -> None:
    scores = PeerScores()
    for number in range(20_000):
        scores.penalise(number, Offence.INVALID_BLOCK, 0.0)
    assert len(scores._scores) <= 4096
    assert len(scores._bans) <= 4096


def test_a_budget_refills_up_to_its_burst() -> None:
    budget = Budget(rate=2, burst=4)
    assert [budget.spend(1, 0.0) for _ in range(5)] == [True] * 4 + [False]
    assert budget.spend(2, 1.0)
    assert not budget.spend(1, 1.0)
    assert budget.spend(4, 100.0)
    assert not budget.spend(1, 100.0)
