"""`make bench-memory`: does a node that lives long stay small? Resident memory over many blocks.

86,400 empty blocks, a day of one-second blocks, and 10,000 full ones, each kind by a process of its
own: the engine, the pool and the LevelDB store of a node, in pruned mode, with blocks built and
committed as the sequencer does. An empty block holds the L1-attributes deposit and the system
calls. A full one holds transfers, a fifth of them to accounts that did not exist, and a quarter
ERC-20 transfers, until the next does not fit. A third process signs them. Safe and finalized heads
follow as they do where the L1 finalizes after some minutes.

Resident memory is what Linux says of the process: its own (anonymous) memory, and the pages that it
has mapped of LevelDB's tables.

Progress goes to standard error; figures to results/memory.json, the plot to docs/images/memory.svg.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from plot import Curve, line_plot
from workload import (
    ADDRESSES,
    KEYS,
    MINT,
    SENDERS,
    TRANSFER,
    Signer,
    create_address,
    token_bytecode,
)

from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import address_of
from chain.heads import BlockId
from chain.storage import ChainStore, LevelStore, Retention
from chain.transaction import DepositTransaction, decode_transaction, recover_sender
from chain.txpool import TransactionPool
from chain.types import Address, Hash32
from evm.engine import ExecutionEngine
from evm.executor import ExecutionResult, PayloadAttributes
from evm.fees import next_base_fee
from genesis.addresses import L1_ATTRIBUTES_DEPOSITOR, L1_BLOCK, SEQUENCER_FEE_VAULT
from genesis.allocation import GenesisAccount, genesis_block, l2_genesis
from genesis.presets import l2_preset
from rollup.bridge.l1_attributes import L1_ATTRIBUTES_GAS, L1Attributes, l1_attributes_source_hash

KINDS = ("empty", "full")
HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "memory.json"
PLOT = HERE.parent / "docs" / "images" / "memory.svg"
CHAIN_ID = 901
DEPLOYER_KEY = keccak256(b"benchmark deployer")
DEPLOYER = address_of(DEPLOYER_KEY)
TOKEN = create_address(DEPLOYER, 0)
LIMIT_MB = 500
SAFE_DEPTH, FINALIZED_DEPTH = 60, 720
HEADS_EVERY = 12
OLD_ACCOUNTS = 100_000
POOLED_AHEAD = 1_000
CHUNK = 200


@dataclass(frozen=True)
class Sample:
    """One look at the process. Memory and disk in MB, time in seconds since the start.

    `mapped_mb` is the part of the memory that is pages of files.
    """

    block: int
    seconds: float
    memory_mb: float
    mapped_mb: float
    disk_mb: float


def transactions(token_code: bytes) -> Iterator[bytes]:
    """Signed transactions without end: the token's set-up first, then transfers of both kinds."""
    deployer = Signer(DEPLOYER_KEY, CHAIN_ID)
    yield deployer.sign(0, None, 0, token_code, 1_200_000)
    for index, address in enumerate(ADDRESSES):
        data = MINT + address.rjust(32, b"\0") + (10**24).to_bytes(32, "big")
        yield deployer.sign(1 + index, TOKEN, 0, data, 200_000)
    signers = [Signer(key, CHAIN_ID) for key in KEYS]
    for index in count():
        signer, nonce = signers[index % SENDERS], index // SENDERS
        old = keccak256(b"old %d" % (index * 7919 % OLD_ACCOUNTS))[12:]
        to = Address(keccak256(b"new %d" % index)[12:] if index % 5 == 0 else old)
        if index % 4 == 3:
            data = TRANSFER + to.rjust(32, b"\0") + (1).to_bytes(32, "big")
            yield signer.sign(nonce, TOKEN, 0, data, 100_000)
        else:
            yield signer.sign(nonce, to, 1, b"", 21_000)


def sign_forever(line: Connection, token_code: bytes) -> None:
    """The other process: send signed transactions, a chunk at a time, until nobody listens."""
    chunk: list[bytes] = []
    try:
        for raw in transactions(token_code):
            chunk.append(raw)
            if len(chunk) == CHUNK:
                line.send(chunk)
                chunk = []
    except (BrokenPipeError, KeyboardInterrupt):
        return


