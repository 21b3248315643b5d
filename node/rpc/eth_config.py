"""eth_config and eth_capabilities: which rules hold, which come next, and what is kept.

Sources: EIP-7910 (configuration), EIP-2124 (fork id); execution-apis eth_capabilities.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping
from typing import Final

from chain.types import Hash32
from evm.forks import RuleSet, rules_at
from evm.requests import DEPOSIT_CONTRACT
from genesis.addresses import (
    BEACON_ROOTS,
    CONSOLIDATION_REQUESTS,
    HISTORY_STORAGE,
    NATIVE_PRECOMPILES,
    WITHDRAWAL_REQUESTS,
)
from genesis.config import ChainConfig

from . import errors
from .backend import Backend
from .hexadecimal import data, quantity
from .jsonrpc import rpc
from .serialise import Json

_PRECOMPILES: Final = {
    0x01: "ECREC", 0x02: "SHA256", 0x03: "RIPEMD160", 0x04: "ID", 0x05: "MODEXP",
    0x06: "BN254_ADD", 0x07: "BN254_MUL", 0x08: "BN254_PAIRING", 0x09: "BLAKE2F",
    0x0A: "KZG_POINT_EVALUATION", 0x0B: "BLS12_G1ADD", 0x0C: "BLS12_G1MSM", 0x0D: "BLS12_G2ADD",
    0x0E: "BLS12_G2MSM", 0x0F: "BLS12_PAIRING_CHECK", 0x10: "BLS12_MAP_FP_TO_G1",
    0x11: "BLS12_MAP_FP2_TO_G2", 0x100: "P256VERIFY",
}  # fmt: skip


def _precompile_names() -> dict[bytes, str]:
    names = {number.to_bytes(20, "big"): name for number, name in _PRECOMPILES.items()}
    for name, address in NATIVE_PRECOMPILES.items():
        names[address] = name.upper()
    return names


_NAMES: Final[Mapping[bytes, str]] = _precompile_names()


def fork_times(config: ChainConfig) -> list[int]:
    """Times in seconds at which rules change after the first block, in order."""
    forks = dataclasses.astuple(config.forks)
    times = {*forks, *(scheduled.time for scheduled in config.blob_schedules)}
    return sorted(time for time in times if time)


def fork_id(config: ChainConfig, genesis_hash: Hash32, genesis_time: int, until: int) -> bytes:
    """The checksum of EIP-2124 over all forks up to a time in seconds."""
    numbers = sorted({number for _, number in config.fork_blocks if number})
    times = [time for time in fork_times(config) if genesis_time < time <= until]
    checksum = zlib.crc32(genesis_hash)
    for fork in (*numbers, *times):
        checksum = zlib.crc32(fork.to_bytes(8, "big"), checksum)
    return checksum.to_bytes(4, "big")


class ConfigNamespace:
    """eth_config, eth_capabilities."""

    def __init__(self, backend: Backend) -> None:
        """The backend knows the chain's configuration and its head."""
        self._backend = backend

    @rpc("eth_config")
    def config(self) -> Json:
        """The rules of the head, the next ones and the last that are scheduled."""
        now = self._backend.head().timestamp
        times = fork_times(self._backend.engine.config)
        past = [time for time in times if time <= now]
        future = [time for time in times if time > now]
        return {
            "current": self._rules_json(past[-1] if past else 0),
            "next": self._rules_json(future[0]) if future else None,
            "last": self._rules_json(future[-1]) if future else None,
        }

    def _rules_json(self, time: int) -> Json:
        config = self._backend.engine.config
        genesis = self._backend.header_by_number(0)
        if genesis is None:
            raise errors.header_not_found()
        rules = rules_at(config, time)
        identity = fork_id(config, genesis.hash, genesis.timestamp, time)
        return {
            "activationTime": time,
            "blobSchedule": _schedule_json(rules),
            "chainId": quantity(config.chain_id),
            "forkId": data(identity),
            "precompiles": {
                _NAMES.get(address, data(address)): data(address)
                for address in rules.machine.precompiles
            },
            "systemContracts": _system_contracts(config, rules),
        }

    @rpc("eth_capabilities")
    def capabilities(self) -> Json:
        """What this node can answer from which block on: nothing but states is ever dropped."""
        head = self._backend.head()
        kinds = ("tx", "logs", "receipts", "blocks")
        body: Json = {"head": {"number": quantity(head.number), "hash": data(head.hash)}}
        body.update({kind: {"disabled": False, "oldestBlock": "0x0"} for kind in kinds})
        store = self._backend.engine.store
        states: Json = {"disabled": False, "oldestBlock": quantity(store.first_state)}
        if store.retention is not None:
            blocks = quantity(store.retention.blocks)
            states["deleteStrategy"] = {"type": "window", "retentionBlocks": blocks}
        return {**body, "state": states, "stateproofs": states}


def _schedule_json(rules: RuleSet) -> Json | None:
    schedule = rules.blobs
    if schedule is None:
        return None
    return {
        "target": schedule.target,
        "max": schedule.max,
        "baseFeeUpdateFraction": schedule.base_fee_update_fraction,
    }


def _system_contracts(config: ChainConfig, rules: RuleSet) -> Json:
    found: Json = {}
    if rules.has_beacon_root:
        found["BEACON_ROOTS_ADDRESS"] = data(BEACON_ROOTS)
    if rules.has_parent_hashes:
        found["HISTORY_STORAGE_ADDRESS"] = data(HISTORY_STORAGE)
    if rules.has_requests and not config.is_optimism:
        contract = config.deposit_contract
        found["DEPOSIT_CONTRACT_ADDRESS"] = data(DEPOSIT_CONTRACT if contract is None else contract)
        found["CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS"] = data(CONSOLIDATION_REQUESTS)
        found["WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS"] = data(WITHDRAWAL_REQUESTS)
    return found
