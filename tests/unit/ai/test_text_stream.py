"""Streaming text out of tokens."""

from __future__ import annotations

from ai.inference.text_stream import TextStream


def decode_bytes(tokens) -> str:
    return bytes(tokens).decode("utf-8", errors="replace")


def feed(stream: TextStream, text: str) -> list[str]:
    return [stream.push(byte) for byte in text.encode()]


def test_pieces_join_to_the_text() -> None:
    stream = TextStream(decode_bytes)
    pieces = feed(stream, "naïve – 日本 🙂")
    assert "".join(pieces) + stream.finish() == "naïve – 日本 🙂"
    assert "\ufffd" not in "".join(pieces)


def test_bytes_that_never_become_a_character_are_not_held_for_ever() -> None:
    stream = TextStream(decode_bytes)
    for _ in range(20):
        stream.push(0xFF)
    assert len(stream.text) >= 16


def test_a_stop_text_ends_the_answer_and_is_left_out() -> None:
    stream = TextStream(decode_bytes, ["END"])
    pieces = feed(stream, "one EN two")
    assert not stream.stopped
    pieces += feed(stream, " END three")
    assert stream.stopped
    assert "".join(pieces) == stream.text == "one EN two "


def test_the_beginning_of_a_stop_text_is_held_back_until_it_is_sure() -> None:
    stream = TextStream(decode_bytes, ["\n\nUser:", "stop"])
    assert feed(stream, "a\n\nUs") == ["a", "", "", "", ""]
    assert feed(stream, "a") == ["\n\nUsa"]
    assert feed(stream, "sto") == ["", "", ""]
    assert stream.finish() == "sto"
