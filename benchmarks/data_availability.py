"""What data availability costs: blobs, cells, proofs, sampling, and a committee of eight.

    python benchmarks/data_availability.py            every row
    python benchmarks/data_availability.py --rounds 3 quicker, noisier

Each row times our door (`rollup/da`) and the bare ckzg calls inside it, on the same blobs in turn,
and says what share is ours. The last rows run a batcher's dispersal against eight operators in one
machine, KZG in as many processes as there are cores, cells by HTTP on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import aiohttp
import ckzg

from chain.crypto import ed25519
from chain.crypto.secp256k1 import address_of
from chain.storage.level import LevelStore
from chain.types import Address
from genesis.da_committee import DaCommittee, DaOperator
from node.da.dispersal import Disperser, Peers, Retriever
from node.da.keeper import Keeper, OperatorKeys
from node.da.kzg_pool import KzgPool, spare_processes
from node.da.peer import HttpPeer
from node.da.server import DaServer
from node.da.store import CellStore
from rollup.da import commitment as kzg
from rollup.da import erasure
from rollup.wire.blob import decode_blob, encode_blob, trusted_setup

L1_CHAIN_ID = 900
OPERATORS = 8
SOURCE = random.Random(20)


def timed(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return (time.perf_counter() - started) * 1000


Work = Callable[[], object]


def row(name: str, ours: Work, bare: Work | None, rounds: int) -> None:
    """Median milliseconds of ours and of ckzg alone, measured alternately."""
    mine, theirs = [], []
    for _ in range(rounds):
        mine.append(timed(ours))
        if bare is not None:
            theirs.append(timed(bare))
    ms = statistics.median(mine)
    if bare is None:
        print(f"{name:<34}{ms:>10.2f}")
        return
    base = statistics.median(theirs)
    print(f"{name:<34}{ms:>10.2f}{base:>10.2f}{max(0.0, 1 - base / ms):>9.1%}")


def door(rounds: int, precompute: int) -> None:
    """Each operation of `rollup/da` on one full blob."""
    started = time.perf_counter()
    setup = trusted_setup(precompute)
    print(f"trusted setup, tables {precompute}: {time.perf_counter() - started:.2f} s")
    payload = SOURCE.randbytes(130_044)
    blob = encode_blob(payload)
    extended = erasure.extend_blob(blob)
    commitment, cells = extended.commitment, extended.cells
    data = [cell.data for cell in cells]
    proofs = [cell.proof for cell in cells]
    half = tuple(SOURCE.sample(cells, 64))
    ordered = sorted(half, key=lambda cell: cell.index)
    indices, halves = [c.index for c in ordered], [c.data for c in ordered]
    print(f"{'per blob, ms (median)':<34}{'ours':>10}{'ckzg':>10}{'our share':>9}")
    row("payload to blob", lambda: encode_blob(payload), None, rounds * 5)
    row("blob to payload", lambda: decode_blob(blob), None, rounds * 5)
    row(
        "commitment",
        lambda: kzg.commit(blob),
        lambda: ckzg.blob_to_kzg_commitment(blob, setup),
        rounds,
    )
    row(
        "cells and proofs",
        lambda: erasure.compute_cells_and_proofs(blob),
        lambda: ckzg.compute_cells_and_kzg_proofs(blob, setup),
        rounds,
    )
    row(
        "payload to commitment and cells",
        lambda: erasure.extend_payload(payload),
        lambda: (
            ckzg.blob_to_kzg_commitment(blob, setup),
            ckzg.compute_cells_and_kzg_proofs(blob, setup),
        ),
        rounds,
    )
    for count in (1, 8, 128):
        row(
            f"verify {count} cells",
            lambda count=count: erasure.verify_cells(commitment, cells[:count]),
            lambda count=count: ckzg.verify_cell_kzg_proof_batch(
                [commitment] * count, list(range(count)), data[:count], proofs[:count], setup
            ),
            rounds * 5,
        )
    row(
        "recover from 64, with commitment",
        lambda: erasure.recover_blob(commitment, half),
        lambda: ckzg.blob_to_kzg_commitment(
            b"".join(ckzg.recover_cells_and_kzg_proofs(indices, halves, setup)[0][:64]), setup
        ),
        rounds,
    )


async def committee(blobs: int, folder: Path) -> None:
    """A batcher and eight operators: blobs certified a second, and got back a second."""
    keys = [OperatorKeys(SOURCE.randbytes(32), SOURCE.randbytes(32)) for _ in range(OPERATORS)]
    members = DaCommittee(
        Address(b"\xda" * 20),
        tuple(
            DaOperator(address_of(k.signer_key), ed25519.public_key_of(k.identity_seed), 1)
            for k in keys
        ),
    )
    pool = KzgPool(most_waiting=256)
    servers, stores = [], []
    for index, key in enumerate(keys):
        store = CellStore(LevelStore(folder / str(index)), 10**10)
        keeper = Keeper(
            members, L1_CHAIN_ID, key, store, pool, now=time.time, retention_s=1_000_000
        )
        identity = f"0x{keeper.identity.hex()}"
        server = DaServer(
            "127.0.0.1", 0, keeper=keeper, describe=lambda identity=identity: {"identity": identity}
        )
        await server.start()
        servers.append(server)
        stores.append(store)
    async with aiohttp.ClientSession() as session:
        peers = Peers(members, [HttpPeer(server.url, session, 60.0) for server in servers])

        async def reference_block() -> int:
            return 1

        disperser = Disperser(peers, L1_CHAIN_ID, pool, reference_block)
        await disperser.put(b"warm")  # every process has its setup after some of these
        await asyncio.gather(*(disperser.put(bytes([n])) for n in range(4)))
        payloads = [SOURCE.randbytes(130_044) for _ in range(blobs)]
        gate = asyncio.Semaphore(4)

        async def put(payload: bytes) -> bytes:
            async with gate:
                return (await disperser.put(payload)).certificate.commitment

        started = time.perf_counter()
        commitments = await asyncio.gather(*map(put, payloads))
        took = time.perf_counter() - started
        print(
            f"certified by {OPERATORS} operators{'':<12}{blobs / took:>8.2f} blobs/s "
            f"({blobs * 130_044 / took / 1e6:.2f} MB/s), {spare_processes()} KZG processes"
        )
        retriever = Retriever(peers, pool)

        async def get(commitment: bytes) -> bytes:
            async with gate:
                return erasure.payload_of(await retriever.blob(commitment))

        started = time.perf_counter()
        assert list(await asyncio.gather(*map(get, commitments))) == payloads
        took = time.perf_counter() - started
        print(f"got back, verified and recovered   {blobs / took:>8.2f} blobs/s")
    for server in servers:
        await server.stop()
    for store in stores:
        store.close()
    pool.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="runs of each row; medians are shown")
    parser.add_argument("--blobs", type=int, default=24, help="blobs through the committee")
    parser.add_argument("--precompute", type=int, default=8, help="tables of ckzg, 0 or 8")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(committee(arguments.blobs, Path(folder)))
    door(arguments.rounds, arguments.precompute)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
