"""`make bench-join`: a new verifier by snapshot and by full derivation, in seconds and bytes.

The synthetic chain of benchmarks/derivation.py is derived from L1 once: that is the one side. Its
store is then served by a node in a process of its own, over real sockets on loopback. A second
store joins at a block a little below the head: output, state in ranges with their proofs, the
blocks of one sequencing window; from there it derives the rest from L1, and has to come to the same
head.

    python benchmarks/snapshot_join.py --blocks 100000
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import logging
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from derivation import FINALITY_L1_BLOCKS, KEPT_L1_BLOCKS, Chain  # noqa: E402

from chain.storage import ChainStore, LevelStore  # noqa: E402
from evm.engine import ExecutionEngine  # noqa: E402
from genesis.allocation import genesis_block  # noqa: E402
from node.actors.answering import answer  # noqa: E402
from node.actors.clock import SystemClock  # noqa: E402
from node.p2p.address_book import Limits  # noqa: E402
from node.p2p.gossip import Verdict  # noqa: E402
from node.p2p.handshake import Hello, Role  # noqa: E402
from node.p2p.identity import Endpoint, Identity  # noqa: E402
from node.p2p.message import Status  # noqa: E402
from node.p2p.noise import KeyPair  # noqa: E402
from node.p2p.overlay import Overlay  # noqa: E402
from node.p2p.server import P2PServer  # noqa: E402
from node.snapshot.joining import Joined, Joining  # noqa: E402
from node.snapshot.trusted_root import TrustedRoot  # noqa: E402
from rollup.derivation.l2_block import l2_block_ref  # noqa: E402
from rollup.driver.driver import Driver, StepKind  # noqa: E402
from rollup.l1.block import L1Block  # noqa: E402
from rollup.l1.provider import MemoryL1Provider  # noqa: E402
from rollup.wire.output_root import output_of_header  # noqa: E402

PATIENCE_S = 60.0


@dataclass
class Spent:
    """Seconds of the clock and of this process's CPU."""

    wall: float = 0.0
    cpu: float = 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic(), time.process_time()

    def __exit__(self, *exc: object) -> None:
        self.wall += time.monotonic() - self._began[0]
        self.cpu += time.process_time() - self._began[1]


class Stranger:
    """A node of this chain to others; answers from an engine where it has one."""

    def __init__(self, hello: Hello, engine: ExecutionEngine | None) -> None:
        self._hello, self._engine = hello, engine
        self._readers = ThreadPoolExecutor(2)

    def hello(self) -> Hello:
        """Chain and head."""
        return self._hello

    async def validate(self, *payload: object) -> Verdict:
        """Nothing is gossiped here."""
        return Verdict.IGNORE

    async def serve(self, request):  # noqa: ANN001, ANN201
        """From the store, if there is one."""
        if self._engine is None:
            return Status.UNKNOWN, ()
        loop = asyncio.get_running_loop()
        items = await loop.run_in_executor(self._readers, answer, self._engine, request)
        return (Status.OK if items else Status.UNKNOWN), tuple(items)


def networked(name: str, hello: Hello, engine: ExecutionEngine | None, *boot: Endpoint):  # noqa: ANN201
    seed = hashlib.sha256(name.encode()).digest()
    identity = Identity(seed, KeyPair.of(seed))
    overlay = Overlay(identity, random.Random(name), (), Limits(), book_secret=seed, bootnodes=boot)
    return P2PServer(
        overlay, identity, Stranger(hello, engine), time.time, host="127.0.0.1", port=0
    )


def hello_of(chain: Chain, number: int) -> Hello:
    genesis = chain.config.genesis.l2.hash
    return Hello(901, genesis, "", b"bnch", Role.VERIFIER, number, genesis)


def derive(chain: Chain, engine: ExecutionEngine, store: ChainStore, blocks: int, kept_from: int):  # noqa: ANN201
    """Derive the whole chain; what it took, and the L1 blocks that the end of it needs."""
    provider = MemoryL1Provider()
    provider.set_head(chain.l1)
    driver = Driver(chain.config, provider, engine, store)
    spent, kept, reported = Spent(), [chain.l1], time.monotonic()
    while engine.heads.safe.number < blocks:
        block = chain.next_l1_block(driver.safe_head)
        if engine.heads.safe.number >= kept_from:
            kept.append(block)
        provider.set_head(block)
        if chain.l1.number > FINALITY_L1_BLOCKS:
            final = provider.block_by_number(chain.l1.number - FINALITY_L1_BLOCKS)
            provider.set_finalized(final.ref)
        with spent:
            while driver.step().kind is not StepKind.WAITING:
                pass
        if chain.l1.number % KEPT_L1_BLOCKS == 0:
            provider.prune(chain.l1.number - KEPT_L1_BLOCKS)
        if time.monotonic() - reported > 30:
            reported = time.monotonic()
            print(f"  {engine.heads.safe.number} blocks", file=sys.stderr)
    return spent, kept