class Node:
    """What of a node makes and keeps blocks."""

    def __init__(self, directory: Path, gas_limit: int, retained: int) -> None:
        # An elasticity of 1 lets full blocks be full for ever at the same price.
        preset = replace(
            l2_preset("devnet"), gas_limit=gas_limit, eip1559_elasticity=1, eip1559_denominator=250
        )
        funded = [*ADDRESSES, DEPLOYER]
        rich = {address: GenesisAccount(balance=10**30) for address in funded}
        spec = l2_genesis(preset, 1_700_000_000, chain_id=CHAIN_ID, extra_alloc=rich)
        self.directory = directory
        self.store = ChainStore(LevelStore(directory), retention=Retention(retained))
        self.engine = ExecutionEngine.open(self.store, spec.config, genesis_block(spec))
        self.pool = TransactionPool(chain_id=CHAIN_ID, block_gas_limit=gas_limit)
        self.gas_limit = gas_limit

    def build(self) -> ExecutionResult:
        """The next block, as the sequencer makes it."""
        parent = self.engine.header(self.engine.heads.unsafe.hash)
        attributes = PayloadAttributes(
            parent_hash=parent.hash,
            timestamp=parent.timestamp + 1,
            prev_randao=keccak256(parent.hash),
            fee_recipient=SEQUENCER_FEE_VAULT,
            gas_limit=self.gas_limit,
            parent_beacon_block_root=parent.hash,
            transactions=(l1_attributes(parent.number + 1),),
            eip1559_params=(250, 1),
        )
        base_fee = next_base_fee(self.engine.config, parent)
        result = self.engine.build(attributes, self.pool.pending(base_fee))
        self.engine.commit(result)
        state = result.state
        self.pool.reset(
            lambda who: (state.get_nonce(who), state.get_balance(who)), set(result.senders)
        )
        if result.header.number % HEADS_EVERY == 0:
            self._move_heads(result.header.number)
        return result

    def _move_heads(self, number: int) -> None:
        safe, finalized = (max(0, number - depth) for depth in (SAFE_DEPTH, FINALIZED_DEPTH))
        named = [BlockId(each, self.store.canonical_hash(each)) for each in (safe, finalized)]
        self.engine.set_heads(safe=named[0], finalized=named[1])

    def pool_up(self, line: Connection) -> None:
        """Take in transactions as JSON-RPC does, until the next blocks are sure to be full."""
        state = self.engine.state_at(self.engine.header(self.engine.heads.unsafe.hash))
        while len(self.pool) < POOLED_AHEAD:
            for raw in line.recv():
                tx = decode_transaction(raw)
                sender = recover_sender(tx)
                self.pool.add(tx, sender, state.get_nonce(sender), state.get_balance(sender))

    def sample(self, started: float) -> Sample:
        """Memory of this process and size of the store on disk."""
        page_mb = os.sysconf("SC_PAGE_SIZE") / 1e6
        resident, mapped = map(int, Path("/proc/self/statm").read_text().split()[1:3])
        disk = 0
        for file in self.directory.iterdir():
            with suppress(FileNotFoundError):  # LevelDB compacts meanwhile
                disk += file.stat().st_size
        return Sample(
            self.engine.heads.unsafe.number,
            round(time.monotonic() - started, 1),
            round(resident * page_mb, 1),
            round(mapped * page_mb, 1),
            round(disk / 1e6, 1),
        )


