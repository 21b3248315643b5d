"""Our Noise XX and the package noiseprotocol shake hands, in both roles, and agree on all bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from p2p import key

from node.p2p.noise import PROTOCOL_NAME, KeyPair, NoiseHandshake

connection = pytest.importorskip(
    "noise.connection", reason="noiseprotocol is not installed: a dev dependency"
)


def _theirs(*, is_initiator: bool, static: bytes, ephemeral: bytes, prologue: bytes):
    made = connection.NoiseConnection.from_name(PROTOCOL_NAME)
    made.set_as_initiator() if is_initiator else made.set_as_responder()
    made.set_keypair_from_private_bytes(connection.Keypair.STATIC, static)
    made.set_keypair_from_private_bytes(connection.Keypair.EPHEMERAL, ephemeral)
    made.set_prologue(prologue)
    made.start_handshake()
    return made


@given(
    ours_first=st.booleans(),
    seed=st.integers(),
    prologue=st.binary(max_size=40),
    payloads=st.lists(st.binary(max_size=300), min_size=3, max_size=8),
)
def test_both_agree_on_every_byte(ours_first, seed, prologue, payloads) -> None:
    keys = [key("noise", seed, index) for index in range(4)]
    ours = NoiseHandshake(
        is_initiator=ours_first,
        static=KeyPair.of(keys[0]),
        ephemeral=KeyPair.of(keys[1]),
        prologue=prologue,
    )
    theirs = _theirs(
        is_initiator=not ours_first, static=keys[2], ephemeral=keys[3], prologue=prologue
    )
    for turn, payload in enumerate(payloads[:3]):
        if (turn % 2 == 0) is ours_first:
            assert bytes(theirs.read_message(ours.write(payload))) == payload
        else:
            assert ours.read(bytes(theirs.write_message(payload))) == payload
    end = ours.split()
    assert end.handshake_hash == theirs.get_handshake_hash()
    for payload in payloads[3:]:
        assert bytes(theirs.decrypt(end.sending.encrypt(payload))) == payload
        assert end.receiving.decrypt(bytes(theirs.encrypt(payload))) == payload
