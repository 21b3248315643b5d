"""Ours: blocks are built, sealed and committed as on a chain, with Ethereum's rules, in memory.

A row of transactions builds and commits a block from raw transactions; the mixed block is decoded
and imported. Every load begins without transpiled code, so that transpiling is in the figures.
"""

from __future__ import annotations

import itertools

from execution_load import AccountData, BlockData, Load
from execution_machine import Machine
from execution_workload import CHAIN_ID, DEPLOYER, Workload
from workload import ADDRESSES, FUNDS_WEI

from chain.block import Block, decode_block
from chain.receipt import Receipt
from chain.storage import ChainStore, MemoryStore
from chain.transaction import decode_transaction
from chain.types import ZERO_ADDRESS, ZERO_HASH, Address
from evm.engine import ExecutionEngine
from evm.executor import ExecutionResult, PayloadAttributes
from evm.pyevm import interpreter
from evm.pyevm.transpiler.hot import HotCodes
from genesis import addresses
from genesis.allocation import GenesisAccount, GenesisSpec, genesis_block, l1_contracts
from genesis.config import ChainConfig

GAS_LIMIT = 10**9
BASE_FEE_WEI = 10**9
SECONDS_PER_BLOCK = 12
NO_HOOKS = {addresses.HISTORY_STORAGE: GenesisAccount(balance=1)}
"""Rows of transactions end in a state that no system call has touched: there is no contract where a
block leaves its parent's hash, but an account, so that anvil can make the same state."""


def allocation(workload: Workload) -> dict[Address, GenesisAccount]:
    """Who is there at the start: rich senders and the system contracts of an L1."""
    rich = (*ADDRESSES, DEPLOYER)
    alloc = {address: GenesisAccount(balance=FUNDS_WEI * 100) for address in rich}
    if workload.unit == "ms":
        return alloc | l1_contracts()
    hooks = (addresses.BEACON_ROOTS, addresses.HISTORY_STORAGE)
    contracts = {at: known for at, known in l1_contracts().items() if at not in hooks}
    return alloc | contracts | NO_HOOKS


def open_engine(alloc: dict[Address, GenesisAccount]) -> ExecutionEngine:
    """A chain in memory."""
    spec = GenesisSpec(
        config=ChainConfig.ethereum(CHAIN_ID),
        alloc=alloc,
        timestamp=1,
        gas_limit=GAS_LIMIT,
        base_fee_per_gas=BASE_FEE_WEI,
    )
    return ExecutionEngine.open(ChainStore(MemoryStore()), spec.config, genesis_block(spec))


def seal(engine: ExecutionEngine, raws: list[bytes]) -> ExecutionResult:
    """Make a block of raw transactions and commit it."""
    parent = engine.header(engine.heads.unsafe.hash)
    if parent is None:
        raise RuntimeError("the head of the chain is missing")
    attributes = PayloadAttributes(
        parent_hash=parent.hash,
        timestamp=parent.timestamp + SECONDS_PER_BLOCK,
        prev_randao=ZERO_HASH,
        fee_recipient=ZERO_ADDRESS,
        parent_beacon_block_root=ZERO_HASH,
        gas_limit=GAS_LIMIT,
        transactions=tuple(decode_transaction(raw) for raw in raws),
    )
    result = engine.build(attributes)
    engine.commit(result)
    return result


def make_load(workload: Workload) -> Load:
    """The two blocks of a workload. Raises RuntimeError where a transaction fails."""
    alloc = allocation(workload)
    engine = open_engine(alloc)
    genesis = engine.header(engine.heads.unsafe.hash)
    if genesis is None:
        raise RuntimeError("the chain has no first block")
    blocks = []
    for raws in (workload.set_up, workload.load):
        result = seal(engine, list(raws))
        blocks.append(block_data(workload.row, result.block, result.receipts))
    accounts = {
        address.hex(): AccountData(account.balance, account.nonce, account.code.hex())
        for address, account in alloc.items()
    }
    header = genesis.encode().hex()
    return Load(workload.row, workload.unit, CHAIN_ID, accounts, header, *blocks)


def block_data(row: str, block: Block, receipts: tuple[Receipt, ...]) -> BlockData:
    """A sealed block in plain values."""
    for index, receipt in enumerate(receipts):
        if not receipt.succeeded:
            raise RuntimeError(f"{row}: transaction {index} of {len(receipts)} has failed")
    totals = [0, *(receipt.cumulative_gas_used for receipt in receipts)]
    header = block.header
    return BlockData(
        block.encode().hex(),
        tuple(tx.encode().hex() for tx in block.transactions),
        tuple(after - before for before, after in itertools.pairwise(totals)),
        header.number,
        header.timestamp,
        header.base_fee_per_gas or 0,
        header.gas_limit,
        header.state_root.hex(),
    )


class Ours(Machine):
    """Our engine."""

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        self._engine = open_engine(
            {
                Address(address): GenesisAccount(
                    nonce=account.nonce, balance=account.balance, code=bytes.fromhex(account.code)
                )
                for address, account in load.accounts.items()
            }
        )
        interpreter.HOT_CODES = HotCodes()  # type: ignore[misc]  # what was hot before is forgotten
        seal(self._engine, load.set_up.raws)
        self._block = bytes.fromhex(load.block.block)

    def run(self) -> None:
        """Build and commit a block, or import one."""
        if self.load.is_import:
            self._result = self._engine.import_block(decode_block(self._block))
        else:
            self._result = seal(self._engine, self.raws)

    def gas_used(self) -> int:
        """As the header says."""
        return self._result.header.gas_used

    def state_root(self) -> bytes:
        """As the header says."""
        return self._result.header.state_root


MACHINE = Ours
