"""`make bench-state`: what a block costs on a large state that nothing has in memory.

LevelDB stores of 10,000, 100,000 and 1,000,000 accounts are built from sorted leaves, in one pass.
Then blocks are imported that pay 1,000, 10,000 and 100,000 of these accounts, each block by a fresh
process, on a copy of the store, after the kernel was told to forget the files: what `import_block`
takes from the block's bytes to the synced write, signatures included. Look-ups in LevelDB are
counted. Each is done again without forgetting the files, for what the disk has to do with it.

Times are wall time less what the kernel says the process waited for a processor (schedstat), so
that other work on the machine is not in them; waiting for the disk is.

Progress goes to standard error, the table to standard output, figures to results/state.json.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from workload import ADDRESSES, KEYS, SENDERS, Signer

from chain.account import encode_account
from chain.block import Block, decode_block
from chain.crypto.keccak import keccak256
from chain.heads import BlockId, Heads
from chain.state import MemoryStateStore, StateChanges
from chain.storage import ChainStore, LevelStore
from chain.storage.schema import NODE_PREFIX, pack_node, seal
from chain.transaction import decode_transaction
from chain.trie import EMPTY_ROOT, Trie
from chain.trie.bulk import build_trie
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address, Hash32
from evm.engine import ExecutionEngine
from evm.executor import PayloadAttributes
from genesis.allocation import GenesisAccount, GenesisSpec, genesis_block, l1_contracts
from genesis.config import ChainConfig

RESULTS = Path(__file__).resolve().parent / "results" / "state.json"
CHAIN_ID = 1337
STATES = (10_000, 100_000, 1_000_000)
TOUCHED = (1_000, 10_000, 100_000)
REPEATS = {1_000: 3, 10_000: 3, 100_000: 1}
GAS_LIMIT = 10**10
NODES_AT_ONCE = 20_000
CACHES = Path("/proc/sys/vm/drop_caches")


def say(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


# -- the stores


def account(index: int) -> Address:
    """The address of one of the many."""
    return Address(keccak256(b"account %d" % index)[12:])


def specification() -> GenesisSpec:
    """Plain Ethereum with funded senders and the system contracts; the many are added to it."""
    rich = {address: GenesisAccount(balance=10**30) for address in ADDRESSES}
    return GenesisSpec(
        config=ChainConfig.ethereum(CHAIN_ID),
        alloc=rich | l1_contracts(),
        timestamp=1,
        gas_limit=GAS_LIMIT,
        base_fee_per_gas=10**9,
    )


def genesis_of(accounts: int) -> tuple[Block, StateChanges, Iterator[tuple[bytes, bytes]]]:
    """The genesis block of a state with so many accounts more, what its contracts need, and all
    leaves of its state trie, sorted.
    """
    block, changes = genesis_block(specification())
    store = MemoryStateStore()
    store.add(changes)
    leaves = list(Trie(_Nodes(store), changes.root).items())
    empty = keccak256(b"")
    leaves += [
        (keccak256(account(index)), encode_account(0, 10**18 + index, EMPTY_ROOT, empty))
        for index in range(accounts)
    ]
    leaves.sort()
    return block, changes, iter(leaves)


class _Nodes:
    def __init__(self, store: MemoryStateStore) -> None:
        self.get = store.node


def build_store(directory: Path, accounts: int) -> float:
    """Write a store; the seconds it took."""
    started = time.monotonic()
    block, changes, leaves = genesis_of(accounts)
    kv = LevelStore(directory)
    store = ChainStore(kv)
    waiting: dict[bytes, bytes] = {}

    def keep(node_hash: bytes, node: bytes) -> None:
        key = NODE_PREFIX + node_hash
        waiting[key] = seal(key, pack_node(node))
        if len(waiting) >= NODES_AT_ONCE:
            kv.write(waiting, sync=False)
            waiting.clear()

    root = build_trie(leaves, keep)
    kv.write(waiting, sync=True)
    first = first_block(block, root)
    heads = Heads.at_genesis(BlockId(0, first.hash))
    store.commit(first, (), (), replace(changes, root=root), heads)
    store.compact()
    store.close()
    return time.monotonic() - started


def first_block(block: Block, root: Hash32) -> Block:
    """The genesis block with another state root."""
    return Block(replace(block.header, state_root=root), block.transactions, block.withdrawals)


# -- what the fresh processes do


class CountingStore(LevelStore):
    """LevelDB that counts look-ups of trie nodes."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._nodes = count()  # several threads take from it

    def get(self, key: bytes, /) -> bytes | None:
        """Count and look up."""
        if key[:1] == NODE_PREFIX:
            next(self._nodes)
        return super().get(key)

    def taken(self) -> int:
        """How many look-ups there were; to be asked once, in the end."""
        return next(self._nodes)


