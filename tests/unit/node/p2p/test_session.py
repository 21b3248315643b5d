"""Two sessions and the bytes between them: handshakes, bad input, and what each side names."""

from __future__ import annotations

import random

import pytest
from p2p import HELLO, identity, open_pair, session, shake

from node.p2p.errors import (
    DecryptionFailed,
    HandshakeMismatch,
    LocalProtocolError,
    RemoteProtocolError,
)
from node.p2p.framing import frame_record
from node.p2p.message import LIMITS, Ping, Publish, Topic
from node.p2p.session import TRANSITIONS, Failed, Opened, Received, State, Step


def test_both_sides_learn_who_the_other_is() -> None:
    a, b = session("a", is_initiator=True), session("b", is_initiator=False)
    (to_a,), (to_b,) = shake(a, b)
    assert to_a == Opened(identity("b").node_id, HELLO)
    assert to_b == Opened(identity("a").node_id, HELLO)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"chain_id": 8}, ("chain id", "7", "8")),
        ({"genesis_hash": b"\x09" * 32}, ("genesis hash", "0x0101", "0x0909")),
        ({"fork_id": b"\x09" * 4, "fork": "jovian"}, ("fork schedule", "isthmus", "jovian")),
        ({"version": 2}, ("protocol version", "1", "2")),
    ],
)
def test_a_mismatch_is_named_on_both_sides(change, named) -> None:
    a, b = session("a", is_initiator=True), session("b", is_initiator=False, **change)
    heard = shake(a, b)
    for (event,) in heard:
        assert isinstance(event, Failed)
        assert isinstance(event.error, HandshakeMismatch)
        assert all(part in str(event.error) for part in named)
    assert a.state is b.state is State.CLOSED


def test_a_node_that_dials_itself_says_so() -> None:
    a, b = session("a", is_initiator=True), session("a", is_initiator=False, run=1)
    ((event,), _) = shake(a, b)
    assert "ourselves" in str(event.error)


def test_another_node_than_the_dialled_one_is_refused() -> None:
    a = session("a", is_initiator=True, expected=identity("c").node_id)
    ((event,), _) = shake(a, session("b", is_initiator=False))
    assert "node id differs" in str(event.error)


def test_someone_elses_certificate_is_refused() -> None:
    a, b = session("a", is_initiator=True), session("b", is_initiator=False)
    stolen = identity("c")
    b._identity = type(stolen)(identity("b").seed, stolen.static)  # signs a key it does not use
    ((event,), _) = shake(a, b)
    assert "has not signed" in str(event.error)


def test_a_replayed_handshake_opens_nothing() -> None:
    a, b = session("a", is_initiator=True), session("b", is_initiator=False)
    first = a.data_to_send()
    assert list(b.receive(first)) == []
    list(a.receive(b.data_to_send()))
    third = a.data_to_send()
    assert isinstance(next(iter(b.receive(third))), Opened)
    again = session("b", is_initiator=False, run=1)
    assert list(again.receive(first)) == []
    (event,) = again.receive(third)
    assert isinstance(event.error, DecryptionFailed)


def test_a_replayed_record_closes_the_session() -> None:
    a, b = open_pair()
    data = a.send(Ping(1))
    assert [event.message for event in b.receive(data)] == [Ping(1)]
    (event,) = b.receive(data)
    assert isinstance(event.error, DecryptionFailed)
    with pytest.raises(LocalProtocolError, match="closed"):
        list(b.receive(b""))


def test_every_flipped_bit_of_a_record_is_noticed() -> None:
    length = len(open_pair()[0].send(Ping(1)))
    for bit in range(16, 8 * length):
        a, b = open_pair()
        data = bytearray(a.send(Ping(1)))
        data[bit // 8] ^= 1 << bit % 8
        (event,) = b.receive(bytes(data))
        assert isinstance(event, Failed)


def test_a_cut_record_waits_and_hears_nothing() -> None:
    a, b = open_pair()
    data = a.send(Ping(1))
    for byte in data[:-1]:
        assert list(b.receive(bytes([byte]))) == []
    assert b.buffered == len(data) - 1
    assert [event.message for event in b.receive(data[-1:])] == [Ping(1)]


def test_a_message_of_many_records_arrives_whole() -> None:
    a, b = open_pair()
    payload = random.Random(1).randbytes(300_000)
    (event,) = b.receive(a.send(Publish(Topic.BLOCKS, payload)))
    assert event == Received(Publish(Topic.BLOCKS, payload), 300_000)


@pytest.mark.parametrize("kind", sorted(LIMITS))
def test_a_length_over_the_limit_is_refused_before_its_bytes_come(kind) -> None:
    a, b = open_pair()
    header = bytes([kind]) + (LIMITS[kind] + 1).to_bytes(4, "big")
    (event,) = b.receive(frame_record(a._transport.sending.encrypt(header)))
    assert "at most" in str(event.error)
    assert b.buffered <= 5


def test_an_unknown_kind_is_refused() -> None:
    a, b = open_pair()
    (event,) = b.receive(frame_record(a._transport.sending.encrypt(b"\xff\0\0\0\0")))
    assert "unknown kind 0xff" in str(event.error)


def test_before_the_handshake_a_record_is_small() -> None:
    b = session("b", is_initiator=False)
    (event,) = b.receive(b"\xff\xff")
    assert "65535 bytes" in str(event.error)


def test_a_key_of_small_order_is_refused() -> None:
    b = session("b", is_initiator=False)
    (event,) = b.receive(frame_record(bytes(32)))
    assert isinstance(event.error, RemoteProtocolError)
    assert "no usable public key" in str(event.error)


def test_nothing_is_sent_before_the_session_is_open() -> None:
    with pytest.raises(LocalProtocolError, match="awaits"):
        session("a", is_initiator=True).send(Ping(1))


def test_every_state_can_fail_and_closed_is_the_end() -> None:
    for state, moves in TRANSITIONS.items():
        if state is State.CLOSED:
            assert moves == {}
        else:
            assert moves[Step.FAIL] is State.CLOSED
