"""`make bench-derive`: how fast a verifier derives a chain from L1, and where the time goes.

A synthetic chain: L2 blocks of two seconds with one transfer each, a channel for each L1 block of
twelve. Nothing is executed twice: the span batch of the next L1 block is written from the safe head
that the verifier has come to, and that writing is not counted. The verifier is the node's own
driver over its own engine and LevelDB.

    python benchmarks/derivation.py --blocks 100000 --transactions 1

Time is this process's CPU time, so that other work on the machine does not show.
"""

from __future__ import annotations

import argparse
import gc
import logging
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

# ruff: noqa: ANN401 - wrappers pass on whatever they are given
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from chain.block import Header  # noqa: E402
from chain.crypto.keccak import keccak256  # noqa: E402
from chain.heads import BlockId, L2BlockRef  # noqa: E402
from chain.receipt import EMPTY_BLOOM  # noqa: E402
from chain.storage.chain_store import ChainStore  # noqa: E402
from chain.storage.level import LevelStore  # noqa: E402
from chain.transaction import DynamicFeeTransaction, sign_transaction  # noqa: E402
from chain.types import ZERO_ADDRESS, ZERO_HASH  # noqa: E402
from evm.engine import ExecutionEngine  # noqa: E402
from genesis.allocation import L1Anchor, genesis_block, l2_genesis, rollup_config  # noqa: E402
from genesis.dev_accounts import dev_account  # noqa: E402
from genesis.presets import l2_preset  # noqa: E402
from rollup.derivation import pipeline as pipeline_module  # noqa: E402
from rollup.derivation.batch_checks import span_context  # noqa: E402
from rollup.driver.driver import Driver, StepKind  # noqa: E402
from rollup.l1.block import L1Block, make_l1_block  # noqa: E402
from rollup.l1.provider import MemoryL1Provider  # noqa: E402
from rollup.wire import channel as channel_module  # noqa: E402
from rollup.wire.batch import SingularBatch  # noqa: E402
from rollup.wire.channel import split_channel  # noqa: E402
from rollup.wire.frame import encode_frames  # noqa: E402
from rollup.wire.span_channel import SpanChannelOut  # noqa: E402

BLOCKS_PER_L1_BLOCK = 6
L1_BLOCK_TIME_S = 12
BATCHER = dev_account("batcher")
SENDER = dev_account("account0")
REPORT_EVERY_S = 30
KEPT_L1_BLOCKS = 100
FINALITY_L1_BLOCKS = 64
"""Two epochs of Ethereum: how far behind its head L1 is final."""
GARBAGE_THRESHOLDS = (20_000, 50, 100)
"""Those of node/application.py."""


class Clock:
    """CPU seconds by name; inner measurements are taken out of the outer one."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._stack: list[float] = []

    def run(self, name: str, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Call a function on the clock of that name."""
        started = time.process_time()
        self._stack.append(0.0)
        try:
            return function(*arguments, **options)
        finally:
            whole = time.process_time() - started
            inner = self._stack.pop()
            self.spent[name] = self.spent.get(name, 0.0) + whole - inner
            if self._stack:
                self._stack[-1] += whole

    def pieces(self, name: str, iterator: Iterator[bytes]) -> Iterator[bytes]:
        """An iterator whose steps are on the clock of that name."""
        ended = object()
        while (item := self.run(name, next, iterator, ended)) is not ended:
            yield item


