"""Joins the parts of a node that talk to other nodes: key, overlay, server, gossiping."""

from __future__ import annotations

import dataclasses
import logging
import os
import random
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from chain.crypto.ed25519 import SEED_BYTES
from genesis.config import ChainConfig, RollupConfig

from .actors.clock import Clock
from .actors.gossiping import Gossiping, GossipingOptions
from .chain_runtime import ChainRuntime
from .config import ConfigurationError, NodeConfig, P2PSection
from .l1.json_rpc import JsonRpcClient
from .p2p.address_book import AddressBook, Limits
from .p2p.errors import P2PError
from .p2p.handshake import FORK_ID_BYTES, Role
from .p2p.identity import Identity, parse_endpoint
from .p2p.message import Topic
from .p2p.noise import KEY_BYTES, KeyPair
from .p2p.overlay import Overlay
from .p2p.server import Application, P2PServer

logger = logging.getLogger("stemma.p2p")

NODE_KEY_FILE = "nodekey"
BOOK_FILE = "peers"
TOPICS = (Topic.BLOCKS, Topic.TRANSACTIONS)


@dataclass(frozen=True, slots=True)
class Network:
    """The running parts."""

    server: P2PServer
    gossiping: Gossiping


def read_or_make_node_key(datadir: Path) -> bytes:
    """The seed of a data directory's node id; made at the first start, mode 0600.

    Raises ConfigurationError where the file is not 64 hex digits or others can read it.
    """
    path = datadir / NODE_KEY_FILE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            raise ConfigurationError(f"{path}: others can read it; run chmod 600") from None
        try:
            seed = bytes.fromhex(path.read_text().strip())
        except ValueError:
            seed = b""
        if len(seed) != SEED_BYTES:
            raise ConfigurationError(
                f"{path}: expected {2 * SEED_BYTES} hex digits; remove it for a new node id"
            ) from None
        return seed
    seed = os.urandom(SEED_BYTES)
    with os.fdopen(descriptor, "w") as file:
        file.write(seed.hex() + "\n")
    return seed


def fork_of(config: ChainConfig | RollupConfig, genesis_hash: bytes) -> tuple[str, bytes]:
    """The newest scheduled fork by name, and the checksum of the schedule, after EIP-2124.

    CRC-32 over the genesis hash and each fork's time in ascending order, 8 bytes big-endian, forks
    active at genesis and repeated times left out.
    """
    times = {
        entry.name: time
        for entry in dataclasses.fields(config.forks)
        if (time := getattr(config.forks, entry.name)) is not None
    }
    checksum = zlib.crc32(genesis_hash)
    for time in sorted(set(times.values()) - {0}):
        checksum = zlib.crc32(time.to_bytes(8, "big"), checksum)
    newest = max(times, key=lambda name: times[name], default="")
    last = [name for name in times if newest and times[name] == times[newest]]
    return (last[-1] if last else ""), checksum.to_bytes(FORK_ID_BYTES, "big")


def limits_of(section: P2PSection) -> Limits:
    """How many sessions there may be, by the settings."""
    return Limits(
        section.max_outbound,
        section.max_inbound,
        section.max_inbound_per_group,
        section.max_outbound_per_group,
    )


def make_server(
    section: P2PSection,
    seed: bytes,
    topics: tuple[Topic, ...],
    application: Application,
    now: Callable[[], float],
    datadir: Path,
) -> P2PServer:
    """A server by the settings, for whoever answers for it; nothing listens before `start`. Its
    address book lies in the data directory.
    """
    identity = Identity(seed, KeyPair.of(os.urandom(KEY_BYTES)))
    rng = random.Random(int.from_bytes(os.urandom(16)))  # noqa: S311 - whom to ask, not a secret
    place = datadir / BOOK_FILE
    overlay = Overlay(
        identity,
        rng,
        topics,
        limits_of(section),
        book_secret=os.urandom(16),
        bootnodes=tuple(parse_endpoint(text) for text in section.bootnodes),
        book=read_book(place, rng),
    )
    listen = parse_endpoint(section.listen)
    return P2PServer(
        overlay,
        identity,
        application,
        now,
        host=listen.host,
        port=listen.port,
        keep_book=lambda data: write_book(place, data),
    )


def read_book(path: Path, rng: random.Random) -> AddressBook | None:
    """The address book of a run before; None where there is none that can be read."""
    try:
        return AddressBook.decode(path.read_bytes(), rng)
    except FileNotFoundError:
        return None
    except (OSError, P2PError) as error:
        logger.warning("%s: begun anew: %s", path, error)
        return None


def write_book(path: Path, data: bytes) -> None:
    """Replace the address book as a whole; it has a secret, so nobody else reads it."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    draft.replace(path)


def make_network(
    config: NodeConfig,
    rollup: RollupConfig,
    datadir: Path,
    chain: ChainRuntime,
    l1: JsonRpcClient,
    clock: Clock,
    readers: ThreadPoolExecutor,
    signer_key: bytes | None,
) -> Network:
    """Join the parts; nothing listens before `server.start`."""
    fork, fork_id = fork_of(chain.engine.config, rollup.genesis.l2.hash)
    is_sequencing = "sequencer" in config.node.roles
    gossiping = Gossiping(
        chain,
        rollup,
        l1,
        clock,
        readers,
        GossipingOptions(
            Role.SEQUENCER if is_sequencing else Role.VERIFIER, signer_key, fork, fork_id
        ),
    )
    seed = read_or_make_node_key(datadir)
    server = make_server(config.p2p, seed, TOPICS, gossiping, clock.now, datadir)
    gossiping.server = server
    return Network(server, gossiping)
