"""Chains of the field fed through the Engine API, as a beacon node would feed them."""

from __future__ import annotations

from typing import Any

from chain_fixtures import CONFIGS
from engine_api import ExecutionClient
from fixtures import Fixture
from state_fixtures import state_of

from chain.block import EMPTY_REQUESTS_HASH, Block, decode_block
from chain.errors import StemmaError
from node.engine_api import payloads
from node.engine_api.namespace import CANCUN, PRAGUE, era_at
from node.rpc.hexadecimal import data

ZERO = "0x" + "00" * 32
NETWORKS = ("Paris", "Shanghai", "Cancun", "Prague", "ParisToShanghaiAtTime15k",
            "ShanghaiToCancunAtTime15k", "CancunToPragueAtTime15k")  # fmt: skip


def client_of(test: dict[str, Any]) -> ExecutionClient:
    """An execution client that begins with the genesis of a test."""
    genesis = decode_block(bytes.fromhex(test["genesisRLP"][2:]))
    changes = state_of(test["pre"]).take_changes()
    return ExecutionClient.over(CONFIGS[test["network"]], (genesis, changes))


def disagreement(case: Fixture) -> str | None:
    """Feed the blocks; None where each is VALID or not as it is written, and the last is head."""
    test = case.read()
    client = client_of(test)
    try:
        for number, entry in enumerate(test["blocks"]):
            verdict = judge(client, bytes.fromhex(entry["rlp"][2:]))
            expected = entry.get("expectException")
            if verdict is not None and (verdict == "VALID") != (expected is None):
                return f"block {number}: {verdict}; expected: {expected or 'VALID'}"
    finally:
        client.close()
    return None


def judge(client: ExecutionClient, raw: bytes) -> str | None:
    """The verdict on a block, which becomes the head if it is valid; None where a payload cannot
    say what the block says (ommers, bytes that are no block, requests that nobody can tell).
    """
    try:
        block = decode_block(raw)
    except StemmaError:
        return None
    requests = ()
    if block.header.requests_hash not in (None, EMPTY_REQUESTS_HASH):
        try:
            requests = client.engine.execute(block).requests  # a block names them by hash only
        except StemmaError:
            return None
    if block.ommers:
        return None
    version, arguments = new_payload(client, block, requests)
    answer = client.raw(f"engine_newPayloadV{version}", *arguments)
    if "error" in answer:
        return f"error {answer['error']['code']}"
    status = answer["result"]["status"]
    if status == "VALID":
        state = {"headBlockHash": data(block.hash), "safeBlockHash": ZERO,
                 "finalizedBlockHash": ZERO}  # fmt: skip
        moved = client.call(f"engine_forkchoiceUpdatedV{min(version, 3)}", state, None)
        assert moved["payloadStatus"]["status"] == "VALID"
        assert client.engine.heads.unsafe.hash == block.hash
    return status


def new_payload(
    client: ExecutionClient, block: Block, requests: tuple[bytes, ...]
) -> tuple[int, list[object]]:
    """Version and arguments of the call that hands a block over."""
    era = era_at(client.engine.config.forks, block.header.timestamp)
    item = payloads.payload_json(block, is_optimism=False)
    if era < CANCUN:
        return 2, [item]
    hashes = [
        data(versioned_hash)
        for tx in block.transactions
        for versioned_hash in getattr(tx, "blob_versioned_hashes", ())
    ]
    root = data(block.header.parent_beacon_block_root or bytes(32))
    if era < PRAGUE:
        return 3, [item, hashes, root]
    return 4, [item, hashes, root, [data(request) for request in requests]]
