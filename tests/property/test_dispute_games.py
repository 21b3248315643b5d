"""The honest side never loses: 1,000 random games by `make verify-games`, a share of them here."""

from __future__ import annotations

import os

import pytest
from dispute_games import DEPTHS, KINDS, Match, check

from rollup.dispute import strategy
from rollup.dispute.position import trace_index

GAMES = int(os.environ.get("STEMMA_GAMES", "120"))
SHARES = 10


@pytest.mark.parametrize("share", range(SHARES))
def test_the_honest_side_never_loses_and_its_bonds_come_back(share):
    _play_all(range(share, GAMES, SHARES))


@pytest.mark.parametrize("depths", DEPTHS, ids=str)
def test_the_games_have_adversaries_of_each_kind(depths):
    kinds = set()
    seed = 10_000
    while kinds != set(KINDS):
        played = Match(seed, depths).play()
        check(played)
        kinds.add(played.kind)
        seed += 1


def _without_freeloaders(game, index, honest):
    claim = game.claims[index]
    is_mine = claim.name in honest.names
    return not is_mine and (
        claim.parent_index is None or game.claims[claim.parent_index].name in honest.names
    )


def _left_of_the_answer_only(game, index, honest):
    if _without_freeloaders(game, index, honest):
        return True
    claim = game.claims[index]
    answer = honest.answers.get(claim.parent_index)
    deepest = game.parameters.max_depth
    return (
        claim.name not in honest.names
        and answer is not None
        and trace_index(claim.position, deepest) < trace_index(answer, deepest)
    )


@pytest.mark.parametrize("rule", [_without_freeloaders, _left_of_the_answer_only])
def test_a_strategy_that_lets_freeloaders_be_is_found_out(rule, monkeypatch):
    monkeypatch.setattr(strategy, "_has_to_be_countered", rule)
    with pytest.raises(AssertionError):
        _play_all(range(200))


def _play_all(seeds):
    for seed in seeds:
        check(Match(seed).play())
