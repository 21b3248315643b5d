"""The gossip mesh: reach, bounds, and what floods and liars come to."""

from __future__ import annotations

from random import Random

import pytest
from gossip_network import GossipNetwork

from node.p2p import gossip
from node.p2p.gossip import Ban, Gossip, Send, Validate, Verdict, message_id
from node.p2p.message import Graft, IHave, IWant, Prune, Publish, Subscribe, Topic
from node.p2p.scoring import PeerScores


def lone(peer: object = "p") -> tuple[Gossip, PeerScores]:
    scores = PeerScores()
    node = Gossip(scores, Random(0), tuple(Topic))
    node.add_peer(peer)
    node.handle(peer, Subscribe((0, 1, 2, 3)), 0.0)
    node.take_effects()
    return node, scores


@pytest.mark.parametrize("seed", range(3))
def test_what_one_publishes_reaches_all(seed) -> None:
    net = GossipNetwork(40, 6, seed)
    net.run(5)
    net.publish(3, b"block")
    net.run(5)
    assert net.reached(b"block") == 40
    assert not net.bans


def test_all_hear_it_though_a_third_of_the_messages_are_lost() -> None:
    net = GossipNetwork(30, 8, seed=1, loss=0.3)
    net.run(10)
    for number in range(5):
        net.publish(number, b"%d" % number)
    net.run(20)
    assert [net.reached(b"%d" % number) for number in range(5)] == [30] * 5


def test_meshes_stay_between_their_bounds() -> None:
    net = GossipNetwork(60, 20, seed=2)
    net.run(30)
    for node in net.nodes:
        for members in node.mesh.values():
            assert gossip.D_LOW <= len(members) <= gossip.D_HIGH


def test_a_partition_heals() -> None:
    net = GossipNetwork(20, 0)
    for side in (range(10), range(10, 20)):
        for a in side:
            for b in side:
                if a < b:
                    net.connect(a, b)
    net.run(3)
    net.publish(0, b"left")
    net.run(2)
    assert net.reached(b"left") == 10
    net.connect(0, 10)
    net.connect(5, 15)
    net.run(5)
    net.publish(19, b"after")
    net.run(10)
    assert net.reached(b"after") == 20


def test_the_sender_of_a_bad_block_is_banned_at_once_and_nothing_is_forwarded() -> None:
    net = GossipNetwork(
        10,
        9,
        judge=lambda node, payload: Verdict.REJECT if payload == b"bad" else Verdict.ACCEPT,
    )
    net.run(5)
    net.publish(0, b"bad")
    net.run(5)
    assert net.reached(b"bad") == 1
    assert {liar for _, liar, _ in net.bans} == {0}
    assert len(net.bans) == 9


def test_the_same_cell_a_million_times_is_judged_once_and_ends_in_a_ban() -> None:
    node, scores = lone()
    message = Publish(Topic.CELLS, b"cell")
    judged = banned = 0
    for number in range(1_000_000):
        now = number / 10_000
        node.handle("p", message, now)
        for effect in node.take_effects():
            judged += isinstance(effect, Validate)
            banned += isinstance(effect, Ban)
        if banned:
            break
    assert (judged, banned) == (1, 1)
    assert number < 5_000
    assert scores.banned_until("p", now)
    assert node.held["seen"] == 1


def test_after_the_ban_the_rest_of_the_million_changes_nothing() -> None:
    node, _ = lone()
    message = Publish(Topic.CELLS, b"cell")
    for _ in range(1_000):
        node.handle("p", message, 0.0)
    node.remove_peer("p")
    node.take_effects()
    before = node.held
    for _ in range(100_000):
        node.handle("p", message, 1.0)
    assert node.take_effects() == []
    assert node.held == before


def test_a_flood_of_new_messages_is_cut_by_the_budget() -> None:
    node, _ = lone()
    judged = 0
    for number in range(20_000):
        node.handle("p", Publish(Topic.ATTESTATIONS, b"%d" % number), number / 1e6)
        for effect in node.take_effects():
            if isinstance(effect, Validate):
                judged += 1
                node.validated(effect.id, Verdict.IGNORE, 0.0)
            elif isinstance(effect, Ban):
                node.remove_peer("p")
    assert judged <= gossip.RULES[Topic.ATTESTATIONS].burst_messages + 10