class TimedEngine:
    """The engine with execution and storage on the clock."""

    def __init__(self, engine: ExecutionEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def build(self, *arguments: Any, **options: Any) -> Any:
        """Execute, on the clock."""
        return self._clock.run("execute", self._engine.build, *arguments, **options)

    def commit(self, *arguments: Any, **options: Any) -> Any:
        """Store a block, on the clock."""
        return self._clock.run("store", self._engine.commit, *arguments, **options)

    def set_heads(self, *arguments: Any, **options: Any) -> Any:
        """Store heads, on the clock."""
        return self._clock.run("store", self._engine.set_heads, *arguments, **options)


class Chain:
    """The L1 so far, and the batcher that writes to it."""

    def __init__(self, transactions: int, compression: str) -> None:
        self.transactions = transactions
        self.compression = compression
        self.nonce = 0
        self.data_bytes = 0
        first = self._header(0, ZERO_HASH, 1_700_000_000)
        self.l1 = self.before = make_l1_block(first, (), ())
        preset = replace(l2_preset("minimal"), seq_window_size=3_600)
        anchor = L1Anchor(
            chain_id=900, block=BlockId(0, self.l1.hash), timestamp=first.timestamp,
            portal=b"\xd0" * 20, system_config=b"\xc0" * 20,
        )  # fmt: skip
        self.spec = l2_genesis(preset, first.timestamp, chain_id=901)
        self.config = rollup_config(preset, anchor, BATCHER.address, self.spec)

    @staticmethod
    def _header(number: int, parent_hash: bytes, timestamp: int) -> Header:
        return Header(
            parent_hash=parent_hash, beneficiary=ZERO_ADDRESS, state_root=ZERO_HASH,
            transactions_root=ZERO_HASH, receipts_root=ZERO_HASH, logs_bloom=EMPTY_BLOOM,
            number=number, gas_limit=30_000_000, gas_used=0, timestamp=timestamp, extra_data=b"",
            prev_randao=keccak256(number.to_bytes(8, "big")), base_fee_per_gas=7,
            withdrawals_root=ZERO_HASH, blob_gas_used=0, excess_blob_gas=0,
            parent_beacon_block_root=ZERO_HASH, requests_hash=ZERO_HASH,
        )  # fmt: skip

    def next_l1_block(self, safe: L2BlockRef) -> L1Block:
        """The next L1 block: it carries the blocks of the origin before it."""
        parent = self.l1
        number = parent.number + 1
        data = self._batcher_data(safe) if number > 1 else b""
        transactions = ()
        if data:
            self.data_bytes += len(data)
            tx = DynamicFeeTransaction(
                chain_id=900, nonce=number, max_priority_fee_per_gas=1, max_fee_per_gas=9,
                gas_limit=10**7, to=self.config.batch_inbox_address, value=0, data=data,
            )  # fmt: skip
            transactions = (sign_transaction(tx, BATCHER.private_key),)
        header = self._header(number, parent.hash, parent.timestamp + L1_BLOCK_TIME_S)
        self.l1, self.before = make_l1_block(header, transactions, ()), parent
        return self.l1

    def _batcher_data(self, safe: L2BlockRef) -> bytes:
        channel_id = keccak256(self.l1.hash)[:16]
        out = SpanChannelOut(channel_id, span_context(self.config), self.compression)
        for index in range(BLOCKS_PER_L1_BLOCK):
            time_s = safe.timestamp + self.config.block_time * (index + 1)
            origin = self.l1 if time_s >= self.l1.timestamp else self.before
            batch = SingularBatch(  # but for the first, a span says nothing of parent hashes
                safe.hash, origin.number, origin.hash, time_s, tuple(self._transfers())
            )
            out.add(batch, sequence_number=1 + index)
        return encode_frames(split_channel(channel_id, out.close()))

    def _transfers(self) -> Iterator[bytes]:
        for _ in range(self.transactions):
            tx = DynamicFeeTransaction(
                chain_id=901, nonce=self.nonce, max_priority_fee_per_gas=10**6,
                max_fee_per_gas=10**10, gas_limit=21_000,
                to=keccak256(self.nonce.to_bytes(8, "big"))[:20], value=1, data=b"",
            )  # fmt: skip
            self.nonce += 1
            yield sign_transaction(tx, SENDER.private_key).encode()


def measure(options: argparse.Namespace, directory: Path) -> None:
    clock = Clock()
    chain = Chain(options.transactions, options.compression)
    plain = channel_module.decompressed
    channel_module.decompressed = lambda data, **kw: clock.pieces("decompress", plain(data, **kw))
    step = pipeline_module.DerivationPipeline.step
    pipeline_module.DerivationPipeline.step = lambda self, parent: clock.run(
        "decode", step, self, parent
    )
    store = ChainStore(LevelStore(directory))
    engine = ExecutionEngine.open(store, chain.spec.config, genesis_block(chain.spec))
    provider = MemoryL1Provider()
    provider.set_head(chain.l1)
    gc.freeze()  # as a node does when it has started
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    driver = Driver(chain.config, provider, TimedEngine(engine, clock), store)
    started = reported = time.monotonic()
    until = started + 60 * options.minutes
    while engine.heads.safe.number < options.blocks and time.monotonic() < until:
        provider.set_head(chain.next_l1_block(driver.safe_head))
        if chain.l1.number > FINALITY_L1_BLOCKS:
            final = provider.block_by_number(chain.l1.number - FINALITY_L1_BLOCKS)
            provider.set_finalized(final.ref)
        while clock.run("driver", driver.step).kind is not StepKind.WAITING:
            pass
        if chain.l1.number % KEPT_L1_BLOCKS == 0:
            provider.prune(chain.l1.number - KEPT_L1_BLOCKS)
        if time.monotonic() - reported > REPORT_EVERY_S:
            reported = time.monotonic()
            print(f"  {engine.heads.safe.number} blocks", file=sys.stderr)
    report(clock, chain, engine.heads.safe.number, time.monotonic() - started)
    store.close()


def report(clock: Clock, chain: Chain, blocks: int, wall_s: float) -> None:
    total = sum(clock.spent.values())
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{blocks} L2 blocks, {chain.transactions} transfers each, from {chain.l1.number} L1 "
        f"blocks ({chain.data_bytes} bytes, {chain.compression} span batches): "
        f"{blocks / total:.0f} blocks/s, {total:.1f} s CPU ({wall_s:.0f} s with writing), "
        f"{memory_mb:.0f} MB"
    )
    print("| part | share | µs a block |\n|---|---:|---:|")
    for name in ("decompress", "decode", "execute", "store", "driver"):
        spent = clock.spent.get(name, 0.0)
        print(f"| {name} | {spent / total:.1%} | {spent / blocks * 1e6:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=10_000)
    parser.add_argument("--transactions", type=int, default=1, help="transfers in each L2 block")
    parser.add_argument("--compression", choices=("zlib", "brotli"), default="zlib")
    parser.add_argument("--minutes", type=float, default=60, help="stop there at the latest")
    parser.add_argument("--directory", type=Path, help="where the database lies while it runs")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        measure(options, Path(directory) / "db")


if __name__ == "__main__":
    main()
