"""A process that writes blocks to LevelDB is killed; no block that it reported is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import assert_consistent

from chain.storage import ChainStore, DataDirectory, LevelStore

SUPPORT = Path(__file__).resolve().parents[1] / "support"
ROOT = SUPPORT.parents[1]

WRITER = """
import sys, pathlib
from blocks import grow
from chain.storage import ChainStore, DataDirectory, LevelStore
directory = DataDirectory(pathlib.Path(sys.argv[1]))
store = ChainStore(LevelStore(directory.chain()))
heads = store.heads()
tip = store.block(heads.unsafe.hash) if heads else None
while True:
    tip = grow(store, tip, 1)[0]
    print(tip.number, tip.hash.hex(), flush=True)
"""


@pytest.mark.e2e
def test_blocks_reported_before_sigkill_are_all_there_after_it(tmp_path):
    reported = {}
    for lines in (1, 7, 20, 33):
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{SUPPORT}"}
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(lines):
            number, block_hash = writer.stdout.readline().split()
            reported[int(number)] = block_hash
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read()
        writer.wait()
        for line in rest.splitlines():
            if line.count(" ") == 1 and len(line.split()[1]) == 64:
                reported[int(line.split()[0])] = line.split()[1]
        with DataDirectory(tmp_path) as directory:
            kv = LevelStore(directory.chain())
            store = ChainStore(kv)
            assert_consistent(store)
            for number, block_hash in reported.items():
                assert store.canonical_hash(number).hex() == block_hash
            kv.close()
    assert len(reported) >= 61
