"""execution-apis' test chain: geth's genesis and blocks, executed, and JSON-RPC on top of them.

The chain goes through every fork from Homestead on; the engine imports each block by executing it
(seals of proof of work unchecked).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from chain import rlp
from chain.block import decode_block
from chain.heads import BlockId
from chain.storage import ChainStore, MemoryStore
from chain.transaction import BLOB_TYPE
from chain.txpool import USER_TYPES
from chain.types import Hash32
from evm.engine import ExecutionEngine
from evm.intrinsic_gas import minimum_gas
from genesis.allocation import GenesisSpec, genesis_block
from node.chain_runtime import chain_namespaces
from node.l1.blob_store import BlobStore
from node.rpc.backend import Backend, QueryLimits
from node.rpc.jsonrpc import Dispatcher, Limits, RequestContext
from node.shared_pool import SharedPool


def open_chain(folder: Path) -> ExecutionEngine:
    """The engine with all blocks of chain.rlp and the heads of headfcu.json."""
    genesis = json.loads((folder / "genesis.json").read_text())
    raw = (folder / "chain.rlp").read_bytes()
    blocks = [decode_block(item) for item in rlp.split_list(rlp.encode_list([raw]), "chain.rlp")]
    spec = GenesisSpec.from_json(genesis)
    store = ChainStore(MemoryStore())
    engine = ExecutionEngine.open(store, spec.config, genesis_block(spec))
    for block in blocks:
        engine.import_block(block)
    _set_heads(engine, folder)
    return engine


def _set_heads(engine: ExecutionEngine, folder: Path) -> None:
    request = json.loads((folder / "headfcu.json").read_text())["params"][0]
    heads = {}
    for name in ("head", "safe", "finalized"):
        block_hash = Hash32(bytes.fromhex(request[f"{name}BlockHash"][2:]))
        header = engine.header(block_hash)
        assert header is not None, name
        heads[name] = BlockId(header.number, block_hash)
    engine.set_heads(unsafe=heads["head"], safe=heads["safe"], finalized=heads["finalized"])


class GethChainRpc:
    """JSON-RPC over that chain with an empty pool, answered by the code that the server runs."""

    def __init__(self, engine: ExecutionEngine, readers: Executor, blobs: Path) -> None:
        """`blobs` is where those of blob transactions are put."""
        head = engine.header(engine.heads.unsafe.hash)
        assert head is not None
        pool = SharedPool(
            chain_id=engine.config.chain_id,
            block_gas_limit=head.gas_limit,
            minimum_gas=minimum_gas,
            accepted_types=USER_TYPES | {BLOB_TYPE},
        )
        backend = Backend(engine, pool, QueryLimits(), blobs=BlobStore(blobs))
        self._dispatcher = Dispatcher(chain_namespaces(backend), readers, Limits())

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The whole answer to a request."""
        body = asyncio.run(self._dispatcher.handle(json.dumps(request), RequestContext()))
        assert body is not None
        answer: dict[str, Any] = json.loads(body)
        return answer
