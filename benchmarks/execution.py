"""`make bench-evm`: what executing blocks costs, ours beside stock py-evm, EELS and revm.

Every machine gets the same signed transactions from execution_workload.py. Ours, py-evm and EELS
decode them, recover senders, execute and compute a state root; ours also seals the block (receipts,
bloom, three roots) and commits it to memory. revm is called from Python without signatures, tries
or blocks, and marks what the bare machine costs. Ours starts each load without transpiled code, so
that what transpiling costs is in the figures. Medians of three; one run for the loops of py-evm and
for EELS, which takes minutes. EELS and revm join where `ethereum-execution` and `pyrevm` are there.

Progress goes to standard error, the table to standard output, figures to results/evm.json.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from execution_workload import CHAIN_ID, DEPLOYER, Workload, all_workloads
from stock_pyevm import StockPyEvm
from workload import ADDRESSES, FUNDS_WEI

from chain.storage import ChainStore, MemoryStore
from chain.transaction import decode_transaction, recover_sender
from chain.types import ZERO_ADDRESS, ZERO_HASH
from evm.engine import ExecutionEngine
from evm.executor import PayloadAttributes
from evm.pyevm import interpreter
from evm.pyevm.transpiler.hot import HotCodes
from genesis.allocation import GenesisAccount, GenesisSpec, genesis_block, l1_contracts
from genesis.config import ChainConfig

RESULTS = Path(__file__).resolve().parent / "results" / "evm.json"
REPEATS = 3
MEASURED_ONCE = {"py-evm": {"Mgas/s"}, "EELS": {"Mgas/s", "transfers/s"}}
"""By machine: the units of its rows that are measured once."""
GAS_LIMIT = 10**10
MEGAGAS = 1_000_000


@dataclass(frozen=True)
class Measured:
    """One run of a load: seconds, and the gas that it used."""

    seconds: float
    gas: int

    def figure(self, workload: Workload) -> float:
        """Mgas/s or transactions/s, whichever the row counts."""
        amount = self.gas / MEGAGAS if workload.counts_gas else len(workload.load)
        return amount / self.seconds


def say(text: str) -> None:
    """One line of progress."""
    print(text, file=sys.stderr, flush=True)


def ours(workload: Workload) -> Measured:
    """Our engine on plain Ethereum rules, in memory."""
    alloc = {address: GenesisAccount(balance=FUNDS_WEI * 100) for address in (*ADDRESSES, DEPLOYER)}
    spec = GenesisSpec(
        config=ChainConfig.ethereum(CHAIN_ID),
        alloc=alloc | l1_contracts(),
        timestamp=1,
        gas_limit=GAS_LIMIT,
        base_fee_per_gas=10**9,
    )
    engine = ExecutionEngine.open(ChainStore(MemoryStore()), spec.config, genesis_block(spec))
    interpreter.HOT_CODES = HotCodes()  # type: ignore[misc]  # forget what earlier loads made hot
    if workload.set_up:
        seal(engine, workload.set_up)
    gc.collect()
    start = time.perf_counter()
    gas = seal(engine, workload.load)
    return Measured(time.perf_counter() - start, gas)


def seal(engine: ExecutionEngine, raws: tuple[bytes, ...]) -> int:
    """Make a block of raw transactions and commit it; the gas used. All must succeed."""
    parent = engine.header(engine.heads.unsafe.hash)
    attributes = PayloadAttributes(
        parent_hash=parent.hash,
        timestamp=parent.timestamp + 12,
        prev_randao=ZERO_HASH,
        fee_recipient=ZERO_ADDRESS,
        parent_beacon_block_root=ZERO_HASH,
        gas_limit=GAS_LIMIT,
        transactions=tuple(decode_transaction(raw) for raw in raws),
    )
    result = engine.build(attributes)
    engine.commit(result)
    for index, receipt in enumerate(result.receipts):
        if not receipt.succeeded:
            raise RuntimeError(f"ours: transaction {index} of {len(raws)} has failed")
    return result.header.gas_used


def stock(workload: Workload) -> Measured:
    """py-evm as it comes; its clock holds no block and no receipts trie."""
    engine = StockPyEvm(DEPLOYER)
    if workload.set_up:
        engine.run(list(workload.set_up))
    gc.collect()
    return Measured(engine.run(list(workload.load)), 0)


def revm(workload: Workload) -> Measured:
    """Revm through pyrevm: calls only."""
    import pyrevm

    block = pyrevm.BlockEnv(number=1, timestamp=13, basefee=10**9, gas_limit=GAS_LIMIT)
    env = pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=CHAIN_ID), block=block)
    machine = pyrevm.EVM(env=env, gas_limit=GAS_LIMIT, spec_id="CANCUN")
    for address in (*ADDRESSES, DEPLOYER):
        machine.insert_account_info(hexed(address), pyrevm.AccountInfo(balance=FUNDS_WEI * 100))
    for call in calls(workload.set_up):
        run_on_revm(machine, call)
    prepared = calls(workload.load)
    gas = 0
    start = time.perf_counter()
    for call in prepared:
        gas += run_on_revm(machine, call)
    return Measured(time.perf_counter() - start, gas)


def eels(workload: Workload) -> Measured:
    """The execution specification in Python: transactions one by one, then the state root."""
    from ethereum.forks.prague import fork, state, transactions, vm
    from ethereum_types.bytes import Bytes20, Bytes32
    from ethereum_types.numeric import U64, U256, Uint

    world = state.State()
    for address in (*ADDRESSES, DEPLOYER):
        account = state.Account(nonce=Uint(0), balance=U256(FUNDS_WEI * 100), code=b"")
        state.set_account(world, Bytes20(address), account)
    environment = vm.BlockEnvironment(
        chain_id=U64(CHAIN_ID),
        state=world,
        block_gas_limit=Uint(GAS_LIMIT),
        block_hashes=[],
        coinbase=Bytes20(ZERO_ADDRESS),
        number=Uint(1),
        base_fee_per_gas=Uint(10**9),
        time=U256(13),
        prev_randao=Bytes32(ZERO_HASH),
        excess_blob_gas=U64(0),
        parent_beacon_block_root=Bytes32(ZERO_HASH),
    )

    def run(raws: tuple[bytes, ...]) -> int:
        output = vm.BlockOutput()
        for index, raw in enumerate(raws):
            tx = transactions.decode_transaction(raw)
            fork.process_transaction(environment, output, tx, Uint(index))
        state.state_root(world)
        return int(output.block_gas_used)

    if workload.set_up:
        run(workload.set_up)
    gc.collect()
    start = time.perf_counter()
    gas = run(workload.load)
    return Measured(time.perf_counter() - start, gas)


def hexed(data: bytes) -> str:
    """0x and hex digits."""
    return "0x" + data.hex()


def calls(raws: tuple[bytes, ...]) -> list[tuple[str, str | None, bytes, int, int]]:
    """Sender, receiver, data, value and gas of raw transactions."""
    found = []
    for raw in raws:
        tx: Any = decode_transaction(raw)
        to = None if tx.to is None else hexed(tx.to)
        found.append((hexed(recover_sender(tx)), to, tx.data, tx.value, tx.gas_limit))
    return found


def run_on_revm(machine: Any, call: tuple[str, str | None, bytes, int, int]) -> int:  # noqa: ANN401
    """Gas used; raises RuntimeError where the call fails."""
    sender, to, data, value, gas = call
    if to is None:
        machine.deploy(deployer=sender, code=data, value=value, gas=gas)
    else:
        machine.message_call(sender, to, calldata=data, value=value, gas=gas, gas_price=10**9)
    used: int = machine.result.gas_used
    return used


Machine = Callable[[Workload], Measured]
MACHINES: dict[str, tuple[Machine, str | None]] = {
    "stemma": (ours, None),
    "py-evm": (stock, None),
    "EELS": (eels, "ethereum.forks.prague"),
    "revm (no signatures, no root)": (revm, "pyrevm"),
}
"""By name: how to run a load, and the module without which it cannot be."""


def is_installed(module: str) -> bool:
    """Whether a module can be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def measure(workloads: list[Workload]) -> dict[str, dict[str, float]]:
    """Figures by row and machine."""
    rows: dict[str, dict[str, float]] = {}
    for workload in workloads:
        gas = ours(workload).gas
        row = rows[workload.row] = {}
        for name, (machine, module) in MACHINES.items():
            if module is not None and not is_installed(module):
                say(f"{name}: skipped, the package {module} is not installed")
                continue
            once = workload.row.split()[-1] in MEASURED_ONCE.get(name, ())
            repeats = 1 if once else REPEATS
            runs = [Measured(machine(workload).seconds, gas) for _ in range(repeats)]
            row[name] = round(statistics.median(run.figure(workload) for run in runs), 1)
            say(f"{workload.row}: {name}: {row[name]}")
    return rows


def table(rows: dict[str, dict[str, float]]) -> str:
    """The figures as text, with what ours is of py-evm's."""
    header = ["", *MACHINES, "ours / py-evm"]
    lines = [header]
    for name, row in rows.items():
        figures = [f"{row[machine]:,}" if machine in row else "-" for machine in MACHINES]
        lines.append([name, *figures, f"{row['stemma'] / row['py-evm']:.1f}x"])
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )


def main() -> None:
    """Measure, print, write down."""
    rows = measure(all_workloads())
    print(table(rows))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
