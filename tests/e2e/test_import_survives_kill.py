"""`stemma import` that is killed, or asked to stop, goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from state_chains import reachable, state_records

from chain.storage import ChainStore, DataDirectory, LevelStore, MemoryStore, Retention
from evm.engine import ExecutionEngine
from evm.executor import PayloadAttributes
from genesis.allocation import dev_l1_genesis, genesis_block
from node.block_file import written_whole
from node.chain_transfer import export_blocks
from node.specification_files import write_json

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = 1_200
RETAINED = 3


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A chain of empty blocks, which write the ring of ancestors all the same."""
    directory = tmp_path_factory.mktemp("chain")
    spec = dev_l1_genesis(1_700_000_000)
    engine = ExecutionEngine.open(ChainStore(MemoryStore()), spec.config, genesis_block(spec))
    for number in range(BLOCKS):
        parent = engine.header(engine.heads.unsafe.hash)
        attributes = PayloadAttributes(
            parent_hash=parent.hash,
            timestamp=parent.timestamp + 12,
            prev_randao=number.to_bytes(32, "big"),
            fee_recipient=bytes(20),
            gas_limit=parent.gas_limit,
            parent_beacon_block_root=parent.hash,
        )
        engine.commit(engine.build(attributes))
    with written_whole(directory / "chain.rlp.gz") as stream:
        export_blocks(engine, stream, 0, BLOCKS, lambda _: None)
    write_json(directory / "genesis.json", spec.to_json())
    return directory


def start(files: Path, datadir: Path) -> subprocess.Popen:
    words = ["import", files / "chain.rlp.gz", "--datadir", datadir]
    words += ["--genesis", files / "genesis.json", "--state", "pruned"]
    words += ["--retained-blocks", str(RETAINED)]
    return subprocess.Popen(
        [sys.executable, "-m", "node.cli", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
    )


def wait_for_growth(datadir: Path, process: subprocess.Popen, size: int) -> None:
    """Until the store's logs have grown by so many bytes, or the import is over."""

    def written() -> int:
        total = 0
        for file in (datadir / "chain").glob("*.l*"):
            try:
                total += file.stat().st_size
            except FileNotFoundError:
                continue
        return total

    begin = written()
    while process.poll() is None and written() < begin + size:
        os.sched_yield()


@pytest.mark.e2e
@pytest.mark.slow
def test_import_goes_on_after_sigkill_and_sigint(files, tmp_path):
    heads = []
    for stop in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        process = start(files, tmp_path)
        wait_for_growth(tmp_path, process, 300_000)
        process.send_signal(stop)
        output = process.communicate()[0]
        if stop is signal.SIGINT:
            assert process.returncode == 130, output
            assert "the same command goes on there" in output
        with DataDirectory(tmp_path) as directory:
            kv = LevelStore(directory.chain())
            store = ChainStore(kv, retention=Retention(RETAINED, follows_finality=False))
            heads.append(store.heads().unsafe.number)
            needed = set()
            for number in range(store.first_state, heads[-1] + 1):
                needed |= reachable(store, store.canonical_header(number).state_root)
            assert needed == state_records(kv)
            kv.close()
    assert 0 < heads[0] < heads[1] < heads[2] < BLOCKS
    process = start(files, tmp_path)
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert f"head: block {BLOCKS} " in output
    assert "known already" in output
