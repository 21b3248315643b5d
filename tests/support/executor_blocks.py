"""Real L2 blocks with the preimages they read, from the fixtures of kona's executor."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chain.block import Header, decode_header
from chain.transaction import decode_transaction
from chain.types import Address, Hash32
from evm.executor import PayloadAttributes
from genesis.config import ChainConfig, ForkTimes
from genesis.fields import Fields


class Preimages:
    """Nodes and codes by hash: a StateReader over what came with a block."""

    def __init__(self, preimages: Mapping[str, str]) -> None:
        self.by_hash = {_bytes(key): _bytes(value) for key, value in preimages.items()}

    def node(self, node_hash: bytes, /) -> bytes | None:
        return self.by_hash.get(node_hash)

    code = node


@dataclass(frozen=True)
class ExecutorBlock:
    """One block: what it is made of, what it reads, and the hash it must have."""

    config: ChainConfig
    parent: Header
    attributes: PayloadAttributes
    preimages: Preimages
    expected_hash: bytes


def load(path: Path) -> ExecutorBlock:
    """Read one fixture."""
    vector = json.loads(gzip.decompress(path.read_bytes()))
    fixture = vector["fixture"]
    payload, rollup = fixture["executing_payload"], fixture["rollup_config"]
    parent, params = _parent(fixture), payload.get("eip1559Params")
    attributes = PayloadAttributes(
        parent_hash=parent.hash,
        timestamp=int(payload["timestamp"], 16),
        prev_randao=Hash32(_bytes(payload["prevRandao"])),
        fee_recipient=Address(_bytes(payload["suggestedFeeRecipient"])),
        gas_limit=int(payload["gasLimit"], 16),
        parent_beacon_block_root=Hash32(_bytes(payload["parentBeaconBlockRoot"])),
        transactions=tuple(decode_transaction(_bytes(raw)) for raw in payload["transactions"]),
        eip1559_params=(int(params[2:10], 16), int(params[10:18], 16)) if params else None,
    )
    config = replace(
        ChainConfig.optimism(rollup["l2_chain_id"]),
        forks=ForkTimes.from_fields(Fields(rollup, path.name), "_time"),
    )
    expected = _bytes(fixture["expected_block_hash"])
    return ExecutorBlock(config, parent, attributes, Preimages(vector["preimages"]), expected)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _parent(fixture: dict[str, Any]) -> Header:
    if "raw_parent_header" in fixture:
        return decode_header(_bytes(fixture["raw_parent_header"]))
    parent = fixture["parent_header"]
    return Header(
        parent_hash=Hash32(_bytes(parent["parentHash"])),
        beneficiary=Address(_bytes(parent["miner"])),
        state_root=Hash32(_bytes(parent["stateRoot"])),
        transactions_root=Hash32(_bytes(parent["transactionsRoot"])),
        receipts_root=Hash32(_bytes(parent["receiptsRoot"])),
        logs_bloom=_bytes(parent["logsBloom"]),
        number=int(parent["number"], 16),
        gas_limit=int(parent["gasLimit"], 16),
        gas_used=int(parent["gasUsed"], 16),
        timestamp=int(parent["timestamp"], 16),
        extra_data=_bytes(parent["extraData"]),
        prev_randao=Hash32(_bytes(parent["mixHash"])),
        base_fee_per_gas=int(parent["baseFeePerGas"], 16),
        withdrawals_root=Hash32(_bytes(parent["withdrawalsRoot"])),
        blob_gas_used=int(parent["blobGasUsed"], 16),
        excess_blob_gas=int(parent["excessBlobGas"], 16),
        parent_beacon_block_root=Hash32(_bytes(parent["parentBeaconBlockRoot"])),
    )
