"""Random and damaged messages and frames: the strategies, and the loops that scripts run longer."""

from __future__ import annotations

import random
import tracemalloc
from dataclasses import dataclass

import msgpack
from hypothesis import strategies as st
from p2p import open_pair

from node.p2p import message as wire
from node.p2p.errors import RemoteProtocolError
from node.p2p.framing import frame_record
from node.p2p.message import LIMITS, Message, Topic, decode_message, encode_message
from node.p2p.session import Failed

_U64 = st.integers(0, 2**64 - 1)
_U32 = st.integers(0, 2**32 - 1)
_HASH = st.binary(min_size=32, max_size=32)
_IDS = st.lists(st.binary(min_size=20, max_size=20), max_size=8).map(tuple)
_TOPICS = st.integers(0, 3)
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(wire.Goodbye, st.text(max_size=256)),
    st.builds(wire.Ping, _U64),
    st.builds(wire.Pong, _U64),
    st.builds(wire.HeadStatus, _U64, _HASH, _U64),
    st.builds(wire.Subscribe, st.lists(_TOPICS, max_size=4).map(tuple)),
    st.builds(wire.Graft, _TOPICS),
    st.builds(wire.Prune, _TOPICS, _U32),
    st.builds(wire.IHave, _TOPICS, _IDS),
    st.builds(wire.IWant, _IDS),
    st.builds(wire.Publish, st.sampled_from(Topic), st.binary(max_size=300)),
    st.builds(wire.GetPeers, st.integers(0, 32)),
    st.builds(wire.Peers, st.lists(st.binary(min_size=1, max_size=256), max_size=3).map(tuple)),
    st.builds(wire.GetHeaders, _U32, _U64, st.integers(0, 1024)),
    st.builds(wire.GetBlocks, _U32, _U64, st.integers(0, 1024)),
    st.builds(
        wire.GetCells,
        _U32,
        st.binary(min_size=48, max_size=48),
        st.lists(st.integers(0, 127), max_size=8).map(tuple),
    ),
    st.builds(wire.GetState, _U32, st.lists(_HASH, max_size=4).map(tuple)),
    st.builds(wire.GetRanges, _U32, st.lists(_HASH, max_size=4).map(tuple), _HASH),
    st.builds(wire.GetOutput, _U32, _U64),
    st.builds(
        wire.Response,
        _U32,
        st.integers(0, 3),
        st.lists(st.binary(max_size=99), max_size=4).map(tuple),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class FuzzResult:
    """How many inputs were taken and refused, and what memory was left behind."""

    accepted: int
    refused: int
    grown_bytes: int


def _samples(rng: random.Random) -> list[tuple[int, bytes]]:
    """A few of each kind to damage."""
    ids = tuple(rng.randbytes(20) for _ in range(3))
    return [
        encode_message(message)
        for message in (
            wire.Goodbye("bye"),
            wire.Ping(rng.getrandbits(60)),
            wire.HeadStatus(5, rng.randbytes(32), 4),
            wire.Subscribe((0, 1, 2)),
            wire.Prune(1, 60),
            wire.IHave(2, ids),
            wire.IWant(ids),
            wire.Publish(Topic.CELLS, rng.randbytes(80)),
            wire.Peers((rng.randbytes(120),)),
            wire.GetBlocks(1, 2, 3),
            wire.GetCells(1, rng.randbytes(48), (1, 2, 3)),
            wire.GetState(1, (rng.randbytes(32),)),
            wire.GetRanges(1, (rng.randbytes(32),), rng.randbytes(32)),
            wire.GetOutput(1, 9),
            wire.Response(1, 0, (rng.randbytes(50), b"")),
        )
    ]


def _nested(rng: random.Random) -> bytes:
    value: object = rng.choice([1, b"x", "y", None, 1.5, {}])
    for _ in range(rng.choice([1, 3, 40, 600])):
        value = [value]
    try:
        return msgpack.packb(value)
    except ValueError:
        return b"\x91" * 700


def _damaged(rng: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(rng.randint(0, 3)):
        way = rng.randrange(5)
        at = rng.randrange(len(changed) + 1)
        if way == 0:
            del changed[at : at + rng.randint(1, 4)]
        elif way == 1:
            changed[at:at] = rng.randbytes(rng.randint(1, 4))
        elif way == 2 and changed:
            changed[at % len(changed)] ^= 1 << rng.randrange(8)
        elif way == 3:
            changed = changed[:at]
        else:
            changed = bytearray(_nested(rng))
    return bytes(changed)


def fuzz_messages(seed: int, count: int) -> FuzzResult:
    """Decode damaged bodies; only RemoteProtocolError may come, and what is read is canonical."""
    rng = random.Random(seed)
    samples = _samples(rng)
    accepted = refused = 0
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(count):
        kind, body = rng.choice(samples)
        if rng.random() < 0.05:
            kind = rng.randrange(256)
        body = _damaged(rng, body)
        try:
            message = decode_message(kind, body)
        except RemoteProtocolError:
            refused += 1
            continue
        assert encode_message(message) == (kind, body)
        accepted += 1
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return FuzzResult(accepted, refused, grown)


def fuzz_sessions(seed: int, count: int) -> FuzzResult:
    """Feed damaged records and, inside of intact records, damaged message streams to sessions."""
    rng = random.Random(seed)
    samples = _samples(rng)
    accepted = refused = 0
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    run = 0
    a, b = open_pair(run)
    for _ in range(count):
        kind, body = rng.choice(samples)
        if rng.random() < 0.5:
            body = _damaged(rng, body)
        size = len(body) if rng.random() < 0.9 else rng.getrandbits(32)
        stream = bytes([kind]) + size.to_bytes(4, "big") + body
        record = frame_record(a._transport.sending.encrypt(stream))
        if rng.random() < 0.2:
            record = _damaged(rng, record)
        half = rng.randrange(len(record) + 1)
        ended = False
        for part in (record[:half], record[half:]):
            for event in b.receive(part) if not ended else ():
                ended = isinstance(event, Failed)
                refused += ended
                accepted += not ended
        assert b.buffered <= 2 * (1 << 16) + max(LIMITS.values())
        if ended or rng.random() < 0.05:
            run += 1
            a, b = open_pair(run)
    del a, b
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return FuzzResult(accepted, refused, grown)
