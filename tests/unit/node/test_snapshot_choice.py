"""`--sync snapshot`: which root, when there is nothing to do, and what is left to derivation."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from actors import World
from p2p import HELLO, identity

from chain.storage import SnapshotUnfinished, StatePart
from node.application import make_telling
from node.chain_runtime import STORE_DIRECTORY, open_store, store_genesis
from node.config import ConfigurationError, NodeConfig, load, with_settings
from node.p2p.message import Response, Status
from node.p2p.state_ranges import Progress
from node.rpc.server import AddressInUse
from node.snapshot import join as room
from node.snapshot import joining, trusted_root
from node.snapshot.join import Place, join_by_snapshot
from node.snapshot.joining import Checkpoint
from node.snapshot.standing import Phase, Standing
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
        "rpc.port": 0,
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


class ThatHaveNothing:
    """Makes servers that have a session with a peer which answers `unknown` to everything."""

    def __init__(self, make) -> None:
        self._make = make

    def make(self, *arguments):
        server = self._make(*arguments)

        async def ask(peer, make):
            return Response(1, Status.UNKNOWN, ())

        given = replace(HELLO, head_number=10**6)
        server.overlay.opened(
            identity("peer").node_id, given, "127.0.0.1", server.now(), is_inbound=False
        )
        server.ask = ask
        return server


def l1_says(monkeypatch, *roots) -> list[TrustedRoot]:
    """What L1 answers in turn; the last again and again."""
    asked = []

    async def answer(client, portal, source):
        asked.append(roots[min(len(asked), len(roots) - 1)])
        return asked[-1]

    monkeypatch.setattr(room, "root_on_l1", answer)
    return asked


async def join(place):
    with ThreadPoolExecutor(1) as readers:
        return await join_by_snapshot(place, make_telling(place, readers)[1])


async def test_where_peers_say_that_they_lack_the_state_all_is_derived(place, monkeypatch) -> None:
    asked = l1_says(monkeypatch, ROOT)
    peers = ThatHaveNothing(room.make_server)
    monkeypatch.setattr(room, "make_server", peers.make)
    assert await join(place) is None
    assert asked == [ROOT, ROOT]
    assert not (place.directory / STORE_DIRECTORY).exists()


async def test_without_any_peer_it_waits(place, monkeypatch) -> None:
    l1_says(monkeypatch, ROOT)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(join(place), 5 * place.config.sync.patience_s)
    assert (place.directory / STORE_DIRECTORY).exists()


async def test_a_newer_root_is_tried_before_that(place, monkeypatch) -> None:
    asked = l1_says(monkeypatch, ROOT, NEWER)
    tried = []

    async def attempt(place, server, root, standing):
        tried.append(root)
        open_store(place.directory, place.config.state, is_rollup=True).close()
        raise joining.NoPeerHasState("nobody")

    monkeypatch.setattr(room, "_attempt", attempt)
    assert await join(place) is None
    assert tried == [ROOT, NEWER]
    assert asked == [ROOT, NEWER, NEWER]


async def test_half_a_state_is_gone_on_with_before_l1_is_asked(place, monkeypatch) -> None:
    store = open_store(place.directory, place.config.state, is_rollup=True)
    store.put_state(StatePart([]), Checkpoint(ROOT, Progress(b"\x05" * 32)).encode())
    store.close()
    asked = l1_says(monkeypatch, NEWER)
    tried = []

    async def attempt(place, server, root, standing):
        tried.append(root)
        return "joined"

    monkeypatch.setattr(room, "_attempt", attempt)
    assert await join(place) == "joined"
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
    assert await join(place) is None
    assert asked == []
    assert Path(place.directory / STORE_DIRECTORY).exists()


async def test_an_l1_that_knows_the_genesis_alone_leaves_all_to_derivation(
    place, monkeypatch
) -> None:
    l1_says(monkeypatch, TrustedRoot(0, b"\x01" * 32))
    assert await join(place) is None


@asynccontextmanager
async def joining_at(place):
    """A node that joins, and what it answers to a request: HTTP status and JSON."""
    with ThreadPoolExecutor(1) as readers:
        server, telling = make_telling(place, readers)
        running = asyncio.ensure_future(join_by_snapshot(place, telling))
        async with aiohttp.ClientSession() as session:

            async def ask(method, *params, path=""):
                url = f"http://127.0.0.1:{server.port}/{path}"
                body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
                request = session.get(url) if path else session.post(url, json=body)
                async with request as response:
                    return response.status, await response.json()

            while not (server.port and telling.standing.waits_for):
                assert not running.done(), running.result()
                await asyncio.sleep(0.01)
            try:
                yield ask
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def waiting(place):
    """One that has nobody to ask."""
    settings = {"rpc.api": ("eth", "net", "web3", "stemma")}
    return replace(place, config=with_settings(place.config, settings))


async def test_while_it_joins_it_says_how_far_it_is(waiting, monkeypatch) -> None:
    l1_says(monkeypatch, ROOT)
    async with joining_at(waiting) as ask:
        _, syncing = await ask("eth_syncing")
        assert syncing["result"] == {
            "startingBlock": "0x0", "currentBlock": "0x0", "highestBlock": "0x7",
        }  # fmt: skip
        _, said = await ask("stemma_snapshot")
        assert said["result"] == {
            "joining": True, "phase": "output", "number": 7, "outputRoot": "0x" + "07" * 32,
            "share": 0.0, "stateBytes": 0, "blocks": 0, "peers": 0, "waitsFor": "no peers",
        }  # fmt: skip
        chain_id = waiting.rollup.l2_chain_id
        assert (await ask("eth_chainId"))[1]["result"] == hex(chain_id)
        assert (await ask("net_version"))[1]["result"] == str(chain_id)
        assert (await ask("net_peerCount"))[1]["result"] == "0x0"


@pytest.mark.parametrize(
    "method", ["eth_blockNumber", "eth_call", "optimism_syncStatus", "no_such"]
)
async def test_all_other_calls_are_told_by_name_to_come_again(waiting, monkeypatch, method) -> None:
    l1_says(monkeypatch, ROOT)
    async with joining_at(waiting) as ask:
        status, answer = await ask(method)
        assert (status, answer["error"]["code"]) == (200, -32002)
        assert answer["error"]["data"] == {"error": "JoiningBySnapshot", "retryAfterS": 5}
        assert (
            "the output behind the root for block 7; waits: no peers"
            in (answer["error"]["message"])
        )
        status, health = await ask("", path="readyz")
        assert (status, health["ready"]) == (503, False)


async def test_half_a_state_waits_for_a_peer_and_is_not_dropped(waiting, monkeypatch) -> None:
    store = open_store(waiting.directory, waiting.config.state, is_rollup=True)
    part = Checkpoint(ROOT, Progress(b"\x05" * 32))
    store.put_state(StatePart([]), part.encode())
    store.close()
    asked = l1_says(monkeypatch, NEWER)
    async with joining_at(waiting):
        await asyncio.sleep(3 * waiting.config.sync.patience_s)
    assert asked == []
    store = open_store(waiting.directory, waiting.config.state, is_rollup=True)
    assert Checkpoint.decode(store.joining) == part
    store.close()


async def test_the_port_is_free_again_when_it_has_joined(waiting, monkeypatch) -> None:
    l1_says(monkeypatch, TrustedRoot(0, b"\x01" * 32))
    with ThreadPoolExecutor(1) as readers:
        server, telling = make_telling(waiting, readers)
        assert await join_by_snapshot(waiting, telling) is None
    with socket.create_server(("127.0.0.1", server.port)):
        pass


async def test_a_port_that_is_taken_ends_the_node_before_anything_is_fetched(
    place, monkeypatch
) -> None:
    asked = l1_says(monkeypatch, ROOT)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        busy = replace(place, config=with_settings(place.config, {"rpc.port": port}))
        with pytest.raises(AddressInUse, match=str(port)):
            await join(busy)
    assert asked == []


def test_a_standing_in_words() -> None:
    standing = Standing(0)
    assert str(standing) == "an output root from L1"
    standing.begin(ROOT)
    standing.phase = Phase.STATE
    standing.progress = Progress(b"\x05" * 32, accounts_from=b"\x80" + bytes(31))
    assert str(standing) == "the state for block 7, 50.0 %"
    standing.phase, standing.blocks = Phase.BLOCKS, 512
    assert str(standing) == "the blocks below for block 7, 512 so far"
    standing.begin(NEWER)
    assert (standing.progress, standing.blocks) == (None, 0)
