"""`make bench`: one table of speeds, with anvil and stock py-evm measured in the same run.

Every engine gets the same transactions from workload.py, signed before the clock starts. A server's
time runs from the first HTTP request to the sealing of the last transaction as seen over HTTP;
receipts are then checked, outside the clock. Figures are medians of three. Progress goes to
standard error, the table to standard output, the figures to results/node.json.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from servers import Anvil, Server, ServerFailed, Stemma, environment_note
from stock_pyevm import CHAIN_ID, StockPyEvm
from workload import (
    SENDERS,
    ether_transfers,
    funding,
    token_set_up,
    token_transfers,
)

from chain.crypto.keccak import keccak256
from chain.crypto.secp256k1 import address_of
from chain.types import Address
from genesis.dev_accounts import dev_account

ETHER_ROW = "transfers/s"
TOKEN_ROW = "ERC-20 transfers/s"
CLOCK = ", block clock"
"""Ends the names of rows that are measured without `evm_mine`, waiting for the node's own clock."""
EMPTY_ROW = "empty block, ms"
START_ROW = "start-up, s"
MEMORY_ROW = "memory after start, MB"
LOADED_ROW = "memory after the load, MB"
ROWS = [
    ETHER_ROW,
    TOKEN_ROW,
    ETHER_ROW + CLOCK,
    TOKEN_ROW + CLOCK,
    EMPTY_ROW,
    START_ROW,
    MEMORY_ROW,
    LOADED_ROW,
]
ENGINES = ["stemma", "py-evm", "anvil"]

REPEATS = 3
TRANSFERS = 6_000
"""Per measurement of a server: more than a second's worth, so that its block clock runs too."""
STOCK_TRANSFERS = 2_000
"""In-process there is no clock."""
BATCH = 100
SEALED_WITHIN_S = 120.0
SAMPLES = 100
RICH = dev_account("account0")
RESULTS = Path(__file__).resolve().parent / "results" / "node.json"

Figures = dict[str, float]