def l1_attributes(number: int) -> DepositTransaction:
    """The deposit that opens a block; an L1 block serves twelve of ours."""
    origin = Hash32(keccak256(b"L1 block %d" % (number // 12)))
    told = L1Attributes(
        number=number // 12,
        timestamp=1_700_000_000 + number // 12 * 12,
        base_fee=10**9,
        hash=origin,
        sequence_number=number % 12,
        batcher_address=Address(b"\xba" * 20),
        blob_base_fee=1,
        base_fee_scalar=1_368,
        blob_base_fee_scalar=810_949,
        operator_fee_scalar=0,
        operator_fee_constant=0,
    )
    return DepositTransaction(
        source_hash=l1_attributes_source_hash(origin, number % 12),
        sender=L1_ATTRIBUTES_DEPOSITOR,
        to=L1_BLOCK,
        mint=0,
        value=0,
        gas_limit=L1_ATTRIBUTES_GAS,
        is_system_transaction=False,
        data=told.encode(),
    )


def say(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


def run_blocks(
    node: Node, kind: str, blocks: int, line: Connection | None
) -> tuple[dict[str, float], list[Sample]]:
    """Build so many blocks and look at the process some 400 times; figures and looks."""
    every = max(1, blocks // 400)
    started, used, held = time.monotonic(), 0, 0
    samples: list[Sample] = []
    for done in range(1, blocks + 1):
        if line is not None:
            node.pool_up(line)
        result = node.build()
        used += result.header.gas_used
        held += len(result.block.transactions)
        if done % every == 0:
            samples.append(node.sample(started))
        if done % (every * 10) == 0:
            seen = samples[-1]
            say(
                f"{kind} {done}/{blocks}: {seen.memory_mb:.0f} MB, {seen.mapped_mb:.0f} of it "
                f"mapped, disk {seen.disk_mb:.0f} MB, {done / (time.monotonic() - started):.1f}/s"
            )
    figures = {
        "blocks": blocks,
        "seconds": round(time.monotonic() - started, 1),
        "processor_seconds": round(time.process_time(), 1),
        "transactions_per_block": round(held / blocks, 1),
        "gas_per_block": round(used / blocks),
        "fullness": round(used / blocks / node.gas_limit, 4),
    }
    return figures, samples


def run_process(
    kind: str, given: argparse.Namespace, token_code: bytes, answer: Connection
) -> None:
    """One of the two processes: all its blocks on a store of its own; sends figures and looks."""
    home = given.directory or Path(tempfile.mkdtemp(prefix="stemma-long-run-"))
    node = Node(home / kind, given.gas_limit, given.retained)
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    signer = spawn.Process(target=sign_forever, args=(theirs, token_code))
    try:
        if kind == "full":
            signer.start()
            theirs.close()
            answer.send(run_blocks(node, kind, given.full, ours))
        else:
            answer.send(run_blocks(node, kind, given.empty, None))
    finally:
        ours.close()
        if signer.pid is not None:
            signer.terminate()
        node.store.close()
        if given.directory is None:
            shutil.rmtree(home)


def second_half(samples: list[Sample]) -> dict[str, float]:
    """How memory went over the second half of the blocks: means of its two halves, in MB."""
    late = [sample.memory_mb for sample in samples[len(samples) // 2 :]]
    third, fourth = late[: len(late) // 2], late[len(late) // 2 :]
    return {
        "most_mb": max(sample.memory_mb for sample in samples),
        "third_quarter_mb": round(sum(third) / len(third), 1),
        "fourth_quarter_mb": round(sum(fourth) / len(fourth), 1),
    }


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--empty", type=int, default=86_400, help="empty blocks")
    parser.add_argument("--full", type=int, default=10_000, help="full blocks")
    parser.add_argument("--gas-limit", type=int, default=5_000_000)
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=list(KINDS))
    parser.add_argument("--retained", type=int, default=1_024, help="states below the head")
    parser.add_argument("--directory", type=Path, help="keep the store here")
    parser.add_argument("--no-results", action="store_true", help="write neither figures nor plot")
    return parser.parse_args()


def main() -> None:
    """Run both kinds side by side and write down what was seen."""
    given = arguments()
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(1) as compiler:  # what the compiler leaves in memory is not the node's
        token_code = compiler.apply(token_bytecode)
    seen: dict[str, tuple[dict[str, float], list[Sample]]] = {}
    answers = {}
    for kind in given.kinds:
        answers[kind], theirs = spawn.Pipe(duplex=False)
        spawn.Process(target=run_process, args=(kind, given, token_code, theirs)).start()
        theirs.close()
    for kind, answer in answers.items():
        figures, samples = seen[kind] = answer.recv()
        figures.update(second_half(samples))
        say(f"{kind}: {figures}")
    if not given.no_results:
        write_down(given, seen)
    most = max(figures["most_mb"] for figures, _ in seen.values())
    if most >= LIMIT_MB:
        sys.exit(f"{most:.0f} MB of resident memory, {LIMIT_MB} at most")


def write_down(
    given: argparse.Namespace, seen: dict[str, tuple[dict[str, float], list[Sample]]]
) -> None:
    """Figures as JSON and memory over blocks as a plot."""
    content = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    content |= {"gas_limit": given.gas_limit, "retained_blocks": given.retained}
    content |= {
        kind: figures | {"samples": [asdict(sample) for sample in samples]}
        for kind, (figures, samples) in seen.items()
    }
    RESULTS.write_text(json.dumps(content, indent=1) + "\n")
    PLOT.parent.mkdir(exist_ok=True)
    PLOT.write_text(plot_of(content))


def plot_of(content: Mapping[str, Any]) -> str:
    """Memory over blocks, with and without the files that are mapped."""
    curves = []
    for kind in (kind for kind in KINDS if kind in content):
        samples = content[kind]["samples"]
        name = f"{content[kind]['blocks']:,.0f} {kind} blocks"
        parts = [100 * (index + 1) / len(samples) for index in range(len(samples))]
        memory = [sample["memory_mb"] for sample in samples]
        own = [sample["memory_mb"] - sample["mapped_mb"] for sample in samples]
        curves.append(Curve(name, list(zip(parts, memory, strict=True))))
        curves.append(Curve(f"{name}, without mapped files", list(zip(parts, own, strict=True))))
    return line_plot(
        curves,
        title="Resident memory of a pruned node",
        across="part of the blocks, %",
        up="MB",
        bound=(LIMIT_MB, f"{LIMIT_MB} MB"),
    )


if __name__ == "__main__":
    main()
