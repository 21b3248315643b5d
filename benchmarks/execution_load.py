"""A workload as every machine gets it: a world, one block before the clock starts and one behind.

Plain values that go from process to process as JSON. Our engine makes the two blocks once, outside
of any clock; a machine takes out of them what it can use, and what it then has used and reached has
to be what stands in their headers. Knows no machine.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

REPEATS = 3
MEGAGAS = 1_000_000


@dataclass(frozen=True)
class BlockData:
    """One block. Bytes in hex; `gas` is what each transaction uses."""

    block: str
    transactions: tuple[str, ...]
    gas: tuple[int, ...]
    number: int
    timestamp: int
    base_fee_wei: int
    gas_limit: int
    state_root: str

    @property
    def raws(self) -> list[bytes]:
        """The transactions in their raw form."""
        return [bytes.fromhex(raw) for raw in self.transactions]


@dataclass(frozen=True)
class AccountData:
    """An account of the genesis block: wei and code in hex."""

    balance: int
    nonce: int
    code: str


@dataclass(frozen=True)
class Load:
    """One row's work. `alloc` by address in hex, `genesis` the first header in RLP and hex."""

    row: str
    unit: str
    chain_id: int
    alloc: dict[str, AccountData]
    genesis: str
    set_up: BlockData
    block: BlockData

    @property
    def is_import(self) -> bool:
        """Whether the row is the import of a whole block."""
        return self.unit == "ms"

    @property
    def accounts(self) -> dict[bytes, AccountData]:
        """The allocation by address."""
        return {bytes.fromhex(address): account for address, account in self.alloc.items()}

    def figure(self, seconds: float, transactions: int, gas: int) -> float:
        """What the row shows for so many transactions and so much gas in so many seconds."""
        if self.unit == "transactions/s":
            return transactions / seconds
        return gas / MEGAGAS / seconds if self.unit == "Mgas/s" else seconds * 1000


@dataclass(frozen=True)
class Measured:
    """What a machine tells of a row: seconds of each repeat, and what it used and reached.

    `root` is empty where a machine has none, `error` where it could do the row.
    """

    row: str
    seconds: tuple[float, ...] = ()
    gas: int = 0
    transactions: int = 0
    root: str = ""
    error: str = ""

    def then(self, later: Measured) -> Measured:
        """The same with another run behind it."""
        return replace(later, seconds=(*self.seconds, *later.seconds))


def write(loads: list[Load], path: Path) -> None:
    """Put loads into a file."""
    path.write_text(json.dumps([asdict(load) for load in loads]))


def read(path: Path) -> list[Load]:
    """Loads out of a file."""
    return [_load(values) for values in json.loads(path.read_text())]


def _load(values: dict[str, Any]) -> Load:
    alloc = {address: AccountData(**account) for address, account in values["alloc"].items()}
    blocks = {name: _block(values[name]) for name in ("set_up", "block")}
    return Load(**{**values, "alloc": alloc, **blocks})


def _block(values: dict[str, Any]) -> BlockData:
    lists = {name: tuple(values[name]) for name in ("transactions", "gas")}
    return BlockData(**{**values, **lists})