def say(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


def batches(raws: list[bytes]) -> Iterator[bytes]:
    """JSON-RPC batches of eth_sendRawTransaction."""
    for start in range(0, len(raws), BATCH):
        requests = [
            {
                "jsonrpc": "2.0",
                "id": index,
                "method": "eth_sendRawTransaction",
                "params": ["0x" + raw.hex()],
            }
            for index, raw in enumerate(raws[start : start + BATCH])
        ]
        yield json.dumps(requests).encode()


def send_and_seal(server: Server, raws: list[bytes], *, by_clock: bool = False) -> float:
    """Seconds from the first request to the last transaction sealed. Raises ServerFailed.

    When all is sent the server is asked to seal until it has, or left to its clock.
    """
    bodies = list(batches(raws))
    first_block = int(server.call("eth_blockNumber"), 16) + 1
    gc.collect()
    started = time.perf_counter()
    answers = [server.post(body) for body in bodies]
    seal = wait_a_little if by_clock else server.seal
    seal_all(server, first_block, len(raws), seal, started + SEALED_WITHIN_S)
    seconds = time.perf_counter() - started
    check(server, answers, raws)
    return seconds


def wait_a_little() -> None:
    """Between two looks at a server that goes by its clock."""
    time.sleep(0.02)


def seal_all(
    server: Server, block: int, wanted: int, seal: Callable[[], None], deadline: float
) -> None:
    """Count transactions block by block from that number on, sealing as long as there are fewer."""
    sealed = 0
    while time.perf_counter() < deadline:
        answer = server.call("eth_getBlockByNumber", hex(block), False)
        if answer is None:
            seal()
            continue
        sealed += len(answer["transactions"]) - int(server.name == "stemma")
        if sealed >= wanted:
            return
        block += 1
    raise ServerFailed(f"{server.name}: {sealed} of {wanted} transactions sealed in time")


def check(server: Server, answers: list[bytes], raws: list[bytes]) -> None:
    """Every transaction was taken, and a hundred of them, spread evenly, have succeeded."""
    for answer in answers:
        for item in json.loads(answer):
            if "error" in item:
                raise ServerFailed(f"{server.name} refuses a transaction: {item['error']}")
    for raw in raws[:: max(1, len(raws) // SAMPLES)]:
        tx_hash = "0x" + keccak256(raw).hex()
        receipt = server.call("eth_getTransactionReceipt", tx_hash)
        if receipt is None or receipt["status"] != "0x1":
            raise ServerFailed(f"{server.name}: {tx_hash} has not succeeded: {receipt}")


def set_up(server: Server) -> tuple[int, Address]:
    """Fund the senders, deploy the token and mint; the chain's id and the token's address."""
    chain_id = int(server.call("eth_chainId"), 16)
    send_and_seal(server, funding(chain_id, RICH.private_key, 0))
    token, raws = token_set_up(chain_id, RICH.private_key, SENDERS)
    send_and_seal(server, raws)
    return chain_id, token


@contextmanager
def running(kind: Callable[[], Server]) -> Iterator[Server]:
    """A server that is stopped whatever happens."""
    server = kind()
    try:
        yield server
    finally:
        server.stop()


def measure_server(kind: type[Server]) -> Figures:
    """All rows of one server: two short starts, and one under load."""
    starts: list[float] = []
    memory: list[float] = []
    for turn in range(REPEATS):
        with running(kind) as server:
            starts.append(server.start_up_s)
            time.sleep(2)  # let what is started in the background settle before weighing
            memory.append(server.memory_mb())
            say(f"{kind.name}: start {turn + 1}: {starts[-1]:.2f} s, {memory[-1]:.0f} MB")
            if turn == REPEATS - 1:
                figures = measure_load(server)
    figures[START_ROW] = statistics.median(starts)
    figures[MEMORY_ROW] = statistics.median(memory)
    return figures


def loads_of(
    chain_id: int, token: Address, turn: int, count: int, nonce: int
) -> dict[str, list[bytes]]:
    """What one turn sends, by row; every sender's nonces start at `nonce`."""
    return {
        ETHER_ROW: ether_transfers(chain_id, turn, count, nonce),
        TOKEN_ROW: token_transfers(chain_id, token, turn, count, nonce + count // SENDERS),
    }


def measure_load(server: Server) -> Figures:
    """The rows of a running server."""
    figures = {EMPTY_ROW: statistics.median(server.empty_block_ms() for _ in range(REPEATS))}
    chain_id, token = set_up(server)
    for by_clock in (False, True)[: 1 + server.has_clock]:
        rates: dict[str, list[float]] = {}
        for turn in range(REPEATS * by_clock, REPEATS * (1 + by_clock)):
            loads = loads_of(chain_id, token, turn, TRANSFERS, 2 * turn * TRANSFERS // SENDERS)
            for load, raws in loads.items():
                row = load + CLOCK if by_clock else load
                seconds = send_and_seal(server, raws, by_clock=by_clock)
                rates.setdefault(row, []).append(len(raws) / seconds)
                say(f"{server.name}: {row}: {rates[row][-1]:.0f}")
        figures |= {row: statistics.median(values) for row, values in rates.items()}
        figures.setdefault(LOADED_ROW, server.memory_mb())
    return figures


def measure_stock() -> Figures:
    """Stock py-evm, called in this process."""
    deployer = address_of(RICH.private_key)
    rates: dict[str, list[float]] = {ETHER_ROW: [], TOKEN_ROW: []}
    empty = []
    for turn in range(REPEATS):
        token, raws = token_set_up(CHAIN_ID, RICH.private_key, 0)
        loads = loads_of(CHAIN_ID, token, turn, STOCK_TRANSFERS, 0)
        engine = StockPyEvm(deployer)
        engine.run(raws)
        for row, load in loads.items():
            gc.collect()
            rates[row].append(len(load) / engine.run(load))
            say(f"py-evm: {row}: {rates[row][-1]:.0f}")
        empty.append(StockPyEvm(deployer).empty_block() * 1000)
    figures = {row: statistics.median(values) for row, values in rates.items()}
    return {**figures, EMPTY_ROW: statistics.median(empty)}


def table(figures: dict[str, Figures]) -> str:
    """The table as text; a dash where an engine has no such figure."""
    lines = [f"{'':28}" + "".join(f"{engine:>12}" for engine in ENGINES)]
    for row in ROWS:
        cells = []
        for engine in ENGINES:
            value = figures.get(engine, {}).get(row)
            cells.append("-" if value is None else f"{value:,.{0 if value >= 100 else 2}f}")
        lines.append(f"{row:28}" + "".join(f"{cell:>12}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    """Measure every engine that is there."""
    note = environment_note()
    figures: dict[str, Figures] = {"stemma": measure_server(Stemma), "py-evm": measure_stock()}
    notes = [
        f"{note}; medians of {REPEATS};",
        f"{TRANSFERS:,} transfers at a time, in batches of {BATCH} over one connection.",
        "stemma: `stemma dev --no-ai` with its L1, sequencer, batcher and derivation, a block each",
        "  second, and one evm_mine for each block that is still due when all is sent; in the rows",
        "  with the block clock none: up to a second of each time is waiting for a block.",
        f"py-evm: stock, called in-process, {STOCK_TRANSFERS:,} at a time: no HTTP, pool, receipts"
        " or disk to pay for.",
    ]
    if Anvil.binary() is None:
        notes.append("anvil: skipped, it is not installed (make node-tools).")
    else:
        figures["anvil"] = measure_server(Anvil)
        notes.append("anvil: the same HTTP requests, then one evm_mine; no disk.")
    print(table(figures))
    print()
    print("\n".join(notes))
    rows = {
        row: {name: round(found[row], 3) for name, found in figures.items() if row in found}
        for row in ROWS
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
