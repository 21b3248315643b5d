"""Noise_XX_25519_ChaChaPoly_SHA256 against the vectors of cacophony and snow, where they lie."""

from __future__ import annotations

import json

import pytest
from vectors import vectors_root

from node.p2p.noise import PROTOCOL_NAME, KeyPair, NoiseHandshake

_NOISE = vectors_root() / "noise"
if not _NOISE.is_dir():
    pytest.skip(f"no Noise vectors at {_NOISE}", allow_module_level=True)


def _vectors():
    for path in sorted(_NOISE.glob("*.txt")):
        for number, vector in enumerate(json.loads(path.read_text())["vectors"]):
            if vector.get("protocol_name") == PROTOCOL_NAME.decode():
                yield pytest.param(vector, id=f"{path.stem}-{number}")


def _side(vector, name: str) -> NoiseHandshake:
    static, ephemeral, prologue = (
        bytes.fromhex(vector[f"{name}_{part}"]) for part in ("static", "ephemeral", "prologue")
    )
    return NoiseHandshake(
        is_initiator=name == "init",
        static=KeyPair.of(static),
        ephemeral=KeyPair.of(ephemeral),
        prologue=prologue,
    )


@pytest.mark.parametrize("vector", _vectors())
def test_every_message_is_the_vectors(vector) -> None:
    sides = _side(vector, "init"), _side(vector, "resp")
    messages = [(bytes.fromhex(item["payload"]), item["ciphertext"]) for item in vector["messages"]]
    for turn, (payload, ciphertext) in enumerate(messages[:3]):
        written = sides[turn % 2].write(payload)
        assert written.hex() == ciphertext
        assert sides[1 - turn % 2].read(written) == payload
    ends = [side.split() for side in sides]
    if "handshake_hash" in vector:
        assert [end.handshake_hash.hex() for end in ends] == [vector["handshake_hash"]] * 2
    for turn, (payload, ciphertext) in enumerate(messages[3:], start=3):
        written = ends[turn % 2].sending.encrypt(payload)
        assert written.hex() == ciphertext
        assert ends[1 - turn % 2].receiving.decrypt(written) == payload
