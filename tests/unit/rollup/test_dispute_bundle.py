"""Exported games: checked again with no node; whatever is changed in one is found out."""

from __future__ import annotations

import copy
import json
from random import Random

import pytest
from dispute_games import Match, check
from typer.testing import CliRunner

from chain.errors import DecodeError
from node.cli import app
from rollup.dispute import bundle
from rollup.dispute.explain import disagreement, sentence, summary
from rollup.dispute.faults import BadFault, FaultKind, parse_fault
from rollup.dispute.position import depth


def played(seed):
    match = Match(seed)
    result = match.play()
    check(result)
    return result.game


def document(game):
    return json.loads(json.dumps(bundle.to_json(game, {"game": "0x00"})))


@pytest.mark.parametrize("seed", range(40))
def test_a_played_game_survives_its_bundle_and_follows_the_rules(seed):
    game = played(seed)
    again = bundle.from_json(document(game))
    assert again.claims == game.claims
    assert bundle.check(again) == []


@pytest.mark.parametrize("seed", range(60))
def test_a_changed_bundle_is_found_out(seed):
    random = Random(seed)
    exported = document(played(seed % 12))
    claims = exported["claims"]
    index = random.randrange(1, len(claims)) if len(claims) > 1 else 0
    field = random.choice(["bond_wei", "position", "clock", "verdict"])
    changed = copy.deepcopy(exported)
    if field == "verdict":
        names = ["CHALLENGER_WINS", "DEFENDER_WINS"]
        changed["status"] = names[exported["status"] == names[0]]
    else:
        changed["claims"][index][field] = str(int(claims[index][field]) + 1)
    assert bundle.check(bundle.from_json(changed)) != []


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(format="other"),
        lambda d: d.update(claims=[]),
        lambda d: d.update(status="MAYBE"),
        lambda d: d["claims"][0].update(position="2"),
        lambda d: d["claims"][0].update(value="0x12"),
        lambda d: d["claims"][0].update(bond_wei="-1"),
        lambda d: d["claims"][0].update(parent=0),
        lambda d: d.pop("subject"),
    ],
)
def test_what_is_no_bundle_is_refused(change):
    exported = document(played(3))
    change(exported)
    with pytest.raises(DecodeError):
        bundle.from_json(exported)


def test_verify_exits_with_3_on_a_no(tmp_path):
    exported = document(played(2))
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(exported))
    exported["claims"][0]["bond_wei"] = "1"
    bad.write_text(json.dumps(exported))
    runner = CliRunner()
    said = runner.invoke(app, ["dispute", "verify", str(good)])
    assert said.exit_code == 0, said.output
    assert said.output.startswith("yes: ")
    refused = runner.invoke(app, ["dispute", "verify", str(bad)])
    assert refused.exit_code == 3
    assert "NO: claim 0: bond 1 wei" in refused.output


def test_the_disagreement_is_at_the_deepest_claims_and_has_a_sentence_for_each():
    for seed in range(30):
        game = played(seed)
        where = disagreement(game)
        deepest = max(depth(claim.position) for claim in game.claims)
        assert depth(game.claims[where.last].position) == deepest
        assert len(summary(game)) <= 10
        for index, claim in enumerate(game.claims):
            assert claim.value.hex() in sentence(game, index)


def test_faults_are_read_strictly():
    fault = parse_fault("wrong-output-root@12")
    assert (fault.kind, fault.block) == (FaultKind.OUTPUT_ROOT, 12)
    assert len(FaultKind) == 12
    for text in ("", "x@1", "wrong-output-root", "wrong-output-root@0", "wrong-output-root@-1"):
        with pytest.raises(BadFault):
            parse_fault(text)
    for kind in FaultKind:
        assert parse_fault(f"{kind.value}@3").kind is kind
