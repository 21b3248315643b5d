"""The overlay turned by hand: slow and silent peers, floods, liars, dials."""

from __future__ import annotations

from random import Random

from p2p import HELLO, identity

from node.p2p import overlay as room
from node.p2p import sync
from node.p2p.address_book import Limits, PeerRecord, sign_record
from node.p2p.gossip import Send
from node.p2p.identity import Endpoint
from node.p2p.message import (
    GetHeaders,
    GetPeers,
    HeadStatus,
    Peers,
    Ping,
    Pong,
    Response,
    Status,
    Topic,
)
from node.p2p.overlay import Answered, Close, Dial, Overlay, Serve

PEER = identity("peer").node_id
NOW = 1_000_000.0


def lone(**changes) -> Overlay:
    made = Overlay(
        identity("me"),
        Random(0),
        (Topic.BLOCKS, Topic.TRANSACTIONS),
        changes.pop("limits", Limits()),
        book_secret=b"s" * 16,
        **changes,
    )
    made.opened(PEER, HELLO, "10.1.0.1", NOW, is_inbound=False)
    made.take_effects()
    return made


def closes(overlay: Overlay) -> list[str]:
    return [effect.reason for effect in overlay.take_effects() if isinstance(effect, Close)]


def test_a_ping_is_answered() -> None:
    overlay = lone()
    overlay.received(PEER, Ping(9), NOW)
    assert overlay.take_effects() == [Send(PEER, Pong(9))]


def test_a_silent_peer_is_let_go() -> None:
    overlay = lone()
    overlay.tick(NOW + room.SILENT_S - 1)
    assert closes(overlay) == []
    overlay.tick(NOW + room.SILENT_S + 1)
    assert closes(overlay) == ["silent"]


def test_a_peer_that_never_answers_loses_points_and_the_caller_hears_of_it() -> None:
    overlay = lone()
    key = overlay.ask(PEER, lambda key: GetHeaders(key, 1, 1), NOW)
    overlay.received(PEER, Pong(0), NOW + 9)
    overlay.tick(NOW + sync.REQUEST_TIMEOUT_S)
    assert Answered(key, PEER, None) in overlay.take_effects()
    assert overlay.scores.score(PEER, NOW + 10) < -9


def test_requests_of_a_peer_that_goes_are_answered_by_nothing() -> None:
    overlay = lone()
    key = overlay.ask(PEER, lambda key: GetHeaders(key, 1, 1), NOW)
    overlay.closed(PEER)
    assert Answered(key, PEER, None) in overlay.take_effects()


def test_an_answer_that_nobody_asked_for_costs_points() -> None:
    overlay = lone()
    overlay.received(PEER, Response(77, 0, ()), NOW)
    assert overlay.scores.score(PEER, NOW) < 0


def test_a_flood_of_requests_is_answered_busy_and_ends_in_a_ban() -> None:
    overlay = lone()
    served = busy = 0
    for number in range(1000):
        overlay.received(PEER, GetHeaders(number, 0, 1), NOW)
        for effect in overlay.take_effects():
            served += isinstance(effect, Serve)
            busy += isinstance(effect, Send) and effect.message.status == Status.BUSY
            if isinstance(effect, Close):
                overlay.closed(PEER)
    assert served <= 60
    assert 0 < busy <= 60
    assert "banned" in overlay.refusal(PEER, "10.1.0.1", NOW, is_inbound=True)
    assert overlay.refusal(PEER, "10.1.0.1", NOW + 61, is_inbound=True) is None


def test_a_million_pings_cost_a_bounded_number_of_answers() -> None:
    overlay = lone()
    answered = 0
    for _ in range(1_000_000):
        overlay.received(PEER, Ping(1), NOW)
        for effect in overlay.take_effects():
            answered += isinstance(effect, Send)
            if isinstance(effect, Close):
                overlay.closed(PEER)
        if not overlay.peers:
            break
    assert not overlay.peers
    assert answered <= room.MESSAGES_BURST


def test_a_head_is_only_what_a_peer_says() -> None:
    overlay = lone()
    overlay.received(PEER, HeadStatus(10**9, bytes(32), 1), NOW)
    assert overlay.peers[PEER].head_number == 10**9
    assert overlay.take_effects() == []


def test_a_list_of_peers_has_to_be_asked_for() -> None:
    record = signed("x")
    overlay = lone()
    overlay.received(PEER, Peers((record, record)), NOW)
    assert len(overlay.book) == 0
    overlay.tick(NOW + 1)
    assert Send(PEER, GetPeers(room.PEERS_A_REQUEST)) in overlay.take_effects()
    overlay.received(PEER, Peers((record, signed("y", "10.7.0.1"))), NOW + 2)
    assert len(overlay.book) == 2


def test_a_forged_record_costs_points() -> None:
    overlay = lone()
    overlay.received(PEER, Peers((signed("x")[:-1] + b"\0",)), NOW)
    assert overlay.scores.score(PEER, NOW) < -10
    assert len(overlay.book) == 0


def test_bootnodes_are_dialled_and_dialled_again_later() -> None:
    boot = Endpoint("10.9.0.1", 1, identity("boot").node_id)
    overlay = lone(bootnodes=(boot,))
    overlay.tick(NOW)
    assert Dial(boot) in overlay.take_effects()
    overlay.tick(NOW + 1)
    assert Dial(boot) not in overlay.take_effects()
    overlay.dial_ended(boot, None, NOW + 2)
    overlay.tick(NOW + 20)
    assert Dial(boot) in overlay.take_effects()


def test_a_full_node_dials_nobody() -> None:
    overlay = lone(bootnodes=(Endpoint("10.9.0.1", 1),), limits=Limits(max_outbound=1))
    overlay.tick(NOW)
    assert not [effect for effect in overlay.take_effects() if isinstance(effect, Dial)]


def signed(name: str, host: str = "10.5.0.1") -> bytes:
    who = identity(name)
    return sign_record(PeerRecord(who.node_id, host, 9546, 1, int(NOW)), who.seed)


def test_where_a_node_listens_is_said_again_every_hour() -> None:
    overlay = lone()
    overlay.announce("10.1.0.9", 9546, HELLO.role, NOW)
    said = [effect.message for effect in overlay.take_effects() if isinstance(effect, Send)]
    assert [type(message) for message in said] == [Peers]
    later = NOW + room.ANNOUNCE_EVERY_S
    overlay.received(PEER, Pong(0), later)
    overlay.tick(later)
    again = [
        effect.message
        for effect in overlay.take_effects()
        if isinstance(effect, Send) and isinstance(effect.message, Peers)
    ]
    assert len(again) == 1
    assert again != said
