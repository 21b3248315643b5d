"""execution-apis' test chain: geth's genesis and blocks, executed, and JSON-RPC on top of them.

The chain goes through every fork from Homestead to Prague. Our engine begins with the merge, so
stock py-evm executes the blocks of proof of work (seals unchecked; each block has to come out with
the hash that the file gives, and so with its state and receipts); every later block our engine
imports by executing it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import rlp as stock_rlp
from eth.chains.base import Chain
from eth.db.atomic import AtomicDB
from eth.db.backends.memory import MemoryDB
from eth.vm.forks import (
    ArrowGlacierVM,
    BerlinVM,
    ByzantiumVM,
    ConstantinopleVM,
    GrayGlacierVM,
    HomesteadVM,
    IstanbulVM,
    LondonVM,
    MuirGlacierVM,
    PetersburgVM,
    SpuriousDragonVM,
    TangerineWhistleVM,
)

from chain import rlp
from chain.block import Block, decode_block, receipts_root
from chain.crypto.keccak import keccak256
from chain.heads import BlockId, Heads
from chain.receipt import Log, Receipt
from chain.state import StateChanges
from chain.storage import ChainStore, MemoryStore
from chain.transaction import BLOB_TYPE, recover_sender
from chain.txpool import USER_TYPES
from chain.types import Address, Hash32
from evm.engine import ExecutionEngine
from evm.intrinsic_gas import minimum_gas
from genesis.config import ChainConfig
from node.chain_runtime import chain_namespaces
from node.l1.blob_store import BlobStore
from node.rpc.backend import Backend, QueryLimits
from node.rpc.jsonrpc import Dispatcher, Limits, RequestContext
from node.shared_pool import SharedPool

FIRST_MERGED = "mergeNetsplitBlock"
_MACHINES = {
    "homesteadBlock": HomesteadVM.configure(support_dao_fork=False, _dao_fork_block_number=0),
    "eip150Block": TangerineWhistleVM,
    "eip158Block": SpuriousDragonVM,
    "byzantiumBlock": ByzantiumVM,
    "constantinopleBlock": ConstantinopleVM,
    "petersburgBlock": PetersburgVM,
    "istanbulBlock": IstanbulVM,
    "muirGlacierBlock": MuirGlacierVM,
    "berlinBlock": BerlinVM,
    "londonBlock": LondonVM,
    "arrowGlacierBlock": ArrowGlacierVM,
    "grayGlacierBlock": GrayGlacierVM,
}


def _stock_chain(genesis: Mapping[str, Any], records: dict[bytes, bytes]) -> Any:
    """Stock py-evm standing at the genesis block."""
    config = genesis["config"]
    machines = tuple((config[fork], machine) for fork, machine in _MACHINES.items())
    kind = Chain.configure("GethTestChain", vm_configuration=machines, chain_id=config["chainId"])
    header = {
        "difficulty": int(genesis["difficulty"], 16),
        "extra_data": bytes.fromhex(genesis["extraData"][2:]),
        "gas_limit": int(genesis["gasLimit"], 16),
        "timestamp": int(genesis["timestamp"], 16),
        "nonce": int(genesis["nonce"], 16).to_bytes(8, "big"),
        "mix_hash": bytes.fromhex(genesis["mixHash"][2:]),
        "coinbase": bytes.fromhex(genesis["coinbase"][2:]),
    }
    alloc = {
        bytes.fromhex(account.removeprefix("0x")): {
            "balance": int(held.get("balance", "0x0"), 16),
            "nonce": int(held.get("nonce", "0x0"), 16),
            "code": bytes.fromhex(held.get("code", "0x")[2:]),
            "storage": {
                int(slot, 16): int(value, 16) for slot, value in held.get("storage", {}).items()
            },
        }
        for account, held in genesis["alloc"].items()
    }
    return kind.from_genesis(AtomicDB(MemoryDB(records)), header, alloc)


def _receipt(stock: Any, kind: int) -> Receipt:
    root = bytes(stock.state_root)
    return Receipt(
        type=kind,
        succeeded=root != b"",
        cumulative_gas_used=stock.gas_used,
        logs=tuple(
            Log(
                Address(log.address),
                tuple(Hash32(topic.to_bytes(32, "big")) for topic in log.topics),
                log.data,
            )
            for log in stock.logs
        ),
        state_root=Hash32(root) if len(root) == 32 else None,
    )


def _by_hash(records: Mapping[bytes, bytes]) -> dict[Hash32, bytes]:
    """Those records that are kept under their own hash: trie nodes and codes."""
    return {Hash32(key): value for key, value in records.items() if keccak256(value) == key}


def _commit_stock(store: ChainStore, block: Block, receipts: list[Receipt], nodes: Any) -> None:
    assert receipts_root(receipts) == block.header.receipts_root
    senders = [recover_sender(tx) for tx in block.transactions]
    changes = StateChanges(block.header.state_root, nodes, nodes)
    head = BlockId(block.number, block.hash)
    store.commit(block, receipts, senders, changes, Heads.at_genesis(head))


def open_chain(folder: Path) -> ExecutionEngine:
    """The engine with all blocks of chain.rlp and the heads of headfcu.json."""
    genesis = json.loads((folder / "genesis.json").read_text())
    raw = (folder / "chain.rlp").read_bytes()
    items = rlp.split_list(rlp.encode_list([raw]), "chain.rlp")
    blocks = [decode_block(item) for item in items]
    merged = genesis["config"][FIRST_MERGED]
    records: dict[bytes, bytes] = {}
    stock = _stock_chain(genesis, records)
    store = ChainStore(MemoryStore())
    first = stock.get_canonical_block_by_number(0)
    _commit_stock(store, decode_block(stock_rlp.encode(first)), [], _by_hash(records))
    for item, block in zip(items, blocks, strict=True):
        if block.number >= merged:
            break
        known = set(records)
        sedes = stock.get_vm_class_for_block_number(block.number).get_block_class()
        done = stock.import_block(stock_rlp.decode(item, sedes=sedes), perform_validation=False)
        assert done.imported_block.hash == block.hash
        found = done.imported_block.get_receipts(stock.chaindb)
        kinds = [tx.type for tx in block.transactions]
        receipts = [_receipt(one, kind) for one, kind in zip(found, kinds, strict=True)]
        new = {key: value for key, value in records.items() if key not in known}
        _commit_stock(store, block, receipts, _by_hash(new))
    engine = ExecutionEngine(ChainConfig.from_json(genesis["config"]), store)
    for block in blocks[merged - 1 :]:
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
