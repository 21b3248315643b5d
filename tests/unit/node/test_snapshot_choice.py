"""`--sync snapshot`: which root, when there is nothing to do, and what is left to derivation."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from actors import World

from chain.storage import SnapshotUnfinished, StatePart
from node.chain_runtime import STORE_DIRECTORY, open_store, store_genesis
from node.config import ConfigurationError, NodeConfig, load, with_settings
from node.p2p.state_ranges import Progress
from node.snapshot import join as room
from node.snapshot import joining, trusted_root
from node.snapshot.join import Place, join_by_snapshot
from node.snapshot.joining import Checkpoint
from node.snapshot.trusted_root import NoTrustedRoot, TrustedRoot, parse_root, root_on_l1
from rollup.proposer.rules import GameStatus

ROOT = TrustedRoot(7, b"\x07" * 32)
NEWER = TrustedRoot(9, b"\x09" * 32)


def test_a_root_is_named_by_source_or_by_number_and_hash() -> None:
    assert parse_root("anchor") is None
    assert parse_root("proposed") is None
    assert parse_root(str(ROOT)) == ROOT
    for text in ("", "7", "0x" + "07" * 32, f"x:0x{'07' * 32}", f"7:0x{'07' * 31}", "7:zz"):
        with pytest.raises(ConfigurationError, match="anchor, proposed or NUMBER:0xROOT"):
            parse_root(text)


def test_a_snapshot_needs_peers() -> None:
    with pytest.raises(ConfigurationError, match=r"set p2p\.listen and p2p\.bootnodes"):
        load(flags={"sync.mode": "snapshot"})
    with pytest.raises(ConfigurationError, match="did you mean 'snapshot'"):
        load(flags={"sync.mode": "snapshto"})


class Reader:
    """L1's contracts: an anchor, and games by root, number and status."""

    games = ((b"\x01" * 32, 10, GameStatus.DEFENDER_WINS),
             (b"\x02" * 32, 30, GameStatus.CHALLENGER_WINS),
             (b"\x03" * 32, 20, GameStatus.IN_PROGRESS))  # fmt: skip

    def __init__(self, client, portal) -> None:
        pass

    async def contracts_or_fail(self):
        return type("Contracts", (), {"factory": bytes(20), "game_type": 0})

    async def ask(self, views, at=None):
        if len(views) == 1 and views[0].returns == ("address",):
            return [bytes(20)]
        if views[0].returns == ("bytes32", "uint256"):
            return [(b"\x0a" * 32, 5)]
        if views[0].returns == ("uint256",):
            return [len(self.games)]
        if views[0].returns == ("uint8",):
            return [int(status) for _, _, status in self.games]
        return [
            [
                (index, bytes(32), 0, root, number.to_bytes(32, "big") + bytes(32))
                for index, (root, number, _) in enumerate(self.games)
            ]
        ]


async def test_the_anchor_or_the_newest_claim_that_stands(monkeypatch) -> None:
    monkeypatch.setattr(trusted_root, "DisputeReader", Reader)
    assert await root_on_l1(None, bytes(20), "anchor") == TrustedRoot(5, b"\x0a" * 32)
    assert await root_on_l1(None, bytes(20), "proposed") == TrustedRoot(20, b"\x03" * 32)
    monkeypatch.setattr(Reader, "games", Reader.games[1:2])
    with pytest.raises(NoTrustedRoot, match="none of the 1"):
        await root_on_l1(None, bytes(20), "proposed")


@pytest.fixture
def place(tmp_path):
    world = World()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        nobody = probe.getsockname()[1]
    settings = {
        "sync.mode": "snapshot",
        "sync.patience_s": 0.3,
        "p2p.listen": "127.0.0.1:0",
        "p2p.bootnodes": (f"127.0.0.1:{nobody}",),
    }
    return Place(
        with_settings(NodeConfig(), settings),
        world.config,
        world.spec,
        "http://127.0.0.1:1",
        tmp_path,
    )


def l1_says(monkeypatch, *roots) -> list[TrustedRoot]:
    """What L1 answers in turn; the last again and again."""
    asked = []

    async def answer(client, portal, source):
        asked.append(roots[min(len(asked), len(roots) - 1)])
        return asked[-1]

    monkeypatch.setattr(room, "root_on_l1", answer)
    return asked


async def test_where_peers_say_that_they_lack_the_state_all_is_derived(place, monkeypatch) -> None:
    asked = l1_says(monkeypatch, ROOT)

    async def attempt(place, server, root):
        open_store(place.directory, place.config.state, is_rollup=True).close()
        raise joining.NoPeerHasState("nobody")

    monkeypatch.setattr(room, "_attempt", attempt)
    assert await join_by_snapshot(place) is None
    assert asked == [ROOT, ROOT]
    assert not (place.directory / STORE_DIRECTORY).exists()


async def test_without_any_peer_it_waits(place, monkeypatch) -> None:
    l1_says(monkeypatch, ROOT)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(join_by_snapshot(place), 5 * place.config.sync.patience_s)
    assert (place.directory / STORE_DIRECTORY).exists()


async def test_a_newer_root_is_tried_before_that(place, monkeypatch) -> None:
    asked = l1_says(monkeypatch, ROOT, NEWER)
    tried = []

    async def attempt(place, server, root):
        tried.append(root)
        open_store(place.directory, place.config.state, is_rollup=True).close()
        raise joining.NoPeerHasState("nobody")

    monkeypatch.setattr(room, "_attempt", attempt)
    assert await join_by_snapshot(place) is None
    assert tried == [ROOT, NEWER]
    assert asked == [ROOT, NEWER, NEWER]


async def test_half_a_state_is_gone_on_with_before_l1_is_asked(place, monkeypatch) -> None:
    store = open_store(place.directory, place.config.state, is_rollup=True)
    store.put_state(StatePart([]), Checkpoint(ROOT, Progress(b"\x05" * 32)).encode())
    store.close()
    asked = l1_says(monkeypatch, NEWER)
    tried = []

    async def attempt(place, server, root):
        tried.append(root)
        return "joined"

    monkeypatch.setattr(room, "_attempt", attempt)
    assert await join_by_snapshot(place) == "joined"
    assert (tried, asked) == ([ROOT], [])


async def test_without_the_option_no_chain_begins_over_half_a_state(place) -> None:
    store = open_store(place.directory, place.config.state, is_rollup=True)
    store.put_state(StatePart([]), b"so far")
    store.close()
    with pytest.raises(SnapshotUnfinished):
        store_genesis(place.directory, place.genesis, place.config.state)


async def test_a_chain_that_is_there_is_left_alone(place, monkeypatch) -> None:
    store_genesis(place.directory, place.genesis, place.config.state)
    asked = l1_says(monkeypatch, ROOT)
    assert await join_by_snapshot(place) is None
    assert asked == []
    assert Path(place.directory / STORE_DIRECTORY).exists()


async def test_an_l1_that_knows_the_genesis_alone_leaves_all_to_derivation(
    place, monkeypatch
) -> None:
    l1_says(monkeypatch, TrustedRoot(0, b"\x01" * 32))
    assert await join_by_snapshot(place) is None