def open_engine(kv: LevelStore) -> ExecutionEngine:
    """The chain of a store whose genesis is not that of the specification alone."""
    return ExecutionEngine(specification().config, ChainStore(kv))


def make_block(directory: Path, touched: int, accounts: int, file: Path) -> None:
    """Build a block that pays so many accounts, spread over the state, and write its RLP."""
    signers = [Signer(key, CHAIN_ID) for key in KEYS]
    step = accounts // touched
    transactions = [
        signers[index % SENDERS].sign(index // SENDERS, account(index * step), 1, b"", 21_000)
        for index in range(touched)
    ]
    engine = open_engine(LevelStore(directory))
    parent = engine.header(engine.heads.unsafe.hash)
    attributes = PayloadAttributes(
        parent_hash=parent.hash,
        timestamp=parent.timestamp + 12,
        prev_randao=ZERO_HASH,
        fee_recipient=ZERO_ADDRESS,
        gas_limit=GAS_LIMIT,
        transactions=tuple(decode_transaction(raw) for raw in transactions),
    )
    file.write_bytes(engine.build(attributes).block.encode())
    engine.store.close()


def forget_files(directory: Path) -> str:
    """Have the kernel drop what it caches of a store; how that was done."""
    for path in directory.iterdir():
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)
    try:
        CACHES.write_text("1\n")
    except OSError:
        return "posix_fadvise(DONTNEED)"
    return "posix_fadvise(DONTNEED) and drop_caches"


def import_block(directory: Path, file: Path, *, cold: bool) -> dict[str, Any]:
    """Import a block into a store opened anew; what it took."""
    raw = file.read_bytes()
    how = forget_files(directory) if cold else "not dropped"
    kv = CountingStore(directory)
    engine = open_engine(kv)
    started, worked, waited = time.perf_counter(), time.process_time(), queued_s()
    result = engine.import_block(decode_block(raw))
    waited = queued_s() - waited
    seconds, busy = time.perf_counter() - started - waited, time.process_time() - worked
    engine.store.close()
    if not all(receipt.succeeded for receipt in result.receipts):
        raise RuntimeError("a transfer has failed")
    return {
        "seconds": seconds,
        "busy_seconds": busy,
        "waited_seconds": waited,
        "gets": kv.taken(),
        "page_cache": how,
    }


def queued_s() -> float:
    """How long this thread has been ready to run without a processor."""
    return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9


# -- the run


@dataclass(frozen=True)
class Row:
    """One kind of block on one state. Times in milliseconds a block and microseconds a payment;
    `busy_us` is processor time, `waited_us` what was left out.
    """

    accounts: int
    touched: int
    block_ms: float
    payment_us: float
    busy_us: float
    waited_us: float
    warm_us: float
    gets_per_account: float
    page_cache: str


