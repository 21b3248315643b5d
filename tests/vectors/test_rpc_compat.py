"""execution-apis' rpc-compat files that read blocks: our JSON of geth's chain is geth's JSON.

The chain begins before Prague, so it is stored and not executed here; methods that need its state
are left out. What a block, transaction or receipt says is compared word for word.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from vectors import vectors_root

from chain import rlp
from chain.block import Block, decode_block
from chain.heads import BlockId, Heads
from chain.receipt import Log, Receipt
from chain.storage import ChainStore, MemoryStore
from chain.transaction import recover_sender
from chain.txpool import USER_TYPES
from chain.types import to_address, to_hash32
from evm.engine import ExecutionEngine
from evm.fees import blob_base_fee
from evm.intrinsic_gas import minimum_gas
from genesis.allocation import GenesisSpec, genesis_block
from genesis.config import ChainConfig
from node.rpc.backend import Backend, QueryLimits
from node.rpc.eth_blocks import BlockNamespace
from node.rpc.eth_transactions import TransactionNamespace
from node.rpc.jsonrpc import Dispatcher, Limits, RequestContext
from node.rpc.net import NetNamespace
from node.rpc.serialise import receipt_json
from node.shared_pool import SharedPool

METHODS = (
    "debug_getRawBlock",
    "debug_getRawHeader",
    "debug_getRawTransaction",
    "eth_blockNumber",
    "eth_chainId",
    "eth_getBlockByHash",
    "eth_getBlockByNumber",
    "eth_getBlockTransactionCountByHash",
    "eth_getBlockTransactionCountByNumber",
    "eth_getTransactionByBlockHashAndIndex",
    "eth_getTransactionByBlockNumberAndIndex",
    "eth_getTransactionByHash",
    "eth_syncing",
    "net_version",
)
RECEIPT_METHODS = ("eth_getTransactionReceipt", "eth_getBlockReceipts")


def chain_directory() -> Path:
    return vectors_root() / "execution_apis_prague" / "tests"


def exchanges(methods: tuple[str, ...]) -> Iterator[Any]:
    """(file, request, expected answer) of every file of these methods."""
    root = chain_directory()
    for method in methods:
        for path in sorted((root / method).glob("*.io")):
            request: Any = None
            for line in path.read_text().splitlines():
                if line.startswith(">> "):
                    request = json.loads(line[3:])
                elif line.startswith("<< "):
                    yield pytest.param(request, json.loads(line[3:]), id=f"{method}/{path.stem}")


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    raw = (chain_directory() / "chain.rlp").read_bytes()
    genesis = json.loads((chain_directory() / "genesis.json").read_text())
    first, _ = genesis_block(GenesisSpec.from_json(genesis))
    # The chain begins as Frontier: a header without the fields that later forks brought.
    first = Block(replace(first.header, base_fee_per_gas=None), ())
    rest = [decode_block(item) for item in rlp.split_list(rlp.encode_list([raw]), "chain.rlp")]
    assert rest[0].header.parent_hash == first.hash
    return [first, *rest]


@pytest.fixture(scope="module")
def backend(blocks: list[Block]) -> Backend:
    store = ChainStore(MemoryStore())
    for block in blocks:
        head = BlockId(block.number, block.hash)
        receipts = [Receipt(tx.type, True, 0, ()) for tx in block.transactions]
        senders = [recover_sender(tx) for tx in block.transactions]
        store.commit(block, receipts, senders, None, Heads.at_genesis(head))
    genesis = json.loads((chain_directory() / "genesis.json").read_text())
    engine = ExecutionEngine(ChainConfig.ethereum(genesis["config"]["chainId"]), store)
    pool = SharedPool(
        chain_id=engine.config.chain_id,
        block_gas_limit=30_000_000,
        minimum_gas=minimum_gas,
        accepted_types=USER_TYPES,
    )
    return Backend(engine, pool, QueryLimits())


@pytest.mark.parametrize(("request_body", "expected"), list(exchanges(METHODS)))
def test_answer_is_that_of_geth(backend: Backend, request_body: Any, expected: Any) -> None:
    namespaces = [BlockNamespace(backend), TransactionNamespace(backend), NetNamespace(backend)]
    with ThreadPoolExecutor(1) as readers:
        dispatcher = Dispatcher(namespaces, readers, Limits())
        body = asyncio.run(dispatcher.handle(json.dumps(request_body), RequestContext()))
    answer = json.loads(body or b"null")
    if "error" in expected:
        assert answer["error"]["code"] == expected["error"]["code"]
    else:
        assert answer["result"] == expected["result"]


def receipt_of(item: dict[str, Any]) -> Receipt:
    """What consensus knows of a receipt; the rest of the JSON has to follow from the block."""
    return Receipt(
        int(item["type"], 16),
        item["status"] == "0x1",
        int(item["cumulativeGasUsed"], 16),
        tuple(
            Log(
                to_address(log["address"]),
                tuple(to_hash32(topic) for topic in log["topics"]),
                bytes.fromhex(log["data"][2:]),
            )
            for log in item["logs"]
        ),
    )


@pytest.mark.parametrize(("request_body", "expected"), list(exchanges(RECEIPT_METHODS)))
def test_receipt_json_follows_from_block_and_receipt(
    blocks: list[Block], request_body: Any, expected: Any
) -> None:
    found = expected["result"]
    listed = found if isinstance(found, list) else [found] if found else []
    for item in listed:
        if "status" not in item:
            pytest.skip("a receipt from before Byzantium carries a state root, no status")
        block = next(each for each in blocks if "0x" + each.hash.hex() == item["blockHash"])
        index = int(item["transactionIndex"], 16)
        receipts = [Receipt(tx.type, True, 0, ()) for tx in block.transactions]
        receipts[index] = receipt_of(item)
        if index:
            before = int(item["cumulativeGasUsed"], 16) - int(item["gasUsed"], 16)
            first_log = int(item["logs"][0]["logIndex"], 16) if item["logs"] else 0
            logs = (Log(to_address("0x" + "00" * 20), (), b""),) * first_log
            receipts[index - 1] = Receipt(0, True, before, logs)
        made = receipt_json(
            block,
            index,
            receipts,
            recover_sender(block.transactions[index]),
            blob_gas_price_wei=blob_base_fee(block.header.excess_blob_gas or 0),
        )
        assert made == item