def serve(directory: Path, transactions: int, pipe: Connection) -> None:
    """A node that has the chain; runs until the other end of the pipe closes."""
    chain = Chain(transactions, "zlib")
    store = ChainStore(LevelStore(directory))
    engine = ExecutionEngine(chain.spec.config, store)

    async def run() -> None:
        server = networked("server", hello_of(chain, engine.heads.safe.number), engine)
        await server.start()
        pipe.send(str(server.endpoint.port))
        turning = asyncio.create_task(server.run())
        await asyncio.to_thread(pipe.recv)
        turning.cancel()
        await server.stop()

    asyncio.run(run())
    pipe.send(time.process_time())
    store.close()


async def join(chain: Chain, store: ChainStore, port: int, pivot, spent: Spent) -> Joined:  # noqa: ANN001
    node_id = networked("server", hello_of(chain, 0), None).node_id
    server = networked("joining", hello_of(chain, 0), None, Endpoint("127.0.0.1", port, node_id))
    await server.start()
    turning = asyncio.create_task(server.run())
    root = TrustedRoot(pivot.number, output_of_header(pivot).root)
    genesis = genesis_block(chain.spec)[0]
    joining = Joining(
        server, store, chain.config, genesis, SystemClock(), root, patience_s=PATIENCE_S
    )
    try:
        with spent:
            return await joining.run()
    finally:
        turning.cancel()
        await server.stop()


def catch_up(chain: Chain, store: ChainStore, kept: list[L1Block]) -> tuple[ExecutionEngine, Spent]:
    """Derive what is above the joined block."""
    engine = ExecutionEngine.open(store, chain.spec.config, genesis_block(chain.spec))
    provider = MemoryL1Provider()
    for block in kept[:-1]:
        provider.add_canonical(block)
    provider.set_head(kept[-1])
    driver, spent = Driver(chain.config, provider, engine, store), Spent()
    with spent:
        while driver.step().kind is not StepKind.WAITING:
            pass
    return engine, spent


def measure(options: argparse.Namespace, directory: Path) -> None:
    chain = Chain(options.transactions, "zlib")
    store = ChainStore(LevelStore(directory / "full"))
    engine = ExecutionEngine.open(store, chain.spec.config, genesis_block(chain.spec))
    at = max(1, options.blocks - options.behind)
    reread = 6 * (chain.config.channel_timeout + 20)
    derived, kept = derive(chain, engine, store, options.blocks, at - reread)
    head, pivot = engine.heads.safe, engine.header_by_number(at)
    pivot_origin = l2_block_ref(chain.config, engine.block_by_number(at)).l1_origin.number
    store.close()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    child = multiprocessing.get_context("spawn").Process(
        target=serve, args=(directory / "full", options.transactions, theirs), daemon=True
    )
    child.start()
    port = int(ours.recv())
    new = ChainStore(LevelStore(directory / "joined"))
    fetched = Spent()
    joined = asyncio.run(join(chain, new, port, pivot, fetched))
    ours.send("stop")
    served_s = ours.recv()
    joined_engine, rest = catch_up(chain, new, kept)
    found = joined_engine.heads.safe
    if found != head:
        raise SystemExit(f"joined at {joined.block}, came to {found}, expected {head}")
    new.close()
    report(chain, head.number, derived, joined, fetched, rest, served_s)
    print(f"L1 origin of the joined block: {pivot_origin} of {chain.l1.number}")


def report(
    chain: Chain, blocks: int, derived: Spent, joined: Joined, fetched: Spent, rest: Spent,
    served_s: float,
) -> None:  # fmt: skip
    state = joined.progress
    total = state.size_bytes + joined.blocks_bytes
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{blocks} blocks of {chain.transactions} transfers; joined at block {joined.block.number}:"
        f" {state.accounts} accounts, {state.slots} slots, {state.codes} codes, {joined.blocks} "
        f"blocks below; the serving node took {served_s:.1f} s CPU; {memory_mb:.0f} MB here"
    )
    print("| | seconds | CPU | from L1, MB | from peers, MB |\n|---|---:|---:|---:|---:|")
    print(
        f"| full derivation | {derived.wall:.1f} | {derived.cpu:.1f} "
        f"| {chain.data_bytes / 1e6:.2f} | 0 |"
    )
    share = (blocks - joined.block.number) / blocks
    print(
        f"| snapshot, then {blocks - joined.block.number} blocks derived "
        f"| {fetched.wall + rest.wall:.1f} | {fetched.cpu + rest.cpu:.1f} "
        f"| {share * chain.data_bytes / 1e6:.2f} | {total / 1e6:.2f} |"
    )
    print(
        f"of it: state {state.size_bytes / 1e6:.2f} MB and blocks {joined.blocks_bytes / 1e6:.2f} "
        f"MB in {fetched.wall:.1f} s, the rest derived in {rest.wall:.1f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=10_000)
    parser.add_argument("--transactions", type=int, default=1, help="transfers in each L2 block")
    parser.add_argument("--behind", type=int, default=600, help="blocks from there to the head")
    parser.add_argument("--directory", type=Path, help="where the databases lie while it runs")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        measure(options, Path(directory))


if __name__ == "__main__":
    main()