def in_fresh_process(*words: object) -> str:
    """Run a step of this file in a process of its own; its output."""
    command = [sys.executable, __file__, *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measure(home: Path, states: list[int], touched: int, place: Path) -> list[Row]:
    """Blocks that pay `touched` accounts, cold and warm, of one state after the other, so that
    whatever else the machine does falls on all of them; medians.
    """
    seen: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for accounts in states:
        words = (
            accounts,
            "--store",
            store_of(home, accounts),
            "--block",
            place / f"{accounts}.rlp",
        )
        in_fresh_process("--make", touched, *words)
    for _ in range(REPEATS[touched]):
        for accounts in states:
            for kind in ("cold", "warm"):
                copy = place / "copy"
                shutil.copytree(store_of(home, accounts), copy)
                words = ("--store", copy, "--block", place / f"{accounts}.rlp")
                answer = json.loads(in_fresh_process(f"--{kind}", *words))
                seen.setdefault((accounts, kind), []).append(answer)
                shutil.rmtree(copy)
    return [row(accounts, touched, seen) for accounts in states]


def row(accounts: int, touched: int, seen: dict[tuple[int, str], list[dict[str, Any]]]) -> Row:
    """The medians of one kind of block on one state."""
    runs = sorted(seen[accounts, "cold"], key=lambda each: each["seconds"])
    cold = runs[len(runs) // 2]
    warm = statistics.median(each["seconds"] for each in seen[accounts, "warm"])
    return Row(
        accounts,
        touched,
        block_ms=round(cold["seconds"] * 1e3, 1),
        payment_us=round(cold["seconds"] / touched * 1e6, 1),
        busy_us=round(cold["busy_seconds"] / touched * 1e6, 1),
        waited_us=round(cold["waited_seconds"] / touched * 1e6, 1),
        warm_us=round(warm / touched * 1e6, 1),
        gets_per_account=round(cold["gets"] / touched, 2),
        page_cache=cold["page_cache"],
    )


def store_of(home: Path, accounts: int) -> Path:
    """Where the store of so many accounts lies."""
    return home / f"accounts-{accounts}"


def arguments() -> argparse.Namespace:
    """The command line; steps are for this file itself."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, nargs="*", default=list(STATES))
    parser.add_argument("--keep", type=Path, help="keep the stores here and use them again")
    parser.add_argument("--no-results", action="store_true", help="write no figures")
    parser.add_argument("--make", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--cold", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--warm", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--store", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--block", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Do one step, or all of them."""
    given = arguments()
    if given.make:
        make_block(given.store, *given.make, given.block)
    elif given.cold or given.warm:
        print(json.dumps(import_block(given.store, given.block, cold=given.cold)))
    else:
        run(given)


def run(given: argparse.Namespace) -> None:
    """Build the stores, measure, and write down what was seen."""
    rows: list[Row] = []
    content = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    built = content.get("built_seconds", {})
    with tempfile.TemporaryDirectory(prefix="stemma-large-state-") as name:
        place = Path(name)
        home = given.keep or place
        home.mkdir(parents=True, exist_ok=True)
        for accounts in given.accounts:
            if not store_of(home, accounts).exists():
                seconds = build_store(store_of(home, accounts), accounts)
                built[str(accounts)] = round(seconds, 1)
                say(f"{accounts:,} accounts: built in {seconds:.1f} s")
        for touched in TOUCHED:
            states = [accounts for accounts in given.accounts if accounts >= touched]
            if states:
                rows += measure(home, states, touched, place)
                say("\n".join(str(each) for each in rows[-len(states) :]))
    show(rows)
    if not given.no_results:
        content = {"built_seconds": built, "rows": [asdict(each) for each in rows]}
        RESULTS.write_text(json.dumps(content, indent=2) + "\n")


def show(rows: list[Row]) -> None:
    """The table, and how the cost of a payment grows with the state."""
    print("| accounts | paid in the block | ms a block | µs a payment | busy | warm | look-ups |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        print(
            f"| {row.accounts:,} | {row.touched:,} | {row.block_ms:,.0f} | {row.payment_us:,.0f} "
            f"| {row.busy_us:,.0f} | {row.warm_us:,.0f} | {row.gets_per_account:.1f} |"
        )
    for touched in TOUCHED:
        same = [row for row in rows if row.touched == touched]
        if len(same) > 1:
            least, most = same[0], same[-1]
            grown = most.payment_us / least.payment_us
            logarithm = math.log(most.accounts) / math.log(least.accounts)
            print(
                f"{touched:,} paid: from {least.accounts:,} to {most.accounts:,} accounts the cost "
                f"of a payment grows {grown:.2f} times, the logarithm of the state "
                f"{logarithm:.2f} times"
            )


if __name__ == "__main__":
    main()
