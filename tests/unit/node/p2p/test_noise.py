"""Noise XX by itself: turns, ends and what fails."""

from __future__ import annotations

import pytest
from p2p import key

from node.p2p.errors import DecryptionFailed, LocalProtocolError, RemoteProtocolError
from node.p2p.noise import MAX_NONCE, CipherState, KeyPair, NoiseHandshake


def pair(prologue_b: bytes = b"p") -> tuple[NoiseHandshake, NoiseHandshake]:
    return tuple(
        NoiseHandshake(
            is_initiator=first,
            static=KeyPair.of(key("s", first)),
            ephemeral=KeyPair.of(key("e", first)),
            prologue=b"p" if first else prologue_b,
        )
        for first in (True, False)
    )


def finished() -> tuple[NoiseHandshake, NoiseHandshake]:
    a, b = pair()
    assert b.read(a.write(b"1")) == b"1"
    assert a.read(b.write(b"2")) == b"2"
    assert b.read(a.write(b"3")) == b"3"
    return a, b


def test_both_sides_end_with_the_same_hash_and_opposite_keys() -> None:
    a, b = (side.split() for side in finished())
    assert a.handshake_hash == b.handshake_hash
    assert b.receiving.decrypt(a.sending.encrypt(b"x")) == b"x"
    assert a.receiving.decrypt(b.sending.encrypt(b"y")) == b"y"
    assert a.remote_static == KeyPair.of(key("s", False)).public


def test_another_prologue_fails() -> None:
    a, b = pair(b"q")
    b.read(a.write())
    with pytest.raises(DecryptionFailed):
        a.read(b.write())
    with pytest.raises(LocalProtocolError, match="failure"):
        a.write()


@pytest.mark.parametrize("size", range(0, 111, 5))
def test_a_message_cut_anywhere_fails(size) -> None:
    a, b = pair()
    b.read(a.write())
    message = b.write(b"hello")
    assert len(message) > 100
    with pytest.raises(RemoteProtocolError):
        a.read(message[: min(size, len(message) - 1)])


def test_out_of_turn_is_our_own_fault() -> None:
    a, b = pair()
    with pytest.raises(LocalProtocolError, match="write"):
        b.write()
    with pytest.raises(LocalProtocolError, match="read"):
        a.read(b"")
    with pytest.raises(LocalProtocolError, match="0 of 3"):
        a.split()


def test_a_failed_record_uses_no_nonce() -> None:
    a, b = (side.split() for side in finished())
    record = a.sending.encrypt(b"x")
    with pytest.raises(DecryptionFailed, match="record 0"):
        b.receiving.decrypt(bytes(len(record)))
    assert b.receiving.decrypt(record) == b"x"


def test_the_last_nonce_is_never_used() -> None:
    cipher = CipherState(bytes(32))
    cipher._nonce = MAX_NONCE
    cipher.encrypt(b"")
    with pytest.raises(LocalProtocolError, match="used up"):
        cipher.encrypt(b"")
