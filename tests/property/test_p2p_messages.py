"""Messages of node/p2p: what is written is read back, and nothing else is read at all."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from p2p_fuzz import MESSAGES, fuzz_messages, fuzz_sessions

from chain.errors import EncodeError
from node.p2p import message as wire
from node.p2p.errors import RemoteProtocolError
from node.p2p.message import decode_message, encode_message


@given(MESSAGES)
def test_a_message_is_read_back_as_it_was(message) -> None:
    kind, body = encode_message(message)
    assert decode_message(kind, body) == message


def test_topics_and_states_are_written_as_their_numbers() -> None:
    kind, body = encode_message(wire.Subscribe((wire.Topic.BLOCKS, wire.Topic.CELLS)))
    assert decode_message(kind, body) == wire.Subscribe((0, 2))
    assert decode_message(*encode_message(wire.Response(1, wire.Status.BUSY, ()))).status == 2
    with pytest.raises(RemoteProtocolError):
        decode_message(0x11, b"\x91\xc3")  # true is not topic 1


@given(st.integers(0, 255), st.binary(max_size=200))
def test_bytes_are_a_message_in_one_form_or_none(kind, body) -> None:
    try:
        message = decode_message(kind, body)
    except RemoteProtocolError:
        return
    assert encode_message(message) == (kind, body)


@given(MESSAGES, st.data())
def test_a_changed_byte_gives_another_message_or_none(message, data) -> None:
    kind, body = encode_message(message)
    if not body:
        return
    position = data.draw(st.integers(0, len(body) - 1))
    changed = bytearray(body)
    changed[position] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(RemoteProtocolError):
        assert decode_message(kind, bytes(changed)) != message


@pytest.mark.parametrize(
    "message",
    [
        wire.Ping(-1),
        wire.Ping(2**64),
        wire.IHave(4, ()),
        wire.IWant((b"short",)),
        wire.GetHeaders(1, 1, 1025),
        wire.GetCells(1, bytes(48), (128,)),
        wire.Goodbye("x" * 257),
    ],
)
def test_a_field_out_of_range_is_not_written(message) -> None:
    with pytest.raises(EncodeError):
        encode_message(message)


def test_a_share_of_the_fuzz_runs_without_crash_or_growth() -> None:
    assert fuzz_messages(seed=1, count=20_000).grown_bytes < 1 << 20
    assert fuzz_sessions(seed=1, count=2_000).grown_bytes < 1 << 20