def test_unjudged_messages_of_a_peer_are_bounded() -> None:
    node, _ = lone()
    for number in range(200):
        node.handle("p", Publish(Topic.CELLS, b"%d" % number), 0.0)
    judged = [effect for effect in node.take_effects() if isinstance(effect, Validate)]
    assert len(judged) == gossip.MAX_PENDING_PER_PEER


def test_caches_are_bounded_and_forget() -> None:
    node, _ = lone()
    for number in range(300):
        node.publish(Topic.BLOCKS, bytes([number % 256]) * 200_000 + b"%d" % number, 0.0)
    assert node.held["cached_bytes"] <= gossip.MAX_CACHED_BYTES
    node.heartbeat(gossip.SEEN_S + 1)
    assert node.held == dict.fromkeys(node.held, 0)


def test_an_iwant_is_served_within_bounds() -> None:
    node, scores = lone()
    key = node.publish(Topic.BLOCKS, b"x", 0.0)
    node.take_effects()
    assert key == message_id(Topic.BLOCKS, b"x")
    node.handle("p", IWant((key, bytes(20))), 0.0)
    assert node.take_effects() == [Send("p", Publish(Topic.BLOCKS, b"x"))]
    for _ in range(10):
        node.handle("p", IWant((key,) * 100), 0.0)
    assert len(node.take_effects()) <= gossip.MAX_IWANT_IDS
    assert scores.score("p", 0.0) < 0


def test_a_promise_that_is_not_kept_costs_points() -> None:
    node, scores = lone()
    node.handle("p", IHave(0, (b"\x07" * 20,)), 0.0)
    assert node.take_effects() == [Send("p", IWant((b"\x07" * 20,)))]
    node.heartbeat(gossip.PROMISE_S + 0.1)
    assert scores.score("p", 4.0) < 0


def test_a_graft_during_the_backoff_is_pruned_and_costs_points() -> None:
    node, scores = lone()
    node.handle("p", Prune(0, 60), 0.0)
    node.handle("p", Graft(0), 1.0)
    assert Send("p", Prune(0, gossip.BACKOFF_S)) in node.take_effects()
    assert scores.score("p", 1.0) < 0


def test_a_peer_with_a_bad_score_leaves_the_mesh() -> None:
    node, scores = lone()
    node.handle("p", Graft(0), 0.0)
    assert node.mesh[Topic.BLOCKS] == {"p"}
    for _ in range(3):
        scores.penalise("p", gossip.Offence.BROKEN_PROMISE, 0.0)
    node.heartbeat(1.0)
    assert node.mesh[Topic.BLOCKS] == set()


def two_peers() -> Gossip:
    node, _ = lone()
    node.add_peer("q")
    node.handle("q", Subscribe((0, 1, 2, 3)), 0.0)
    node.take_effects()
    return node


@pytest.mark.parametrize("names", ["pq", "qp"])
def test_a_message_that_others_tell_too_gives_its_place_back_to_whoever_brought_it(names) -> None:
    node = two_peers()
    for number in range(5 * gossip.MAX_PENDING_PER_PEER):
        payload = b"%d" % number
        for peer in names:
            node.handle(peer, Publish(Topic.TRANSACTIONS, payload), number / 10)
        assert [e.peer for e in node.take_effects() if isinstance(e, Validate)] == [names[0]]
        node.validated(message_id(Topic.TRANSACTIONS, payload), Verdict.ACCEPT, number / 10)
        node.take_effects()
    assert node.dropped == 0


def test_a_verdict_that_never_comes_holds_no_place_for_ever() -> None:
    node, _ = lone()
    for number in range(gossip.MAX_PENDING_PER_PEER):
        node.handle("p", Publish(Topic.TRANSACTIONS, b"%d" % number), 0.0)
    node.take_effects()
    node.heartbeat(gossip.SEEN_S + 1)
    node.handle("p", Publish(Topic.TRANSACTIONS, b"late"), gossip.SEEN_S + 1)
    assert [e.payload for e in node.take_effects() if isinstance(e, Validate)] == [b"late"]


def test_transactions_that_wait_keep_no_block_out() -> None:
    node, _ = lone()
    for number in range(2 * gossip.MAX_PENDING_PER_PEER):
        node.handle("p", Publish(Topic.TRANSACTIONS, b"%d" % number), 0.0)
    node.take_effects()
    node.handle("p", Publish(Topic.BLOCKS, b"block"), 0.0)
    assert [e.payload for e in node.take_effects() if isinstance(e, Validate)] == [b"block"]
