"""One chain, opened: store, engine, pool, writer's thread, and what JSON-RPC needs of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from chain.block import Block
from chain.storage import (
    PRUNED_SCHEMA_VERSION,
    ChainStore,
    LevelStore,
    Retention,
    stored_schema,
)
from chain.transaction import Transaction
from chain.types import Address
from evm.engine import ExecutionEngine
from evm.intrinsic_gas import minimum_gas
from genesis.allocation import GenesisSpec, genesis_block

from .config import NodeConfig, StateSection
from .l1.blob_store import BlobStore
from .rpc.backend import Backend, QueryLimits
from .rpc.debug import DebugNamespace
from .rpc.eth_blocks import BlockNamespace
from .rpc.eth_config import ConfigNamespace
from .rpc.eth_filters import FilterNamespace
from .rpc.eth_state import StateNamespace
from .rpc.eth_transactions import TransactionNamespace
from .rpc.jsonrpc import Limits
from .rpc.net import NetNamespace
from .rpc.simulate import SimulateNamespace
from .rpc.testing import TestingNamespace
from .rpc.txpool import TxpoolNamespace
from .sender_recovery import SenderRecovery
from .shared_pool import SharedPool
from .writer import Writer

STORE_DIRECTORY = "chain"
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChainRuntime:
    """The open parts of one chain."""

    store: ChainStore
    engine: ExecutionEngine
    pool: SharedPool
    writer: Writer
    backend: Backend
    rpc_limits: Limits

    def namespaces(self) -> list[object]:
        """The namespaces that every chain answers."""
        return chain_namespaces(self.backend)

    def close(self) -> None:
        """Finish the write under way and close the store."""
        self.writer.close()
        self.store.close()


def chain_namespaces(backend: Backend) -> list[object]:
    """The namespaces that every chain answers."""
    return [
        BlockNamespace(backend),
        ConfigNamespace(backend),
        StateNamespace(backend),
        SimulateNamespace(backend),
        TransactionNamespace(backend),
        FilterNamespace(backend),
        NetNamespace(backend),
        DebugNamespace(backend),
        TxpoolNamespace(backend),
        TestingNamespace(backend),
    ]


def open_store(directory: Path, state: StateSection, *, is_rollup: bool) -> ChainStore:
    """Open the store in a chain's directory, or begin one.

    A rollup's states are kept from its finalized head on, where derivation may start again; an L1
    goes by depth alone. Raises WrongStateMode where the store is not what is asked for.
    """
    directory.mkdir(parents=True, exist_ok=True)
    kv = LevelStore(directory / STORE_DIRECTORY, open_tables=state.open_tables)
    try:
        mode = state.mode
        if not mode and stored_schema(kv) == PRUNED_SCHEMA_VERSION:
            mode = "pruned"
        retention = None
        if mode == "pruned":
            retention = Retention(state.retained_blocks, follows_finality=is_rollup)
        return ChainStore(kv, retention=retention)
    except BaseException:
        kv.close()
        raise


def store_genesis(directory: Path, genesis: GenesisSpec, state: StateSection) -> Block:
    """Begin a chain in an empty store, as `open_chain` would, and close it. Raises UnknownBlock."""
    store = open_store(directory, state, is_rollup=genesis.config.is_optimism)
    try:
        block, changes = genesis_block(genesis)
        ExecutionEngine.open(store, genesis.config, (block, changes))
    finally:
        store.close()
    return block


def open_chain(
    directory: Path,
    genesis: GenesisSpec,
    name: str,
    config: NodeConfig,
    *,
    accepted_types: frozenset[int],
    keys: Mapping[Address, bytes],
    blobs: BlobStore | None = None,
    tag_depths: Mapping[str, int] | None = None,
    takes_transactions: bool = True,
    senders: SenderRecovery | None = None,
) -> ChainRuntime:
    """Open a chain's store, beginning the chain with `genesis` if it is empty. Needs a loop."""
    store = open_store(directory, config.state, is_rollup=genesis.config.is_optimism)
    engine = ExecutionEngine.open(store, genesis.config, genesis_block(genesis))
    pool = SharedPool(
        chain_id=engine.config.chain_id,
        block_gas_limit=genesis.gas_limit,
        minimum_gas=minimum_gas,
        accepted_types=accepted_types,
    )
    engine.recover_ahead = _recovery(pool, senders)
    backend = Backend(
        engine,
        pool,
        QueryLimits(config.limits.log_blocks, config.limits.log_results, config.limits.call_gas),
        keys=keys,
        namespaces=config.rpc.api,
        schedule=asyncio.get_running_loop().call_soon_threadsafe,
        blobs=blobs,
        tag_depths=tag_depths,
        takes_transactions=takes_transactions,
        senders=senders,
    )
    limits = Limits(
        config.limits.body_mb * _MIB, config.limits.batch, config.limits.response_mb * _MIB
    )
    return ChainRuntime(store, engine, pool, Writer(f"{name}-writer"), backend, limits)


def _recovery(
    pool: SharedPool, senders: SenderRecovery | None
) -> Callable[[Sequence[Transaction]], None]:
    """How senders of a block are found out: by those that wait in the pool, then by signatures."""

    def recover(transactions: Sequence[Transaction]) -> None:
        pool.recall_senders(transactions)
        if senders is not None:
            senders.recover(transactions)

    return recover
