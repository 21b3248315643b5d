"""A process that writes blocks to LevelDB is killed; no block that it reported is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from blocks import assert_consistent
from state_chains import extend, reachable, state_records

from chain.heads import Heads
from chain.storage import ChainStore, DataDirectory, LevelStore, Retention

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


PRUNING_WRITER = """
import itertools, pathlib, random, sys
from state_chains import extend, genesis
from chain.heads import BlockId, Heads
from chain.storage import ChainStore, DataDirectory, LevelStore, Retention
directory = DataDirectory(pathlib.Path(sys.argv[1]))
store = ChainStore(LevelStore(directory.chain()), retention=Retention(3))
if store.heads() is None:
    genesis(store)
rng = random.Random(store.heads().unsafe.number)
for turn in itertools.count():
    heads = store.heads()
    if turn % 7 == 6:  # a fork, and finality that follows
        back = max(heads.unsafe.number - 2, heads.finalized.number)
        block = BlockId(back, store.canonical_hash(back))
        store.set_heads(Heads(block, block, block))
    changes = [
        (rng.choice(("balance", "slot", "slot", "code", "wipe")), rng.randrange(8),
         rng.randrange(3), rng.randrange(3))
        for _ in range(12)
    ]
    tip = extend(store, changes, salt=turn % 200)
    print(tip.number, tip.hash.hex(), flush=True)
"""


def kept_records(store) -> set[bytes]:
    """What the canonical states that are kept need; each is walked whole."""
    found = set()
    for number in range(store.first_state, store.heads().unsafe.number + 1):
        found |= reachable(store, store.canonical_header(number).state_root)
    return found


@pytest.mark.e2e
def test_store_that_drops_states_is_whole_after_every_sigkill(tmp_path):
    firsts = []
    for lines in (4, 15, 31, 50):
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{SUPPORT}"}
        writer = subprocess.Popen(
            [sys.executable, "-c", PRUNING_WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(lines):
            assert writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        writer.stdout.read()
        writer.wait()
        with DataDirectory(tmp_path) as directory:
            kv = LevelStore(directory.chain())
            store = ChainStore(kv, retention=Retention(3))
            assert kept_records(store) <= state_records(kv)
            firsts.append(store.first_state)
            kv.close()
    assert firsts == sorted(set(firsts))
    with DataDirectory(tmp_path) as directory:
        kv = LevelStore(directory.chain())
        store = ChainStore(kv, retention=Retention(3))
        for _ in range(12):
            head = store.heads().unsafe
            store.set_heads(Heads(head, head, head))
            extend(store, [])
        assert state_records(kv) == kept_records(store), "forks have gone, nothing else is left"
        kv.close()
